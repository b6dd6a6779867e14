"""Values of commands. JSON's are Python's, but for numbers, which keep their text, and for what is missing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any, Iterable

MAX_DEPTH = 32
MAX_PAYLOAD = 256 * 1024
# The largest double; a number that rounds to more is none that 64 bits hold.
DOUBLE_LIMIT = Fraction(2**1024 - 2**970)
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1
_NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
# Beyond this many digits nothing here computes: the number is larger or smaller than any that counts.
_FAR = 10_000


class Missing(Enum):
    MISSING = "missing"


MISSING = Missing.MISSING
Value = Any


class Rejected(Exception):
    """One reason to reject the command. A command can have several; which of them is told is nobody's promise."""

    def __init__(self, *codes: str) -> None:
        super().__init__(*codes)
        self.codes = set(codes)


@dataclass(frozen=True)
class Number:
    text: str

    @property
    def is_integer_text(self) -> bool:
        return not set(self.text) & set(".eE")

    @property
    def exact(self) -> Fraction:
        return exact(self.text)


def exact(text: str) -> Fraction:
    """Of a number in decimals; one that is far from all others comes out as merely very large or very small."""
    mantissa, _, exponent = text.lower().partition("e")
    digits = Fraction(mantissa if mantissa.strip("+-") != "." else "0")
    power = max(-_FAR, min(_FAR, int(exponent or "0")))
    return digits * Fraction(10) ** power


def is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def fits_64_bits(number: Number) -> bool:
    if number.is_integer_text:
        return INTEGER_MIN <= int(number.text) <= INTEGER_MAX
    return abs(number.exact) < DOUBLE_LIMIT + Fraction(2**969)


def parts_of(value: Value) -> Iterable[Value]:
    """The value, names of members, and all parts of these."""
    yield value
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    for item in inner:
        yield from parts_of(item)


def numbers_of(value: Value) -> Iterable[Number]:
    return (part for part in parts_of(value) if isinstance(part, Number))


def texts_of(value: Value) -> Iterable[str]:
    return (part for part in parts_of(value) if isinstance(part, str))


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _integer(text: str) -> Number:
    """The integer -0 is 0."""
    return Number("0" if text == "-0" else text)


DECODER = json.JSONDecoder(parse_float=Number, parse_int=_integer, parse_constant=_refuse_constant)


def nesting(text: str) -> int:
    """Of lists and objects, as far as brackets outside of texts tell."""
    depth = deepest = 0
    for bracket in re.findall(r'"(?:[^"\\]|\\.)*"|[][{}]', text, re.DOTALL):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(bracket, 0)
        deepest = max(deepest, depth)
    return deepest


def read_json(text: str) -> tuple[Value, set[str]]:
    """The value, if the JSON is well formed, and the reasons to reject it all the same."""
    codes = {"payload_too_deep"} if nesting(text) > MAX_DEPTH else set()
    try:
        value = DECODER.decode(text)
    except ValueError:
        return MISSING, codes | {"payload_invalid"}
    if any("\0" in item or any("\ud800" <= char <= "\udfff" for char in item) for item in texts_of(value)):
        return MISSING, codes | {"payload_invalid"}
    if not all(map(fits_64_bits, numbers_of(value))):
        codes.add("number_out_of_range")
    return value, codes


def read_payload(text: str, takes_empty: bool = False) -> tuple[Value, set[str]]:
    """As read_json. An empty payload is missing."""
    if not text:
        return MISSING, set() if takes_empty else {"payload_empty"}
    large = {"payload_too_large"} if len(text.encode()) > MAX_PAYLOAD else set()
    bare = text.lstrip(" \t\r\n\ufeff").rstrip(" \t\r\n")
    if bare[:1] in ("{", "[", '"') or is_number(bare) or bare in ("true", "false", "null"):
        value, codes = read_json(bare)
        return value, codes | large
    return text, large


def write_json(value: Value) -> str:
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{write_json(name)}:{write_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(write_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def write_yaml(value: Value) -> str:
    """JSON in which all is escaped that YAML does not take as it is."""
    return re.sub("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]", lambda char: f"\\u{ord(char[0]):04x}", write_json(value))
