"""The journal: one JSON line per call, in the file before its answer leaves.

Tests read it as the truth about what ran, so a line is one write() of its own, made when the call is carried
out: neither a crash of the simulator nor a client that went away can lose or reorder it. A journal that is
already there is continued, its numbers too, so that a restarted simulator does not hide what ran before.
"""

from __future__ import annotations

import json
import os
from array import array
from pathlib import Path
from typing import Any


class JournalError(RuntimeError):
    """A line could not be written: what ran is no longer known, so the simulator has to end."""


_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Journal:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._ends = array("Q")
        self._find_lines()

    def _find_lines(self) -> None:
        """Remembers where each line ends; a last line without its end never was a line and is cut off."""
        end = 0
        with open(self.path, "rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    os.truncate(self.path, end)
                    break
                end += len(line)
                self._ends.append(end)

    @property
    def last_seq(self) -> int:
        return len(self._ends)

    def write(self, entry: dict[str, Any]) -> int:
        """Adds `seq` to the entry, writes it and returns the seq."""
        seq = len(self._ends) + 1
        line = (_dump({"seq": seq, **entry}) + "\n").encode("utf-8", "surrogatepass")
        try:
            written = os.write(self._file, line)
        except OSError as error:
            raise JournalError(f"{self.path}: {error.strerror}") from None
        if written != len(line):
            raise JournalError(f"{self.path}: only {written} of {len(line)} bytes of a line were written")
        self._ends.append((self._ends[-1] if self._ends else 0) + len(line))
        return seq

    def read(self, after: int, max_count: int) -> list[dict[str, Any]]:
        """Up to `max_count` entries whose seq is greater than `after`."""
        last = min(len(self._ends), after + max_count)
        if after >= last:
            return []
        start = self._ends[after - 1] if after > 0 else 0
        text = os.pread(self._file, self._ends[last - 1] - start, start)
        return [json.loads(line) for line in text.splitlines()]

    def close(self) -> None:
        os.close(self._file)
