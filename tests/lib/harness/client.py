"""An MQTT client for tests (paho-mqtt 1.6): publishes commands and collects what comes back."""

from __future__ import annotations

import json
import secrets
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any, Callable, Iterable

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulator.certificates import KeyPair

TIMEOUT_S = 60.0  # how long a wait may last: only a test that fails waits so long


@dataclass(frozen=True)
class Received:
    topic: str
    payload: bytes
    qos: int
    retained: bool
    correlation: bytes | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.payload)

    def is_final_reply(self, command_id: Any) -> bool:
        reply = self.as_reply()
        return reply is not None and reply["id"] == command_id and reply["final"] is True

    def as_reply(self) -> dict[str, Any] | None:
        """The payload, if it is a reply of the bridge."""
        try:
            value = json.loads(self.payload)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) and {"id", "status", "final"} <= value.keys() else None


def publish_properties(
    response_topic: str | None = None,
    correlation: bytes | None = None,
    expiry_s: int | None = None,
    user: Iterable[tuple[str, str]] = (),
) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)
    if response_topic is not None:
        properties.ResponseTopic = response_topic
    if correlation is not None:
        properties.CorrelationData = correlation
    if expiry_s is not None:
        properties.MessageExpiryInterval = expiry_s
    for pair in user:
        properties.UserProperty = pair
    return properties


