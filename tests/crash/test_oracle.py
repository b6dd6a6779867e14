"""The oracle sees each kind of broken promise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oracle import Command, Oracle, Verdict, real_times

START = 1_000_000.0
SLACK_S = 1.0
_seq = 0


def command(key: str, device: str = "lamp", **more: Any) -> Command:
    settings = {"rule": "r", "devices": (device,), "published": START + int(key), "expire_s": 10.0, **more}
    return Command(key, **settings)


def reply(key: str, status: str = "ok", place: str = "reply", **more: Any) -> tuple[str, bytes]:
    fields = {"topic": f"crash/r/{key}", "status": status, "final": True, **more}
    return f"crash/r/{key}/{place}", json.dumps(fields, separators=(",", ":")).encode()


def call(key: str, *devices: str, ran: bool = True, after_s: float = 1.0, **more: Any) -> dict[str, Any]:
    global _seq
    _seq += 1
    names = list(devices or ["lamp"])
    return {
        "seq": _seq, "time": START + int(key) + after_s, "args": json.dumps({"id": key}), "device_names": names,
        "executed": names if ran else [], "nonce": f"n{_seq}", "code": None, "http_status": 200, "fault": None, **more,
    }


def judge(commands: list[Command], replies: list[tuple[str, bytes]], journal: list[dict[str, Any]]) -> Verdict:
    return Oracle(commands, SLACK_S).judge(replies, journal)


def fault(commands: list[Command], replies: list[tuple[str, bytes]], journal: list[dict[str, Any]]) -> str:
    """The one fault."""
    faults = judge(commands, replies, journal).faults
    assert len(faults) == 1, faults
    return faults[0]


def test_a_good_run_has_no_faults():
    commands = [command("1"), command("2", is_idempotent=True)]
    verdict = judge(commands, [reply("1"), reply("2"), reply("2")], [call("1"), call("2"), call("2")])
    assert verdict.faults == []
    assert verdict.statuses == {"ok": 2}
    assert (verdict.repeated_replies, verdict.repeated_calls) == (1, 1)


def test_a_missing_reply_is_seen():
    assert fault([command("1")], [], [call("1")]) == "1: no final reply"


def test_what_the_broker_did_not_acknowledge_needs_no_reply():
    assert judge([command("1", is_acknowledged=False)], [], []).faults == []


def test_what_expired_at_the_broker_needs_no_reply_unless_it_was_sent():
    assert judge([command("1", expiry_s=5)], [], []).faults == []
    assert "no final reply" in fault([command("1", expiry_s=5)], [], [call("1")])


def test_a_reply_that_misses_at_one_of_its_topics_is_seen():
    two = command("1", reply_topics=("crash/r/1/reply", "crash/r/1/rsp"))
    assert judge([two], [reply("1"), reply("1", place="rsp")], [call("1")]).faults == []
    assert "no final reply on crash/r/1/rsp" in fault([two], [reply("1")], [call("1")])


def test_a_second_copy_of_a_command_wants_a_reply_too():
    twice = command("1", copies=2)
    assert judge([twice], [reply("1"), reply("1", duplicate=True)], [call("1")]).faults == []
    assert "answered 1 times" in fault([twice], [reply("1")], [call("1")])


def test_two_endings_are_seen():
    assert "differ" in fault([command("1")], [reply("1"), reply("1", "unknown")], [call("1")])


def test_a_second_run_of_what_is_not_idempotent_is_seen():
    faults = judge([command("1")], [reply("1")], [call("1"), call("1")]).faults
    assert any("ran 2 times" in each for each in faults)


@pytest.mark.parametrize("spoilt", [{"http_status": None}, {"http_status": 500, "code": "InternalError"}])
def test_a_second_attempt_after_one_that_may_have_run_is_seen_though_it_did_not(spoilt: dict[str, Any]):
    assert "sent again" in fault([command("1")], [reply("1")], [call("1", ran=False, **spoilt), call("1")])


@pytest.mark.parametrize(
    "answer",
    [
        {"code": "Throttling.User", "http_status": 200},
        {"code": "InvalidTimeStamp.Expired", "http_status": 400},
        {"code": "ServiceUnavailable", "http_status": 503},
        {"code": None, "http_status": 400},
    ],
)
def test_a_second_attempt_after_a_sure_refusal_is_right(answer: dict[str, Any]):
    refused = call("1", ran=False, **answer)
    assert judge([command("1")], [reply("1")], [refused, call("1")]).faults == []


@pytest.mark.parametrize("status", ["ok", "accepted"])
def test_success_without_a_run_is_seen(status: str):
    assert "did not run" in fault([command("1")], [reply("1", status)], [])


def test_success_of_several_devices_means_each_of_them():
    both = command("1", devices=("a", "b"))
    assert judge([both], [reply("1", "accepted")], [call("1", "a"), call("1", "b")]).faults == []
    assert "did not run on b" in fault([both], [reply("1", "accepted")], [call("1", "a")])


@pytest.mark.parametrize("status", ["rejected", "expired", "superseded"])
def test_a_run_that_was_told_as_refused_is_seen(status: str):
    assert "and it ran" in fault([command("1")], [reply("1", status)], [call("1")])


def test_only_the_device_may_fail_what_ran():
    assert "and it ran" in fault([command("1")], [reply("1", "failed", error={"source": "platform"})], [call("1")])
    assert judge([command("1")], [reply("1", "failed", error={"source": "device"})], [call("1")]).faults == []


def test_unknown_may_have_run_or_not():
    assert judge([command("1")], [reply("1", "unknown")], []).faults == []
    assert judge([command("1")], [reply("1", "unknown")], [call("1")]).faults == []


def test_the_calls_of_a_partial_end_are_judged_one_by_one():
    both = command("1", devices=("a", "b"))
    calls = [{"status": "accepted", "device_names": ["a"]}, {"status": "expired", "device_names": ["b"]}]
    assert judge([both], [reply("1", "partial", calls=calls)], [call("1", "a")]).faults == []
    assert "it ran on b" in fault([both], [reply("1", "partial", calls=calls)], [call("1", "a"), call("1", "b")])


def test_a_late_request_is_seen():
    """An unknown age may be one `expire` more, a told one may not."""
    told = command("1", tells_age=True)
    assert judge([told], [reply("1")], [call("1", after_s=10.9)]).faults == []
    assert "after its deadline" in fault([told], [reply("1")], [call("1", after_s=11.1)])
    assert judge([command("1")], [reply("1")], [call("1", after_s=20.9)]).faults == []
    assert "after its deadline" in fault([command("1")], [reply("1")], [call("1", after_s=21.1)])
    assert "after its deadline" in fault([command("1", expiry_s=5)], [reply("1")], [call("1", after_s=7.1)])


def test_hours_by_which_the_platforms_clock_was_moved_do_not_count():
    journal = [call("1"), call("1", after_s=3602), call("1", after_s=-3597)]
    assert real_times(journal, START) == [START + 2, START + 3, START + 4]


def test_a_nonce_that_comes_again_is_seen():
    journal = [call("1", nonce="n"), call("2", "other", nonce="n")]
    assert "nonce n" in fault([command("1"), command("2", "other")], [reply("1"), reply("2")], journal)


def test_a_command_that_overtakes_another_of_its_device_is_seen():
    journal = [call("2"), call("1")]
    assert "came before 1" in fault([command("1"), command("2")], [reply("1"), reply("2")], journal)


def test_devices_do_not_wait_for_each_other():
    journal = [call("2", "other"), call("1")]
    assert judge([command("1"), command("2", "other")], [reply("1"), reply("2")], journal).faults == []


def test_the_order_of_a_rule_holds_over_its_devices():
    commands = [command("1", order="rule"), command("2", "other", order="rule")]
    journal = [call("2", "other"), call("1")]
    assert "came before 1" in fault(commands, [reply("1"), reply("2")], journal)


def test_without_order_all_is_right():
    commands = [command("1", order="none"), command("2", order="none")]
    assert judge(commands, [reply("1"), reply("2")], [call("2"), call("1")]).faults == []


def test_what_ended_unknown_may_come_late():
    commands = [command("1"), command("2")]
    assert judge(commands, [reply("1", "unknown"), reply("2")], [call("2"), call("1")]).faults == []


def test_folded_commands_are_told_apart_by_their_devices():
    commands = [command("1", "a", batch="g"), command("2", "b", batch="g")]
    folded = call("1", "a", "b", args=json.dumps({"batch": "g"}))
    verdict = judge(commands, [reply("1", "accepted"), reply("2", "accepted")], [folded])
    assert (verdict.faults, verdict.folded_calls) == ([], 1)


def test_what_nobody_sent_is_seen():
    assert len(judge([], [reply("7")], [call("8")]).faults) == 2


def test_a_status_that_is_not_final_is_seen():
    assert "ended as queued" in fault([command("1")], [reply("1", "queued")], [])
