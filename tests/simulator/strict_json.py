"""JSON as RFC 8259 has it, for outside text: no NaN, no repeated names, no text after the value.

Numbers with a fraction or an exponent keep their text, because the platform tells 10 from 10.0.
"""

from __future__ import annotations

import json
from typing import Any


class Decimal(str):
    """A JSON number with a fraction or an exponent, as it was written."""



def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name is repeated in an object")
    return result


def parse_object(text: str) -> dict[str, Any]:
    """The JSON object in `text`; ValueError says what is wrong with it."""
    try:
        value = json.loads(
            text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_object
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def plain(value: Any) -> Any:
    """The same value with ordinary numbers, to be written out again."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    return value
