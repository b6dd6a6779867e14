"""The server: connections, one request at a time on each, and the delivery of answers as the cloud asks for it."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
import time

from .answers import Answer, Refusal, new_request_id, refusal_answer
from .cloud import Cloud, Pending
from .control import PREFIX, Control
from .delivery import Delivery, Manner
from .wire import MAX_BODY_BYTES, MAX_HEAD_BYTES, Request, WireError, answer_head, take_request

log = logging.getLogger("simulator")

MAX_CONNECTIONS = 2000
MAX_BUFFER_BYTES = MAX_HEAD_BYTES + MAX_BODY_BYTES
SLOW_PIECES = 10
BACKLOG = 1024


class Server:
    """Owns the listening socket and all connections."""

    def __init__(self, cloud: Cloud, keep_alive_s: float) -> None:
        self.cloud = cloud
        self.control = Control(cloud)
        self.connections: set[Connection] = set()
        self._keep_alive_s = keep_alive_s
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Starts to listen and returns the port; OSError if that cannot be."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Connection(self), host, port, ssl=tls, backlog=BACKLOG)
        self._sweep()
        return int(self._listener.sockets[0].getsockname()[1])

    def close(self) -> None:
        if self._listener:
            self._listener.close()
        if self._sweeper:
            self._sweeper.cancel()
        for connection in list(self.connections):
            connection.abort()

    def _sweep(self) -> None:
        """Closes what has been idle too long; one timer for all connections is cheaper than one for each."""
        limit = time.monotonic() - self._keep_alive_s
        for connection in list(self.connections):
            if connection.idle_since < limit:
                connection.close()
        self._sweeper = asyncio.get_running_loop().call_later(min(1.0, self._keep_alive_s / 2), self._sweep)


class Connection(asyncio.Protocol):
    """One client connection: reads a request, waits until it is answered, then reads the next."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._busy = False
        self._keep_alive = True
        self.idle_since = float("inf")

    # Called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        if len(self._server.connections) >= MAX_CONNECTIONS:
            self.abort()
            return
        self.idle_since = time.monotonic()
        self._server.connections.add(self)
        self._server.cloud.stats.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MAX_BUFFER_BYTES and self._transport:
            self._transport.pause_reading()
        if not self._busy:
            self._take_next()

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    # Requests

    def _take_next(self) -> None:
        try:
            request = take_request(self._buffer)
        except WireError as error:
            self._keep_alive = False
            self._send(_wire_answer(error))
            return
        if request is None:
            return
        self._busy = True
        self.idle_since = float("inf")
        self._keep_alive = request.keep_alive
        self._handle(request)

    def _handle(self, request: Request) -> None:
        if request.path.startswith(PREFIX):
            self._send(self._server.control.handle(request))
        elif request.path != "/":
            self._send(_gateway_answer(404, "InvalidPath", f"There is nothing at {request.path}."))
        elif request.method not in ("GET", "POST"):
            self._send(_gateway_answer(405, "UnsupportedHTTPMethod", "This http method is not supported."))
        else:
            self._call(request)

    def _call(self, request: Request) -> None:
        headers = request.headers
        host = headers.get("host", "").partition(":")[0]
        content_type = headers.get("content-type", "")
        pending = self._server.cloud.receive(request.method, host, request.query, content_type, request.body)
        if pending.delay_s > 0:
            self._loop.call_later(pending.delay_s, self._carry_out, pending)
        else:
            self._carry_out(pending)

    def _carry_out(self, pending: Pending) -> None:
        """Runs although the client may have gone meanwhile: a platform does not take back what it took in."""
        delivery = pending.carry_out()
        if delivery.wait_s > 0:
            self._loop.call_later(delivery.wait_s, self._deliver, delivery)
        else:
            self._deliver(delivery)

    # Answers

    def _deliver(self, delivery: Delivery) -> None:
        log.debug("event=answer manner=%s code=%s", delivery.manner.value, delivery.code)
        if delivery.manner is Manner.RESET:
            self._reset()
        elif delivery.manner is Manner.HANG:
            if delivery.spread_s is not None:
                self._loop.call_later(delivery.spread_s, self.close)
        elif delivery.answer is None:
            raise AssertionError("only a reset or a hang has no answer")
        elif delivery.manner is Manner.CUT:
            self._send_cut(delivery.answer)
        elif delivery.manner is Manner.SLOW:
            self._send_slowly(delivery.answer, delivery.spread_s or 0.0)
        else:
            self._send(delivery.answer)

    def _head(self, answer: Answer) -> bytes:
        date = self._server.cloud.clock.http_date()
        body_len = len(answer.body)
        return answer_head(answer.status, date, answer.content_type, body_len, answer.headers, not self._keep_alive)

    def _write(self, data: bytes) -> None:
        if self._transport:
            self._transport.write(data)

    def _send(self, answer: Answer) -> None:
        self._write(self._head(answer) + answer.body)
        self._finish()

    def _send_cut(self, answer: Answer) -> None:
        self._keep_alive = False
        self._write(self._head(answer) + answer.body[: len(answer.body) // 2])
        self.close()

    def _send_slowly(self, answer: Answer, spread_s: float) -> None:
        self._write(self._head(answer))
        size = max(1, -(-len(answer.body) // SLOW_PIECES))
        pieces = [answer.body[start : start + size] for start in range(0, len(answer.body), size)]
        for position, piece in enumerate(pieces, 1):
            self._loop.call_later(spread_s * position / len(pieces), self._write, piece)
        self._loop.call_later(spread_s, self._finish)

    def _reset(self) -> None:
        """SO_LINGER of zero makes the close a reset (RST), so that a client sees neither an answer nor an end."""
        if self._transport:
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def _finish(self) -> None:
        """The request is answered: takes the next, which may have come already."""
        self._busy = False
        self.idle_since = time.monotonic()
        if not self._transport:
            return
        if not self._keep_alive:
            self._transport.close()
            return
        if not self._transport.is_reading():
            self._transport.resume_reading()
        if self._buffer:
            self._loop.call_soon(self._take_if_idle)

    def _take_if_idle(self) -> None:
        if not self._busy:
            self._take_next()


def _gateway_answer(status: int, code: str, message: str) -> Answer:
    return refusal_answer(Refusal(code, message, status), new_request_id(), "localhost", None, wants_xml=False)


def _wire_answer(error: WireError) -> Answer:
    return _gateway_answer(error.status, "InvalidRequest", f"{error}.")
