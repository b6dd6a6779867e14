"""The benchmark's second part: what the platform's quotas, a device that hangs, and an outage do to commands.

The platform is the simulated one, with the quotas of the real one. Used by bench.py; prints and never judges.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Sequence

from harness.bridge import Bridge, Settings, platform_settings
from harness.broker import Broker
from harness.client import Client
from harness.home import rule
from simulator.client import Entry, SimulatorProcess, wait_until

DEVICES = 2000
SINGLE_QUOTA, BATCH_QUOTA, BATCH_SIZE = 500, 10, 100
CEILING = SINGLE_QUOTA + BATCH_QUOTA * BATCH_SIZE
HANGING = "hall-lamp-1"
HANGING_COMMANDS = 20
TIMEOUT_S = 600
STATE = "thingbridge/bridge/state"
# A third of the devices is called one by one, as the quotas let 500 and 1,000 of them through; the others are folded.
MIXED = [
    rule("a-single", "bench/{device}/set", "Any", args={"n": "${payload.level}"}, expire="10m",
         where={"device": [*(f"lamp-0{n}??" for n in range(6)), *(f"lamp-06{n}?" for n in range(7))]}),
    rule("b-folded", "bench/{device}/set", "Any", args={"n": 1}, expire="10m",
         batch={"window": "100ms", "max": BATCH_SIZE}),
]
PLAIN = [rule("plain", "bench/{device}/set", "Any", args={"n": "${payload.level}"}, expire="10m")]
NO_LIMITS = {"InvokeThingService": "1000000/s", "InvokeThingsService": "1000000/s"}


class DeliveryBench:
    def __init__(self, folder: Path, stack: ExitStack, load_program: Path) -> None:
        self._folder = folder
        self._stack = stack
        self._load_program = load_program
        self._simulator = stack.enter_context(SimulatorProcess(folder / "simulator"))
        quiet = {"log_type": "error", "max_inflight_messages": "0", "max_queued_messages": "0", "persistence": "false"}
        self._broker = Broker(folder / "broker", settings=quiet).start()
        stack.callback(self._broker.kill)
        self._watcher = Client(self._broker.port, STATE)
        stack.callback(self._watcher.close)
        self._bridges = 0

    def _start_bridge(self, rules: Sequence[Settings], **platform: Any) -> Bridge:
        self._bridges += 1
        settings = {
            "mqtt": {"url": self._broker.url, "client_id": f"delivery-{self._bridges}"},
            "platform": {**platform_settings(self._simulator), **platform},
            "outbox": {"max_commands": 100_000, "max_share": 1},
            "log": {"level": "warn"},
        }
        bridge = Bridge(self._folder / f"delivery-{self._bridges}", settings, rules)
        self._stack.callback(bridge.kill)
        bridge.launch()
        self._watcher.wait_payload(STATE, "online")
        return bridge

    def _stop_bridge(self, bridge: Bridge) -> None:
        bridge.stop()
        self._watcher.wait_payload(STATE, "offline")

    def _load(self, count: int, in_flight: int) -> dict[str, Any]:
        command = [self._load_program, str(self._broker.port), str(count), str(in_flight), str(DEVICES)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S)
        if done.returncode != 0:
            raise RuntimeError(f"{done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def print_quotas(self, count: int) -> None:
        """A mixed load that is always larger than what the quotas let through."""
        mark = self._simulator.reset()
        bridge = self._start_bridge(MIXED)
        self._load(count, min(count, 2 * CEILING))
        self._stop_bridge(bridge)
        calls = self._simulator.journal(mark)
        steady = middle(calls)
        seconds = steady[-1]["time"] - steady[0]["time"]
        devices = sum(len(call["executed"]) for call in steady[:-1])
        print(f"\nquotas of {SINGLE_QUOTA}/s and {BATCH_QUOTA}/s, {count} device commands, a third of them single")
        print(f"device commands     {devices / seconds:.0f}/s of at most {CEILING} ({devices / seconds / CEILING:.1%})")
        print(f"per API call        {devices / len(steady[:-1]):.1f} device commands")
        print(f"throttled           {throttled(calls)} of {len(calls)} calls", flush=True)

    def print_hanging_device(self, count: int) -> None:
        """One device never answers, with commands waiting for it; the others are measured."""
        self._simulator.reset()
        self._simulator.quota(InvokeThingService=0, InvokeThingsService=0)
        bridge = self._start_bridge(PLAIN, limits=NO_LIMITS)
        print("\none device hangs    in flight    median       p99  of the other devices")
        for in_flight in (1, 64):
            self._print_latency("no", self._load(count, in_flight))
        self._simulator.fault("hang", match={"device": HANGING})
        for number in range(HANGING_COMMANDS):
            self._watcher.publish(f"bench/{HANGING}/set", {"level": number})
        for in_flight in (1, 64):
            self._print_latency("yes", self._load(count, in_flight))
        bridge.kill()  # a stop would wait for the device
        self._watcher.wait_payload(STATE, "offline")

    @staticmethod
    def _print_latency(hangs: str, load: dict[str, Any]) -> None:
        print(f"{hangs:<19} {load['in_flight']:>9} {load['median_us'] / 1000:>6.2f} ms {load['p99_us'] / 1000:>6.2f} ms",
              flush=True)

    def print_outage(self, outage_s: float, count: int) -> None:
        """The platform is away while commands come, and is back after a while."""
        mark = self._simulator.reset()
        bridge = self._start_bridge(PLAIN)
        sender = Client(self._broker.port, "bench/+/set/reply")
        self._stack.callback(sender.close)
        self._simulator.stop()
        began = time.monotonic()
        for number in range(count):
            sender.publish_soon(f"bench/lamp-{number % DEVICES + 1:04}/set", {"level": number})
        sender.wait_acknowledged(TIMEOUT_S)
        wait_until(lambda: time.monotonic() >= began + outage_s, outage_s + 10, "the end of the outage")
        self._simulator.start()
        back = time.monotonic()
        wait_until(sender.messages, TIMEOUT_S, "the first reply")
        first_s = time.monotonic() - back
        wait_until(lambda: len(sender.messages()) >= count, TIMEOUT_S, "all replies")
        all_s = time.monotonic() - back
        self._stop_bridge(bridge)
        calls = self._simulator.journal(mark)
        statuses = Counter(message.json["status"] for message in sender.messages())
        print(f"\noutage of {outage_s:.0f} s with {count} commands waiting")
        print(f"first reply         {first_s:.2f} s after the platform is back")
        print(f"all replies         {all_s:.1f} s after it ({count / all_s:.0f}/s): {dict(statuses)}")
        print(f"busiest second      {busiest_second(calls)} calls, {throttled(calls)} throttled", flush=True)


def middle(calls: list[Entry]) -> list[Entry]:
    """Without the beginning and the end, where the load is not what it is between."""
    tenth = (calls[-1]["time"] - calls[0]["time"]) / 10
    return [call for call in calls if calls[0]["time"] + tenth <= call["time"] <= calls[-1]["time"] - 2 * tenth]


def throttled(calls: list[Entry]) -> int:
    return sum(1 for call in calls if (call["code"] or "").startswith("Throttling"))


def busiest_second(calls: list[Entry]) -> int:
    times = [call["time"] for call in calls]
    most, first = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - 1:
            first += 1
        most = max(most, last - first + 1)
    return most
