"""Counts of what arrived, for tests that ask for totals and rates rather than for single calls."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

_MAX_NAMES = 1000


class Stats:
    def __init__(self) -> None:
        self.calls = 0
        self.executed = 0
        self.connections = 0
        self._codes: Counter[str] = Counter()
        self._actions: Counter[str] = Counter()
        self._window: dict[str, deque[float]] = {}
        self._max_per_second: Counter[str] = Counter()

    def arrived(self, action: str | None, now: float) -> None:
        """`now` is a clock that never goes back. Refused calls count too: this is what the client sent."""
        name = action or ""
        if name not in self._window and len(self._window) >= _MAX_NAMES:
            name = ""
        self.calls += 1
        self._actions[name] += 1
        window = self._window.setdefault(name, deque())
        while window and window[0] <= now - 1.0:
            window.popleft()
        window.append(now)
        if len(window) > self._max_per_second[name]:
            self._max_per_second[name] = len(window)

    def answered(self, code: str | None, executed: int) -> None:
        self.executed += executed
        name = code or "OK"
        self._codes[name if name in self._codes or len(self._codes) < _MAX_NAMES else "other"] += 1

    def report(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "executed": self.executed,
            "connections": self.connections,
            "codes": dict(self._codes),
            "actions": dict(self._actions),
            "max_per_second": dict(self._max_per_second),
        }
