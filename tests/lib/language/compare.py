"""Writes what the reference expects as the tests of a mapping file, and reads what the program says of them."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Sequence

from .replies import DEFAULT_ALLOW
from .rules import Document, Outcome, outcome_of
from .values import write_json, write_yaml

ANSWER = {"status": 200, "body": {"Success": True}}
_REJECTED = re.compile(r"rejected, code (\w+): ")

RunCli = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Disagreement:
    rule: Document | None
    test: Document
    differences: Sequence[Document]

    def __str__(self) -> str:
        lines = [f"  rule {write_yaml(self.rule)}", f"  test {write_yaml(self.test)}"]
        lines += (f"    {item['what']}: expected {item['expected']}, got {item['got']}" for item in self.differences)
        return "\n".join(lines)


def expectation(outcome: Outcome, objects_as_text: bool) -> dict[str, Any]:
    if outcome.rule is None:
        return {"no_rule": True}
    if outcome.codes:
        code = min(outcome.codes)
        reply = {"status": "rejected", "id": outcome.id}
        return {"rule": outcome.rule, "rejected": code, **outcome.replies.as_expected(), "reply": reply}
    if outcome.is_expired:
        reply = {"status": "expired", "id": outcome.id}
        return {"rule": outcome.rule, "expired": True, **outcome.replies.as_expected(), "reply": reply}
    parameters = as_text(outcome.parameters) if objects_as_text else outcome.parameters
    return {
        "rule": outcome.rule, "action": outcome.action, "calls": outcome.calls, **parameters,
        **outcome.replies.as_expected(),
        "reply": {"status": "accepted", "id": outcome.id},
    }


def as_text(parameters: Document) -> dict[str, Any]:
    """Objects as the text that is sent, in place of the object that it means."""
    return {name: write_json(value) if isinstance(value, dict) else value for name, value in parameters.items()}


def with_tests(document: Document, messages: Sequence[Document], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    tests = [
        {"name": str(number), **message, "answer": ANSWER, "expect": expectation(outcome, number % 2 == 0)}
        for number, (message, outcome) in enumerate(zip(messages, outcomes))
    ]
    return {**document, "tests": tests}


@dataclass(frozen=True)
class Comparison:
    counts: Counter[str]  # of what the reference expects: a request, a code, expired, no_rule
    disagreements: list[Disagreement]


def compare(
    run_cli: RunCli, file: Path, document: Document, messages: Sequence[Document], allow: Sequence[str] = DEFAULT_ALLOW
) -> Comparison:
    """What program and reference say of the messages. The file is written for it."""
    outcomes = [outcome_of(document, message, allow) for message in messages]
    different = disagreements(run_cli, file, document, messages, outcomes)
    return Comparison(Counter(map(kind_of, outcomes)), different)


def disagreements(
    run_cli: RunCli, file: Path, document: Document, messages: Sequence[Document], outcomes: Sequence[Outcome]
) -> list[Disagreement]:
    tested = with_tests(document, messages, outcomes)
    file.write_text(one_a_line(tested))
    done = run_cli("test", "--json", file)
    assert done.returncode in (0, 1), f"the program does not load {file}:\n{done.stdout}{done.stderr}"
    told = json.loads(done.stdout)["tests"]
    assert len(told) == len(messages)
    rules = {rule["name"]: rule for rule in document["rules"]}
    return [
        Disagreement(rules.get(outcome.rule), test, item["differences"])
        for item, test, outcome in zip(told, tested["tests"], outcomes)
        if not item["passed"] and not is_another_reason(outcome, item["differences"])
    ]


def told_refusals(run_cli: RunCli, file: Path, messages: Sequence[Document]) -> list[bool]:
    """Whether the program leaves out a reply topic, of messages that become requests. The file is there."""
    told = []
    for message in messages:
        options = [f"--property={name}={value}" for name, value in message.get("properties", {}).items()]
        if "response_topic" in message:
            options.append(f"--response-topic={message['response_topic']}")
        done = run_cli("explain", "--json", "-m", file, *options, "--", message["topic"], message["payload"])
        assert done.returncode == 0, done.stdout + done.stderr
        told.append(json.loads(done.stdout)["command"].get("reply_topic_refused", False))
    return told


def kind_of(outcome: Outcome) -> str:
    if outcome.rule is None:
        return "no_rule"
    return min(outcome.codes) if outcome.codes else "expired" if outcome.is_expired else "request"


def is_another_reason(outcome: Outcome, differences: Sequence[Document]) -> bool:
    """Rejected for another of several good reasons."""
    if len(differences) != 1 or differences[0]["what"] != "outcome":
        return False
    told = _REJECTED.match(differences[0]["got"])
    return told is not None and told[1] in outcome.codes


def one_a_line(document: Document) -> str:
    """JSON, which is YAML, with a line for each rule and test, so that places mean something."""
    rest = {name: value for name, value in document.items() if name not in ("rules", "tests")}
    lists = (
        write_yaml(name) + ": [\n" + ",\n".join(map(write_yaml, document[name])) + "\n]" for name in ("rules", "tests")
    )
    return write_yaml(rest)[:-1] + ",\n" + ",\n".join(lists) + "}\n"
