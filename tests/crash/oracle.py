"""Judges a run by three records: the commands that the broker acknowledged, the final replies that came, and the
simulated platform's journal of what ran."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

FINAL = {"ok", "accepted", "failed", "rejected", "expired", "superseded", "partial", "unknown"}
MUST_HAVE_RUN = {"ok", "accepted"}
CANNOT_HAVE_RUN = {"failed", "rejected", "expired", "superseded"}
_DUPLICATE = b',"duplicate":true'


@dataclass(frozen=True)
class Command:
    id: str
    is_idempotent: bool


@dataclass
class Verdict:
    faults: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    repeated_replies: int = 0
    repeated_calls: int = 0


def calls_by_id(journal: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Journal entries by the command's id, which the test's rules pass on as the argument `id`."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in journal:
        found[json.loads(entry["args"])["id"]].append(entry)
    return found


def judge(
    commands: Iterable[Command], replies: Mapping[str, list[bytes]], journal: Iterable[Mapping[str, Any]]
) -> Verdict:
    """`replies` are the payloads of all final replies by command id, in the order in which they came."""
    verdict = Verdict()
    calls = calls_by_id(journal)
    known = {command.id for command in commands}
    for command in commands:
        _judge_command(command, replies.get(command.id, []), calls.get(command.id, []), verdict)
    verdict.faults += [f"{id}: a reply to a command that nobody sent" for id in replies.keys() - known]
    verdict.faults += [f"{id}: a call for a command that nobody sent" for id in calls.keys() - known]
    return verdict


def _judge_command(
    command: Command, copies: list[bytes], calls: list[Mapping[str, Any]], verdict: Verdict
) -> None:
    runs = sum(len(call["executed"]) for call in calls)
    verdict.repeated_calls += len(calls) > 1
    if len(calls) > 1 and not command.is_idempotent:
        verdict.faults.append(f"{command.id}: called {len(calls)} times and not idempotent")
    if not copies:
        verdict.faults.append(f"{command.id}: no final reply")
        return
    verdict.repeated_replies += len(copies) > 1
    if len({copy.replace(_DUPLICATE, b"") for copy in copies}) > 1:
        verdict.faults.append(f"{command.id}: final replies that differ: {copies}")
    status = json.loads(copies[0])["status"]
    verdict.statuses[status] += 1
    if status not in FINAL:
        verdict.faults.append(f"{command.id}: ended as {status}")
    if status in MUST_HAVE_RUN and runs == 0:
        verdict.faults.append(f"{command.id}: told {status}, and it did not run")
    if status in CANNOT_HAVE_RUN and runs > 0:
        verdict.faults.append(f"{command.id}: told {status}, and it ran")
