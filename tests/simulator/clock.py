"""The platform's clock: real time plus an offset that tests move."""

from __future__ import annotations

import time
from email.utils import formatdate


class Clock:
    def __init__(self) -> None:
        self.offset_s = 0.0
        self._date_second = -1
        self._date_text = ""

    def now(self) -> float:
        """Unix seconds as the platform sees them."""
        return time.time() + self.offset_s

    def http_date(self) -> str:
        """The Date header; formatted once a second, as this is on the way of every answer."""
        second = int(self.now())
        if second != self._date_second:
            self._date_second = second
            self._date_text = formatdate(second, usegmt=True)
        return self._date_text
