"""Durations and times, in milliseconds."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from .values import Number, Rejected, Value

LONGEST_MS = 10 * 365 * 24 * 3_600_000
FIRST_MS = 100_000_000_000  # numbers below are seconds
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"([0-9]+)(ms|s|m|h|d)")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([-+])(\d\d):(\d\d))", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def refused() -> Rejected:
    return Rejected("expire_invalid")


def whole_ms(value: Number) -> int:
    if not value.is_integer_text or int(value.text) < 0:
        raise refused()
    return int(value.text)


def read_duration(value: Value) -> int:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match and not isinstance(value, Number):
        raise refused()
    ms = int(match[1]) * _UNITS[match[2]] if match else whole_ms(value)
    if not 0 < ms <= LONGEST_MS:
        raise refused()
    return ms


def read_time(value: Value) -> int:
    """Milliseconds since 1970; what is less than a millisecond does not count. What comes from a property is text, so a number may be text."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = Number(value)
    if isinstance(value, Number):
        since = whole_ms(value)
        return since if since >= FIRST_MS else since * 1000
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise refused()
    day, clock, fraction, sign, hours, minutes = match.groups()
    try:
        since = datetime.fromisoformat(f"{day}T{clock}+00:00") - _EPOCH
    except ValueError:
        raise refused() from None
    offset = (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1) if sign else 0
    if sign and (int(hours) > 23 or int(minutes) > 59):
        raise refused()
    if since.days < 0:
        raise refused()
    seconds = since.days * 86_400 + since.seconds - offset * 60
    return seconds * 1000 + int(f"{fraction or 0:0<3}"[:3])


def write_time(ms: int) -> str:
    moment = datetime.fromtimestamp(ms // 1000, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"
