"""Calls per second, per account and action, in a sliding window of one second.

Source of the two defaults: Alibaba Cloud IoT Platform, "Limits" of InvokeThingService (500 queries per second
and account) and InvokeThingsService (10). The header's form, `Limit:500,Remain:0,TimeLeft:123,Reset:...`
(TimeLeft in ms), is what the vendor's SDKs parse as X-RateLimit-User-API.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Mapping

DEFAULT_LIMITS = {"InvokeThingService": 500, "InvokeThingsService": 10}
WINDOW_S = 1.0
MAX_LIMIT = 1_000_000


def parse_limit(text: str) -> tuple[str, int]:
    """`InvokeThingService=500/s`, as the option --quota takes it; 0 switches the quota off."""
    name, _, rate = text.partition("=")
    number = rate.removesuffix("/s")
    if not name.isalnum() or not number.isdigit() or int(number) > MAX_LIMIT:
        raise ValueError(f"a quota is written NAME=N/s, for example InvokeThingService=500/s, not {text!r}")
    return name, int(number)


class Quotas:
    def __init__(self, limits: Mapping[str, int] | None = None) -> None:
        self._initial = dict(DEFAULT_LIMITS) | dict(limits or {})
        self._taken: dict[tuple[str, str], deque[float]] = {}
        self.limits: dict[str, int] = {}
        self.reset()

    def reset(self) -> None:
        self.limits = dict(self._initial)
        self._taken.clear()

    def take(self, account: str, action: str, now: float) -> float:
        """Counts one call; 0 if it is within the quota, else the seconds until a place is free.

        `now` is a clock that never goes back. A call that is over the quota does not count.
        """
        limit = self.limits.get(action, 0)
        if limit == 0:
            return 0.0
        taken = self._taken.setdefault((account, action), deque())
        while taken and taken[0] <= now - WINDOW_S:
            taken.popleft()
        if len(taken) >= limit:
            return taken[len(taken) - limit] + WINDOW_S - now
        taken.append(now)
        return 0.0


def rate_limit_header(limit: int, wait_s: float, unix_now: float) -> str:
    """The value of X-RateLimit-User-API for a call that was refused."""
    wait_ms = max(1, math.ceil(wait_s * 1000))
    return f"Limit:{limit},Remain:0,TimeLeft:{wait_ms},Reset:{int(unix_now * 1000) + wait_ms}"
