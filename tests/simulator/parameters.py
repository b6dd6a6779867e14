"""Reads the parameters of a request: the query and, with POST, a form body; both are signed together.

Stricter than a usual web framework on purpose: a broken escape, text that is not UTF-8 or a repeated name
is refused, because a client that sends them has a fault that a lenient server would hide.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

MAX_PARAMETERS = 256
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class ParameterError(ValueError):
    """The text cannot be read as parameters; the message says why."""


def _decode(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError:
        raise ParameterError("a parameter is not UTF-8 text") from None


def parse_form(text: str, into: dict[str, str]) -> None:
    """Adds the pairs of `application/x-www-form-urlencoded` text (a + is a space) to `into`."""
    if not text.isascii():
        raise ParameterError("a parameter holds bytes that are not percent-encoded")
    if _BROKEN_ESCAPE.search(text):
        raise ParameterError("a percent sign is not followed by two hexadecimal digits")
    for pair in text.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        name = _decode(name)
        if name in into:
            raise ParameterError(f"the parameter {name} is given more than once")
        if len(into) >= MAX_PARAMETERS:
            raise ParameterError(f"more than {MAX_PARAMETERS} parameters")
        into[name] = _decode(value)
