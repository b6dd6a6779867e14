"""The memory of used nonces: a repeated one is refused for 15 minutes of the platform's clock.

Bounded: past `max_count` the oldest is forgotten early, so that a long load test cannot fill the memory.
"""

from __future__ import annotations

WINDOW_S = 15 * 60
MAX_COUNT = 500_000


class NonceMemory:
    def __init__(self, window_s: float = WINDOW_S, max_count: int = MAX_COUNT) -> None:
        self._window_s = window_s
        self._max_count = max_count
        self._expiry: dict[tuple[str, str], float] = {}

    def __len__(self) -> int:
        return len(self._expiry)

    def use(self, access_key_id: str, nonce: str, now: float) -> bool:
        """Remembers the nonce; False if it was used within the window."""
        self._forget_expired(now)
        key = (access_key_id, nonce)
        if self._expiry.get(key, 0.0) > now:
            return False
        self._expiry.pop(key, None)
        self._expiry[key] = now + self._window_s
        return True

    def _forget_expired(self, now: float) -> None:
        """Entries are in the order of use, so the expired ones are in front."""
        while self._expiry:
            oldest = next(iter(self._expiry))
            if self._expiry[oldest] > now and len(self._expiry) < self._max_count:
                return
            del self._expiry[oldest]
