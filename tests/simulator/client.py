"""For tests and demos: starts the simulator as a process, makes signed calls, and drives its control path.

    with SimulatorProcess() as simulator:
        simulator.fault("reset_after", count=1, match={"device": "hall-lamp-1"})
        ... let the bridge do something ...
        assert simulator.executed("hall-lamp-1") == 1

Put the folder `tests` into sys.path and import `simulator.client`. Not thread-safe, but for `wait_for`, which
only reads.
"""

from __future__ import annotations

import http.client
import json
import secrets
import select
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence
from urllib.parse import urlencode, urlsplit

from . import signature

HERE = Path(__file__).resolve().parent
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.01

Entry = dict[str, Any]


class SimulatorError(RuntimeError):
    """The simulator did not start, or refused a control request."""


@dataclass(frozen=True)
class Reply:
    """An HTTP answer. `fields` is its JSON, None if it is none."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def fields(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def wait_until(condition: Callable[[], Any], timeout_s: float = 60.0, what: str = "the condition") -> Any:
    """Polls until the condition holds, and returns its value; AssertionError after the timeout."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout_s} s")
        time.sleep(POLL_S)


def let_pass(seconds: float) -> None:
    """For where time itself is what the test is about."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, seconds + 5)


def timestamp(now: float | None = None) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))


def common_parameters(access_key_id: str, algorithm: str = "HMAC-SHA1") -> dict[str, str]:
    return {
        "AccessKeyId": access_key_id,
        "SignatureMethod": algorithm,
        "SignatureNonce": secrets.token_hex(16),
        "Timestamp": timestamp(),
    }


def tls_context(ca_file: str | None, client_certificate: tuple[str, str] | None = None) -> ssl.SSLContext:
    """Without a CA nothing is verified: for a test server on loopback whose certificate is wrong on purpose."""
    context = ssl.create_default_context(cafile=ca_file)
    if ca_file is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client_certificate:
        context.load_cert_chain(*client_certificate)
    return context


def connect(url: str, context: ssl.SSLContext | None, timeout_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(host, port, timeout=timeout_s)


def has_been_closed(idle: http.client.HTTPConnection) -> bool:
    """A server has nothing to say on an idle connection but that it is closed."""
    return idle.sock is None or bool(select.select([idle.sock], [], [], 0)[0])


def exchange(
    connection: http.client.HTTPConnection, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
) -> Reply:
    connection.request(method, target, body, dict(headers))
    response = connection.getresponse()
    return Reply(response.status, dict(response.getheaders()), response.read())


def send_parameters(connection: http.client.HTTPConnection, method: str, parameters: Mapping[str, str]) -> Reply:
    """One call with parameters that are signed already (or wrong on purpose); with POST they are the body."""
    form = urlencode(parameters)
    if method == "GET":
        return exchange(connection, "GET", f"/?{form}", None, {})
    return exchange(connection, method, "/", form.encode(), {"Content-Type": "application/x-www-form-urlencoded"})


class SimulatorProcess:
    """One simulator process in a folder of its own.

    `start` and `stop` may be called again and again: the port, the certificates and the journal stay the same,
    so that a test can take the platform away and bring it back.
    """

    def __init__(
        self,
        directory: Path | str | None = None,
        *,
        world: Path | str | None = None,
        plain: bool = False,
        certificate: tuple[Path | str, Path | str] | None = None,
        client_ca: Path | str | None = None,
        client_certificate: tuple[Path | str, Path | str] | None = None,
        quotas: Mapping[str, int] | None = None,
        sync_timeout_s: float | None = None,
        port: int = 0,
        options: Sequence[str] = (),
    ) -> None:
        """`client_certificate` is what this object itself shows where `client_ca` makes the server ask for one."""
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="simulator-")
        self.directory = Path(directory or self._temporary.name)  # type: ignore[union-attr]
        self._port = port
        self._client_certificate = tuple(str(path) for path in client_certificate) if client_certificate else None
        self._options = list(options)
        self._options += ["--world", str(world)] if world else []
        self._options += ["--plain"] if plain else []
        self._options += ["--cert", str(certificate[0]), "--key", str(certificate[1])] if certificate else []
        self._options += ["--client-ca", str(client_ca)] if client_ca else []
        self._options += [f"--quota={name}={limit}" for name, limit in (quotas or {}).items()]
        self._options += [f"--sync-timeout={sync_timeout_s}"] if sync_timeout_s is not None else []
        self._process: subprocess.Popen[bytes] | None = None
        self._control: http.client.HTTPConnection | None = None
        self.ready: dict[str, Any] = {}

    # The process

    def __enter__(self) -> "SimulatorProcess":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> "SimulatorProcess":
        """Returns when calls can come. The process ends with ours, even if ours is killed."""
        if self._process:
            raise SimulatorError("the simulator is running already")
        self.directory.mkdir(parents=True, exist_ok=True)
        ready_file = self.directory / "ready.json"
        ready_file.unlink(missing_ok=True)
        command = [sys.executable, str(HERE), "--dir", str(self.directory), "--until-stdin-closes"]
        command += ["--listen", f"127.0.0.1:{self._port}", *self._options]
        with open(self.directory / "stderr.log", "ab") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
            )
        wait_until(lambda: ready_file.exists() or self.has_ended(), START_TIMEOUT_S, "the start of the simulator")
        if self.has_ended():
            code = self._forget_process()
            text = (self.directory / "stderr.log").read_text(errors="replace")
            raise SimulatorError(f"the simulator ended with {code}: {text.strip()[-2000:]}")
        self.ready = json.loads(ready_file.read_text())
        self._port = self.ready["port"]
        return self

    def has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _forget_process(self) -> int:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.close()
        code = self._process.wait(STOP_TIMEOUT_S)
        self._process = None
        self._close_control()
        return code

    def stop(self) -> int:
        """Ends it with SIGTERM; returns its exit code. The port is free afterwards, the files stay."""
        if not self._process:
            return 0
        self._process.terminate()
        return self._forget_process()

    def kill(self) -> None:
        """Ends it with SIGKILL, as a crash of the platform."""
        if self._process:
            self._process.kill()
            self._forget_process()

    def restart(self) -> "SimulatorProcess":
        self.stop()
        return self.start()

    def close(self) -> None:
        """Stops it and removes the folder, if it was a temporary one."""
        self.stop()
        if self._temporary:
            self._temporary.cleanup()

    @property
    def url(self) -> str:
        return self.ready["url"]

    @property
    def port(self) -> int:
        return self.ready["port"]

    @property
    def pid(self) -> int:
        return self.ready["pid"]

    @property
    def ca_file(self) -> str | None:
        return self.ready["ca_file"]

    @property
    def access_key_id(self) -> str:
        return self.ready["access_key_id"]

    @property
    def access_key_secret_file(self) -> str:
        return self.ready["access_key_secret_file"]

    @property
    def access_key_secret(self) -> str:
        return Path(self.access_key_secret_file).read_text().rstrip("\n")

    # The control path

    def control(self, method: str, name: str, body: Mapping[str, Any] | None = None) -> Any:
        """One control request; SimulatorError with the simulator's words if it is refused."""
        if self._control and has_been_closed(self._control):
            self._close_control()
        if self._control is None:
            self._control = connect(self.url, tls_context(None, self._client_certificate), START_TIMEOUT_S)
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        try:
            reply = exchange(self._control, method, f"/_control/{name}", data, headers)
        except (http.client.HTTPException, OSError):
            self._close_control()
            raise
        if reply.status != 200:
            raise SimulatorError(f"{method} /_control/{name}: {reply.fields['error']}")
        return reply.fields

    def _close_control(self) -> None:
        if self._control:
            self._control.close()
            self._control = None

    def fault(self, kind: str, **options: Any) -> Entry:
        """Sets a fault: match={"action","device","identifier"}, count, probability, seed, seconds, ..."""
        return self.control("POST", "fault", {"kind": kind, **options})

    def faults(self) -> list[Entry]:
        return self.control("GET", "fault")["faults"]

    def clear_faults(self) -> None:
        self.control("DELETE", "fault")

    def device(self, device_name: str, product_key: str = "k1ymv1DuLfE", **settings: Any) -> Entry:
        """Changes a device (state, result, result_style, code, message, delay_s) and tells how it is now."""
        return self.control("POST", "device", {"product_key": product_key, "device_name": device_name, **settings})

    def account(self, **settings: Any) -> Entry:
        """Changes the account: access_key_secret, state active, inactive or forbidden."""
        return self.control("POST", "account", {"access_key_id": self.access_key_id, **settings})

    def quota(self, **limits: int) -> Entry:
        return self.control("POST", "quota", limits)

    def clock(self, offset_s: float) -> Entry:
        return self.control("POST", "clock", {"offset_s": offset_s})

    def sync_timeout(self, seconds: float) -> Entry:
        return self.control("POST", "limits", {"sync_timeout_s": seconds})

    def stats(self) -> Entry:
        return self.control("GET", "stats")

    def reset(self) -> int:
        """Everything but the journal as at the start; returns the last seq, to read the journal after it."""
        return self.control("POST", "reset")["last_seq"]

    # The journal, read from its file, so also when the process is down

    def journal(self, after: int = 0, **wanted: Any) -> list[Entry]:
        """Entries after this seq whose members equal `wanted`, such as action="Pub" or code=None."""
        path = self.directory / "journal.jsonl"
        if not path.exists():
            return []
        whole = path.read_bytes().rpartition(b"\n")[0]
        entries = [json.loads(line) for line in whole.splitlines()[after:]]
        return [entry for entry in entries if all(entry[name] == value for name, value in wanted.items())]

    def last_seq(self) -> int:
        return len(self.journal())

    def executed(self, device_name: str, after: int = 0, **wanted: Any) -> int:
        """How many times the device really did something."""
        return sum(entry["executed"].count(device_name) for entry in self.journal(after, **wanted))

    def wait_for(self, count: int = 1, timeout_s: float = 60.0, after: int = 0, **wanted: Any) -> list[Entry]:
        """Waits until the journal has so many such entries, and returns them."""
        def enough() -> list[Entry] | None:
            entries = self.journal(after, **wanted)
            return entries if len(entries) >= count else None

        return wait_until(enough, timeout_s, f"{count} journal entries with {wanted}")

    # Calls of our own

    def open(self, timeout_s: float = 60.0) -> http.client.HTTPConnection:
        """A connection that verifies the server as a client should."""
        return connect(self.url, tls_context(self.ca_file, self._client_certificate), timeout_s)

    def sign(self, method: str, action: str, parameters: Mapping[str, str], algorithm: str = "HMAC-SHA1") -> dict[str, str]:
        common = {"Action": action, **common_parameters(self.access_key_id, algorithm)}
        return signature.signed(method, {**common, **parameters}, self.access_key_secret)

    def call(self, action: str, parameters: Mapping[str, str], method: str = "GET", algorithm: str = "HMAC-SHA1") -> Reply:
        """One signed call on a connection of its own."""
        connection = self.open()
        try:
            return send_parameters(connection, method, self.sign(method, action, parameters, algorithm))
        finally:
            connection.close()
