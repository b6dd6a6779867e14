"""The oracle sees each kind of broken promise."""

from __future__ import annotations

import json
from typing import Any

from oracle import Command, judge

ONCE, SAFE = Command("a", False), Command("b", True)


def reply(command_id: str, status: str, **more: Any) -> bytes:
    return json.dumps({"id": command_id, "status": status, "final": True, **more}, separators=(",", ":")).encode()


def call(command_id: str, ran: bool = True) -> dict[str, Any]:
    return {"args": json.dumps({"id": command_id}), "executed": ["lamp"] if ran else []}


def test_a_good_run_has_no_faults():
    verdict = judge([ONCE, SAFE], {"a": [reply("a", "ok")], "b": [reply("b", "ok")] * 2}, [call("a"), call("b"), call("b")])
    assert verdict.faults == []
    assert verdict.statuses == {"ok": 2}
    assert (verdict.repeated_replies, verdict.repeated_calls) == (1, 1)


def test_a_missing_reply_is_seen():
    assert judge([ONCE], {}, [call("a")]).faults == ["a: no final reply"]


def test_a_second_call_of_what_is_not_idempotent_is_seen():
    assert "called 2 times" in judge([ONCE], {"a": [reply("a", "ok")]}, [call("a"), call("a")]).faults[0]


def test_two_endings_are_seen():
    faults = judge([ONCE], {"a": [reply("a", "ok"), reply("a", "unknown")]}, [call("a")]).faults
    assert "differ" in faults[0]


def test_the_mark_of_a_duplicate_is_no_difference():
    verdict = judge([ONCE], {"a": [reply("a", "ok"), reply("a", "ok", duplicate=True)]}, [call("a")])
    assert verdict.faults == []


def test_success_without_a_run_is_seen():
    assert "did not run" in judge([ONCE], {"a": [reply("a", "accepted")]}, []).faults[0]


def test_a_run_that_was_told_as_refused_is_seen():
    assert "and it ran" in judge([ONCE], {"a": [reply("a", "expired")]}, [call("a")]).faults[0]


def test_unknown_may_have_run_or_not():
    assert judge([ONCE], {"a": [reply("a", "unknown")]}, []).faults == []
    assert judge([ONCE], {"a": [reply("a", "unknown")]}, [call("a")]).faults == []


def test_what_nobody_sent_is_seen():
    faults = judge([], {"x": [reply("x", "ok")]}, [call("y")]).faults
    assert len(faults) == 2


def test_a_status_that_is_not_final_is_seen():
    assert "ended as queued" in judge([ONCE], {"a": [reply("a", "queued")]}, []).faults[0]
