"""The scripted broker does what its page says, with a client that is not ours (paho-mqtt)."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Iterator

import pytest
from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from harness.client import Client
from harness.mqtt_packets import Publish
from harness.scripted_broker import ScriptedBroker
from harness.scripted_peer import fits
from simulator.client import wait_until

BOTH = pytest.mark.parametrize("version", [5, 3])


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ScriptedBroker]:
    with ScriptedBroker(tmp_path) as broker:
        yield broker


class Listener:
    """Keeps its session, and connects again by itself, after a second."""

    def __init__(self, broker: ScriptedBroker, *filters: str, version: int = 5) -> None:
        self.messages: list[paho.MQTTMessage] = []
        self.connacks: list[tuple[bool, int, Properties | None]] = []
        self._peer = broker.peer("ear")
        self._paho = paho.Client("ear", protocol=paho.MQTTv5) if version == 5 else paho.Client("ear", clean_session=False)
        self._paho.reconnect_delay_set(1, 1)
        self._paho.on_connect = lambda _c, _d, flags, reason, properties=None: self.connacks.append(
            (bool(flags["session present"]), int(getattr(reason, "value", reason)), properties)
        )
        self._paho.on_message = lambda _client, _data, message: self.messages.append(message)
        expiry = Properties(PacketTypes.CONNECT)
        expiry.SessionExpiryInterval = 60
        more = {"clean_start": False, "properties": expiry} if version == 5 else {}
        self._paho.connect("127.0.0.1", broker.port, **more)
        self._paho.loop_start()
        self.wait_connack()
        for each in filters:
            self.subscribe(each)
            self._peer.wait_subscribed(each)

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()

    def subscribe(self, topic_filter: str) -> None:
        self._paho.subscribe(topic_filter, 1)

    def wait_connack(self, count: int = 1) -> None:
        wait_until(lambda: len(self.connacks) >= count, 10, "the CONNACK")

    def wait(self, count: int) -> list[paho.MQTTMessage]:
        wait_until(lambda: len(self.messages) >= count, 10, f"{count} messages")
        return self.messages


@pytest.mark.parametrize(
    "topic_filter, topic, does",
    [
        ("a/b", "a/b", True), ("a/b", "a/b/c", False), ("a/+", "a/b", True), ("a/+", "a", False), ("a/#", "a", True),
        ("#", "a/b", True), ("#", "$SYS/a", False), ("+/a", "$SYS/a", False), ("$SYS/#", "$SYS/a", True), ("+", "", True),
    ],
)  # fmt: skip
def test_filters_fit_as_the_standard_says(topic_filter: str, topic: str, does: bool):
    assert fits(topic_filter, topic) is does


@BOTH
def test_it_forwards_as_a_simple_broker(broker: ScriptedBroker, version: int):
    with Client(broker.port, "#", version=version) as client:
        for qos in (0, 1, 2):
            client.publish("a/b", f"qos {qos}", qos)
        found = client.wait_message(lambda message: message.topic == "a/b", count=3)
        assert [(message.payload, message.qos) for message in found] == [(b"qos 0", 0), (b"qos 1", 1), (b"qos 2", 1)]
    assert [message.payload for message in broker.messages("a/+")] == [b"qos 0", b"qos 1", b"qos 2"]


def test_a_retained_message_is_kept_and_cleared(broker: ScriptedBroker):
    broker.publish("state", "on", retain=True)
    with Client(broker.port, "state") as client:
        assert client.wait_message(lambda message: message.retained)[0].payload == b"on"
    broker.publish("state", "", retain=True)
    assert broker.retained == {}


@BOTH
def test_a_session_outlives_the_connection_and_a_restart_of_the_broker(broker: ScriptedBroker, version: int):
    with Listener(broker, "a", version=version) as listener:
        broker.stop()
        broker.publish("a", "meanwhile")
        broker.start()
        assert listener.wait(1)[0].payload == b"meanwhile"
        assert [connack[0] for connack in listener.connacks] == [False, True]


@BOTH
@pytest.mark.parametrize("dup, same_ids, expected", [(True, True, [8, 9]), (True, False, [1, 2]), (False, True, [8, 9])])
def test_what_was_not_acknowledged_comes_again(
    broker: ScriptedBroker, version: int, dup: bool, same_ids: bool, expected: list[int]
):
    ear = broker.peer("ear")
    ear.redelivers(dup=dup, same_ids=same_ids)
    ear.loses_pubacks()
    with Listener(broker, "a", version=version) as listener:
        ear.next_packet_id = 8
        broker.publish("a", "1")
        broker.publish("a", "2")
        for packet_id in (8, 9):
            ear.wait_puback(packet_id)
        ear.drop()
        again = ear.wait_delivered("a", 4)[2:]
        assert [(message.payload, message.packet_id) for message in again] == list(zip((b"1", b"2"), expected))
        assert [message.dup for message in listener.wait(4)[2:]] == [dup, dup]


def test_a_script_says_what_the_connack_holds(broker: ScriptedBroker):
    ear = broker.peer("ear")
    ear.answers_connect(receive_maximum=7, retain_available=0, session_present=True, maximum_packet_size=500)
    with Listener(broker) as listener:
        present, _, properties = listener.connacks[0]
    assert present and properties is not None
    assert (properties.ReceiveMaximum, properties.RetainAvailable, properties.MaximumPacketSize) == (7, 0, 500)


@BOTH
def test_a_connection_is_refused_as_often_as_scripted(broker: ScriptedBroker, version: int):
    reason = 0x97 if version == 5 else 5
    broker.peer("ear").answers_connect(reason, times=2)
    with Listener(broker, version=version) as listener:
        listener.wait_connack(3)
        assert [connack[1] for connack in listener.connacks] == [reason, reason, 0]


def test_subscriptions_are_refused_or_silent_as_scripted(broker: ScriptedBroker):
    ear = broker.peer("ear")
    ear.delivers_nothing_for("silent")
    ear.answers_subscribe("for*", 0x87)
    with Listener(broker, "silent", "heard") as listener:
        listener.subscribe("forbidden")
        listener.subscribe("last")
        ear.wait_subscribed("last")
        for topic in ("silent", "forbidden", "heard"):
            broker.publish(topic)
        assert [message.topic for message in listener.wait(1)] == ["heard"]
        assert ear.filters == ["silent", "heard", "last"]


@BOTH
def test_a_refused_publish_is_not_forwarded(broker: ScriptedBroker, version: int):
    with Client(broker.port, "#", version=version, client_id="mouth") as client:
        broker.peer("mouth").answers_publish("secret/#", 0x87)
        client.publish("secret/a", "x")
        client.publish("open", "y")
        client.wait_message(lambda message: message.topic == "open")
        assert [message.topic for message in client.messages()] == ["open"]


def test_a_puback_can_be_withheld_and_sent_later(broker: ScriptedBroker):
    mouth = broker.peer("mouth")
    mouth.answers_publish("slow", None)
    with Client(broker.port, client_id="mouth") as client:
        client.publish_soon("slow", "x")
        [message] = mouth.wait_published("slow")
        mouth.acknowledge(message)
        client.wait_acknowledged()


def test_a_publish_that_fits_ends_the_connection(broker: ScriptedBroker):
    mouth = broker.peer("mouth")
    mouth.ends_at(lambda packet: isinstance(packet, Publish) and len(packet.payload) > 3)
    with Client(broker.port, client_id="mouth") as client:
        client.publish("a", "xxx")
        client.publish_soon("a", "xxxx")
        mouth.wait_connects(2)
        client.wait_acknowledged()  # sent again by paho, and the script said once
    assert len(mouth.published("a")) >= 3


def test_a_disconnect_tells_its_reason(broker: ScriptedBroker):
    with socket.create_connection(("127.0.0.1", broker.port), 10) as connection, connection.makefile("rb") as stream:
        connection.sendall(b"\x10\x10\x00\x04MQTT\x05\x02\x00\x1e\x00\x00\x03raw")
        assert stream.read(5) == b"\x20\x03\x00\x00\x00"
        broker.peer("raw").disconnect(0x97)
        assert stream.read() == b"\xe0\x02\x97\x00"


def test_the_will_follows_a_loss_but_no_orderly_end(broker: ScriptedBroker):
    for is_lost in (True, False):
        client = paho.Client("dying")
        client.will_set("gone", str(is_lost), 1)
        client.connect("127.0.0.1", broker.port)
        broker.peer("dying").wait_connects(1)
        if is_lost:
            broker.peer("dying").drop()
        client.disconnect()
        broker.peer("dying").wait_gone()
    assert [message.payload for message in broker.messages("gone")] == [b"True"]


def test_a_chosen_packet_is_delivered_and_resent_on_the_live_connection(broker: ScriptedBroker):
    ear = broker.peer("ear")
    ear.loses_pubacks()
    with Listener(broker) as listener:
        message = ear.deliver("any", "x", packet_id=77, dup=True, retain=True, content_type="text/plain")
        ear.wait_puback(message)
        ear.resend(dup=False)
        first, second = listener.wait(2)
        assert (first.mid, first.dup, first.retain, first.properties.ContentType) == (77, True, True, "text/plain")
        assert (second.mid, second.dup) == (77, False)
        broker.wait(lambda: ear.pubacks == [77, 77], "the second PUBACK")


def test_no_more_is_in_flight_than_the_window_allows(broker: ScriptedBroker):
    ear = broker.peer("ear")
    ear.window = 2
    ear.loses_pubacks()
    with Listener(broker, "a") as listener:
        for number in range(5):
            broker.publish("a", str(number))
        assert len(listener.wait(2)) == 2
        assert (len(ear.unacknowledged), len(ear.waiting)) == (2, 3)
