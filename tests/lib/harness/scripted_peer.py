"""One client of the scripted broker: what a test scripted for it, what it sent, and the session that is kept for it."""

from __future__ import annotations

import fnmatch
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence, Union

from . import mqtt_packets as mqtt
from .mqtt_packets import Ack, Connect, Kind, Packet, Plain, Properties, Publish, Subscribe, Unsubscribe, Wish

if TYPE_CHECKING:
    from .scripted_broker import Connection, ScriptedBroker

_MAX_QOS = 1
_SESSION_TAKEN_OVER = 0x8E

# A topic filter that a PUBLISH fits, or what says of any packet whether it is meant.
Wanted = Union[str, Callable[[Any], bool]]


def fits(topic_filter: str, topic: str) -> bool:
    """MQTT 5 section 4.7; `#` and `+` at the front take no topic that begins with `$`."""
    if topic.startswith("$") and topic_filter[:1] in ("#", "+"):
        return False
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)


@dataclass
class _Subscription:
    wish: Wish
    qos: int
    identifier: int = 0


@dataclass
class _Line:
    """One line of the script: for what it is, what is done, and how often yet (None: always)."""

    wanted: Callable[[Any], bool]
    answer: Any
    times: int | None


class _Script:
    """Lines of one kind; the newest one that fits counts."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []

    def add(self, wanted: Callable[[Any], bool], answer: Any, times: int | None) -> None:
        self._lines.insert(0, _Line(wanted, answer, times))

    def answer(self, asked: Any, otherwise: Any = None) -> Any:
        for line in self._lines:
            if line.times != 0 and line.wanted(asked):
                line.times = None if line.times is None else line.times - 1
                return line.answer
        return otherwise


@dataclass
class _ConnectAnswer:
    reason: int | None = 0
    session_present: bool | None = None
    properties: Properties | None = None


class Peer:
    """Made by `ScriptedBroker.peer`. What begins with `answers`, or names a habit, is a script; the others act at once."""

    def __init__(self, broker: "ScriptedBroker", client_id: str) -> None:
        self._broker = broker
        self.client_id = client_id
        self.window: int | None = None  # unacknowledged deliveries at a time; None: what the client asks for
        self.next_packet_id = 1
        self._connects, self._subscribes, self._publishes, self._ends = _Script(), _Script(), _Script(), _Script()
        self._silent: set[str] = set()
        self._redelivers_with = (True, True)
        self._loses_pubacks = False
        self._deaf: "Connection | None" = None  # it has lost a PUBACK
        self._received: list[Packet] = []
        self._delivered: list[Publish] = []
        self._connection: "Connection | None" = None
        self._has_session = False
        self._subscriptions: dict[str, _Subscription] = {}
        self._unacknowledged: dict[int, Publish] = {}
        self._waiting: deque[Publish] = deque()
        self._received_qos2: set[int] = set()

    # The script

    def answers_connect(
        self, reason: int | None = 0, *, session_present: bool | None = None, times: int | None = None, **properties: Any
    ) -> None:
        """The CONNACK: reasons other than 0 close the connection; None is no answer at all. `session_present` changes
        only what is said, not what is kept. Properties as `receive_maximum=5`."""
        with self._broker.changed:
            self._connects.add(lambda _: True, _ConnectAnswer(reason, session_present, properties), times)

    def answers_subscribe(self, glob: str, code: int | None, times: int | None = None) -> None:
        """The SUBACK's code for filters like `home/+/set` or `*`; 0x80 and above subscribe nothing, None is no answer."""
        with self._broker.changed:
            self._subscribes.add(lambda name: fnmatch.fnmatchcase(name, glob), (code,), times)

    def delivers_nothing_for(self, topic_filter: str) -> None:
        """Granted, and nothing comes: what a broker does that hides its access rules."""
        with self._broker.changed:
            self._silent.add(topic_filter)

    def answers_publish(
        self, wanted: Wanted, reason: int | None, *, forwards: bool | None = None, times: int | None = None
    ) -> None:
        """The PUBACK's reason; None withholds it (`acknowledge` sends it). 0x80 and above are not forwarded, unless said.
        With 3.1.1 a refusal is a PUBACK as any other."""
        forwards = (reason is None or reason < 0x80) if forwards is None else forwards
        with self._broker.changed:
            self._publishes.add(_wants(wanted), (reason, forwards), times)

    def ends_at(self, wanted: Wanted, reason: int | None = None, *, times: int | None = 1) -> None:
        """A packet like that ends the connection, and nothing else comes of it. With a reason a DISCONNECT comes first
        (MQTT 5). A text is a topic filter for PUBLISH."""
        with self._broker.changed:
            self._ends.add(_wants(wanted), (reason,), times)

    def redelivers(self, *, dup: bool = True, same_ids: bool = True) -> None:
        """How, after a reconnect: without DUP, or with packet ids that begin at 1 for each connection."""
        with self._broker.changed:
            self._redelivers_with = (dup, same_ids)

    def loses_pubacks(self, lost: bool = True) -> None:
        """From now on they are on record and change nothing, and so is all that follows the first of them on its
        connection: a connection carries its packets in order."""
        with self._broker.changed:
            self._loses_pubacks = lost

    # Acts

    def deliver(
        self,
        topic: str,
        payload: bytes | str = b"",
        *,
        qos: int = 1,
        packet_id: int | None = None,
        dup: bool = False,
        retain: bool = False,
        **properties: Any,
    ) -> Publish:
        """Sends this PUBLISH to the client now, subscribed or not. With QoS 1 it is sent again after a reconnect until it
        is acknowledged."""
        data = payload.encode() if isinstance(payload, str) else payload
        with self._broker.changed:
            assert self._connection is not None, f"{self.client_id} is not connected"
            number = (packet_id or self._take_packet_id()) if qos else 0
            message = Publish(topic, data, qos, retain, dup, number, properties)
            self._send(message)
            return message

    def resend(self, *, dup: bool = True) -> list[Publish]:
        """Sends all that is unacknowledged once more on the live connection, as some brokers do after an interval."""
        with self._broker.changed:
            again = [replace(message, dup=dup) for message in self._unacknowledged.values()]
            for message in again:
                self._send(message)
            return again

    def acknowledge(self, message: Publish, reason: int = 0) -> None:
        """The PUBACK that was withheld."""
        with self._broker.changed:
            self._reply_ack(Kind.PUBACK, message.packet_id, reason)

    def drop(self) -> None:
        """The TCP connection ends at once; the will is published."""
        with self._broker.changed:
            if self._connection is not None:
                self._end(self._connection, None)

    def disconnect(self, reason: int) -> None:
        """A DISCONNECT with this reason (MQTT 5), and the connection ends."""
        with self._broker.changed:
            if self._connection is not None:
                self._end(self._connection, reason)

    def forget_session(self) -> None:
        """Subscriptions, what waits and what is unacknowledged."""
        with self._broker.changed:
            self._has_session = False
            self._subscriptions.clear()
            self._unacknowledged.clear()
            self._waiting.clear()
            self._received_qos2.clear()
            self.next_packet_id = 1

    # The record

    @property
    def is_connected(self) -> bool:
        with self._broker.changed:
            return self._connection is not None

    @property
    def received(self) -> list[Packet]:
        """All packets of the client, in their order, over all its connections."""
        with self._broker.changed:
            return list(self._received)

    @property
    def connects(self) -> list[Connect]:
        return [packet for packet in self.received if isinstance(packet, Connect)]

    def published(self, topic_filter: str = "#") -> list[Publish]:
        """What the client published, also what was refused."""
        return [packet for packet in self.received if isinstance(packet, Publish) and fits(topic_filter, packet.topic)]

    @property
    def pubacks(self) -> list[int]:
        """The packet ids that it acknowledged, in their order."""
        return [packet.packet_id for packet in self.received if packet.kind == Kind.PUBACK]

    def delivered(self, topic_filter: str = "#") -> list[Publish]:
        """What was sent to the client, each time."""
        with self._broker.changed:
            return [message for message in self._delivered if fits(topic_filter, message.topic)]

    @property
    def unacknowledged(self) -> list[Publish]:
        with self._broker.changed:
            return list(self._unacknowledged.values())

    @property
    def waiting(self) -> list[Publish]:
        """Not sent yet: the client is away, or its window is full."""
        with self._broker.changed:
            return list(self._waiting)

    @property
    def filters(self) -> list[str]:
        """Subscribed now."""
        with self._broker.changed:
            return list(self._subscriptions)

    # Waiting

    def wait_connects(self, count: int = 1) -> None:
        self._broker.wait(lambda: len(self.connects) >= count, f"{count} connects of {self.client_id}")

    def wait_gone(self) -> None:
        self._broker.wait(lambda: not self.is_connected, f"the end of {self.client_id}")

    def wait_subscribed(self, topic_filter: str) -> None:
        self._broker.wait(lambda: topic_filter in self.filters, f"{self.client_id} subscribes to {topic_filter}")

    def wait_published(self, topic_filter: str, count: int = 1) -> list[Publish]:
        self._broker.wait(
            lambda: len(self.published(topic_filter)) >= count,
            f"{count} messages of {self.client_id} on {topic_filter}",
        )
        return self.published(topic_filter)

    def wait_delivered(self, topic_filter: str, count: int = 1) -> list[Publish]:
        self._broker.wait(
            lambda: len(self.delivered(topic_filter)) >= count, f"{count} deliveries to {self.client_id} of {topic_filter}"
        )
        return self.delivered(topic_filter)

    def wait_puback(self, message: Publish | int) -> None:
        """Of the message that `deliver` returned, or of a packet id."""
        number = message.packet_id if isinstance(message, Publish) else message
        self._broker.wait(lambda: number in self.pubacks, f"the PUBACK {number} of {self.client_id}")

    # What the broker calls, with its lock held

    def take(self, connection: "Connection", packet: Packet) -> None:
        self._note("->", packet)
        self._received.append(packet)
        if self._loses(connection, packet):
            return
        ending = self._ends.answer(packet)
        if ending is not None:
            self._end(connection, ending[0])
        elif isinstance(packet, Connect):
            self._take_connect(connection, packet)
        elif isinstance(packet, Publish):
            self._take_publish(packet)
        elif isinstance(packet, Subscribe):
            self._take_subscribe(packet)
        elif isinstance(packet, Unsubscribe):
            self._take_unsubscribe(packet)
        elif isinstance(packet, Ack):
            self._take_ack(packet)
        elif packet.kind == Kind.PINGREQ:
            connection.send(mqtt.pingresp())
        else:
            self._take_disconnect(connection, packet)

    def _loses(self, connection: "Connection", packet: Packet) -> bool:
        if not self._loses_pubacks:
            self._deaf = None
        elif packet.kind == Kind.PUBACK:
            self._deaf = connection
        return self._deaf is connection

    def leave(self, connection: "Connection") -> None:
        """The connection has ended, by whomever."""
        if self._connection is not connection:
            return
        self._connection = None
        will, connection.will = connection.will, None
        if not _keeps_session(connection.connect):
            self.forget_session()
        if will is not None:
            self._broker.route(Publish(will.topic, will.payload, will.qos, will.retain), self)

    def lose_connection(self) -> None:
        """As `drop`, and no will is published: the broker itself ends."""
        if self._connection is not None:
            self._connection.will = None
            self.drop()

    def shared_filters(self, topic: str) -> Iterator[str]:
        for name in self._subscriptions:
            if name.startswith("$share/") and fits(_plain(name), topic):
                yield name

    def offer(self, message: Publish, is_own: bool) -> None:
        """By the subscriptions that fit and are not shared."""
        self.offer_by(
            message,
            [
                name
                for name, subscription in self._subscriptions.items()
                if fits(name, message.topic) and not (is_own and subscription.wish.no_local)
            ],
        )

    def offer_by(self, message: Publish, names: Sequence[str]) -> None:
        """One copy by each that has an identifier, or one for all (section 3.3.4)."""
        found = [self._subscriptions[name] for name in names if name not in self._silent]
        if found and not any(subscription.identifier for subscription in found):
            found = [max(found, key=lambda subscription: subscription.qos)]
        for subscription in found:
            self._enqueue(_copy(message, subscription, message.retain and subscription.wish.retain_as_published))

    # Connections

    def _take_connect(self, connection: "Connection", packet: Connect) -> None:
        if self._connection is not None:
            self._connection.will = None
            self._end(self._connection, _SESSION_TAKEN_OVER)
        answer = self._connects.answer(packet, _ConnectAnswer())
        if packet.clean_start:
            self.forget_session()
        if answer.reason is None:
            return
        present = self._has_session if answer.session_present is None else answer.session_present
        connection.send(mqtt.connack(connection.version, present, answer.reason, answer.properties or {}))
        if answer.reason != 0:
            connection.close()
            return
        self._connection, self._has_session = connection, True
        self._redeliver()
        self._pump()

    def _take_disconnect(self, connection: "Connection", packet: Plain) -> None:
        if packet.reason == 0:
            connection.will = None
        connection.close()
        self.leave(connection)

    def _end(self, connection: "Connection", reason: int | None) -> None:
        if reason is not None and connection.version == 5:
            connection.send(mqtt.disconnect(reason, {}))
            connection.close()
        else:
            connection.drop()
        self._broker.note(f"{self.client_id} <- the connection's end{'' if reason is None else f', reason {reason:#x}'}")
        self.leave(connection)

    # Subscriptions

    def _take_subscribe(self, packet: Subscribe) -> None:
        answers = [self._subscribes.answer(wish.filter, (min(wish.qos, _MAX_QOS),))[0] for wish in packet.wishes]
        if None in answers or self._connection is None:
            return
        identifier = packet.properties.get("subscription_identifier", [0])[0]
        self._connection.send(mqtt.suback(self._connection.version, packet.packet_id, answers))
        for wish, code in zip(packet.wishes, answers):
            if code < 0x80:
                is_new = wish.filter not in self._subscriptions
                subscription = self._subscriptions[wish.filter] = _Subscription(wish, code, identifier)
                self._offer_retained(subscription, is_new)

    def _take_unsubscribe(self, packet: Unsubscribe) -> None:
        codes = [0 if self._subscriptions.pop(name, None) else 0x11 for name in packet.filters]
        if self._connection is not None:
            self._connection.send(mqtt.unsuback(self._connection.version, packet.packet_id, codes))

    def _offer_retained(self, subscription: _Subscription, is_new: bool) -> None:
        wish = subscription.wish
        wanted = wish.retain_handling == 0 or (wish.retain_handling == 1 and is_new)
        if not wanted or wish.filter in self._silent or wish.filter.startswith("$share/"):
            return
        for message in self._broker.retained.values():
            if fits(wish.filter, message.topic):
                self._enqueue(_copy(message, subscription, True))

    # What the client publishes

    def _take_publish(self, packet: Publish) -> None:
        reason, forwards = self._publishes.answer(packet, (0, True))
        is_again = packet.qos == 2 and packet.packet_id in self._received_qos2
        if packet.qos == 2:
            self._received_qos2.add(packet.packet_id)
        if packet.qos and reason is not None:
            self._reply_ack(Kind.PUBACK if packet.qos == 1 else Kind.PUBREC, packet.packet_id, reason)
        if forwards and not is_again:
            self._broker.route(replace(packet, dup=False), self)

    def _reply_ack(self, kind: Kind, packet_id: int, reason: int) -> None:
        if self._connection is not None:
            self._connection.send(mqtt.ack(self._connection.version, kind, packet_id, reason))

    def _take_ack(self, packet: Ack) -> None:
        if packet.kind == Kind.PUBREL:
            self._received_qos2.discard(packet.packet_id)
            self._reply_ack(Kind.PUBCOMP, packet.packet_id, 0)
        elif packet.kind == Kind.PUBACK:
            self._unacknowledged.pop(packet.packet_id, None)
            self._pump()

    # What goes to the client

    def _enqueue(self, message: Publish) -> None:
        if message.qos or self._connection is not None:
            self._waiting.append(message)
            self._pump()

    def _pump(self) -> None:
        """Sends what waits, as far as the window allows."""
        while self._connection is not None and self._waiting and len(self._unacknowledged) < self._window():
            message = self._waiting.popleft()
            self._send(replace(message, packet_id=self._take_packet_id()) if message.qos else message)

    def _window(self) -> int:
        assert self._connection is not None
        asked_for = self._connection.connect.properties.get("receive_maximum", 65535)
        return asked_for if self.window is None else self.window

    def _redeliver(self) -> None:
        dup, same_ids = self._redelivers_with
        again = list(self._unacknowledged.values())
        if not same_ids:
            self._unacknowledged.clear()
            self.next_packet_id = 1
        for message in again:
            number = message.packet_id if same_ids else self._take_packet_id()
            self._send(replace(message, packet_id=number, dup=dup))

    def _take_packet_id(self) -> int:
        while self.next_packet_id in self._unacknowledged:
            self.next_packet_id = self.next_packet_id % 65535 + 1
        number, self.next_packet_id = self.next_packet_id, self.next_packet_id % 65535 + 1
        return number

    def _send(self, message: Publish) -> None:
        assert self._connection is not None
        if message.qos:
            self._unacknowledged[message.packet_id] = message
        self._delivered.append(message)
        self._note("<-", message)
        self._connection.send(mqtt.publish(self._connection.version, message))

    def _note(self, arrow: str, packet: Packet) -> None:
        text = repr(packet)
        secretless = f"Connect({self.client_id!r})" if isinstance(packet, Connect) else text
        self._broker.note(f"{self.client_id} {arrow} {secretless[:300]}")


def _wants(wanted: Wanted) -> Callable[[Any], bool]:
    if callable(wanted):
        return wanted
    return lambda packet: isinstance(packet, Publish) and fits(wanted, packet.topic)


def _plain(shared_filter: str) -> str:
    """$share/GROUP/FILTER without its front."""
    return shared_filter.split("/", 2)[2]


def _copy(message: Publish, subscription: _Subscription, retain: bool) -> Publish:
    identifier = {"subscription_identifier": [subscription.identifier]} if subscription.identifier else {}
    properties = {name: value for name, value in message.properties.items() if name != "topic_alias"} | identifier
    qos = min(message.qos, subscription.qos)
    return replace(message, qos=qos, dup=False, retain=retain, packet_id=0, properties=properties)


def _keeps_session(connect: Connect) -> bool:
    if connect.version == 5:
        return connect.properties.get("session_expiry_interval", 0) > 0
    return not connect.clean_start
