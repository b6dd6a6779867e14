"""One run: a whole installation behind proxies, random commands, injections, and the oracle's verdict at its end."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

from commands import RULES, Mix, stamp
from harness.bridge import Bridge
from harness.broker import Broker
from harness.client import Client, Received
from harness.home import Home
from harness.network import TcpProxy
from injections import KINDS, STALL_MAX_S, choose_point
from machine import Machine
from oracle import Command, Oracle, Verdict
from simulator.client import SimulatorProcess, wait_until

# Two stalls, the longest delay on the platform, and a busy machine.
SLACK_S = 2 * STALL_MAX_S + 1.4
END_TIMEOUT_S = 150.0
MOST_OPEN = 300  # commands without a reply
# Five connections in a row that live less than two seconds are taken for a stolen client id, and yielded for a minute.
LOSSES_MAX = 3


@dataclass
class Outcome:
    verdict: Verdict
    commands: int
    injections: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    syncs: int = 0

    def __str__(self) -> str:
        lines = [
            f"{sum(self.injections.values())} injections: {_listed(self.injections)}",
            f"named points: {_listed(self.points)}",
            f"{self.commands} commands: {_listed(self.verdict.statuses)}",
            f"{self.verdict.repeated_replies} replies and {self.verdict.repeated_calls} calls came more than once,"
            f" {self.verdict.folded_calls} calls were folded, {self.syncs} fsyncs",
        ]
        return "\n".join(f"crash: {line}" for line in lines)  # tests/run shows these lines


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


class CrashRun:
    """`defect` is one that the program puts in on purpose; `version` is the bridge's MQTT, 5 or 3.1.1."""

    def __init__(self, folder: Path, seed: int, version: str = "5", defect: str | None = None) -> None:
        self.dice = random.Random(seed)
        self.commands: list[Command] = []
        self.injections: Counter[str] = Counter()
        self.points: Counter[str] = Counter()
        self.armed_point: str | None = None
        self.faults: list[str] = []
        self._environment = {"THINGBRIDGE_TEST_DEFECT": defect} if defect else {}
        self._mix = Mix(self.dice, has_properties=version == "5")
        self._clock_offset_s = 0
        self._losses = 0
        self._replies: list[tuple[str, bytes]] = []
        self._answered: set[str] = set()
        self._position = 0
        self._state = b""
        self._start(folder, version)

    # The installation

    def _start(self, folder: Path, version: str) -> None:
        self._simulator = SimulatorProcess(folder / "platform", quotas={"InvokeThingService": 0}).start()
        broker = Broker(folder / "broker", settings={"max_queued_messages": "0", "log_type": "error"})
        self.home = Home(folder, self._simulator, broker)
        broker.start()
        self.broker_proxy = TcpProxy(broker.port)
        self.platform_proxy = TcpProxy(self._simulator.port)
        self.machine = Machine(folder / "bridge", folder / "machine")
        settings = {
            "mqtt": {
                "session_expiry": "1h", "url": f"mqtt://127.0.0.1:{self.broker_proxy.port}", "version": version,
                "redelivery": self.dice.choice(["dup", "content"]),
            },
            "platform": {"endpoint": f"https://localhost:{self.platform_proxy.port}/", "timeout": "2s"},
            "log": {"level": "info"},
        }
        self.bridge: Bridge = self.home.make_bridge(settings, RULES)
        self.client = Client(broker.port, "crash/+/+/+/reply", "crash/+/+/+/rsp", self.home.state_topic,
                             client_id="observer", session_s=3600)
        self._launch(arm=False)
        self._wait_online()  # the broker keeps nothing for a client that it has never seen

    def close(self) -> None:
        if self.bridge.is_running:
            self.bridge.signal(signal.SIGCONT)
        self.bridge.kill()
        self.client.close()
        self.broker_proxy.close()
        self.platform_proxy.close()
        self.home.close()
        self._simulator.close()

    def _launch(self, arm: bool) -> None:
        self.machine.settle()
        self.armed_point = choose_point(self.dice) if arm else None
        environment = {**self.machine.environment, **self._environment}
        if self.armed_point:
            environment["THINGBRIDGE_TEST_KILL"] = self.armed_point
        self._losses = 0
        self._state = b""
        self.bridge.launch(environment)

    def is_running(self) -> bool:
        return self.bridge.is_running

    def fill_disk(self, is_full: bool) -> None:
        self.machine.fill_disk(is_full)

    def keep_running(self) -> None:
        """As a service manager does: starts the bridge again if it has ended; it may only for a reason that we know."""
        if self.bridge.is_running:
            return
        code = self.bridge.wait()
        if code == -signal.SIGKILL and self.armed_point:
            self._count_point(self.armed_point)
        else:
            self.faults.append(f"the bridge ended with {code}: {self.bridge.log[-1500:]}")
        if self.dice.random() < 0.3:
            self.machine.lose_power()
        self._launch(arm=self.dice.random() < 0.3)

    def _count_point(self, armed: str) -> None:
        self.injections["point"] += 1
        self.points[armed.partition(":")[0]] += 1

    def kill(self, loses_power: bool = False, arm: bool | None = None) -> None:
        self.keep_running()
        self.bridge.crash()
        if loses_power:
            self.machine.lose_power()
        if arm is None:
            arm = self.dice.random() < 0.4
        self._launch(arm)

    def stop_cleanly(self) -> None:
        self._end_cleanly()
        self._launch(arm=False)

    def _end_cleanly(self) -> None:
        self.read()
        is_started = self._state == b"online"
        code = self.bridge.stop()
        at_point = self.armed_point is not None and code == -signal.SIGKILL
        too_early = not is_started and code == -signal.SIGTERM  # it had not yet taken the signal over
        if code != 0 and not at_point and not too_early:
            self.faults.append(f"a clean stop ended with {code}: {self.bridge.log[-1500:]}")

    def restart_broker(self) -> None:
        # A publisher that was not told would send again, and nobody could tell the two apart.
        self.client.wait_acknowledged()
        self.lose_connection()
        self.home.broker.stop()
        self.sleep(0.0, 0.2)
        self.home.broker.start()
        self.client.wait_ready()

    def lose_connection(self) -> None:
        self._losses += 1
        if self._losses > LOSSES_MAX:
            self.kill()

    def move_clock(self, offset_s: int) -> None:
        """A clock that was set back makes a command look younger than it is."""
        if offset_s < self._clock_offset_s:
            for command in self.commands:
                command.tells_age = command.tells_age and command.key in self._answered
        self._clock_offset_s = offset_s
        self.machine.move_clock(offset_s)

    def fault(self, kind: str, **options: Any) -> None:
        if len(self.home.platform.faults()) > 20:
            self.home.platform.clear_faults()
        self.home.platform.fault(kind, **options)

    # Commands and replies

    def send(self, count: int) -> None:
        while count > 0:
            for publication in self._mix.make(clock_is_right=self._clock_offset_s == 0):
                stamp(publication)
                self.commands.append(publication.command)
                for _ in range(publication.command.copies):
                    self.client.publish_soon(publication.topic, publication.payload, 1, False, publication.properties)
                count -= 1

    def read(self) -> None:
        messages = self.client.since(self._position)
        self._position += len(messages)
        for message in messages:
            self._take(message)

    def _take(self, message: Received) -> None:
        if message.topic == self.home.state_topic:
            self._state = message.payload
            return
        reply = message.as_reply()
        if reply and reply["final"]:
            self._replies.append((message.topic, message.payload))
            self._answered.add(reply["topic"].rpartition("/")[2])

    @property
    def open_commands(self) -> int:
        self.read()
        return len(self.commands) - len(self._answered)

    def sleep(self, least_s: float, most_s: float) -> None:
        time.sleep(self.dice.uniform(least_s, most_s))

    def wait_some(self, timeout_s: float, wanted: int | None = None) -> None:
        """Until a random part of the open commands has been answered."""
        wanted = self.dice.randint(0, self.open_commands) if wanted is None else wanted
        end = time.monotonic() + timeout_s
        while self.open_commands > wanted and time.monotonic() < end and self.bridge.is_running:
            time.sleep(0.005)

    # The run

    def inject(self) -> None:
        self.keep_running()
        if self.open_commands < MOST_OPEN:
            self.send(self.dice.randint(1, 15))
        else:
            self.wait_some(3.0, MOST_OPEN // 2)
        self.wait_some(self.dice.choice([0.02, 0.1, 0.3, 0.6]))
        name = self.dice.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
        self.keep_running()
        KINDS[name][1](self)
        if name != "point":
            self.injections[name] += 1

    def _heal(self) -> None:
        self.home.platform.clear_faults()
        self.fill_disk(False)
        self.keep_running()
        self.bridge.crash()  # so that no wait for the platform is left over from the last storm
        self._launch(arm=False)

    def _is_over(self) -> bool:
        self.read()
        now = time.time()
        return all(
            command.key in self._answered or (command.expiry_s is not None and command.latest_request(5.0) < now)
            for command in self.commands
        )

    def run(self, injections: int, end_timeout_s: float = END_TIMEOUT_S) -> Outcome:
        while sum(self.injections.values()) < injections and not self.faults:
            self.inject()
        self._heal()
        self.client.wait_acknowledged()
        end = time.monotonic() + end_timeout_s
        while not self._is_over() and time.monotonic() < end and self.bridge.is_running:
            time.sleep(0.05)
        self._restart_once_more()
        oracle = Oracle(self.commands, SLACK_S)
        verdict = oracle.judge(self._replies, self.home.platform.calls())
        verdict.faults[:0] = self.faults
        return Outcome(verdict, len(self.commands), self.injections, self.points, self.machine.syncs)

    def _restart_once_more(self) -> None:
        """A reply that the outbox still holds would be published again here."""
        self.stop_cleanly()
        self._wait_online()
        if self.bridge.is_running:
            self._end_cleanly()
        self.read()

    def _wait_online(self) -> None:
        def is_online() -> bool:
            self.read()
            return self._state == b"online" or not self.bridge.is_running

        wait_until(is_online, 20, "the bridge's `online`")
