"""The bridge is killed with SIGKILL again and again while commands come, and keeps its promise all the same."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from pathlib import Path

import pytest

from harness.broker import Broker
from harness.home import Home, rule
from oracle import Command, Verdict, judge
from simulator.client import SimulatorProcess

MIN_COMMANDS = 1000
COMMANDS_PER_KILL = 100
DEVICES = 50
END_TIMEOUT_S = 120.0
# An idempotent and two other rules; the id goes along as an argument, so that the journal tells which command ran.
RULES = [
    rule("once", "crash/{device}/once", "Any", args={"id": "${id}"}, expire="10m"),
    rule("sync", "crash/{device}/sync", "Echo", args={"id": "${id}"}, expire="10m"),
    rule("safe", "crash/{device}/safe", "Any", args={"id": "${id}"}, expire="10m", idempotent=True),
]


class CrashRun:
    def __init__(self, home: Home, dice: random.Random, kills: int) -> None:
        self._home = home
        self._dice = dice
        self._kills = kills
        self.commands: list[Command] = []

    def send(self, count: int) -> None:
        for _ in range(count):
            number = len(self.commands)
            name = self._dice.choice(["once", "sync", "safe"])
            command = Command(f"c{number}", name == "safe")
            self._home.client.publish_soon(f"crash/lamp-{number % DEVICES + 1:04}/{name}", {"$id": command.id})
            self.commands.append(command)

    def replies(self) -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = defaultdict(list)
        for message in self._home.client.messages():
            reply = message.as_reply()
            if reply and reply["final"]:
                found[reply["id"]].append(message.payload)
        return found

    def wait_replies(self, count: int) -> None:
        seen: set[str] = set()
        position = 0

        def enough() -> bool:
            nonlocal position
            messages = self._home.client.messages()
            for message in messages[position:]:
                reply = message.as_reply()
                if reply and reply["final"]:
                    seen.add(reply["id"])
            position = len(messages)
            return len(seen) >= count

        deadline = time.monotonic() + END_TIMEOUT_S
        while not enough() and time.monotonic() < deadline:
            time.sleep(0.02)

    def kill_and_start(self, count: int) -> None:
        """Sends `count` commands and kills the bridge somewhere between their first and their last reply."""
        answered = len(self.replies())
        self.send(count)
        self.wait_replies(answered + self._dice.randint(0, count))
        time.sleep(self._dice.uniform(0, 0.03))
        self._home.bridge.crash()
        self._home.bridge.launch()

    def run(self) -> Verdict:
        total = max(MIN_COMMANDS, self._kills * COMMANDS_PER_KILL)
        for _ in range(self._kills):
            self.kill_and_start(total // self._kills)
        self.send(total - len(self.commands))
        self._home.client.wait_acknowledged()
        self.wait_replies(total)
        # Once more from the start, as a reply that the outbox still holds would be published again here.
        self._home.wait_online()
        self._home.restart_bridge()
        self._home.stop_bridge()
        return judge(self.commands, self.replies(), self._home.platform.calls())


@pytest.mark.timeout(0)
def test_every_command_ends_once_while_the_bridge_is_killed(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    kills = request.config.getoption("--crash-injections")
    seed = request.config.getoption("--crash-seed")
    seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    with capsys.disabled():
        print(f"\nseed {seed}: repeat with --crash-seed={seed}")
    with SimulatorProcess(tmp_path / "platform", quotas={"InvokeThingService": 0}) as simulator:
        broker = Broker(tmp_path / "broker", settings={"max_queued_messages": "0", "log_type": "error"})
        home = Home(tmp_path, simulator, broker)
        try:
            simulator.fault("delay_after", seconds=0.1, probability=0.2, seed=seed)
            home.start({"mqtt": {"session_expiry": "1h"}, "log": {"level": "info"}}, RULES)
            run = CrashRun(home, random.Random(seed), kills)
            verdict = run.run()
        finally:
            home.close()
    with capsys.disabled():
        print(
            f"{kills} kills, {len(run.commands)} commands: {dict(verdict.statuses)},"
            f" {verdict.repeated_replies} replies and {verdict.repeated_calls} idempotent calls came more than once"
        )
    assert verdict.faults == []
