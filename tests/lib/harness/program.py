"""A program of ours in the background: its log in a file, ended by its own process id."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Mapping, Sequence

STOP_TIMEOUT_S = 60.0


class Program:
    """Can be started and ended again and again; the log file is continued."""

    def __init__(self, name: str, log_file: Path) -> None:
        self.name = name
        self.log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(self, command: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
        assert self._process is None, f"{self.name} is running already"
        with open(self.log_file, "ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=cwd,
                start_new_session=True,  # Ctrl-C is for the one who started it
            )

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} does not run"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def signal(self, number: int) -> None:
        assert self._process is not None, f"{self.name} does not run"
        self._process.send_signal(number)

    def wait(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Waits for its end and returns the exit code; below 0 it is the signal that ended it."""
        assert self._process is not None, f"{self.name} does not run"
        code = self._process.wait(timeout_s)
        self._process = None
        return code

    def terminate(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        self.signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self._process is not None:
            self._process.kill()
            self.wait()
