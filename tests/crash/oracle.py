"""Judges a run by three records: what publishers sent and the broker acknowledged, which final replies came, and what
the simulated platform's journal says ran.

A command is known by its key, the last level of its topic, which the test's rules pass on as the argument `id`. Commands
that are to be folded must have equal arguments, so these carry `batch` instead, and the device tells them apart.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Sequence

FINAL = {"ok", "accepted", "failed", "rejected", "expired", "superseded", "partial", "unknown"}
MUST_HAVE_RUN = {"ok", "accepted"}
CANNOT_HAVE_RUN = {"failed", "rejected", "expired", "superseded"}
# Answers that say that the call surely did not run (throttled, busy, clock, and all 4xx: a folded call
# that was refused as a request is sent again one by one).
SURE_REFUSALS = ("Throttling", "ServiceUnavailable", "InvalidTimeStamp")
SURE_STATUSES = {503, *range(400, 500)}
_DUPLICATE = b',"duplicate":true'
_HOUR_S = 3600.0

Entry = Mapping[str, Any]


@dataclass
class Command:
    key: str
    rule: str
    devices: tuple[str, ...]
    published: float  # seconds since 1970, just before it was handed to the broker
    expire_s: float
    is_idempotent: bool = False
    order: str = "device"  # or rule, or none
    batch: str | None = None
    tells_age: bool = False  # it carries when it was sent
    expiry_s: float | None = None  # MQTT 5 Message Expiry Interval
    is_acknowledged: bool = True
    copies: int = 1  # how often it was published, with the same id
    reply_topics: tuple[str, ...] = ()

    def latest_request(self, slack_s: float) -> float:
        """When the last byte of its request may leave.

        `expire` counts from the arrival at the bridge. If nothing tells the true age, the bridge knows it only up to
        the time it was away, and takes no command that may be older than `expire` (DESIGN.md section 8, the fence): so
        such a command can be one `expire` old when it arrives. `slack_s` is what nobody in the bridge can know or
        repair: bytes that wait in a socket or a proxy, or a process that is stopped between looking at the clock and
        sending. The broker takes its waiting time off a Message Expiry Interval, in whole seconds.
        """
        life_s = self.expire_s * (1 if self.tells_age else 2)
        if self.expiry_s is not None:
            life_s = min(life_s, self.expiry_s + 1)
        return self.published + life_s + slack_s


@dataclass
class Run:
    """What the journal says of one command."""

    entries: list[Entry] = field(default_factory=list)  # in the journal's order
    executed: Counter[str] = field(default_factory=Counter)  # by device

    def of_device(self, device: str) -> list[Entry]:
        return [entry for entry in self.entries if device in entry["device_names"]]


@dataclass
class Verdict:
    faults: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    repeated_replies: int = 0
    repeated_calls: int = 0
    folded_calls: int = 0


def real_times(journal: Sequence[Entry], start: float) -> list[float]:
    """The platform's clock may have been moved by whole hours, its entries are less than half an hour apart."""
    times: list[float] = []
    last = start
    for entry in journal:
        last = entry["time"] - round((entry["time"] - last) / _HOUR_S) * _HOUR_S
        times.append(last)
    return times


def is_sure_refusal(entry: Entry) -> bool:
    return (entry["code"] or "").startswith(SURE_REFUSALS) or entry["http_status"] in SURE_STATUSES


