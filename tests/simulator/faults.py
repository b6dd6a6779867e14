"""Faults on request: what can go wrong between a client and the platform, one at a time and repeatable.

A fault strikes at one of three stages, which decides what the journal shows:

    edge    the platform never sees the call: no signature check, the nonce is not used, nothing runs
    inside  the platform takes the call in (signature, nonce, quota) and refuses it: nothing runs
    after   the platform carries the call out, and then its answer is lost or spoiled
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Iterable, Mapping

MAX_FAULTS = 100
MAX_SECONDS = 3600


class Stage(Enum):
    EDGE = "edge"
    INSIDE = "inside"
    AFTER = "after"


@dataclass(frozen=True)
class Kind:
    """One kind of fault; `needs` and `takes` are its options besides match, count and probability."""

    name: str
    stage: Stage
    meaning: str
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


KINDS = {
    kind.name: kind
    for kind in (
        Kind("delay", Stage.EDGE, "the call waits `seconds`, then is carried out", ("seconds",)),
        Kind("hang", Stage.EDGE, "no answer; closed after `seconds` or never", ("seconds",)),
        Kind("reset_before", Stage.EDGE, "the connection is reset (RST)"),
        Kind("redirect", Stage.EDGE, "HTTP 302 to `location`", ("location",)),
        Kind("page", Stage.EDGE, "HTTP 200 with a web page, as of a captive portal"),
        Kind("status_408", Stage.EDGE, "HTTP 408, HTML without a code"),
        Kind("status_429", Stage.EDGE, "HTTP 429 without a code", ("retry_after",)),
        Kind("status_502", Stage.EDGE, "HTTP 502 as a proxy writes it, HTML without a code"),
        Kind("status_503", Stage.EDGE, "HTTP 503 ServiceUnavailable", ("retry_after",)),
        Kind("status_504", Stage.EDGE, "HTTP 504 as a proxy writes it, HTML without a code"),
        Kind("status_500", Stage.INSIDE, "HTTP 500 InternalError"),
        Kind("throttle", Stage.INSIDE, "HTTP 400 Throttling.User, X-RateLimit-User-API: TimeLeft", ("seconds",)),
        Kind("xml_error", Stage.INSIDE, "a gateway error in XML (default InternalError, 500)", ("code",)),
        Kind("code", Stage.INSIDE, "the error `code`", (), ("code",)),
        Kind("delay_after", Stage.AFTER, "the answer waits `seconds`", ("seconds",)),
        Kind("hang_after", Stage.AFTER, "no answer; closed after `seconds` or never", ("seconds",)),
        Kind("reset_after", Stage.AFTER, "the connection is reset (RST)"),
        Kind("status_500_after", Stage.AFTER, "HTTP 500 InternalError"),
        Kind("status_502_after", Stage.AFTER, "HTTP 502 as a proxy writes it"),
        Kind("status_504_after", Stage.AFTER, "HTTP 504 as a proxy writes it"),
        Kind("code_after", Stage.AFTER, "the error `code`", (), ("code",)),
        Kind("garbage", Stage.AFTER, "HTTP 200 with bytes that are neither JSON nor text"),
        Kind("empty", Stage.AFTER, "HTTP 200 with an empty body"),
        Kind("cut", Stage.AFTER, "the answer ends in its middle, and the connection with it"),
        Kind("slow_body", Stage.AFTER, "the body comes in pieces over `seconds`", ("seconds",)),
        Kind("huge_body", Stage.AFTER, "the answer, padded to `bytes`", ("bytes",)),
        Kind("gzip", Stage.AFTER, "the answer, compressed"),
        Kind("big_numbers", Stage.AFTER, "the answer with numbers beyond 64 bits in further members"),
        Kind("odd_spelling", Stage.AFTER, "data, requestID, success \"true\" and messageID as a bare number"),
    )
}

_COMMON_OPTIONS = ("kind", "match", "count", "probability", "seed")
_MATCH_KEYS = ("action", "device", "identifier")
DEFAULT_SECONDS = {"delay": 1.0, "delay_after": 1.0, "slow_body": 3.0, "throttle": 0.5}
DEFAULT_HUGE_BYTES = 2 * 1024 * 1024
MAX_HUGE_BYTES = 64 * 1024 * 1024


class FaultError(ValueError):
    """A fault that cannot be; the message says why."""


@dataclass
class Fault:
    kind: Kind
    options: dict[str, Any]
    match: dict[str, str]
    remaining: int | None
    probability: float
    seed: int
    struck: int = 0
    dice: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.dice.seed(self.seed)

    @property
    def seconds(self) -> float | None:
        return self.options.get("seconds", DEFAULT_SECONDS.get(self.kind.name))

    def fits(self, action: str | None, devices: Iterable[str], identifier: str | None) -> bool:
        match = self.match
        return (
            match.get("action", action) == action
            and match.get("identifier", identifier) == identifier
            and ("device" not in match or match["device"] in devices)
        )

    def strikes(self) -> bool:
        """Throws the dice, and counts; the same seed gives the same series."""
        if self.remaining == 0 or (self.probability < 1 and self.dice.random() >= self.probability):
            return False
        if self.remaining is not None:
            self.remaining -= 1
        self.struck += 1
        return True

    def describe(self) -> dict[str, Any]:
        return {
            "kind": self.kind.name,
            "stage": self.kind.stage.value,
            **self.options,
            "match": self.match,
            "remaining": self.remaining,
            "probability": self.probability,
            "seed": self.seed,
            "struck": self.struck,
        }


def _check(condition: bool, text: str) -> None:
    if not condition:
        raise FaultError(text)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _check_code(value: Any) -> None:
    _check(isinstance(value, dict), "code is not an object such as {\"code\": \"iot.system.SystemException\"}")
    unknown = set(value) - {"code", "message", "http_status"}
    _check(not unknown, f"code has unknown members: {', '.join(sorted(unknown))}")
    _check(isinstance(value.get("code"), str) and value["code"] != "", "code.code is not text")
    _check(isinstance(value.get("message", ""), str), "code.message is not text")
    status = value.get("http_status", 200)
    _check(type(status) is int and 200 <= status <= 599, "code.http_status is not 200 to 599")


def _check_option(name: str, value: Any) -> None:
    if name == "seconds":
        _check(_is_number(value) and 0 <= value <= MAX_SECONDS, f"seconds is not 0 to {MAX_SECONDS}")
    elif name == "retry_after":
        is_text = isinstance(value, str) and value.isprintable()
        _check(is_text or (type(value) is int and value >= 0), "retry_after is neither seconds nor an HTTP date")
    elif name == "location":
        _check(isinstance(value, str) and value.isprintable(), "location is not text")
    elif name == "bytes":
        _check(type(value) is int and 0 < value <= MAX_HUGE_BYTES, f"bytes is not 1 to {MAX_HUGE_BYTES}")
    else:
        _check_code(value)


def _read_match(match: Any) -> dict[str, str]:
    _check(isinstance(match, dict), "match is not an object")
    for name, value in match.items():
        _check(name in _MATCH_KEYS, f"match has the unknown member {name!r}; known: {', '.join(_MATCH_KEYS)}")
        _check(isinstance(value, str), f"match.{name} is not text")
    return match


def read_fault(text: Mapping[str, Any]) -> Fault:
    """The fault that a request to the control path describes; FaultError says what is wrong with it."""
    kind = KINDS.get(text.get("kind", ""))  # type: ignore[arg-type]
    _check(kind is not None, f"kind is {text.get('kind')!r}, not one of {', '.join(KINDS)}")
    assert kind is not None
    options = {name: value for name, value in text.items() if name not in _COMMON_OPTIONS}
    for name, value in options.items():
        _check(name in kind.takes + kind.needs, f"the fault {kind.name} has no option {name!r}")
        _check_option(name, value)
    for name in kind.needs:
        _check(name in options, f"the fault {kind.name} needs {name!r}")
    count = text.get("count")
    _check(count is None or (type(count) is int and count > 0), "count is not a whole number above 0")
    probability = text.get("probability", 1.0)
    _check(_is_number(probability) and 0 < probability <= 1, "probability is not above 0 and up to 1")
    seed = text.get("seed", 0)
    _check(type(seed) is int, "seed is not a whole number")
    return Fault(kind, options, _read_match(text.get("match", {})), count, probability, seed)


class Faults:
    """The faults that are set, in the order in which they were; the first that fits and strikes is taken."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults = [known for known in self._faults if known.remaining != 0]
        _check(len(self._faults) < MAX_FAULTS, f"more than {MAX_FAULTS} faults")
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def describe(self) -> list[dict[str, Any]]:
        return [fault.describe() for fault in self._faults]

    def strike(self, action: str | None, devices: list[str], identifier: str | None) -> Fault | None:
        for fault in self._faults:
            if fault.remaining != 0 and fault.fits(action, devices, identifier) and fault.strikes():
                return fault
        return None
