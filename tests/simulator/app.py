"""Starts the simulator: options, certificates, ready.json, signals and the exit code."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import ssl
import sys
from pathlib import Path
from typing import Any

from . import certificates, world
from .actions import DEFAULT_SYNC_TIMEOUT_S
from .cloud import Cloud
from .journal import Journal
from .quotas import Quotas, parse_limit
from .server import Server

log = logging.getLogger("simulator")

HERE = Path(__file__).resolve().parent
EXIT_CANNOT_START = 2
EXIT_FAILED = 1
DEFAULT_KEEP_ALIVE_S = 75.0

_EXAMPLES = """\
examples:
  python3 tests/simulator --dir /tmp/sim
  python3 tests/simulator --dir /tmp/sim --listen 127.0.0.1:8686 --quota InvokeThingsService=0
  curl --cacert /tmp/sim/ca.pem https://localhost:8686/_control/stats
"""


class StartError(RuntimeError):
    """The simulator cannot start; the message says why."""


class RunError(RuntimeError):
    """The simulator ran and cannot go on."""


def read_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="simulator", description="A simulated IoT platform for tests.", epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--dir", type=Path, required=True, help="folder for ready.json, journal, keys and certificates")
    add("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="port 0 is a free one (default %(default)s)")
    add("--world", type=Path, default=HERE / "world.json", metavar="FILE", help="accounts, products and devices")
    add("--cert", type=Path, metavar="FILE", help="server certificate, in place of one made in --dir")
    add("--key", type=Path, metavar="FILE", help="its private key")
    add("--client-ca", type=Path, metavar="FILE", help="require a client certificate of this authority")
    add("--plain", action="store_true", help="http instead of https")
    add("--quota", action="append", default=[], metavar="NAME=N/s", help="calls per second of an action, 0 is off")
    add("--sync-timeout", type=float, default=DEFAULT_SYNC_TIMEOUT_S, metavar="SECONDS",
        help="how long a synchronous call waits for the device (default %(default)s)")
    add("--keep-alive", type=float, default=DEFAULT_KEEP_ALIVE_S, metavar="SECONDS",
        help="idle connections are closed after this (default %(default)s)")
    add("--until-stdin-closes", action="store_true", help="end with the program that started it")
    add("--verbose", action="store_true", help="log lines to stderr")
    options = parser.parse_args(arguments)
    if (options.cert is None) != (options.key is None):
        parser.error("--cert and --key go together")
    if options.plain and (options.cert or options.client_ca):
        parser.error("--plain has no certificates")
    if options.keep_alive <= 0 or options.sync_timeout < 0:
        parser.error("--keep-alive and --sync-timeout are seconds")
    return options


def read_address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise StartError(f"--listen is {text!r}, not HOST:PORT")
    return host.strip("[]"), int(port)


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


def make_tls(options: argparse.Namespace) -> tuple[ssl.SSLContext | None, Path | None]:
    """The TLS context and the authority that clients should trust; both None with --plain."""
    if options.plain:
        return None, None
    ca_file, pair = options.dir / "ca.pem", certificates.KeyPair(options.cert, options.key)
    if options.cert is None:
        ca_file, pair = certificates.find_or_make_server(options.dir)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert_file, pair.key_file)
    if options.client_ca:
        context.load_verify_locations(options.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context, ca_file if ca_file.exists() else None


def announce(options: argparse.Namespace, cloud: Cloud, port: int, ca_file: Path | None) -> None:
    """ready.json appears whole and only when calls can come; then one line on stdout."""
    account = next(iter(cloud.world.accounts.values()))
    secret_file = options.dir / "secret"
    write_atomically(secret_file, account.access_key_secret + "\n", 0o600)
    url = f"{'http' if options.plain else 'https'}://localhost:{port}/"
    ready = {
        "url": url,
        "port": port,
        "pid": os.getpid(),
        "ca_file": str(ca_file) if ca_file else None,
        "journal": str(cloud.journal.path),
        "access_key_id": account.access_key_id,
        "access_key_secret_file": str(secret_file),
    }
    write_atomically(options.dir / "ready.json", json.dumps(ready, indent=1) + "\n")
    print(f"simulator listens at {url}", flush=True)


class Ending:
    """Waits for the end: a signal, the end of stdin, or a failure that makes the simulator no longer the truth."""

    def __init__(self, loop: asyncio.AbstractEventLoop, until_stdin_closes: bool) -> None:
        self._event = asyncio.Event()
        self.failure: BaseException | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._event.set)
        if until_stdin_closes:
            loop.add_reader(sys.stdin.fileno(), self._read_stdin)
        loop.set_exception_handler(self._on_exception)

    async def wait(self) -> None:
        await self._event.wait()

    def _read_stdin(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            self._event.set()

    def _on_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A client's broken connection is its own affair (OSError); anything else is a fault of ours."""
        failure = context.get("exception")
        if failure is not None and not isinstance(failure, OSError):
            log.error("event=failed", exc_info=failure)
            self.failure = failure
            self._event.set()


async def serve(options: argparse.Namespace, cloud: Cloud) -> None:
    ending = Ending(asyncio.get_running_loop(), options.until_stdin_closes)
    tls, ca_file = make_tls(options)
    server = Server(cloud, options.keep_alive)
    host, port = read_address(options.listen)
    try:
        port = await server.listen(host, port, tls)
    except OSError as error:
        raise StartError(f"cannot listen at {options.listen}: {error.strerror or error}") from None
    announce(options, cloud, port, ca_file)
    await ending.wait()
    server.close()
    cloud.journal.close()
    if ending.failure:
        raise RunError(f"failed: {ending.failure}")


def run(options: argparse.Namespace) -> None:
    options.dir = options.dir.resolve()
    options.dir.mkdir(parents=True, exist_ok=True)
    (options.dir / "ready.json").unlink(missing_ok=True)
    quotas = Quotas(dict(parse_limit(text) for text in options.quota))
    simulated = world.load(options.world)
    cloud = Cloud(simulated, Journal(options.dir / "journal.jsonl"), quotas, options.sync_timeout)
    asyncio.run(serve(options, cloud))


def main(arguments: list[str]) -> int:
    options = read_options(arguments)
    level = logging.DEBUG if options.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        run(options)
    except (StartError, world.WorldError, certificates.CertificateError, ValueError, OSError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return EXIT_CANNOT_START
    except RunError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return EXIT_FAILED
    return 0
