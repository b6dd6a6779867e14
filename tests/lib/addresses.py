"""Programs at the same addresses each time they run."""

from __future__ import annotations

import os
import subprocess


def fixed_addresses() -> list[str]:
    """What to put before a command; nothing where it is not allowed, as in some containers."""
    command = ["setarch", os.uname().machine, "-R"]
    return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else []
