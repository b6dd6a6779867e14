"""MQTT 3.1.1 and 5 packets as a broker reads and writes them. Section numbers are of the MQTT 5 standard."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Callable, Iterator, Union

Properties = dict[str, Any]


class Kind(IntEnum):
    CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(1, 8)
    SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = range(8, 15)


@dataclass
class Will:
    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass
class Connect:
    client_id: str
    version: int  # 4 is 3.1.1
    clean_start: bool
    keepalive_s: int
    username: str | None = None
    password: bytes | None = None
    will: Will | None = None
    properties: Properties = field(default_factory=dict)
    kind = Kind.CONNECT


@dataclass
class Publish:
    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int = 0
    properties: Properties = field(default_factory=dict)
    kind = Kind.PUBLISH


@dataclass
class Wish:
    """One filter of a SUBSCRIBE, with its options (section 3.8.3.1)."""

    filter: str
    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


@dataclass
class Subscribe:
    packet_id: int
    wishes: list[Wish]
    properties: Properties = field(default_factory=dict)
    kind = Kind.SUBSCRIBE


@dataclass
class Unsubscribe:
    packet_id: int
    filters: list[str]
    kind = Kind.UNSUBSCRIBE


@dataclass
class Ack:
    """PUBACK, PUBREC, PUBREL or PUBCOMP."""

    kind: Kind
    packet_id: int
    reason: int = 0


@dataclass
class Plain:
    """PINGREQ, or DISCONNECT with its reason."""

    kind: Kind
    reason: int = 0


Packet = Union[Connect, Publish, Subscribe, Unsubscribe, Ack, Plain]

# Section 2.2.2.2: number, name, type. What may come more than once is a list.
_PROPERTIES = [
    (1, "payload_format_indicator", "byte"), (2, "message_expiry_interval", "four"), (3, "content_type", "text"),
    (8, "response_topic", "text"), (9, "correlation_data", "data"), (11, "subscription_identifier", "variable"),
    (17, "session_expiry_interval", "four"), (18, "assigned_client_identifier", "text"),
    (19, "server_keep_alive", "two"), (21, "authentication_method", "text"), (22, "authentication_data", "data"),
    (23, "request_problem_information", "byte"), (24, "will_delay_interval", "four"),
    (25, "request_response_information", "byte"), (26, "response_information", "text"),
    (28, "server_reference", "text"), (31, "reason_string", "text"), (33, "receive_maximum", "two"),
    (34, "topic_alias_maximum", "two"), (35, "topic_alias", "two"), (36, "maximum_qos", "byte"),
    (37, "retain_available", "byte"), (38, "user_property", "pair"), (39, "maximum_packet_size", "four"),
    (40, "wildcard_subscription_available", "byte"), (41, "subscription_identifiers_available", "byte"),
    (42, "shared_subscription_available", "byte"),
]  # fmt: skip
_BY_NUMBER = {number: (name, form) for number, name, form in _PROPERTIES}
_BY_NAME = {name: (number, form) for number, name, form in _PROPERTIES}
_REPEATED = ("user_property", "subscription_identifier")


class _Reader:
    """Takes values off the front of a packet's body."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) < count:
            raise ValueError("the packet is shorter than it says")
        self._at += count
        return piece

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._data)

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def byte(self) -> int:
        return self.take(1)[0]

    def two(self) -> int:
        return struct.unpack("!H", self.take(2))[0]

    def four(self) -> int:
        return struct.unpack("!I", self.take(4))[0]

    def data(self) -> bytes:
        return self.take(self.two())

    def text(self) -> str:
        return self.data().decode()

    def pair(self) -> tuple[str, str]:
        return self.text(), self.text()

    def variable(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def properties(self, version: int) -> Properties:
        found: Properties = {}
        body = _Reader(self.take(self.variable()) if version == 5 else b"")
        while not body.is_at_end:
            name, form = _BY_NUMBER[body.variable()]
            value = getattr(body, form)()
            if name in _REPEATED:
                found.setdefault(name, []).append(value)
            else:
                found[name] = value
        return found


def _variable(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | 0x80 if value else low)
        if not value:
            return bytes(out)


def _data(value: bytes) -> bytes:
    return struct.pack("!H", len(value)) + value


def _text(value: str) -> bytes:
    return _data(value.encode("utf-8", "surrogatepass"))


_WRITERS: dict[str, Callable[[Any], bytes]] = {
    "byte": lambda value: bytes([value]), "two": lambda value: struct.pack("!H", value),
    "four": lambda value: struct.pack("!I", value), "variable": _variable, "text": _text, "data": _data,
    "pair": lambda value: _text(value[0]) + _text(value[1]),
}  # fmt: skip


def _properties(properties: Properties, version: int) -> bytes:
    if version != 5:
        return b""
    body = b""
    for name, value in properties.items():
        number, form = _BY_NAME[name]
        for each in value if name in _REPEATED and isinstance(value, list) else [value]:
            body += _variable(number) + _WRITERS[form](each)
    return _variable(len(body)) + body


def _packet(kind: Kind, flags: int, body: bytes) -> bytes:
    return bytes([kind << 4 | flags]) + _variable(len(body)) + body


def connack(version: int, session_present: bool, reason: int, properties: Properties) -> bytes:
    return _packet(Kind.CONNACK, 0, bytes([session_present, reason]) + _properties(properties, version))


def publish(version: int, message: Publish) -> bytes:
    flags = message.dup << 3 | message.qos << 1 | message.retain
    packet_id = struct.pack("!H", message.packet_id) if message.qos else b""
    properties = _properties(message.properties, version)
    return _packet(Kind.PUBLISH, flags, _text(message.topic) + packet_id + properties + message.payload)


def ack(version: int, kind: Kind, packet_id: int, reason: int = 0) -> bytes:
    body = struct.pack("!H", packet_id) + (bytes([reason]) if version == 5 and reason else b"")
    return _packet(kind, 2 if kind == Kind.PUBREL else 0, body)


def suback(version: int, packet_id: int, codes: list[int]) -> bytes:
    return _packet(Kind.SUBACK, 0, struct.pack("!H", packet_id) + _properties({}, version) + bytes(codes))


def unsuback(version: int, packet_id: int, codes: list[int]) -> bytes:
    return _packet(Kind.UNSUBACK, 0, struct.pack("!H", packet_id) + (b"\0" + bytes(codes) if version == 5 else b""))


def pingresp() -> bytes:
    return _packet(Kind.PINGRESP, 0, b"")


def disconnect(reason: int, properties: Properties) -> bytes:
    """MQTT 5 only: a 3.1.1 broker just closes."""
    return _packet(Kind.DISCONNECT, 0, bytes([reason]) + _properties(properties, 5))


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Section 2.1: the first byte, and the body."""
    first = (await reader.readexactly(1))[0]
    length, shift = 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return first, await reader.readexactly(length)
        shift += 7


def parse(first: int, body: bytes, version: int) -> Packet:
    """`version` is that of the CONNECT, and means nothing for the CONNECT itself."""
    kind = Kind(first >> 4)
    reader = _Reader(body)
    if kind == Kind.CONNECT:
        return _parse_connect(reader)
    if kind == Kind.PUBLISH:
        return _parse_publish(reader, first, version)
    if kind == Kind.SUBSCRIBE:
        return Subscribe(reader.two(), properties=reader.properties(version), wishes=list(_parse_wishes(reader)))
    if kind == Kind.UNSUBSCRIBE:
        return _parse_unsubscribe(reader, version)
    if kind in (Kind.PUBACK, Kind.PUBREC, Kind.PUBREL, Kind.PUBCOMP):
        return Ack(kind, reader.two(), 0 if reader.is_at_end else reader.byte())
    if kind in (Kind.PINGREQ, Kind.DISCONNECT):
        return Plain(kind, 0 if reader.is_at_end else reader.byte())
    raise ValueError(f"no client sends {kind.name}")


def _parse_connect(reader: _Reader) -> Connect:
    reader.text()
    version, flags, keepalive_s = reader.byte(), reader.byte(), reader.two()
    properties = reader.properties(version)
    connect = Connect(reader.text(), version, bool(flags & 2), keepalive_s, properties=properties)
    if flags & 4:
        reader.properties(version)
        connect.will = Will(reader.text(), reader.data(), flags >> 3 & 3, bool(flags & 0x20))
    if flags & 0x80:
        connect.username = reader.text()
    if flags & 0x40:
        connect.password = reader.data()
    return connect


def _parse_publish(reader: _Reader, first: int, version: int) -> Publish:
    qos = first >> 1 & 3
    topic = reader.text()
    packet_id = reader.two() if qos else 0
    properties = reader.properties(version)
    return Publish(topic, reader.rest(), qos, bool(first & 1), bool(first & 8), packet_id, properties)


def _parse_wishes(reader: _Reader) -> Iterator[Wish]:
    while not reader.is_at_end:
        name, options = reader.text(), reader.byte()
        yield Wish(name, options & 3, bool(options & 4), bool(options & 8), options >> 4 & 3)


def _parse_unsubscribe(reader: _Reader, version: int) -> Unsubscribe:
    packet_id = reader.two()
    reader.properties(version)
    filters = []
    while not reader.is_at_end:
        filters.append(reader.text())
    return Unsubscribe(packet_id, filters)
