"""A message that makes the broker end the connection stops nobody else's reply, and its own end is said."""

from __future__ import annotations

import re
from typing import Any, Callable

import pytest

from harness.broker import Broker
from harness.client import publish_properties
from harness.home import LAMP_RULES, Home, rule
from harness.mqtt_packets import Kind, Subscribe
from simulator.client import wait_until

SLASHES = "reply/" + "/" * 300
NONCHARACTER = "reply/\ufdd0"
DEEP = "deep" + "/x" * 199  # 200 levels, and one more with answer/


def flows(home: Home, count: int = 5, timeout_s: float = 60.0) -> None:
    """Other commands are answered."""
    for number in range(count):
        reply = home.client.command(f"home/hall-lamp-{number % 4 + 1}/any", {}, timeout_s=timeout_s)
        assert reply["status"] == "accepted"


def counters(home: Home) -> dict[str, int]:
    found = re.findall(r'event=counters .*counters="(.*)"', home.bridge.log)
    return {name: int(value) for name, value in re.findall(r'\\?"(\w+)\\?":(\d+)', found[-1])}


@pytest.mark.parametrize("topic", [SLASHES, NONCHARACTER])
def test_a_reply_topic_that_brokers_do_not_bear_is_refused(home: Home, topic: str):
    home.client.publish("home/hall-lamp-1/any", {"$id": "member", "$reply_to": topic})
    assert home.client.wait_reply("member")["reply_topic_refused"] is True
    flows(home)
    assert "event=mqtt_lost" not in home.bridge.log


def test_a_response_topic_of_too_many_levels_is_refused(home: Home):
    home.client.publish("home/hall-lamp-1/any", {"$id": "a"}, properties=publish_properties("reply" + "/" * 200))
    assert home.client.wait_reply("a")["reply_topic_refused"] is True
    flows(home)
    assert "event=mqtt_lost" not in home.bridge.log


def test_a_command_topic_so_deep_that_its_reply_topic_is_none_runs_and_is_told_of(empty_home: Home):
    rules = [*LAMP_RULES, rule("deep", "deep/{rest#}", "Any", device="hall-lamp-4", args={},
                                reply={"ack": "answer/${topic}", "result": "answer/${topic}"})]
    home = empty_home.start(rules=rules)
    home.client.publish(DEEP, {"$id": "deep"})
    home.platform.wait_calls(device_names=["hall-lamp-4"])
    home.bridge.wait_log("event=reply_topic_refused id=deep")
    flows(home)
    assert "event=mqtt_lost" not in home.bridge.log


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_client_id_with_wildcards_is_only_a_name(empty_home: Home, version: str):
    home = empty_home.start({"mqtt": {"client_id": "home#1", "version": version}})
    home.broker.signal(19)  # SIGSTOP: replies stay unacknowledged, so the library is woken by what would be a wrong filter
    try:
        home.client.publish_soon("home/hall-lamp-1/any", {"$id": "slow"})
    finally:
        home.broker.signal(18)
    assert home.client.wait_reply("slow")["status"] == "accepted"
    flows(home)
    assert "event=mqtt_lost" not in home.bridge.log


def with_packet_limit(home: Home, limit: int) -> Home:
    home.replace_broker(Broker(home.folder / "broker", settings={"max_packet_size": str(limit)}))
    return home


BIG = {"text": "x" * 3000}


def start_with_packet_limit(home: Home, settings: dict[str, Any] | None = None) -> Home:
    """3.1.1 knows nothing of the limit: Mosquitto ends the connection. A result of 3 kB is above it, without it is not."""
    return with_packet_limit(home, 2500).start({"mqtt": {"version": "3.1.1", **(settings or {})}})


def big_reply(home: Home, command_id: str) -> None:
    """Its result is above the broker's limit."""
    home.platform.device("hall-lamp-2", result=BIG)
    home.client.publish("home/hall-lamp-2/toggle", {"$id": command_id})


def endless_reply(home: Home, command_id: str) -> None:
    """Without a result it is too large as well: it repeats the command's topic."""
    home.client.publish("home/" + "x" * 1000 + "/any", {"$id": command_id + "-" * 200})


def test_a_result_above_a_limit_that_nobody_tells_is_left_out(empty_home: Home):
    home = start_with_packet_limit(empty_home)
    big_reply(home, "big")
    flows(home)
    reply = home.client.wait_reply("big", 60)
    assert (reply["status"], reply["result_cut"]) == ("ok", True)
    assert "result" not in reply
    home.bridge.wait_log("event=reply_delivered_cut id=big")
    flows(home)


def test_a_reply_that_can_never_be_delivered_ends_and_is_said(empty_home: Home):
    home = start_with_packet_limit(empty_home)
    home.client.publish("home/hall-lamp-1/any", {"$id": "before"})
    endless_reply(home, "endless")
    flows(home)
    home.bridge.wait_log("event=reply_undeliverable id=endless", 60)
    flows(home)
    home.stop_bridge()
    assert counters(home)["replies_undeliverable"] == 1
    home.start()
    flows(home)
    home.bridge.stop()
    assert "event=reply_set_aside" not in home.bridge.log.rpartition("event=started")[2]


def test_the_rest_flows_also_after_a_restart_in_the_midst_of_it(empty_home: Home):
    home = start_with_packet_limit(empty_home)
    endless_reply(home, "endless")
    home.bridge.wait_log("event=reply_set_aside id=endless")
    home.crash_bridge()
    home.client.publish("home/hall-lamp-1/any", {"$id": "meanwhile"})
    home.start()
    assert home.client.wait_reply("meanwhile", 60)["status"] == "accepted"
    flows(home)
    home.bridge.wait_log("event=reply_undeliverable id=endless", 60)
    flows(home)


