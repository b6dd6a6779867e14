"""The control path: what it changes, and that it refuses what it does not understand."""

from __future__ import annotations

import pytest

from simulator.client import SimulatorError, exchange
from simulator.conftest import LAMP, Seen

LAMP_1 = {"product_key": LAMP["ProductKey"], "device_name": "hall-lamp-1"}


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("device", {}, "product_key"),
        ("device", {"product_key": "x", "device_name": "y"}, "no device"),
        ("device", {**LAMP_1, "state": "asleep"}, "asleep"),
        ("device", {**LAMP_1, "colour": "red"}, "colour"),
        ("device", {**LAMP_1, "result_style": "loud"}, "loud"),
        ("device", {**LAMP_1, "code": "5"}, "code"),
        ("device", {**LAMP_1, "message": 5}, "message"),
        ("device", {**LAMP_1, "delay_s": -1}, "delay_s"),
        ("quota", {"Explode": 5}, "Explode"),
        ("quota", {"InvokeThingService": -1}, "InvokeThingService"),
        ("quota", {"InvokeThingService": True}, "InvokeThingService"),
        ("clock", {}, "offset_s"),
        ("clock", {"offset_s": "1"}, "offset_s"),
        ("clock", {"offset_s": 1e12}, "offset_s"),
        ("limits", {"sync_timeout_s": -1}, "sync_timeout_s"),
        ("limits", {"colour": 1}, "colour"),
        ("account", {"access_key_id": "nobody"}, "nobody"),
        ("reset", {"now": True}, "now"),
    ],
)
def test_wrong_input_is_refused_with_a_reason(seen: Seen, name: str, body: dict, words: str) -> None:
    with pytest.raises(SimulatorError, match=words):
        seen.process.control("POST", name, body)


def test_wrong_account_state_is_refused(seen: Seen) -> None:
    with pytest.raises(SimulatorError, match="state"):
        seen.process.account(state="asleep")


def test_refused_device_change_changes_nothing(seen: Seen) -> None:
    with pytest.raises(SimulatorError):
        seen.process.device("hall-lamp-1", state="offline", delay_s=-1)
    assert seen.process.device("hall-lamp-1")["state"] == "online"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/_control/fault", b"{", 400),
        ("POST", "/_control/fault", b"[]", 400),
        ("POST", "/_control/fault", b"\xff", 400),
        ("POST", "/_control/explode", b"{}", 404),
        ("GET", "/_control/", None, 404),
        ("GET", "/_control/reset", None, 405),
        ("PUT", "/_control/fault", b"{}", 405),
    ],
)
def test_bad_request_has_its_status_and_an_error_text(
    seen: Seen, method: str, path: str, body: bytes | None, status: int
) -> None:
    reply = exchange(seen.process.open(), method, path, body, {})
    assert reply.status == status
    assert isinstance(reply.fields["error"], str)


def test_control_requests_are_no_calls(seen: Seen) -> None:
    before = seen.process.stats()["calls"]
    seen.process.faults()
    assert seen.process.stats()["calls"] == before
    assert seen.journal() == []


@pytest.mark.parametrize("state", ["online", "offline", "slow", "error", "inactive"])
def test_device_state_is_changed_while_it_runs(seen: Seen, state: str) -> None:
    assert seen.process.device("hall-lamp-1", state=state)["state"] == state
    assert seen.process.control("GET", "device?product_key=k1ymv1DuLfE&device_name=hall-lamp-1")["state"] == state


def test_error_state_without_a_code_answers_5092(seen: Seen) -> None:
    seen.process.device("hall-lamp-1", state="error")
    assert '"code":5092' in seen.invoke("Toggle").fields["Data"]["Result"]
