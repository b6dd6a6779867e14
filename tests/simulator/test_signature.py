"""The signature against every published vector."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator import signature

VECTORS = json.loads((Path(__file__).resolve().parent.parent / "vectors" / "signature.json").read_text())
REQUESTS = [vector for vector in VECTORS if vector["params"] is not None]


def by_name(vector: dict) -> str:
    return vector["name"]


@pytest.mark.parametrize("vector", REQUESTS, ids=by_name)
def test_string_to_sign_is_the_published_one(vector: dict) -> None:
    assert signature.string_to_sign(vector["method"], vector["params"]) == vector["string_to_sign"]


@pytest.mark.parametrize("vector", VECTORS, ids=by_name)
def test_keyed_hash_is_the_published_signature(vector: dict) -> None:
    assert signature.keyed_hash(vector["key"], vector["string_to_sign"], vector["algorithm"]) == vector["signature"]


@pytest.mark.parametrize("vector", REQUESTS, ids=by_name)
def test_request_is_signed_with_the_secret_and_an_ampersand(vector: dict) -> None:
    text = signature.string_to_sign(vector["method"], vector["params"])
    assert signature.sign(text, vector["secret"], vector["algorithm"]) == vector["signature"]


def test_both_algorithms_have_vectors() -> None:
    assert {vector["algorithm"] for vector in REQUESTS} == set(signature.ALGORITHMS)


def test_space_asterisk_and_plus_are_percent_encoded_and_a_tilde_is_not() -> None:
    assert signature.encode(" *+~/é") == "%20%2A%2B~%2F%C3%A9"


def test_device_name_10_stands_before_device_name_2() -> None:
    query = signature.canonical_query({"DeviceName.2": "b", "DeviceName.10": "j"})
    assert query == "DeviceName.10=j&DeviceName.2=b"