class Client:
    """Connected and subscribed (QoS 2) when constructed, and again after the broker was restarted.

    `version` is 5 or 3 (for 3.1.1).
    """

    def __init__(
        self,
        port: int,
        *filters: str,
        version: int = 5,
        username: str | None = None,
        password: str | None = None,
        ca_file: str | None = None,
        client_certificate: KeyPair | None = None,
        client_id: str = "",
        session_s: int = 0,
    ) -> None:
        """With `session_s` (and a client id, MQTT 5) the broker keeps what comes while it is restarted or we are away."""
        self._filters = list(filters)
        self._changed = threading.Condition()
        self._messages: list[Received] = []
        self._refusal: str | None = None
        self._subscribing: set[int] = set()
        self._is_ready = False
        self._unacknowledged: set[int] = set()
        self._acknowledged_early: set[int] = set()
        self._paho = paho.Client(client_id, protocol=paho.MQTTv5 if version == 5 else paho.MQTTv311)
        self._paho.on_socket_open = _no_delay
        self._paho.on_connect = self._on_connect
        self._paho.on_disconnect = self._on_disconnect
        self._paho.on_subscribe = self._on_subscribe
        self._paho.on_publish = self._on_publish
        self._paho.on_message = self._on_message
        self._paho.reconnect_delay_set(1, 1)
        self._paho.max_inflight_messages_set(1000)
        if username is not None:
            self._paho.username_pw_set(username, password)
        if ca_file is not None:
            pair = [str(client_certificate.cert_file), str(client_certificate.key_file)] if client_certificate else []
            self._paho.tls_set(ca_file, *pair, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        connect_properties = Properties(PacketTypes.CONNECT) if session_s else None
        if connect_properties is not None:
            connect_properties.SessionExpiryInterval = session_s
        host = "localhost" if ca_file else "127.0.0.1"
        self._paho.connect(host, port, keepalive=30, properties=connect_properties)
        self._paho.loop_start()
        self.wait_ready()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()

    # Paho's thread

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any = None) -> None:
        with self._changed:
            if int(getattr(reason, "value", reason)) != 0:
                self._refusal = str(reason)
            else:
                self._subscribing = {self._paho.subscribe(each, 2)[1] for each in self._filters}
                self._is_ready = not self._subscribing
            self._changed.notify_all()

    def _on_disconnect(self, *_: Any) -> None:
        with self._changed:
            self._is_ready = False

    def _on_subscribe(self, _client: Any, _data: Any, packet_id: int, granted: Any, _properties: Any = None) -> None:
        with self._changed:
            if any(int(getattr(code, "value", code)) > 2 for code in granted):
                self._refusal = f"subscription refused: {granted}"
            self._subscribing.discard(packet_id)
            self._is_ready = not self._subscribing
            self._changed.notify_all()

    def _on_publish(self, _client: Any, _data: Any, packet_id: int) -> None:
        with self._changed:
            if packet_id in self._unacknowledged:
                self._unacknowledged.remove(packet_id)
            else:
                self._acknowledged_early.add(packet_id)
            self._changed.notify_all()

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        properties = getattr(message, "properties", None)
        received = Received(
            message.topic,
            message.payload,
            message.qos,
            bool(message.retain),
            getattr(properties, "CorrelationData", None),
        )
        with self._changed:
            self._messages.append(received)
            self._changed.notify_all()

    # Waiting

    def _wait(self, condition: Callable[[], Any], what: str, timeout_s: float) -> Any:
        with self._changed:
            value = self._changed.wait_for(lambda: self._refusal or condition(), timeout_s)
            if self._refusal:
                raise ConnectionError(self._refusal)
            assert value, f"{what} did not come within {timeout_s} s; received: {self._messages[-20:]}"
            return value

    def wait_ready(self, timeout_s: float = TIMEOUT_S) -> None:
        """Connected, and all filters are subscribed."""
        self._wait(lambda: self._is_ready, "the connection", timeout_s)

    def messages(self, topic: str | None = None) -> list[Received]:
        """What came so far."""
        with self._changed:
            return [message for message in self._messages if topic is None or message.topic == topic]

    def since(self, position: int) -> list[Received]:
        """What came after the first `position` messages."""
        with self._changed:
            return self._messages[position:]

    def wait_message(
        self, wanted: Callable[[Received], bool], timeout_s: float = TIMEOUT_S, what: str = "the message", count: int = 1
    ) -> list[Received]:
        """Waits until so many messages fit, and returns them."""

        def found() -> list[Received] | None:
            fitting = [message for message in self._messages if wanted(message)]
            return fitting if len(fitting) >= count else None

        return self._wait(found, what, timeout_s)

    def wait_payload(self, topic: str, payload: str, timeout_s: float = TIMEOUT_S) -> None:
        """Waits until the newest message on the topic is this text."""

        def is_newest() -> bool:
            last = [message for message in self._messages if message.topic == topic][-1:]
            return bool(last) and last[0].payload == payload.encode()

        self._wait(is_newest, f"{payload!r} on {topic}", timeout_s)

    # Commands and replies

    def publish(
        self,
        topic: str,
        payload: Any = b"",
        qos: int = 1,
        retain: bool = False,
        properties: Properties | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Maps and lists are sent as JSON. Returns when the broker has acknowledged it."""
        packet_id = self.publish_soon(topic, payload, qos, retain, properties)
        self._wait(lambda: packet_id not in self._unacknowledged, f"the broker's PUBACK for {topic}", timeout_s)

    def publish_soon(
        self, topic: str, payload: Any = b"", qos: int = 1, retain: bool = False, properties: Properties | None = None
    ) -> int:
        """The same without waiting; see `wait_acknowledged`."""
        data = json.dumps(payload) if isinstance(payload, (dict, list)) else payload
        # Without the lock: Paho calls _on_publish with a lock of its own held, maybe before this returns.
        packet_id = self._paho.publish(topic, data, qos, retain, properties).mid
        with self._changed:
            if packet_id in self._acknowledged_early:
                self._acknowledged_early.remove(packet_id)
            else:
                self._unacknowledged.add(packet_id)
        return packet_id

    def wait_acknowledged(self, timeout_s: float = 60.0) -> None:
        self._wait(lambda: not self._unacknowledged, "PUBACKs", timeout_s)

    def final_replies(self, command_id: Any, topic: str | None = None) -> list[Received]:
        return [message for message in self.messages(topic) if message.is_final_reply(command_id)]

    def wait_reply(self, command_id: Any, timeout_s: float = TIMEOUT_S, topic: str | None = None) -> dict[str, Any]:
        """The first final reply with this id."""
        found = self.wait_message(
            lambda message: message.is_final_reply(command_id) and topic in (None, message.topic),
            timeout_s,
            f"the final reply of {command_id!r}",
        )
        return found[0].json

    def command(
        self,
        topic: str,
        payload: dict[str, Any],
        qos: int = 1,
        properties: Properties | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> dict[str, Any]:
        """Publishes a command with an id (one is made if it has none) and returns its final reply."""
        payload = {"$id": f"c-{secrets.token_hex(4)}", **payload}
        self.publish(topic, payload, qos, properties=properties)
        return self.wait_reply(payload["$id"], timeout_s)


def _no_delay(_client: Any, _data: Any, connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
