"""Values at the edges, and random ones between them."""

from __future__ import annotations

from random import Random
from typing import Any

from .values import Number, Value, write_json

NUMBERS = """
    0 -0 0.0 -0.0 0e0 -0e3 1 -1 1.0 10.0 10.50 1e2 1E2 1E+2 1.0e0 1e-2 0.1 -0.1 0.29 0.57 0.5 -0.5 1.5 -1.5 2.5 -2.5
    2.675 1.005 0.49999999999999999999 0.05 0.25 -0.004 99.99 100 100.0 101 127 127.5 128 204 254.9999999999999999 255
    255.0 256 300 -5 9007199254740991 9007199254740992 9007199254740993 9007199254740993.0 9007199254740992.5 2147483647
    4294967296 9223372036854775807 9223372036854775808 -9223372036854775808 18446744073709551614 18446744073709551615
    18446744073709551615.4 18446744073709551615.5 -9223372036854775808.5 1234567890123456789 1234567890123456789.5
    0.1234567890123456789 1e15 1e18 1e19 1e20 1e21 1e22 1e300 -1e300 1.7976931348623157e308 1e-7 1e-8 1e-9 1e-15 1e-320
    5e-324 1e-400 12345678901234567.89e3 3.14159 19.999999999999999999 0.30000000000000004 33.333333333333336
""".split()
TOO_LARGE = """
    18446744073709551616 -9223372036854775809 1e309 -1e400 1.7976931348623159e308 100000000000000000000
""".split()
TEXTS = [
    "", " ", "a", "white", "White", "ON", "on", "Off", "YES", "no", "true", "FALSE", "1", "0", "null", "1.0", "é", "É",
    "ÀB", "straße", "😀", "日本", " x ", "\tx\n", "a b", "a/b", "a~b", "${x}", "$${x}", "$", "{", "}", "|", '"', "\\", "'",
    "\u0085", "\u00a0x\u00a0", "\u2028", "\x7f", "\x01", "a\nb", "[]", "{}", "x" * 300, "İ", "ı", "\u212a", "#", ": ",
    "- a", "~", "yes",
]
NUMERIC_TEXTS = """
    1 10 10.0 10.50 -0 -0.0 0 00 05 00.50 +5 +5.50 .5 -.5 5. 5.e1 1e2 1E-2 0.29 2.675 -2.5 18446744073709551615
    18446744073709551616 1e400 1e30 0x10 NaN inf infinity 1_0 1,5 - + . e5 1e 1e+ --5 ٣ 1e20 1e21 0e999 1.5.5
""".split() + ["5\u00a0", " 5", "5 ", "\t5\n", " 0.75 ", "5 5", "- 5", "", "\v5\f"]
WORDS = [
    "true", "false", "on", "off", "yes", "no", "1", "0", "On", "oFF", "YES", "tRue", "2", " on", "on ", "", "y", "t",
    "open", "ＯＮ",
]
NEARLY_JSON = ["null", " null", "true\n", "nul", "NULL", "[", "{", '"', "truefalse"]
MEMBER_NAMES = ["a", "b", "c0", "list", "0", "1", "A", "_x", "a-b"]
ODD_NAMES = [
    "", "a.b", "x/y", "m~n", "~1", "/", "é", "two words", "$id", "$x", "😀", "0", "01", "-", "a:b", "#", '"', "'",
]


def number(random: Random) -> Number:
    """Within 64 bits."""
    kind = random.random()
    if kind < 0.5:
        return Number(random.choice(NUMBERS))
    if kind < 0.7:
        return Number(str(random.randint(-300, 300)))
    return Number(decimal(random, digits=4 if kind < 0.9 else 17))


def decimal(random: Random, digits: int) -> str:
    text = f"{random.choice(('', '', '-'))}{random.randrange(10 ** random.randint(1, digits))}"
    if random.random() < 0.8:
        text += "." + "".join(random.choices("0000123455556789", k=random.randint(1, digits)))
    if random.random() < 0.1:
        text += f"{random.choice('eE')}{random.choice(('', '+', '-'))}{random.randint(0, 12)}"
    return text


def text(random: Random) -> str:
    kind = random.random()
    if kind < 0.6:
        return random.choice(TEXTS)
    if kind < 0.8:
        return random.choice(NUMERIC_TEXTS + WORDS)
    return "".join(random.choices("abcXYZ019 -_./é😀$", k=random.randint(1, 8)))


def numeric_text(random: Random) -> str:
    return random.choice(NUMERIC_TEXTS) if random.random() < 0.6 else decimal(random, 6)


def word(random: Random) -> Value:
    if random.random() < 0.7:
        return random.choice(WORDS)
    return random.choice([True, False, Number("1"), Number("0"), Number("1.0")])


def scalar(random: Random) -> Value:
    draw = random.choice([number, number, text, text, numeric_text, word, lambda _: random.choice([None, True, False])])
    return draw(random)


def value(random: Random, depth: int = 2) -> Value:
    kind = random.random()
    if depth == 0 or kind < 0.6:
        return scalar(random)
    size = random.randint(0, 3)
    if kind < 0.8:
        return [value(random, depth - 1) for _ in range(size)]
    return mapping(random, depth, size)


def mapping(random: Random, depth: int = 2, size: int = 3) -> dict[str, Value]:
    return {random.choice(MEMBER_NAMES + ODD_NAMES): value(random, depth - 1) for _ in range(size)}


def spaced_json(random: Random, given: Any) -> str:
    """JSON, now and then with white space behind it."""
    text = write_json(given)
    if random.random() < 0.1:
        text += random.choice([" ", "\n", "\r\n", "\t"])
    return text


def broken(random: Random, text: str) -> str:
    """With one character more, less, or another."""
    at = random.randrange(len(text) + 1)
    new = random.choice('{}[]",:\\0123456789eE+-. tfn\n\x01/u') if random.random() < 0.7 else ""
    return text[:at] + new + text[at + random.randint(0, 1) :]


def scalar_payload(random: Random) -> str:
    kind = random.random()
    if kind < 0.3:
        return random.choice(NUMBERS + TOO_LARGE)
    if kind < 0.5:
        return random.choice(NUMERIC_TEXTS + WORDS + NEARLY_JSON)
    return text(random)
