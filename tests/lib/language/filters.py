"""The filters of templates. Each gets a value and its arguments; what it does not take is Rejected("filter_failed")."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Callable, Sequence

from .values import DOUBLE_LIMIT, INTEGER_MAX, INTEGER_MIN, MISSING, Number, Rejected, Value, exact, write_json

# Numbers between these powers of ten are written out, others with an exponent.
PLAIN_MIN, PLAIN_MAX = -7, 20
# Above, a number has no digits to round.
ROUND_LIMIT = 10**20
_NUMERIC = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_WHITE = " \t\n\r\v\f"
_WORDS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}

Arguments = Sequence[Value]


def refused() -> Rejected:
    return Rejected("filter_failed")


def numeric_text(value: Value) -> str:
    """Of a number or a text that is one."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, str) and _NUMERIC.fullmatch(value.strip(_WHITE)):
        return value.strip(_WHITE)
    raise refused()


def whole(number: int) -> Number:
    if not INTEGER_MIN <= number <= INTEGER_MAX:
        raise refused()
    return Number(str(number))


def away_from_zero(value: Fraction) -> int:
    """To the nearest whole number, a half away from zero."""
    nearest = int(abs(value) + Fraction(1, 2))
    return nearest if value >= 0 else -nearest


def to_int(value: Value, _: Arguments) -> Value:
    return whole(int(exact(numeric_text(value))))


def decimal_text(number: Fraction) -> tuple[str, int]:
    """Digits without zeros at the ends, and the power of ten of the first one. The number is a finite decimal."""
    power = 0
    while number.denominator != 1:
        number, power = number * 10, power - 1
    digits = str(abs(number.numerator))
    return digits.rstrip("0") or "0", len(digits) - 1 + power if number else 0


def written(number: Fraction, with_point: bool) -> str:
    """A finite decimal as text."""
    digits, power = decimal_text(number)
    sign = "-" if number < 0 else ""
    if not PLAIN_MIN <= power <= PLAIN_MAX:
        rest = digits[1:] or ("0" if with_point else "")
        return f"{sign}{digits[0]}{'.' if rest else ''}{rest}e{power}"
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    head, tail = digits[: power + 1].ljust(power + 1, "0"), digits[power + 1 :]
    return f"{sign}{head}" + (f".{tail or 0}" if tail or with_point else "")


def to_float(value: Value, _: Arguments) -> Value:
    text = numeric_text(value)
    if abs(exact(text)) >= DOUBLE_LIMIT + Fraction(2**969):
        raise refused()
    if isinstance(value, Number) and "." in text:
        return value
    return Number(written(exact(text), with_point=True))


def to_round(value: Value, arguments: Arguments) -> Value:
    number = exact(numeric_text(value))
    digits = int(arguments[0].text) if arguments else 0
    rounded = away_from_zero(number * 10**digits)
    if digits == 0:
        return whole(rounded)
    if abs(rounded) >= ROUND_LIMIT * 10**digits:
        raise refused()
    return Number(written(Fraction(rounded, 10**digits), with_point=True))


def scale(value: Value, arguments: Arguments) -> Value:
    if not isinstance(value, Number):
        raise refused()
    x, a, b, c, d = (exact(repr(float(number.exact))) for number in (value, *arguments))
    result = c + (x - a) * (d - c) / (b - a)
    if abs(result) >= DOUBLE_LIMIT:
        raise refused()
    return Number(shortest(result))


def shortest(number: Fraction) -> str:
    """The shortest text of the nearest double. A whole number beyond 64 bits has a point, as it is no integer."""
    result = exact(repr(float(number)))
    is_beyond_64_bits = not INTEGER_MIN <= result <= INTEGER_MAX
    return written(result, with_point=is_beyond_64_bits)


def clamp(value: Value, arguments: Arguments) -> Value:
    if not isinstance(value, Number):
        raise refused()
    low, high = arguments
    if value.exact < low.exact:
        return low
    return high if value.exact > high.exact else value


def plain_text(value: Value) -> str:
    """Of what can be part of a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return value.text
    if isinstance(value, str):
        return value
    raise refused()


def to_bool(value: Value, _: Arguments) -> Value:
    word = plain_text(value).lower()
    if not word.isascii() or word not in _WORDS:
        raise refused()
    return _WORDS[word]


def to_string(value: Value, _: Arguments) -> Value:
    return plain_text(value)


def to_json(value: Value, _: Arguments) -> Value:
    return write_json(value)


def text_filter(change: Callable[[str], str]) -> Callable[[Value, Arguments], Value]:
    def run(value: Value, _: Arguments) -> Value:
        if not isinstance(value, str):
            raise refused()
        return change(value)

    return run


def ascii_only(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "".join(change(char) if char.isascii() else char for char in text)


def choose(value: Value, arguments: Arguments) -> Value:
    """`map`: its arguments are pairs. Null has no text, so nothing fits it."""
    if value is None:
        return MISSING
    text = plain_text(value)
    return next((given for name, given in arguments if name == text), MISSING)


FILTERS: dict[str, Callable[[Value, Arguments], Value]] = {
    "int": to_int,
    "float": to_float,
    "round": to_round,
    "scale": scale,
    "clamp": clamp,
    "bool": to_bool,
    "string": to_string,
    "json": to_json,
    "lower": text_filter(ascii_only(str.lower)),
    "upper": text_filter(ascii_only(str.upper)),
    "trim": text_filter(lambda text: text.strip(_WHITE)),
    "map": choose,
}


def run_filter(name: str, value: Value, arguments: Arguments) -> Value:
    """What is missing passes all filters but `default`, for which null is missing too."""
    if name == "default":
        return arguments[0] if value is MISSING or value is None else value
    return MISSING if value is MISSING else FILTERS[name](value, arguments)
