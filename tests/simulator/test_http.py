"""HTTP: connections that stay open, POST, pieces, and what is refused before it is a call."""

from __future__ import annotations

import socket
from urllib.parse import urlencode

import pytest

from simulator.client import Reply, SimulatorProcess, exchange, send_parameters, tls_context, wait_until
from simulator.conftest import TOGGLE, Seen
from simulator.wire import MAX_BODY_BYTES, MAX_HEAD_BYTES

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def open_socket(seen: Seen) -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", seen.process.port), timeout=10)
    return tls_context(seen.process.ca_file).wrap_socket(raw, server_hostname="localhost")


def request_bytes(seen: Seen) -> bytes:
    query = urlencode(seen.process.sign("GET", "InvokeThingService", TOGGLE))
    return f"GET /?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def read_until(stream: socket.socket, wanted: bytes, count: int = 1) -> bytes:
    data = b""
    while data.count(wanted) < count:
        piece = stream.recv(65536)
        assert piece, f"the connection ended after {data!r}"
        data += piece
    return data


def raw_status(seen: Seen, data: bytes) -> tuple[int, bool]:
    """The status of the answer to these bytes, and whether the connection was closed after it."""
    with open_socket(seen) as stream:
        stream.sendall(data)
        answer = b""
        while piece := stream.recv(65536):
            answer += piece
        return int(answer.split()[1]), b"Connection: close" in answer


def test_connection_is_kept_for_many_calls(seen: Seen) -> None:
    before = seen.process.stats()["connections"]
    connection = seen.process.open()
    for method in ("GET", "POST", "GET"):
        signed = seen.process.sign(method, "InvokeThingService", TOGGLE)
        assert send_parameters(connection, method, signed).fields["Success"] is True
    assert seen.process.stats()["connections"] == before + 1


def test_refusal_leaves_the_connection_open(seen: Seen) -> None:
    connection = seen.process.open()
    assert exchange(connection, "GET", "/?Action=x", None, {}).status == 400
    assert exchange(connection, "GET", "/nothing", None, {}).status == 404
    assert exchange(connection, "PUT", "/", b"x", {}).status == 405
    signed = seen.process.sign("GET", "InvokeThingService", TOGGLE)
    assert send_parameters(connection, "GET", signed).fields["Success"] is True


def test_connection_close_is_honoured(seen: Seen) -> None:
    data = request_bytes(seen).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert raw_status(seen, data) == (200, True)


def test_post_signs_query_and_body_together(seen: Seen) -> None:
    signed = seen.process.sign("POST", "InvokeThingService", TOGGLE)
    in_query = {name: signed.pop(name) for name in ("Action", "Args", "Signature")}
    reply = exchange(seen.process.open(), "POST", "/?" + urlencode(in_query), urlencode(signed).encode(), FORM)
    assert reply.fields["Success"] is True
    assert seen.last()["method"] == "POST"


def test_post_takes_parameters_that_are_all_in_the_query(seen: Seen) -> None:
    signed = seen.process.sign("POST", "InvokeThingService", TOGGLE)
    reply = exchange(seen.process.open(), "POST", "/?" + urlencode(signed), b"", FORM)
    assert reply.fields["Success"] is True


def test_large_arguments_come_in_a_body(seen: Seen) -> None:
    args = '{"text":"' + "é" * 100_000 + '"}'
    signed = seen.process.sign("POST", "InvokeThingService", {**TOGGLE, "Identifier": "Any", "Args": args})
    reply = send_parameters(seen.process.open(), "POST", signed)
    assert reply.fields["Success"] is True
    assert seen.last()["args"] == args


def test_request_in_single_bytes_is_understood(seen: Seen) -> None:
    with open_socket(seen) as stream:
        for byte in request_bytes(seen):
            stream.sendall(bytes([byte]))
        assert b'"Success":true' in read_until(stream, b"}")


def test_pipelined_requests_are_answered_in_order(seen: Seen) -> None:
    seen.process.fault("delay_after", count=1, seconds=0.2)
    with open_socket(seen) as stream:
        stream.sendall(b"".join(request_bytes(seen) for _ in range(3)))
        text = read_until(stream, b'"Success":true', 3).decode()
    places = [text.index(entry["request_id"]) for entry in seen.journal()]
    assert places == sorted(places) and len(places) == 3


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 65 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1), 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"GET /?" + b"a" * MAX_HEAD_BYTES, 414),
    ],
    ids=lambda value: str(value)[:40],
)
def test_malformed_http_is_answered_and_ends_the_connection(seen: Seen, data: bytes, status: int) -> None:
    assert raw_status(seen, data) == (status, True)
    assert seen.journal() == []


def test_idle_connection_is_closed() -> None:
    with SimulatorProcess(plain=True, options=["--keep-alive", "0.1"]) as simulator:
        stream = socket.create_connection(("127.0.0.1", simulator.port), timeout=10)
        assert stream.recv(1) == b""


def test_control_goes_on_after_its_idle_connection_was_closed() -> None:
    with SimulatorProcess(plain=True, options=["--keep-alive", "0.1"]) as simulator:
        simulator.stats()
        for _ in range(2):  # the second is closed later than that of the control path, and not in the same round
            assert socket.create_connection(("127.0.0.1", simulator.port), timeout=10).recv(1) == b""
        assert simulator.stats()["connections"] == 4


def test_waiting_call_is_not_idle() -> None:
    with SimulatorProcess(plain=True, sync_timeout_s=0.5, options=["--keep-alive", "0.1"]) as simulator:
        reply: Reply = simulator.call("InvokeThingService", {**TOGGLE, "DeviceName": "slow-lamp"})
        assert reply.fields["Code"] == "iot.messagebroker.TIMEOUT"


def test_many_connections_are_served_at_once(seen: Seen) -> None:
    seen.process.fault("delay_after", seconds=0.2)
    streams = [open_socket(seen) for _ in range(50)]
    for stream in streams:
        stream.sendall(request_bytes(seen))
    wait_until(lambda: len(seen.journal()) == 50, 60, "50 calls at once")
    for stream in streams:
        read_until(stream, b'"Success":true')
        stream.close()
