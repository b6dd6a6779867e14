"""The benchmark: how many commands per second, how long each takes, and what the bridge uses for it.

Real parts: Mosquitto, the bridge, and nginx over HTTPS as a platform that answers at once with a constant success, so
that the numbers are the bridge's own. Then the simulated platform shows what quotas, a device that hangs and an outage
do (delivery.py). It prints and never judges: numbers depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/lib")]

from harness import ports  # noqa: E402
from harness.bridge import Bridge, binary  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.client import Client  # noqa: E402
from harness.home import rule  # noqa: E402
from harness.program import Program  # noqa: E402
from simulator.certificates import find_or_make_server  # noqa: E402
from simulator.client import wait_until  # noqa: E402

from delivery import DeliveryBench  # noqa: E402

DEVICES = 2000
STARTS = 5
TIMEOUT_S = 600
SHOWN_LINES = 3
ANSWER = {
    "RequestId": "57B144CF-09B2-4916-B272-A62902D5B207",
    "Success": True,
    "Data": {
        "MessageId": "1388001234567890123",
        "Result": json.dumps({"code": 200, "data": {}, "id": "100686", "message": "success", "version": "1.0"}),
    },
}
NGINX_CONFIG = """\
worker_processes 1;
master_process off;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location / {{ default_type application/json; return 200 '{answer}'; }}
    }}
}}
"""


class Nginx(Program):
    """The platform of the benchmark."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        super().__init__("nginx", folder / "nginx.out")
        self.port = ports.free_port()
        self.ca_file, pair = find_or_make_server(folder)
        config = folder / "nginx.conf"
        answer = json.dumps(ANSWER).replace("\\", "\\\\").replace("'", "\\'")
        config.write_text(
            NGINX_CONFIG.format(
                folder=folder, port=self.port, certificate=pair.cert_file, key=pair.key_file, answer=answer
            )
        )
        self._command = [find_nginx(), "-p", str(folder), "-c", str(config), "-e", str(folder / "nginx.log")]

    def start(self) -> "Nginx":
        self.spawn(self._command)
        wait_until(lambda: ports.is_open(self.port) or not self.is_running, 10, "the start of nginx")
        if not self.is_running:
            raise RuntimeError(f"nginx does not start: {self.log}")
        return self


def find_nginx() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise FileNotFoundError("nginx is not installed: apt-get install nginx")
    return found


@dataclass(frozen=True)
class Measurement:
    load: dict[str, Any]
    cpu_us: float
    peak_mib: float
    log: str


