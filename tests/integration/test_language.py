"""The program and the reference of the rule language (lib/language) say the same of made-up rules and messages."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random, SystemRandom
from typing import Mapping

import pytest

from harness.bridge import run_cli
from language.answers import SECRET
from language.checks import Told, Verdict, compare_sets, run_check
from language.compare import NO_END, SENT, Disagreement, compare, disagreements, is_as_meant, one_a_line, told_refusals
from language.family_replies import ALLOWS
from language.generator import FAMILIES
from language.replies import ReplyTopics
from language.rules import Document, Outcome, outcome_of
from language.values import Number

FIXED_SEED = 1
FILES = 2  # of each family and seed
EXPLAINED = 40
SETS = 50
CONFIG = {
    "mqtt": {"url": "mqtt://localhost:1883"},
    "platform": {
        "endpoint": "https://si-example.tuyacloud.com:8686/", "access_key_id": "k",
        "access_key_secret": {"env": "NOWHERE"},
    },
    "mappings": [],
}
DOCUMENT = {
    "version": 1,
    "rules": [
        {
            "name": "lamp", "topic": "home/{device}/set", "product_key": "k1", "reply": "none",
            "invoke": {"identifier": "Set", "device": "${device}", "args": {"level": "${payload.level | int}"}},
        }
    ],
}


def with_options(*options: str | Path):
    """The program, with options behind the name of the subcommand."""

    def run(command: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return run_cli(command, *options, *arguments)

    return run


@pytest.fixture(scope="session", params=["fixed", "random"])
def seed(request: pytest.FixtureRequest) -> int:
    if request.param == "fixed":
        return FIXED_SEED
    given = request.config.getoption("--language-seed")
    return SystemRandom().randrange(1 << 32) if given is None else given


@pytest.mark.parametrize("family", FAMILIES)
def test_the_program_does_what_the_reference_says(family: str, seed: int, tmp_path: Path):
    random = Random(f"{seed} {family}")
    counts: Counter[str] = Counter()
    for _ in range(FILES):
        comparison = compare(run_cli, tmp_path / "rules.yaml", *FAMILIES[family](random))
        told = "\n".join(map(str, comparison.disagreements[:5]))
        assert not comparison.disagreements, f"--language-seed={seed} shows it again:\n{told}"
        counts += comparison.counts
    sent = sum(counts[status] for status in SENT)
    assert sent > counts.total() / 5, f"seed {seed}: few messages became requests, so little is shown"


@pytest.mark.parametrize("allow", ALLOWS, ids=str)
def test_reply_topics_of_requesters_are_held_to_the_configuration(allow: list[str], seed: int, tmp_path: Path):
    config = tmp_path / "thingbridge.yaml"
    config.write_text(json.dumps({**CONFIG, "reply": {"allow": allow}}))
    made = FAMILIES["replies"](Random(f"{seed} {allow}"))
    comparison = compare(with_options("-c", config), tmp_path / "rules.yaml", *made, allow)
    told = "\n".join(map(str, comparison.disagreements[:5]))
    assert not comparison.disagreements, f"--language-seed={seed} shows it again:\n{told}"


def test_a_reply_topic_that_is_left_out_is_told(seed: int, tmp_path: Path):
    document, messages = FAMILIES["replies"](Random(f"{seed} refusals"))
    outcomes = [outcome_of(document, message) for message in messages]
    requests = [(m, o) for m, o in zip(messages, outcomes) if not o.codes and "\0" not in m["payload"]][:EXPLAINED]
    (tmp_path / "rules.yaml").write_text(one_a_line({**document, "tests": []}))
    told = told_refusals(run_cli, tmp_path / "rules.yaml", [message for message, _ in requests])
    wrong = [message for (message, outcome), said in zip(requests, told) if said != outcome.replies.is_refused]
    assert wrong == [], f"--language-seed={seed} shows it again"
    assert len(set(told)) == 2, f"seed {seed}: too little is shown"


def test_check_says_of_sets_of_rules_what_trying_every_topic_says(seed: int, tmp_path: Path):
    counts, wrong = compare_sets(run_cli, tmp_path, Random(f"{seed} sets"), SETS)
    assert wrong == [], f"--language-seed={seed} shows it again:\n" + "\n".join(wrong)
    assert min(counts[name] for name in ("unreached", "crossed", "loops", "no loop")) > 0, "too little is shown"
    assert counts["left out"] < counts.total() / 5


# ---- the comparison can fail


def disagreements_on(payload: str, tmp_path: Path, **changes: object) -> list[Disagreement]:
    """With changes of what the reference expects of the message."""
    return disagreements_of({"topic": "home/lamp-1/set", "payload": payload}, tmp_path, changes)


def disagreements_of(message: Document, tmp_path: Path, changes: Mapping[str, object]) -> list[Disagreement]:
    outcome = replace(outcome_of(DOCUMENT, message), **changes)
    return disagreements(run_cli, tmp_path / "rules.yaml", DOCUMENT, [message], [outcome])


def test_what_is_right_is_no_disagreement(tmp_path: Path):
    assert disagreements_on('{"level":5}', tmp_path) == []
    assert disagreements_on('{"level":"x"}', tmp_path) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": None},
        {"action": "InvokeThingsService"},
        {"calls": 2},
        {"parameters": {"DeviceName": "lamp-2"}},
        {"parameters": {"Args": {"level": Number("5.0")}}},
        {"parameters": {"IotId": "a"}},
        {"id": "mine"},
        {"is_expired": True},
        {"codes": {"filter_failed"}},
    ],
    ids=str,
)
def test_a_wrong_expectation_of_a_request_is_told(changes: dict[str, object], tmp_path: Path):
    (told,) = disagreements_on('{"level":5}', tmp_path, **changes)
    assert told.differences and "home/lamp-1/set" in str(told)


@pytest.mark.parametrize(
    "changes", [{"codes": set(), "parameters": {}}, {"codes": {"member_missing"}}, {"id": "mine"}], ids=str
)
def test_a_wrong_expectation_of_a_rejection_is_told(changes: dict[str, object], tmp_path: Path):
    (told,) = disagreements_on('{"level":"x"}', tmp_path, **changes)
    assert told.differences


ANSWERED = {
    "topic": "home/lamp-1/set",
    "payload": '{"level":5}',
    "answer": {"body": {"Success": True, "RequestId": "r", "Data": {"MessageId": "m", "Result": '{"a":1e2}'}}},
}


def test_a_right_reply_is_no_disagreement(tmp_path: Path):
    assert disagreements_of(ANSWERED, tmp_path, {}) == []


@pytest.mark.parametrize(
    "member",
    [
        {"status": "accepted"},
        {"status": "failed", "code": "device_error"},
        {"platform_code": "x"},
        {"message_id": None},
        {"request_id": "other"},
        {"result": '{"a":100.0}'},
        {"result": None},
        {"target": {"device_name": "lamp-1"}},
        {"failed_devices": []},
    ],
    ids=str,
)
def test_a_wrong_expectation_of_a_reply_is_told(member: Document, tmp_path: Path):
    reply = outcome_of(DOCUMENT, ANSWERED).reply
    (told,) = disagreements_of(ANSWERED, tmp_path, {"reply": {**reply, **member}})
    assert told.differences


@pytest.mark.parametrize("detail", ["a\nb", "\x9b", f"x {SECRET}", "é" * 256], ids=ascii)
def test_a_detail_that_nobody_should_read_is_told(detail: str):
    outcome = Outcome("lamp", reply={"status": "failed", "code": "device_error"})
    difference = {"what": "reply.status", "expected": NO_END, "got": f"failed, code device_error: {detail}"}
    assert not is_as_meant(outcome, difference)
    assert is_as_meant(outcome, {**difference, "got": "failed, code device_error: no"})


def test_of_several_reasons_to_reject_each_is_right(tmp_path: Path):
    codes = {"argument_invalid", "filter_failed", "name_invalid"}
    assert disagreements_on('{"level":"x"}', tmp_path, codes=codes) == []


def test_rules_that_do_not_load_are_told(tmp_path: Path):
    document = {"version": 1, "rules": [{"name": "lamp"}]}
    with pytest.raises(AssertionError, match="does not load"):
        disagreements(run_cli, tmp_path / "rules.yaml", document, [{"topic": "a"}], [Outcome()])


# ---- what check says can be wrong

SPECIAL, WIDE, GENERAL = ({"name": name, "topic": topic} for name, topic in (("r0", "a/b"), ("r1", "a/{y}"), ("r2", "{x}/b")))


def wrong_words(rules: list[dict[str, object]], told: Told) -> list[str]:
    invoke = {"identifier": "Set", "device": "lamp-1"}
    made = [{"reply": {"ack": "none", "result": "a/${topic}"}, **rule, "invoke": invoke} for rule in rules]
    return Verdict(Random(1), [{"version": 1, "defaults": {}, "rules": made}], told).wrong


@pytest.mark.parametrize(
    "rules,told,words",
    [
        ([WIDE, SPECIAL], Told(unreached={"r1": "r0"}), "but takes"),
        ([WIDE, SPECIAL, GENERAL], Told(unreached={"r0": "r2"}), "takes none of its messages"),
        ([WIDE, GENERAL], Told(crossed={"r2": ("b/b", "r1")}), "fits only ['r2']"),
        ([SPECIAL, WIDE, GENERAL], Told(crossed={"r2": ("a/b", "r1")}), "and is by r0"),
        ([SPECIAL, WIDE], Told(crossed={"r1": ("a/b", "r0")}), "do not fit messages of each other"),
        ([WIDE], Told(loops={("r1", "a/${topic}"): "r1"}), "no topic shows that it loops"),
        ([{**WIDE, "reply": {"result": "a/x", "ack": "none"}}], Told(), "loops, and is not refused"),
        ([{**WIDE, "reply": {"result": "${payload}", "ack": "none"}}], Told(loops={("r1", "${payload}"): "r1"}), "depends"),
        ([WIDE], Told(closed={("r1", "a/${topic}")}), "is said to be closed"),
        ([WIDE], Told(others=["r1: this is wrong"]), "this is wrong"),
    ],
)
def test_wrong_words_of_check_are_told(rules: list[dict[str, object]], told: Told, words: str):
    assert any(words in wrong for wrong in wrong_words(rules, told))


def test_right_words_of_check_are_not_told():
    told = Told(unreached={"r0": "r1"}, crossed={"r2": ("a/b", "r1")})
    assert wrong_words([WIDE, SPECIAL, GENERAL], told) == []


def test_a_wrong_expectation_of_a_reply_topic_is_told(tmp_path: Path):
    (told,) = disagreements_on('{"level":5}', tmp_path, replies=ReplyTopics(result="home/x"))
    assert [item["what"] for item in told.differences] == ["result_topic"]
