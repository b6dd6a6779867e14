"""Each fault: what the client sees, and whether the service ran."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from simulator.client import SimulatorError, send_parameters, tls_context, wait_until
from simulator.conftest import TOGGLE, Seen
from simulator.faults import KINDS


def strike(seen: Seen, kind: str, **options):
    seen.process.fault(kind, count=1, **options)
    return seen.invoke("Toggle")


def assert_ran(seen: Seen, kind: str, ran: bool) -> None:
    assert [entry["fault"] for entry in seen.journal()] == [kind]
    assert seen.executed() == (["hall-lamp-1"] if ran else [])


@pytest.mark.parametrize(
    ("kind", "status", "code", "ran"),
    [
        ("page", 200, None, False),
        ("status_408", 408, None, False),
        ("status_429", 429, None, False),
        ("status_500", 500, "InternalError", False),
        ("status_500_after", 500, "InternalError", True),
        ("status_502", 502, None, False),
        ("status_502_after", 502, None, True),
        ("status_503", 503, "ServiceUnavailable", False),
        ("status_504", 504, None, False),
        ("status_504_after", 504, None, True),
        ("throttle", 400, "Throttling.User", False),
        ("redirect", 302, None, False),
    ],
)
def test_fault_answers_with_its_status(seen: Seen, kind: str, status: int, code: str | None, ran: bool) -> None:
    reply = strike(seen, kind)
    assert (reply.status, (reply.fields or {}).get("Code")) == (status, code)
    assert (seen.last()["http_status"], seen.last()["code"]) == (status, code)
    assert_ran(seen, kind, ran)


@pytest.mark.parametrize("kind", ["status_503", "status_429"])
@pytest.mark.parametrize("value", [7, "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_retry_after_is_seconds_or_a_date(seen: Seen, kind: str, value: object) -> None:
    assert strike(seen, kind, retry_after=value).headers["Retry-After"] == str(value)


def test_throttle_tells_the_time_left(seen: Seen) -> None:
    header = strike(seen, "throttle", seconds=0.25).headers["X-RateLimit-User-API"]
    assert header.startswith("Limit:500,Remain:0,TimeLeft:250,Reset:")


def test_redirect_names_its_location(seen: Seen) -> None:
    assert strike(seen, "redirect", location="https://127.0.0.1:1/").headers["Location"] == "https://127.0.0.1:1/"


@pytest.mark.parametrize(("kind", "ran"), [("code", False), ("code_after", True)])
def test_code_is_a_business_error_on_demand(seen: Seen, kind: str, ran: bool) -> None:
    reply = strike(seen, kind, code={"code": "iot.system.SystemException", "message": "system exception"})
    assert reply.status == 200
    assert {name: reply.fields[name] for name in ("Success", "Code", "ErrorMessage")} == {
        "Success": False, "Code": "iot.system.SystemException", "ErrorMessage": "system exception",
    }
    assert_ran(seen, kind, ran)


def test_code_with_another_status_is_a_gateway_error(seen: Seen) -> None:
    reply = strike(seen, "code", code={"code": "Forbidden.RAM", "http_status": 403})
    assert (reply.status, reply.fields["Code"]) == (403, "Forbidden.RAM")
    assert "HostId" in reply.fields


def test_xml_error_is_xml_though_json_was_asked_for(seen: Seen) -> None:
    reply = strike(seen, "xml_error")
    assert reply.status == 500
    assert reply.headers["Content-Type"].startswith("text/xml")
    assert b"<Error>" in reply.body and b"<Code>InternalError</Code>" in reply.body
    assert_ran(seen, "xml_error", False)


def test_xml_error_takes_a_code(seen: Seen) -> None:
    reply = strike(seen, "xml_error", code={"code": "Throttling", "http_status": 400})
    assert reply.status == 400 and b"<Code>Throttling</Code>" in reply.body


def test_garbage_is_neither_json_nor_text(seen: Seen) -> None:
    reply = strike(seen, "garbage")
    assert reply.status == 200
    with pytest.raises(UnicodeDecodeError):
        reply.body.decode()
    assert_ran(seen, "garbage", True)


def test_empty_answer_has_no_body(seen: Seen) -> None:
    reply = strike(seen, "empty")
    assert (reply.status, reply.body) == (200, b"")
    assert_ran(seen, "empty", True)


def test_cut_answer_is_shorter_than_announced(seen: Seen) -> None:
    with pytest.raises(http.client.IncompleteRead):
        strike(seen, "cut")
    assert_ran(seen, "cut", True)


def test_slow_body_arrives_whole_and_late(seen: Seen) -> None:
    start = time.monotonic()
    reply = strike(seen, "slow_body", seconds=0.3)
    assert reply.fields["Success"] is True
    assert time.monotonic() - start >= 0.3
    assert_ran(seen, "slow_body", True)


def test_huge_body_is_valid_and_as_long_as_asked(seen: Seen) -> None:
    reply = strike(seen, "huge_body", bytes=3_000_000)
    assert len(reply.body) == 3_000_000
    assert reply.fields["Success"] is True


def test_gzip_is_the_right_answer_compressed(seen: Seen) -> None:
    reply = strike(seen, "gzip")
    assert reply.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(reply.body))["Success"] is True
    assert_ran(seen, "gzip", True)


def test_big_numbers_stand_beside_the_right_answer(seen: Seen) -> None:
    reply = strike(seen, "big_numbers")
    assert reply.fields["Success"] is True and reply.fields["Counter"] == 2**64
    assert_ran(seen, "big_numbers", True)


def test_odd_spelling_has_a_bare_message_id(seen: Seen) -> None:
    reply = strike(seen, "odd_spelling")
    assert reply.fields["success"] == "true"
    assert reply.fields["requestID"]
    assert type(reply.fields["data"]["messageID"]) is int and reply.fields["data"]["messageID"] > 2**53
    assert json.loads(reply.fields["data"]["result"])["code"] == 200


@pytest.mark.parametrize(("kind", "ran"), [("reset_before", False), ("reset_after", True)])
def test_reset_ends_the_connection_without_an_answer(seen: Seen, kind: str, ran: bool) -> None:
    with pytest.raises(OSError):
        strike(seen, kind)
    assert_ran(seen, kind, ran)
    assert seen.last()["http_status"] is None


def test_reset_is_a_tcp_reset(seen: Seen) -> None:
    """Read below TLS, as Python's TLS shows a reset as a mere end."""
    seen.process.fault("reset_before")
    raw = socket.create_connection(("127.0.0.1", seen.process.port), timeout=10)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = tls_context(seen.process.ca_file).wrap_bio(incoming, outgoing, server_hostname="localhost")
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            raw.sendall(outgoing.read())
            incoming.write(raw.recv(16384))
    tls.write(b"GET /?Action=x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    raw.sendall(outgoing.read())
    with pytest.raises(ConnectionResetError):
        while raw.recv(16384):
            pass


def test_nonce_is_free_after_reset_before_and_used_after_reset_after(seen: Seen) -> None:
    for kind, code in (("reset_before", None), ("reset_after", "SignatureNonceUsed")):
        seen.process.fault(kind, count=1)
        parameters = seen.process.sign("GET", "InvokeThingService", TOGGLE)
        with pytest.raises(OSError):
            send_parameters(seen.process.open(), "GET", parameters)
        assert send_parameters(seen.process.open(), "GET", parameters).fields.get("Code") == code


def send_and_leave(seen: Seen, patience_s: float) -> None:
    """A client that gives up before the answer."""
    connection = seen.process.open()
    connection.connect()
    connection.sock.settimeout(patience_s)
    with pytest.raises(TimeoutError):
        send_parameters(connection, "GET", seen.process.sign("GET", "InvokeThingService", TOGGLE))
    connection.close()


@pytest.mark.parametrize(("kind", "ran"), [("hang", False), ("hang_after", True)])
def test_hang_gives_no_answer_and_leaves_the_connection_open(seen: Seen, kind: str, ran: bool) -> None:
    seen.process.fault(kind, count=1)
    send_and_leave(seen, 0.3)
    seen.process.wait_for(after=seen.start)
    assert_ran(seen, kind, ran)


def test_hang_with_seconds_ends_in_a_closed_connection(seen: Seen) -> None:
    seen.process.fault("hang", count=1, seconds=0.1)
    with pytest.raises(http.client.RemoteDisconnected):
        seen.invoke("Toggle")


def test_delay_comes_before_the_service_runs(seen: Seen) -> None:
    start = time.time()
    assert strike(seen, "delay", seconds=0.3).fields["Success"] is True
    assert seen.last()["time"] - start >= 0.3


def test_delayed_call_runs_though_its_client_has_gone(seen: Seen) -> None:
    seen.process.fault("delay", count=1, seconds=2)
    send_and_leave(seen, 0.1)
    wait_until(lambda: seen.executed() == ["hall-lamp-1"], what="the delayed call")


def test_delay_after_runs_at_once_and_answers_late(seen: Seen) -> None:
    assert strike(seen, "delay_after", seconds=0.3).fields["Success"] is True
    assert time.time() - seen.last()["time"] >= 0.3


def test_other_connections_are_served_during_a_hang(seen: Seen) -> None:
    seen.process.fault("hang", count=1, match={"device": "hall-lamp-2"}, seconds=300)
    hanging = seen.process.open()
    target = {**TOGGLE, "DeviceName": "hall-lamp-2"}
    parameters = seen.process.sign("GET", "InvokeThingService", target)
    thread = threading.Thread(target=lambda: pytest.raises(Exception, send_parameters, hanging, "GET", parameters))
    thread.start()
    seen.process.wait_for(fault="hang", after=seen.start)
    assert seen.invoke("Toggle").fields["Success"] is True
    assert thread.is_alive()
    hanging.sock.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@pytest.mark.parametrize(
    ("match", "strikes"),
    [
        ({"device": "hall-lamp-1"}, True),
        ({"device": "hall-lamp-2"}, False),
        ({"action": "InvokeThingService"}, True),
        ({"action": "InvokeThingsService"}, False),
        ({"identifier": "Toggle", "device": "hall-lamp-1"}, True),
        ({"identifier": "Set", "device": "hall-lamp-1"}, False),
    ],
)
def test_fault_strikes_only_what_matches(seen: Seen, match: dict[str, str], strikes: bool) -> None:
    seen.process.fault("status_502", match=match)
    assert (seen.invoke("Toggle").status == 502) is strikes


def test_fault_matches_a_device_of_a_batch_and_by_iot_id(seen: Seen) -> None:
    seen.process.fault("status_502", match={"device": "hall-lamp-2"})
    assert seen.invoke_many(["hall-lamp-1", "hall-lamp-2"]).status == 502
    iot_id = seen.process.device("hall-lamp-2")["iot_id"]
    assert seen.call(IotId=iot_id, Identifier="Toggle", Args="{}").status == 502


def test_count_ends_a_fault_and_the_next_takes_over(seen: Seen) -> None:
    seen.process.fault("status_502", count=2)
    seen.process.fault("status_504", count=1)
    assert [seen.invoke("Toggle").status for _ in range(4)] == [502, 502, 504, 200]
    assert [fault["struck"] for fault in seen.process.faults()] == [2, 1]


def test_probability_with_a_seed_repeats_its_series(seen: Seen) -> None:
    series = []
    for _ in range(2):
        seen.process.clear_faults()
        seen.process.fault("status_502", probability=0.5, seed=42)
        series.append([seen.invoke("Toggle").status for _ in range(20)])
    assert series[0] == series[1]
    assert set(series[0]) == {200, 502}


def test_cleared_fault_strikes_no_more(seen: Seen) -> None:
    seen.process.fault("status_502")
    assert seen.invoke("Toggle").status == 502
    seen.process.clear_faults()
    assert seen.process.faults() == []
    assert seen.invoke("Toggle").status == 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ({"kind": "explode"}, "explode"),
        ({}, "kind"),
        ({"kind": "delay", "count": 0}, "count"),
        ({"kind": "delay", "count": "1"}, "count"),
        ({"kind": "delay", "seconds": -1}, "seconds"),
        ({"kind": "delay", "seconds": "1"}, "seconds"),
        ({"kind": "delay", "bytes": 1}, "bytes"),
        ({"kind": "delay", "probability": 0}, "probability"),
        ({"kind": "delay", "probability": 2}, "probability"),
        ({"kind": "delay", "seed": 1.5}, "seed"),
        ({"kind": "delay", "match": {"colour": "red"}}, "colour"),
        ({"kind": "delay", "match": []}, "match"),
        ({"kind": "delay", "match": {"device": 1}}, "match.device"),
        ({"kind": "status_503", "retry_after": -1}, "retry_after"),
        ({"kind": "status_503", "retry_after": "1\r\nX: y"}, "retry_after"),
        ({"kind": "huge_body", "bytes": 0}, "bytes"),
        ({"kind": "code"}, "code"),
        ({"kind": "code", "code": "iot.system.X"}, "code"),
        ({"kind": "code", "code": {"code": "x", "http_status": 99}}, "http_status"),
        ({"kind": "code", "code": {"code": "x", "colour": 1}}, "colour"),
    ],
)
def test_wrong_fault_is_refused_with_a_reason(seen: Seen, text: dict, words: str) -> None:
    with pytest.raises(SimulatorError, match=words):
        seen.process.control("POST", "fault", text)
    assert seen.process.faults() == []


def test_every_kind_is_in_the_readme() -> None:
    readme = (Path(__file__).parent / "README.md").read_text()
    assert [kind for kind in KINDS if f"`{kind}`" not in readme] == []
