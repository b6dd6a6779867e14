"""Writes what the reference expects as the tests of a mapping file, and reads what the program says of them."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Sequence

from .answers import SECRET
from .replies import DEFAULT_ALLOW
from .rules import Document, Outcome, outcome_of
from .values import MISSING, Number, read_json, write_json, write_yaml

ANSWER = {"status": Number("200"), "body": {"Success": True}}
# Begins texts that differ from all that can be there, so that the program tells what is there: with the text of its
# numbers, as it compares them by value.
EXACTLY = "exactly: "
NONE = "(none)"
# As EXACTLY: no final reply is queued.
NO_END = "queued"
# Kinds of outcomes: a request left, and the reply has this status.
SENT = ("accepted", "ok", "failed", "partial", "unknown", "expired")
_REJECTED = re.compile(r"rejected, code (\w+): ")
_ENDED = re.compile(r"(\w+)(?:, code (\w+): (.*))?", re.DOTALL)
_UNFIT = re.compile(r"[\0-\x1f\x7f-\x9f]|%26|%2F&|" + SECRET)

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


def expectation(outcome: Outcome, is_exact: bool) -> dict[str, Any]:
    if outcome.rule is None:
        return {"no_rule": True}
    if outcome.codes:
        code = min(outcome.codes)
        reply = {"status": "rejected", "id": outcome.id}
        return {"rule": outcome.rule, "rejected": code, **outcome.replies.as_expected(), "reply": reply}
    if outcome.is_expired:
        reply = {"status": "expired", "id": outcome.id}
        return {"rule": outcome.rule, "expired": True, **outcome.replies.as_expected(), "reply": reply}
    parameters = exactly(outcome.parameters) if is_exact else outcome.parameters
    return {
        "rule": outcome.rule, "action": outcome.action, "calls": outcome.calls, **parameters,
        **outcome.replies.as_expected(),
        "reply": {**expected_reply(outcome.reply, is_exact), "id": outcome.id},
    }


def exactly(parameters: Document) -> dict[str, Any]:
    return {
        name: EXACTLY + write_json(value) if isinstance(value, dict) else value for name, value in parameters.items()
    }


def expected_reply(reply: Document, is_exact: bool) -> dict[str, Any]:
    told = {name: told_text(value) for name, value in reply.items() if name not in ("status", "code")}
    code = {"code": reply["code"]} if reply.get("code") else {}
    return {"status": NO_END if told and is_exact else reply["status"], **code, **told}


def told_text(value: Any) -> str:
    return EXACTLY + (NONE if value is None else value if isinstance(value, str) else write_json(value))


def is_as_meant(outcome: Outcome, difference: Document) -> bool:
    """The program tells what is there, and it is what the reference says."""
    expected, got = difference["expected"], difference["got"]
    if difference["what"] == "reply.status" and expected == NO_END:
        status, code, detail = _ENDED.fullmatch(got).groups()
        return (status, code) == (outcome.reply["status"], outcome.reply.get("code", code)) and is_fit(detail or "")
    if expected.startswith('"'):
        expected = json.loads(expected)
    if not expected.startswith(EXACTLY):
        return False
    expected = expected.removeprefix(EXACTLY)
    return expected == got or MISSING != read_json(expected)[0] == read_json(got)[0]


def is_fit(detail: str) -> bool:
    """For people: no control characters, nothing secret, and not without end."""
    return not _UNFIT.search(detail) and len(detail.encode()) < 512


def with_tests(document: Document, messages: Sequence[Document], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    tests = [
        {"name": str(number), "answer": ANSWER, **message, "expect": expectation(outcome, number % 2 == 0)}
        for number, (message, outcome) in enumerate(zip(messages, outcomes))
    ]
    return {**document, "tests": tests}


@dataclass(frozen=True)
class Comparison:
    counts: Counter[str]  # of what the reference expects: one of SENT, a code, too late, no_rule
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
    for name, model in document.get("models", {}).items():
        file.with_name(name).write_text(write_json(model))
    done = run_cli("test", "--json", file)
    assert done.returncode in (0, 1), f"the program does not load {file}:\n{done.stdout}{done.stderr}"
    told = json.loads(done.stdout)["tests"]
    assert len(told) == len(messages)
    rules = {rule["name"]: rule for rule in document["rules"]}
    told_of = [
        [difference for difference in item["differences"] if not is_as_meant(outcome, difference)]
        for item, outcome in zip(told, outcomes)
    ]
    return [
        Disagreement(rules.get(outcome.rule), test, differences)
        for differences, test, outcome in zip(told_of, tested["tests"], outcomes)
        if differences and not is_another_reason(outcome, differences)
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
    return min(outcome.codes) if outcome.codes else "too late" if outcome.is_expired else outcome.reply["status"]


def is_another_reason(outcome: Outcome, differences: Sequence[Document]) -> bool:
    """Rejected for another of several good reasons."""
    if len(differences) != 1 or differences[0]["what"] != "outcome":
        return False
    told = _REJECTED.match(differences[0]["got"])
    return told is not None and told[1] in outcome.codes


def one_a_line(document: Document) -> str:
    """JSON, which is YAML, with a line for each rule and test, so that places mean something."""
    rest = {name: value for name, value in document.items() if name not in ("rules", "tests", "models")}
    lists = (
        write_yaml(name) + ": [\n" + ",\n".join(map(write_yaml, document[name])) + "\n]" for name in ("rules", "tests")
    )
    return write_yaml(rest)[:-1] + ",\n" + ",\n".join(lists) + "}\n"
