"""The journal: one line for each call, there before the answer, and kept."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest

from simulator.client import SimulatorError, SimulatorProcess
from simulator.conftest import LAMP, TOGGLE, Seen
from simulator.journal import Journal

MEMBERS = {
    "seq", "time", "action", "access_key_id", "product_key", "device_names", "iot_id", "identifier", "args", "nonce",
    "timestamp", "method", "request_id", "message_id", "delivered", "executed", "code", "http_status", "fault",
}


def test_line_tells_the_call_and_what_ran(seen: Seen) -> None:
    before = time.time()
    reply = seen.invoke("Echo", '{"a": 10.0}')
    entry = seen.last()
    assert set(entry) == MEMBERS
    assert before - 0.01 <= entry["time"] <= time.time() + 0.01
    expected = {
        "action": "InvokeThingService",
        "access_key_id": seen.process.access_key_id,
        "product_key": LAMP["ProductKey"],
        "device_names": ["hall-lamp-1"],
        "iot_id": None,
        "identifier": "Echo",
        "args": '{"a": 10.0}',
        "method": "GET",
        "request_id": reply.fields["RequestId"],
        "message_id": reply.fields["Data"]["MessageId"],
        "delivered": ["hall-lamp-1"],
        "executed": ["hall-lamp-1"],
        "code": None,
        "http_status": 200,
        "fault": None,
    }
    assert {name: entry[name] for name in expected} == expected
    assert entry["nonce"] and entry["timestamp"].endswith("Z")


def test_refused_call_has_a_line_too(seen: Seen) -> None:
    reply = seen.call("Explode")
    assert seen.last()["request_id"] == reply.fields["RequestId"]
    assert (seen.last()["action"], seen.last()["code"]) == ("Explode", "InvalidAction.NotFound")


def test_names_of_devices_stand_in_the_order_of_their_numbers(seen: Seen) -> None:
    names = [f"lamp-{number:04d}" for number in range(12, 0, -1)]
    seen.invoke_many(names)
    assert seen.last()["device_names"] == names


def test_secret_and_signature_are_not_in_the_journal(seen: Seen) -> None:
    seen.invoke("Toggle")
    text = Path(seen.process.ready["journal"]).read_text()
    assert seen.process.access_key_secret not in text
    assert "Signature" not in json.dumps(seen.last())


def test_line_is_in_the_file_while_the_answer_still_waits(seen: Seen) -> None:
    seen.process.sync_timeout(300)
    connection = seen.process.open()
    signed = seen.process.sign("GET", "InvokeThingService", {**TOGGLE, "DeviceName": "slow-lamp"})
    connection.request("GET", "/?" + urlencode(signed))
    entry = seen.process.wait_for(after=seen.start)[0]
    assert entry["device_names"] == ["slow-lamp"]
    connection.sock.settimeout(0.1)
    with pytest.raises(TimeoutError):
        connection.getresponse()


def test_journal_is_read_over_the_control_path_in_pieces(seen: Seen) -> None:
    for _ in range(3):
        seen.invoke("Toggle")
    last = seen.last()["seq"]
    answer = seen.process.control("GET", f"journal?after={last - 2}&limit=1")
    assert answer["last_seq"] == last
    assert [entry["seq"] for entry in answer["entries"]] == [last - 1]
    assert seen.process.control("GET", f"journal?after={last}")["entries"] == []
    assert seen.process.control("GET", f"journal?after={last - 1}")["entries"] == [seen.last()]


@pytest.mark.parametrize("query", ["after=x", "after=-1", "limit=0", "limit=99999999", "colour=1"])
def test_wrong_question_for_the_journal_is_refused(seen: Seen, query: str) -> None:
    with pytest.raises(SimulatorError):
        seen.process.control("GET", f"journal?{query}")


def test_journal_is_continued_after_a_kill(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path, plain=True) as simulator:
        simulator.call("InvokeThingService", TOGGLE)
        simulator.kill()
        simulator.start()
        simulator.call("InvokeThingService", TOGGLE)
        assert [entry["seq"] for entry in simulator.journal()] == [1, 2]
        assert simulator.executed("hall-lamp-1") == 2


def test_line_without_its_end_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"seq":1}\n{"seq":2')
    journal = Journal(path)
    assert journal.write({"code": None}) == 2
    assert path.read_text() == '{"seq":1}\n{"seq":2,"code":null}\n'
    assert journal.read(1, 10) == [{"seq": 2, "code": None}]
    journal.close()


def test_reset_keeps_the_journal_and_restores_the_rest(seen: Seen) -> None:
    seen.process.device("hall-lamp-1", state="offline", result=1, code=7)
    seen.process.device("offline-lamp", state="online")
    seen.process.quota(InvokeThingService=1)
    seen.process.clock(99)
    seen.process.sync_timeout(0.1)
    seen.process.fault("hang")
    seen.process.reset()
    assert seen.process.device("hall-lamp-1")["state"] == "online"
    assert seen.process.device("hall-lamp-1")["result"] is None
    assert seen.process.device("offline-lamp")["state"] == "offline"
    assert seen.process.device("broken-lamp")["code"] == 5092
    assert seen.process.control("GET", "quota")["InvokeThingService"] == 500
    assert seen.process.control("GET", "clock")["offset_s"] == 0
    assert seen.process.faults() == []
    assert len(seen.process.journal()) == seen.start