class Oracle:
    def __init__(self, commands: Iterable[Command], slack_s: float) -> None:
        self._commands = {command.key: command for command in commands}
        self._batches = {
            (command.batch, device): command.key
            for command in self._commands.values()
            if command.batch is not None
            for device in command.devices
        }
        self._slack_s = slack_s
        self.verdict = Verdict()

    def judge(self, replies: Iterable[tuple[str, bytes]], journal: Sequence[Entry]) -> Verdict:
        """`replies` are topic and payload of all final replies, in the order in which they came."""
        runs = self._read_journal(journal)
        by_key = self._read_replies(replies)
        for command in self._commands.values():
            copies = by_key[command.key]
            run = runs[command.key]
            self._judge_calls(command, run)
            self._judge_replies(command, copies, run)
            if copies:
                self._judge_end(command, json.loads(copies[0][1]), run)
        ends = {key: json.loads(copies[0][1])["status"] for key, copies in by_key.items() if copies}
        self._judge_order(runs, ends)
        return self.verdict

    def _fault(self, key: str, text: str) -> None:
        self.verdict.faults.append(f"{key}: {text}")

    # The records

    def _read_replies(self, replies: Iterable[tuple[str, bytes]]) -> dict[str, list[tuple[str, bytes]]]:
        found: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
        for topic, payload in replies:
            key = json.loads(payload)["topic"].rpartition("/")[2]
            if key not in self._commands:
                self._fault(key, "a reply to a command that nobody sent")
            else:
                found[key].append((topic, payload))
        return found

    def _keys(self, entry: Entry) -> dict[str, list[str]]:
        """The commands of a call, each with its devices."""
        arguments = json.loads(entry["args"] or "{}")
        if "batch" not in arguments:
            return {arguments.get("id", "?"): list(entry["device_names"])}
        found: dict[str, list[str]] = defaultdict(list)
        for device in entry["device_names"]:
            found[self._batches.get((arguments["batch"], device), "?")].append(device)
        return found

    def _read_journal(self, journal: Sequence[Entry]) -> dict[str, Run]:
        runs: dict[str, Run] = defaultdict(Run)
        nonces: set[str] = set()
        start = min((command.published for command in self._commands.values()), default=0.0)
        for entry, time in zip(journal, real_times(journal, start)):
            keys = self._keys(entry)
            self.verdict.folded_calls += len(keys) > 1
            if entry["nonce"] in nonces:
                self._fault(",".join(keys), f"the nonce {entry['nonce']} was used before")
            nonces.add(entry["nonce"])
            for key, devices in keys.items():
                self._note_call(runs, key, devices, entry, time)
        return runs

    def _note_call(self, runs: dict[str, Run], key: str, devices: list[str], entry: Entry, time: float) -> None:
        command = self._commands.get(key)
        if command is None:
            self._fault(key, "a call for a command that nobody sent")
            return
        runs[key].entries.append(entry)
        runs[key].executed.update(device for device in devices if device in entry["executed"])
        late_s = time - command.latest_request(self._slack_s)
        if late_s > 0:
            self._fault(key, f"a request came {late_s:.1f} s after its deadline")

    # One command

    def _judge_calls(self, command: Command, run: Run) -> None:
        self.verdict.repeated_calls += len(run.entries) > len({tuple(each["device_names"]) for each in run.entries})
        for device in command.devices if not command.is_idempotent else ():
            if run.executed[device] > 1:
                self._fault(command.key, f"ran {run.executed[device]} times on {device} and is not idempotent")
            calls = run.of_device(device)
            if any(not is_sure_refusal(call) for call in calls[:-1]):
                self._fault(command.key, f"sent again to {device} after an attempt that may have run, not idempotent")

    def _judge_replies(self, command: Command, copies: list[tuple[str, bytes]], run: Run) -> None:
        if not copies:
            # What has expired at the broker never reaches the bridge.
            may_be_gone = command.expiry_s is not None and not run.entries
            if command.is_acknowledged and not may_be_gone:
                self._fault(command.key, "no final reply")
            return
        self.verdict.repeated_replies += len(copies) > command.copies * max(1, len(command.reply_topics))
        if len({payload.replace(_DUPLICATE, b"") for _, payload in copies}) > 1:
            self._fault(command.key, f"final replies that differ: {copies}")
        for topic in command.reply_topics:
            if not any(place == topic for place, _ in copies):
                self._fault(command.key, f"no final reply on {topic}")
        if len(copies) < command.copies:
            self._fault(command.key, f"published {command.copies} times and answered {len(copies)} times")

    def _judge_end(self, command: Command, reply: Mapping[str, Any], run: Run) -> None:
        status = reply["status"]
        self.verdict.statuses[status] += 1
        if status not in FINAL:
            self._fault(command.key, f"ended as {status}")
        if status == "partial":
            for call in reply["calls"]:
                self._judge_status(command, call, call["device_names"], run)
        else:
            self._judge_status(command, reply, command.devices, run)

    def _judge_status(self, command: Command, end: Mapping[str, Any], devices: Iterable[str], run: Run) -> None:
        status = end["status"]
        by_device = status == "failed" and end["error"]["source"] == "device"
        for device in devices:
            if status in MUST_HAVE_RUN and run.executed[device] == 0:
                self._fault(command.key, f"told {status}, and it did not run on {device}")
            if status in CANNOT_HAVE_RUN and run.executed[device] > 0 and not by_device:
                self._fault(command.key, f"told {status}, and it ran on {device}")

    # Order

    def _lanes(self) -> dict[tuple[str, str], list[Command]]:
        lanes: dict[tuple[str, str], list[Command]] = defaultdict(list)
        for command in sorted(self._commands.values(), key=lambda each: each.published):
            if command.order == "device":
                for device in command.devices:
                    lanes["device", device].append(command)
            elif command.order == "rule":
                lanes["rule", command.rule].append(command)
        return lanes

    def _judge_order(self, runs: Mapping[str, Run], ends: Mapping[str, str]) -> None:
        for (kind, name), commands in self._lanes().items():
            floor, before = 0, ""
            for command in commands:
                run = runs[command.key]
                calls = run.of_device(name) if kind == "device" else run.entries
                if not calls:
                    continue
                if calls[0]["seq"] < floor:
                    self._fault(command.key, f"came before {before}, which was sent earlier, in the lane {name}")
                ended = _surely_over(command, calls, ends.get(command.key))
                if ended > floor:
                    floor, before = ended, command.key


def _surely_over(command: Command, calls: list[Entry], status: str | None) -> int:
    """The number of the last call that the bridge surely waited for.

    A call of a command that ended `unknown` can reach the platform after the bridge has given it up, and so can all but
    one of the attempts of an idempotent command.
    """
    if status in (None, "unknown", "partial"):
        return 0
    if command.is_idempotent and any(not is_sure_refusal(call) for call in calls[:-1]):
        return int(calls[0]["seq"])
    return int(calls[-1]["seq"])