@pytest.mark.timeout(240)
def test_many_of_them_do_not_stop_the_others(empty_home: Home):
    home = start_with_packet_limit(empty_home)
    for number in range(20):
        if number % 10 == 5:
            endless_reply(home, f"endless-{number}")
        home.client.publish(f"home/hall-lamp-{number % 4 + 1}/any", {"$id": f"c-{number}"})
    for number in range(20):
        assert home.client.wait_reply(f"c-{number}", 60)["status"] == "accepted"
    home.bridge.wait_log("event=reply_undeliverable", 60)
    assert "mqtt_client_id_in_use" not in home.bridge.log


# A broker that ends the connection over a topic, which no Mosquitto can be made to do


def forbid(home: Home, topic_filter: str, version: str = "5") -> None:
    home.broker.peer("bridge-replies").ends_at(topic_filter, times=None)
    home.start({"mqtt": {"version": version}})


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_broker_that_ends_the_connection_over_a_reply_topic_silences_nobody_else(scripted_home: Home, version: str):
    home = scripted_home
    forbid(home, "reply/secret", version)
    for number in range(8):
        topic = "reply/secret" if number == 3 else "reply/open"
        home.client.publish("home/hall-lamp-1/any", {"$id": f"c-{number}", "$reply_to": topic})
    for number in range(8):
        assert home.client.wait_reply(f"c-{number}", 60)["status"] == "accepted"
    home.crash_bridge()
    home.client.publish("home/hall-lamp-1/any", {"$id": "after"})
    home.start()
    assert home.client.wait_reply("after", 60)["status"] == "accepted"
    home.bridge.wait_log("event=reply_undeliverable id=c-3 rule=any topic=reply/secret", 60)
    flows(home)
    assert "mqtt_client_id_in_use" not in home.bridge.log
    opened = {m.json["id"] for m in home.client.messages("reply/open")}
    assert opened >= {f"c-{number}" for number in range(8) if number != 3}


def test_a_good_reply_outlives_a_broker_that_ends_every_connection_for_a_while(scripted_home: Home):
    home = scripted_home.start()
    replies = home.broker.peer("bridge-replies")
    replies.ends_at(lambda packet: packet.kind == Kind.PUBLISH, times=7)
    home.client.publish("home/hall-lamp-1/any", {"$id": "good"})
    assert home.client.wait_reply("good", 60)["status"] == "accepted"
    assert "event=reply_undeliverable" not in home.bridge.log
    assert "mqtt_client_id_in_use" not in home.bridge.log


@pytest.mark.parametrize("topic", ["thingbridge/bridge/health", "thingbridge/bridge/platform"])
def test_a_topic_of_our_own_that_the_broker_forbids_silences_nobody(scripted_home: Home, topic: str):
    forbid(scripted_home, topic)
    flows(scripted_home)
    scripted_home.bridge.wait_log(f"unanswered={topic} ")
    flows(scripted_home)
    assert "mqtt_client_id_in_use" not in scripted_home.bridge.log


def test_a_fence_that_the_broker_forbids_silences_nobody(scripted_home: Home):
    home = scripted_home
    home.broker.peer("bridge-replies").ends_at("thingbridge/bridge/fence/+", times=None)
    home.broker.start()
    home.make_bridge().launch()
    home.bridge.wait_log("event=own_topic_paused topic=thingbridge/bridge/fence", 60)
    flows(home)
    assert "mqtt_client_id_in_use" not in home.bridge.log


def asks_for(topic_filter: str) -> Callable[[Any], bool]:
    return lambda packet: isinstance(packet, Subscribe) and packet.wishes[0].filter == topic_filter


def test_a_filter_that_the_broker_forbids_leaves_the_others_subscribed(scripted_home: Home):
    home = scripted_home
    commands = home.broker.peer("bridge")
    # The first end may come before the SUBACKs of others, so that it shows nothing.
    commands.ends_at(asks_for("home/+/set"), times=3)
    home.broker.start()
    home.make_bridge().launch()
    home.bridge.wait_log("event=mqtt_filter_paused filter=home/+/set", 60)
    commands.wait_subscribed("home/+/any")
    # Nobody knows how old a command is that comes before the fence.
    wait_until(lambda: home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted", 30)
    assert home.state_topic not in {m.topic for m in home.client.messages() if m.payload == b"online"}
    home.wait_online(60)  # it is allowed now, and asked for again
    assert "home/+/set" in commands.filters
    assert "mqtt_client_id_in_use" not in home.bridge.log


def test_a_fence_that_may_not_be_read_leaves_the_others_subscribed(scripted_home: Home):
    home = scripted_home
    commands = home.broker.peer("bridge")
    commands.ends_at(lambda packet: isinstance(packet, Subscribe) and "fence" in packet.wishes[0].filter, times=None)
    home.broker.start()
    home.make_bridge().launch()
    home.bridge.wait_log("event=mqtt_filter_paused filter=thingbridge/bridge/fence", 60)
    commands.wait_subscribed("home/+/any")
    # Without a fence nobody knows how old the first commands are.
    assert home.client.command("home/hall-lamp-1/any", {})["status"] in ("accepted", "expired")
    assert "mqtt_client_id_in_use" not in home.bridge.log
