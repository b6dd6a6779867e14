"""What stands between two programs: a TCP proxy that can cut, hold and refuse, an HTTP proxy, and a WebSocket listener
for a broker that was built without one (Debian's Mosquitto)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import ssl
import struct
import threading
from typing import Any, Coroutine

from simulator.certificates import KeyPair

_CHUNK = 65536
_MOMENT_S = 0.2  # longer than a reader on the same machine needs to have taken what came before
_WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_BINARY, _CLOSE, _PING, _PONG = 2, 8, 9, 10


class _Listener:
    """A server on a free loopback port, in a thread with a loop of its own."""

    def __init__(self, target_port: int, tls: KeyPair | None = None) -> None:
        self.target_port = target_port
        self.port = 0
        self._tls = _server_context(tls) if tls else None
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._listen())

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.refuse()
        self._run(_end_other_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
            ends.append(target_writer)
            self._links.update(ends)
            await self._carry(reader, writer, target_reader, target_writer)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            for end in ends:
                self._links.discard(end)
                end.close()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        target_reader: asyncio.StreamReader,
        target_writer: asyncio.StreamWriter,
    ) -> None:
        raise NotImplementedError

    def cut(self) -> None:
        """Resets all connections; new ones are taken."""

        async def work() -> None:
            for end in list(self._links):
                end.transport.abort()

        self._run(work())

    def refuse(self) -> None:
        """Resets all connections and takes no new ones, until `accept`."""

        async def work() -> None:
            if self._server:
                self._server.close()
                self._server = None

        self._run(work())
        self.cut()

    def accept(self) -> None:
        self._run(self._listen())


class TcpProxy(_Listener):
    """Passes bytes on. `hold` leaves the connections open and passes nothing, in one direction or in both."""

    def __init__(self, target_port: int) -> None:
        self._open = {"up": asyncio.Event(), "down": asyncio.Event()}
        for gate in self._open.values():
            gate.set()
        super().__init__(target_port)

    def hold(self, *directions: str) -> None:
        """`up` is towards the target, `down` away from it; none names both."""
        for direction in directions or ("up", "down"):
            self._loop.call_soon_threadsafe(self._open[direction].clear)

    def release(self) -> None:
        for gate in self._open.values():
            self._loop.call_soon_threadsafe(gate.set)

    async def _carry(self, reader: Any, writer: Any, target_reader: Any, target_writer: Any) -> None:
        await _until_one_ends(
            self._pump(reader, target_writer, self._open["up"]),
            self._pump(target_reader, writer, self._open["down"]),
        )

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event) -> None:
        while data := await reader.read(_CHUNK):
            await gate.wait()
            writer.write(data)
            await writer.drain()


class MarkedProxy(TcpProxy):
    """`hold` holds only connections whose first bytes hold `mark`, as the client id in an MQTT CONNECT."""

    def __init__(self, target_port: int, mark: bytes) -> None:
        self._mark = mark
        self._always = asyncio.Event()
        self._always.set()
        super().__init__(target_port)

    async def _carry(self, reader: Any, writer: Any, target_reader: Any, target_writer: Any) -> None:
        first = await reader.read(_CHUNK)
        target_writer.write(first)
        marked = self._mark in first
        await _until_one_ends(
            self._pump(reader, target_writer, self._open["up"] if marked else self._always),
            self._pump(target_reader, writer, self._open["down"] if marked else self._always),
        )


class HttpProxy(TcpProxy):
    """Takes CONNECT (RFC 9110 section 9.3.6) and passes on to its one target, whatever is asked for."""

    def __init__(self, target_port: int) -> None:
        self.asked_for: list[str] = []
        super().__init__(target_port)

    async def _carry(self, reader: Any, writer: Any, target_reader: Any, target_writer: Any) -> None:
        method, target = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split()[:2]
        self.asked_for.append(f"{method} {target}")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await super()._carry(reader, writer, target_reader, target_writer)


class WebsocketGateway(_Listener):
    """MQTT over WebSocket (MQTT 5 section 6) in front of a plain TCP listener; a frame per packet, as brokers do it.
    `handshake_first_bytes`: how many bytes of the answer to the handshake come alone, a moment before the others."""

    def __init__(self, target_port: int, tls: KeyPair | None = None, handshake_first_bytes: int = 0) -> None:
        self._first_piece = handshake_first_bytes
        super().__init__(target_port, tls)

    async def _carry(self, reader: Any, writer: Any, target_reader: Any, target_writer: Any) -> None:
        answer = await _shake_hands(reader, writer)
        writer.write(answer[: self._first_piece])
        if self._first_piece:
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.sleep(_MOMENT_S)
        writer.write(answer[self._first_piece :])
        await _until_one_ends(
            self._unwrap(reader, writer, target_writer),
            self._wrap(target_reader, writer),
        )

    @staticmethod
    async def _wrap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(_frame(_BINARY, await _read_packet(reader)))
            await writer.drain()

    @staticmethod
    async def _unwrap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: asyncio.StreamWriter) -> None:
        while True:
            opcode, data = await _read_frame(reader)
            if opcode == _CLOSE:
                writer.write(_frame(_CLOSE, data))
                return
            if opcode == _PING:
                writer.write(_frame(_PONG, data))
            elif opcode != _PONG:
                target.write(data)
                await target.drain()


async def _end_other_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _until_one_ends(*works: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """RFC 6455 section 4.2; the subprotocol must be mqtt (MQTT 5 section 6). Returns the answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head if line)}
    if headers.get("upgrade", "").lower() != "websocket" or headers.get("sec-websocket-protocol") != "mqtt":
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        raise ValueError("no WebSocket request for the subprotocol mqtt")
    digest = hashlib.sha1((headers["sec-websocket-key"] + _WEBSOCKET_GUID).encode()).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


async def _read_packet(reader: asyncio.StreamReader) -> bytes:
    """MQTT 5 section 2.1: a byte, the remaining length as a variable byte integer, and so many bytes."""
    head = await reader.readexactly(2)
    while head[-1] & 0x80:
        head += await reader.readexactly(1)
    length = sum((byte & 0x7F) << 7 * index for index, byte in enumerate(head[1:]))
    return head + await reader.readexactly(length)


async def _read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """RFC 6455 section 5.2; a client masks all its frames."""
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
    elif length == 127:
        (length,) = struct.unpack("!Q", await reader.readexactly(8))
    if not second & 0x80:
        raise ValueError("a frame of a client without a mask")
    mask = await reader.readexactly(4)
    data = await reader.readexactly(length)
    return first & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


def _frame(opcode: int, data: bytes) -> bytes:
    if len(data) < 126:
        length = bytes([len(data)])
    else:
        length = b"\x7e" + struct.pack("!H", len(data)) if len(data) < 65536 else b"\x7f" + struct.pack("!Q", len(data))
    return bytes([0x80 | opcode]) + length + data


def _server_context(pair: KeyPair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert_file, pair.key_file)
    return context
