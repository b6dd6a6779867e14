"""Free TCP ports on loopback."""

from __future__ import annotations

import random
import socket

# Below Linux's range for outgoing connections (32768 and up), so that none of those takes a port between two starts.
_FIRST, _LAST = 15_000, 32_000
_dice = random.SystemRandom()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    for _ in range(1000):
        port = _dice.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port on 127.0.0.1")
