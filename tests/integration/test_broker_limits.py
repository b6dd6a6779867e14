"""What a broker's CONNACK and SUBACKs limit: nothing is sent that they forbid, and what is lost by it is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.home import Home
from harness.mqtt_packets import Kind
from harness.scripted_broker import ScriptedBroker


def launch(home: Home, settings: dict[str, Any] | None = None) -> ScriptedBroker:
    home.broker.start()
    home.make_bridge(settings).launch()
    return home.broker


def told_durability(broker: ScriptedBroker) -> dict[str, Any]:
    return json.loads(broker.wait_messages("thingbridge/bridge/health")[-1].payload)["mqtt"]


def test_a_broker_of_qos_0_without_retained_messages_gets_no_other(scripted_home: Home):
    for client_id in ("bridge", "bridge-replies"):
        scripted_home.broker.peer(client_id).answers_connect(maximum_qos=0, retain_available=0)
    broker = launch(scripted_home)
    scripted_home.bridge.wait_log("event=online")
    assert scripted_home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
    assert told_durability(broker) == {"commands_qos": 1, "replies_qos": 0, "state_retained": False}
    sent = [*broker.peer("bridge").published(), *broker.peer("bridge-replies").published()]
    assert {(message.qos, message.retain) for message in sent} == {(0, False)}
    assert scripted_home.bridge.log.count("event=mqtt_qos_limited") == 2
    assert scripted_home.bridge.log.count("event=mqtt_retain_unavailable") == 2
    scripted_home.bridge.stop()


@pytest.mark.parametrize("reason", [0x9A, 0x9B])
def test_a_will_that_the_broker_cannot_take_is_lowered(scripted_home: Home, reason: int):
    peer = scripted_home.broker.peer("bridge")
    peer.answers_connect(maximum_qos=0, retain_available=0)
    peer.answers_connect(reason, times=1)
    broker = launch(scripted_home)
    scripted_home.bridge.wait_log("event=online")
    first, second = (connect.will for connect in broker.peer("bridge").connects)
    assert (first.qos, first.retain) == (1, True)
    assert (second.qos, second.retain) == ((1, False) if reason == 0x9A else (0, True))
    scripted_home.bridge.stop()


def test_subscriptions_with_qos_0_are_said(scripted_home: Home):
    scripted_home.broker.peer("bridge").answers_subscribe("home*", 0)
    broker = launch(scripted_home)
    scripted_home.bridge.wait_log("event=mqtt_subscribed_weakly")
    assert told_durability(broker)["commands_qos"] == 0
    assert scripted_home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def test_the_brokers_keep_alive_counts_at_once(scripted_home: Home):
    for client_id in ("bridge", "bridge-replies"):
        scripted_home.broker.peer(client_id).answers_connect(server_keep_alive=1)
    broker = launch(scripted_home, {"mqtt": {"keepalive": "1h"}})
    for client_id in ("bridge", "bridge-replies"):
        peer = broker.peer(client_id)
        broker.wait(
            lambda: [packet.kind for packet in peer.received].count(Kind.UNSUBSCRIBE) >= 4, f"signs of life of {client_id}"
        )
        assert len(peer.connects) == 1
