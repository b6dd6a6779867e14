"""A real Mosquitto on a free loopback port, in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Mapping

from simulator.certificates import KeyPair
from simulator.client import wait_until

from . import ports
from .program import Program

START_TIMEOUT_S = 60.0
_BASE = {
    "set_tcp_nodelay": "true",
    "log_dest": "stdout",
    "log_type": "all",
    "connection_messages": "true",
    "persistence": "true",
    "max_queued_messages": "0",  # the client of a test sees everything, and may be slower than the bridge
}


def find_mosquitto() -> str:
    """Debian puts it into /usr/sbin, which is not in everyone's PATH."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise FileNotFoundError("mosquitto is not installed: apt-get install mosquitto")
    return found


class Broker(Program):
    """Sessions and retained messages outlive `stop` and `start`; the port stays the same."""

    def __init__(
        self,
        folder: Path,
        *,
        tls: KeyPair | None = None,
        client_ca: Path | None = None,
        users: Mapping[str, str] | None = None,
        acl: str | None = None,
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__("mosquitto", folder / "mosquitto.log")
        self._folder = folder
        self._fixed_port = port
        self.port = port or ports.free_port()
        # Started as root it would change to a user who may not read the folder.
        self._lines = {"user": pwd.getpwuid(0).pw_name} if os.getuid() == 0 else {}
        self._lines |= {**_BASE, "persistence_location": f"{folder}/", **(settings or {})}
        self._lines["allow_anonymous"] = "false" if users else "true"
        self._listener: dict[str, str] = {}
        if tls:
            self._listener |= {"certfile": str(tls.cert_file), "keyfile": str(tls.key_file)}
        if client_ca:
            self._listener |= {"cafile": str(client_ca), "require_certificate": "true"}
        if users:
            self._lines["password_file"] = str(self._write_users(users))
        if acl:
            self._lines["acl_file"] = str(folder / "acl")
            (folder / "acl").write_text(acl)

    def _write_users(self, users: Mapping[str, str]) -> Path:
        path = self._folder / "users"
        path.write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
        path.chmod(0o600)
        subprocess.run(["mosquitto_passwd", "-U", str(path)], check=True, capture_output=True)
        return path

    def _write_config(self) -> Path:
        lines = {**self._lines, "listener": f"{self.port} 127.0.0.1", **self._listener}
        path = self._folder / "mosquitto.conf"
        path.write_text("".join(f"{key} {value}\n" for key, value in lines.items()))
        return path

    def start(self) -> "Broker":
        """Returns when it accepts connections; another port is tried if the chosen one was just taken."""
        for attempt in range(5):
            if attempt > 0 and not self._fixed_port:
                self.port = ports.free_port()
            # Else it writes its log in blocks, and tests read what is not there yet.
            self.spawn(["stdbuf", "--output=L", find_mosquitto(), "-c", str(self._write_config())])
            wait_until(lambda: ports.is_open(self.port) or not self.is_running, START_TIMEOUT_S, "the broker's start")
            if self.is_running:
                self._fixed_port = self.port
                return self
            self.wait()
        raise RuntimeError(f"mosquitto does not start:\n{self.log[-2000:]}")

    def stop(self) -> None:
        if self.is_running:
            self.terminate()

    def restart(self) -> None:
        self.stop()
        self.start()

    @property
    def url(self) -> str:
        """By name with TLS, as that is what the certificate is for."""
        return f"mqtts://localhost:{self.port}" if "certfile" in self._listener else f"mqtt://127.0.0.1:{self.port}"
