"""The program and the reference of the rule language (lib/language) say the same of made-up rules and messages."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random, SystemRandom
from typing import Mapping

import pytest

from harness.bridge import run_cli
from language.answers import SECRET
from language.compare import NO_END, SENT, Disagreement, compare, disagreements, is_as_meant
from language.generator import FAMILIES
from language.rules import Document, Outcome, outcome_of
from language.values import Number

FIXED_SEED = 1
FILES = 2  # of each family and seed
DOCUMENT = {
    "version": 1,
    "rules": [
        {
            "name": "lamp", "topic": "home/{device}/set", "product_key": "k1", "reply": "none",
            "invoke": {"identifier": "Set", "device": "${device}", "args": {"level": "${payload.level | int}"}},
        }
    ],
}


@pytest.fixture(scope="session", params=["fixed", "random"])
def seed(request: pytest.FixtureRequest) -> int:
    if request.param == "fixed":
        return FIXED_SEED
    given = request.config.getoption("--language-seed")
    return SystemRandom().randrange(1 << 32) if given is None else given


@pytest.mark.parametrize("family", FAMILIES)
def test_the_program_does_what_the_reference_says(family: str, seed: int, tmp_path: Path):
    random = Random(f"{seed} {family}")
    counts: Counter[str] = Counter()
    for _ in range(FILES):
        comparison = compare(run_cli, tmp_path / "rules.yaml", *FAMILIES[family](random))
        told = "\n".join(map(str, comparison.disagreements[:5]))
        assert not comparison.disagreements, f"--language-seed={seed} shows it again:\n{told}"
        counts += comparison.counts
    sent = sum(counts[status] for status in SENT)
    assert sent > counts.total() / 5, f"seed {seed}: few messages became requests, so little is shown"


# ---- the comparison can fail


def disagreements_on(payload: str, tmp_path: Path, **changes: object) -> list[Disagreement]:
    """With changes of what the reference expects of the message."""
    return disagreements_of({"topic": "home/lamp-1/set", "payload": payload}, tmp_path, changes)


def disagreements_of(message: Document, tmp_path: Path, changes: Mapping[str, object]) -> list[Disagreement]:
    outcome = replace(outcome_of(DOCUMENT, message), **changes)
    return disagreements(run_cli, tmp_path / "rules.yaml", DOCUMENT, [message], [outcome])


def test_what_is_right_is_no_disagreement(tmp_path: Path):
    assert disagreements_on('{"level":5}', tmp_path) == []
    assert disagreements_on('{"level":"x"}', tmp_path) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": None},
        {"action": "InvokeThingsService"},
        {"calls": 2},
        {"parameters": {"DeviceName": "lamp-2"}},
        {"parameters": {"Args": {"level": Number("5.0")}}},
        {"parameters": {"IotId": "a"}},
        {"id": "mine"},
        {"is_expired": True},
        {"codes": {"filter_failed"}},
    ],
    ids=str,
)
def test_a_wrong_expectation_of_a_request_is_told(changes: dict[str, object], tmp_path: Path):
    (told,) = disagreements_on('{"level":5}', tmp_path, **changes)
    assert told.differences and "home/lamp-1/set" in str(told)


@pytest.mark.parametrize(
    "changes", [{"codes": set(), "parameters": {}}, {"codes": {"member_missing"}}, {"id": "mine"}], ids=str
)
def test_a_wrong_expectation_of_a_rejection_is_told(changes: dict[str, object], tmp_path: Path):
    (told,) = disagreements_on('{"level":"x"}', tmp_path, **changes)
    assert told.differences


ANSWERED = {
    "topic": "home/lamp-1/set",
    "payload": '{"level":5}',
    "answer": {"body": {"Success": True, "RequestId": "r", "Data": {"MessageId": "m", "Result": '{"a":1e2}'}}},
}


def test_a_right_reply_is_no_disagreement(tmp_path: Path):
    assert disagreements_of(ANSWERED, tmp_path, {}) == []


@pytest.mark.parametrize(
    "member",
    [
        {"status": "accepted"},
        {"status": "failed", "code": "device_error"},
        {"platform_code": "x"},
        {"message_id": None},
        {"request_id": "other"},
        {"result": '{"a":100.0}'},
        {"result": None},
        {"target": {"device_name": "lamp-1"}},
        {"failed_devices": []},
    ],
    ids=str,
)
def test_a_wrong_expectation_of_a_reply_is_told(member: Document, tmp_path: Path):
    reply = outcome_of(DOCUMENT, ANSWERED).reply
    (told,) = disagreements_of(ANSWERED, tmp_path, {"reply": {**reply, **member}})
    assert told.differences


@pytest.mark.parametrize("detail", ["a\nb", "\x9b", f"x {SECRET}", "é" * 256], ids=ascii)
def test_a_detail_that_nobody_should_read_is_told(detail: str):
    outcome = Outcome("lamp", reply={"status": "failed", "code": "device_error"})
    difference = {"what": "reply.status", "expected": NO_END, "got": f"failed, code device_error: {detail}"}
    assert not is_as_meant(outcome, difference)
    assert is_as_meant(outcome, {**difference, "got": "failed, code device_error: no"})


def test_of_several_reasons_to_reject_each_is_right(tmp_path: Path):
    codes = {"argument_invalid", "filter_failed", "name_invalid"}
    assert disagreements_on('{"level":"x"}', tmp_path, codes=codes) == []


def test_rules_that_do_not_load_are_told(tmp_path: Path):
    document = {"version": 1, "rules": [{"name": "lamp"}]}
    with pytest.raises(AssertionError, match="does not load"):
        disagreements(run_cli, tmp_path / "rules.yaml", document, [{"topic": "a"}], [Outcome()])