class Bench:
    def __init__(self, folder: Path, stack: ExitStack, load_program: Path) -> None:
        self._folder = folder
        self._stack = stack
        self._load_program = load_program
        self._platform = Nginx(folder / "platform").start()
        stack.callback(self._platform.kill)
        quiet = {"log_type": "error", "max_inflight_messages": "0", "max_queued_messages": "0", "persistence": "false"}
        self._broker = Broker(folder / "broker", settings=quiet).start()
        stack.callback(self._broker.kill)
        self._watcher = Client(self._broker.port, "thingbridge/bridge/state")
        stack.callback(self._watcher.close)
        self._bridges = 0

    def start_bridge(self, sync: str) -> tuple[Bridge, float]:
        """A new bridge with an empty outbox; also the seconds until it was online."""
        self._bridges += 1
        secret = self._folder / "secret"
        secret.write_text("benchmarkSecret\n")
        secret.chmod(0o600)
        settings = {
            "mqtt": {"url": self._broker.url, "client_id": f"bench-{self._bridges}"},
            "platform": {
                "endpoint": f"https://localhost:{self._platform.port}/",
                "access_key_id": "bench",
                "access_key_secret": {"file": str(secret)},
                "tls": {"ca_file": str(self._platform.ca_file)},
                "limits": {"InvokeThingService": "1000000/s"},
            },
            "outbox": {"sync": sync},
            "log": {"level": "warn"},
        }
        rules = [rule("set", "bench/{device}/set", "Set", args={"brightness": "${payload.level}"})]
        bridge = Bridge(self._folder / f"bridge-{self._bridges}", settings, rules)
        self._stack.callback(bridge.kill)
        began = time.monotonic()
        bridge.launch()
        self._watcher.wait_payload("thingbridge/bridge/state", "online")
        return bridge, time.monotonic() - began

    def stop_bridge(self, bridge: Bridge) -> None:
        bridge.stop()
        self._watcher.wait_payload("thingbridge/bridge/state", "offline")

    def measure(self, sync: str, count: int, in_flight: int) -> Measurement:
        bridge, _ = self.start_bridge(sync)
        cpu_before = bridge.cpu_s()
        command = [self._load_program, str(self._broker.port), str(count), str(in_flight), str(DEVICES)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S)
        if done.returncode != 0:
            raise RuntimeError(f"{done.stdout}{done.stderr}the bridge's log: {bridge.log[-2000:]}")
        cpu_us = (bridge.cpu_s() - cpu_before) / count * 1e6
        measurement = Measurement(json.loads(done.stdout), cpu_us, bridge.memory_kib("VmHWM") / 1024, bridge.log)
        self.stop_bridge(bridge)
        return measurement

    def print_rest(self) -> None:
        seconds, memory = [], []
        for _ in range(STARTS):
            bridge, start_s = self.start_bridge("full")
            seconds.append(start_s)
            memory.append(bridge.memory_kib())
            self.stop_bridge(bridge)
        print(f"start to `online`   {statistics.median(seconds) * 1000:.0f} ms (median of {STARTS})")
        print(f"memory at rest      {statistics.median(memory) / 1024:.1f} MiB resident")

    def print_load(self, counts: dict[int, int]) -> None:
        print("\noutbox  in flight  commands/s    median       p99  CPU/command  peak memory  not ok")
        for sync in ("full", "normal"):
            for in_flight, count in counts.items():
                result = self.measure(sync, count, in_flight)
                load = result.load
                print(
                    f"{sync:<7} {in_flight:>9} {load['per_second']:>11} {load['median_us'] / 1000:>6.2f} ms"
                    f" {load['p99_us'] / 1000:>6.2f} ms {result.cpu_us:>9.0f} us {result.peak_mib:>8.1f} MiB"
                    f" {load['commands'] - load['good']:>7}",
                    flush=True,
                )
                print("".join(f"        {line}\n" for line in unexpected(result)[:SHOWN_LINES]), end="")


def print_mapping(program: Path, matches: int) -> None:
    print(flush=True)
    subprocess.run([program, str(matches)], stdin=subprocess.DEVNULL, check=True, timeout=TIMEOUT_S)


def unexpected(result: Measurement) -> list[str]:
    """What the bridge says about commands that did not end well."""
    return [line for line in result.log.splitlines() if "event=command_ended" in line]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests/bench/bench.py", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few commands: shows that it works, not how fast")
    parser.add_argument("--commands", metavar="N", type=int, default=50_000, help="with 64 and 256 in flight")
    parser.add_argument("--outage", metavar="SECONDS", type=float, default=60.0, help="how long the platform is away")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", help="build folder (default %(default)s)")
    options = parser.parse_args(arguments)
    counts = {1: 200, 64: 500, 256: 1000} if options.smoke else {1: 5000, 64: options.commands, 256: options.commands}
    os.environ["THINGBRIDGE_BINARY"] = str(options.build / "thingbridge")
    print(f"{binary()}, {os.cpu_count()} processors\n")
    # Below build/, as a temporary folder in memory would make fsync free.
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "build"))
        bench = Bench(Path(folder), stack, options.build / "tests/bench_load")
        bench.print_rest()
        bench.print_load(counts)
    print_mapping(options.build / "tests/bench_mapping", 20_000 if options.smoke else 2_000_000)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "build"))
        delivery = DeliveryBench(Path(folder), stack, options.build / "tests/bench_load")
        delivery.print_quotas(3_000 if options.smoke else 45_000)
        delivery.print_hanging_device(200 if options.smoke else 5_000)
        delivery.print_outage(3.0 if options.smoke else options.outage, 500 if options.smoke else 10_000)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
