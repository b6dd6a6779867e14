"""Duplicates by id, and redelivery by the broker: a command never acts twice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.client import Client, Received, publish_properties
from harness.home import LAMP_RULES, Home
from harness.network import TcpProxy
from simulator.client import wait_until

LAMP = "hall-lamp-1"
TOPIC = f"home/{LAMP}/any"
KEEP = {"mqtt": {"session_expiry": "1h"}}
HOW = pytest.mark.parametrize("how", ["stop_bridge", "crash_bridge"])


def repeat(home: Home, topic: str = TOPIC, payload: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """Publishes a command again, and returns the reply to this copy."""
    payload = payload or {"$id": "a", "n": 1}
    before = len(home.client.final_replies(payload["$id"]))
    home.client.publish(topic, payload, **options)
    found = home.client.wait_message(lambda message: message.is_final_reply(payload["$id"]), count=before + 1)
    return found[-1].json


def without_mark(reply: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in reply.items() if name != "duplicate"}


# The same id on the same topic


def test_the_same_id_gets_the_first_reply_and_runs_once(home: Home):
    first = repeat(home, f"home/{LAMP}/toggle", {"$id": "a"})
    again = repeat(home, f"home/{LAMP}/toggle", {"$id": "a"})
    assert "duplicate" not in first and again["duplicate"] is True
    assert without_mark(again) == first
    assert home.platform.executed(LAMP) == 1


def test_the_bytes_of_the_reply_are_those_of_the_first(home: Home):
    home.client.publish(f"home/{LAMP}/echo", b'{"$id":"a","x":10.0,"y":1e2}')
    home.client.wait_reply("a")
    home.client.publish(f"home/{LAMP}/echo", b'{"$id":"a","x":10.0,"y":1e2}')
    first, again = home.client.wait_message(lambda message: message.is_final_reply("a"), count=2)
    assert again.payload == first.payload[:-1] + b',"duplicate":true}'


def test_a_duplicate_goes_to_its_own_requester(home: Home):
    home.client.publish(TOPIC, {"$id": "a"}, properties=publish_properties("reply/one", b"1"))
    home.client.wait_message(lambda message: message.topic == "reply/one")
    home.client.publish(TOPIC, {"$id": "a"}, properties=publish_properties("reply/two", b"2"))
    (message,) = home.client.wait_message(lambda message: message.topic == "reply/two")
    assert message.correlation == b"2" and message.json["duplicate"] is True
    home.settle()
    assert len(home.client.messages("reply/one")) == 1
    assert home.platform.executed(LAMP) == 1


def test_the_same_id_with_another_payload_is_rejected(home: Home):
    assert repeat(home)["status"] == "accepted"
    reply = repeat(home, payload={"$id": "a", "n": 2})
    assert (reply["status"], reply["error"]["code"]) == ("rejected", "id_reused")
    assert "duplicate" not in reply
    assert home.platform.executed(LAMP) == 1
    assert repeat(home)["duplicate"] is True, "the first is remembered all the same"


def test_the_same_id_on_another_topic_is_another_command(home: Home):
    assert repeat(home)["status"] == "accepted"
    reply = repeat(home, "home/hall-lamp-2/any")
    assert reply["status"] == "accepted" and "duplicate" not in reply


def test_commands_without_an_id_are_never_duplicates(home: Home):
    for _ in range(2):
        home.client.publish(TOPIC, {"n": 1})
    home.client.wait_message(lambda message: message.topic == f"{TOPIC}/reply", count=2)
    assert home.platform.executed(LAMP) == 2


@pytest.mark.parametrize(
    "topic,payload,status",
    [
        ("home/offline-lamp/any", {"$id": "a"}, "failed"),
        ("home/hall-lamp-1/set", {"$id": "a", "level": "none"}, "rejected"),
        ("home/hall-lamp-1/any", {"$id": "a", "$sent_at": 1000}, "expired"),
    ],
)
def test_the_first_outcome_stands_whatever_it_was(home: Home, topic: str, payload: dict[str, Any], status: str):
    first = repeat(home, topic, payload)
    assert first["status"] == status
    home.platform.device("offline-lamp", state="online")
    again = repeat(home, topic, payload)
    assert again == {**first, "duplicate": True}
    assert home.platform.executed("offline-lamp") == 0


def test_a_lost_answer_is_not_made_good_by_sending_again(home: Home):
    home.platform.fault("reset_after", count=1)
    assert repeat(home)["status"] == "unknown"
    assert repeat(home)["status"] == "unknown"
    assert home.platform.executed(LAMP) == 1


# While the first is under way


def test_duplicates_of_a_command_under_way_wait_for_its_reply(home: Home):
    home.platform.device(LAMP, delay_s=1)
    topic = f"home/{LAMP}/toggle"
    home.client.publish(topic, {"$id": "a"})
    home.platform.wait_calls(device_names=[LAMP])
    for number in range(3):
        home.client.publish(topic, {"$id": "a"}, properties=publish_properties("reply/me", bytes([number])))
    reused = repeat(home, topic, {"$id": "a", "other": 1})
    assert (reused["status"], reused["error"]["code"]) == ("rejected", "id_reused"), "at once"
    found = home.client.wait_message(lambda message: message.topic == "reply/me", count=3)
    assert all(message.json["status"] == "ok" and message.json["duplicate"] is True for message in found)
    assert sorted(message.correlation for message in found) == [b"\x00", b"\x01", b"\x02"]
    assert home.platform.executed(LAMP) == 1


def test_a_burst_of_one_id_runs_once(home: Home):
    for _ in range(50):
        home.client.publish_soon(TOPIC, {"$id": "a", "n": 1})
    found = home.client.wait_message(lambda message: message.is_final_reply("a"), count=50)
    assert sum("duplicate" not in message.json for message in found) == 1
    assert home.platform.executed(LAMP) == 1


@HOW
def test_duplicates_that_wait_are_answered_after_a_restart(empty_home: Home, how: str):
    home = empty_home.start(KEEP)
    home.platform.fault("status_503", count=1, retry_after=2)
    home.client.publish(TOPIC, {"$id": "a", "n": 1})
    home.bridge.wait_log("event=command_retry")
    home.client.publish(TOPIC, {"$id": "a", "n": 1})
    home.wait_commit()
    getattr(home, how)()
    home.start()
    found = home.client.wait_message(lambda message: message.is_final_reply("a"), count=2)
    assert [message.json.get("duplicate", False) for message in found] == [False, True]
    assert all(message.json["status"] == "accepted" for message in found)
    assert home.platform.executed(LAMP) == 1


# How long they are remembered


@HOW
def test_ids_are_remembered_over_a_restart(empty_home: Home, how: str):
    home = empty_home.start(KEEP)
    first = repeat(home)
    home.settle()
    getattr(home, how)()
    home.start()
    assert repeat(home) == {**first, "duplicate": True}
    assert repeat(home, payload={"$id": "a", "n": 2})["error"]["code"] == "id_reused"
    assert home.platform.executed(LAMP) == 1


def test_an_id_is_forgotten_after_its_window(empty_home: Home):
    home = empty_home.start({"outbox": {"dedupe_window": "1s"}})
    repeat(home)
    wait_until(lambda: "duplicate" not in repeat(home), 60, "the id to be forgotten")
    assert home.platform.executed(LAMP) == 2


def test_a_window_of_nothing_remembers_nothing_that_has_ended(empty_home: Home):
    home = empty_home.start({"outbox": {"dedupe_window": "0s"}})
    repeat(home)
    wait_until(lambda: "duplicate" not in repeat(home), 60, "the id to be forgotten")


def test_no_more_ids_than_configured_are_remembered(empty_home: Home):
    home = empty_home.start({"outbox": {"dedupe_max": 5}})
    for number in range(20):
        home.client.publish_soon(TOPIC, {"$id": f"n{number}"})
    for number in range(20):
        home.client.wait_reply(f"n{number}")
    wait_until(lambda: "duplicate" not in repeat(home, payload={"$id": "n0"}), 60, "the oldest id to be forgotten")
    assert repeat(home, payload={"$id": "n19"})["duplicate"] is True


# QoS 0


def test_a_duplicate_sent_with_qos_0_of_a_command_on_disk_is_not_run(home: Home):
    first = repeat(home)
    assert repeat(home, qos=0) == {**first, "duplicate": True}
    assert home.platform.executed(LAMP) == 1


@pytest.mark.parametrize("qos", [0, 1])
def test_a_command_sent_with_qos_0_is_remembered(home: Home, qos: int):
    first = repeat(home, qos=0)
    assert repeat(home, qos=qos) == {**first, "duplicate": True}
    assert repeat(home, payload={"$id": "a", "n": 2}, qos=qos)["error"]["code"] == "id_reused"
    assert home.platform.executed(LAMP) == 1


def test_a_duplicate_with_qos_0_of_a_qos_0_command_under_way_waits(home: Home):
    home.platform.device(LAMP, delay_s=1)
    for _ in range(3):
        home.client.publish(f"home/{LAMP}/toggle", {"$id": "a"}, qos=0)
    found = home.client.wait_message(lambda message: message.is_final_reply("a"), count=3)
    assert sorted("duplicate" in message.json for message in found) == [False, True, True]
    assert home.platform.executed(LAMP) == 1


def test_ids_of_qos_0_commands_are_forgotten_after_the_window(empty_home: Home):
    home = empty_home.start({"outbox": {"dedupe_window": "1s"}})
    repeat(home, qos=0)
    wait_until(lambda: "duplicate" not in repeat(home, qos=0), 60, "the id to be forgotten")


def test_ids_of_qos_0_commands_are_bounded_in_number(empty_home: Home):
    home = empty_home.start({"outbox": {"dedupe_max": 5}})
    for number in range(20):
        home.client.command(TOPIC, {"$id": f"n{number}"}, qos=0)
    assert "duplicate" not in repeat(home, payload={"$id": "n0"}, qos=0)
    assert repeat(home, payload={"$id": "n19"}, qos=0)["duplicate"] is True


# Redelivery by the broker


def is_reply(message: Received) -> bool:
    return message.topic == f"{TOPIC}/reply"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_what_the_broker_delivers_again_is_not_run_again(empty_home: Home, version: str):
    """The PUBACKs are lost on the way; the commands have no ids of their own."""
    home = empty_home
    home.broker.start()
    with TcpProxy(home.broker.port) as proxy:
        url = f"mqtt://127.0.0.1:{proxy.port}"
        home.start({"mqtt": {"version": version, "session_expiry": "1h", "url": url}}, LAMP_RULES)
        proxy.hold("up")
        for number in range(10):
            home.client.publish(TOPIC, {"n": number})
        home.platform.wait_calls(10)
        proxy.cut()
        proxy.release()
        home.client.wait_message(is_reply, 20, "the replies", 10)
        wait_until(lambda: home.bridge.log.count("event=online ") >= 2, 60, "the bridge online again")
        home.settle()
        ran = [json.loads(call["args"])["n"] for call in home.platform.calls() if call["args"] != "{}"]
        assert sorted(ran) == list(range(10))
        ids = {message.json["id"] for message in home.client.messages(f"{TOPIC}/reply")}
        assert len(ids) == 10, "one reply each, however often it came"
        assert home.bridge.log.count("event=command_redelivered") == 10
        home.stop_bridge()


def test_what_the_broker_delivers_again_after_a_crash_is_not_run_again(empty_home: Home):
    home = empty_home
    home.broker.start()
    with TcpProxy(home.broker.port) as proxy:
        home.start({**KEEP, "mqtt": {"session_expiry": "1h", "url": f"mqtt://127.0.0.1:{proxy.port}"}}, LAMP_RULES)
        proxy.hold("up")
        for number in range(10):
            home.client.publish(TOPIC, {"n": number})
        home.platform.wait_calls(10)
        home.bridge.crash()
        proxy.cut()
        proxy.release()
        home.wait_offline()
        home.start()
        home.client.wait_message(is_reply, 20, "the replies", 10)
        home.settle()
        ran = [json.loads(call["args"])["n"] for call in home.platform.calls() if call["args"] != "{}"]
        assert sorted(ran) == list(range(10))
        assert len({message.json["id"] for message in home.client.messages(f"{TOPIC}/reply")}) == 10
        home.stop_bridge()


def test_a_new_session_forgets_what_the_old_one_delivered(empty_home: Home):
    """Packet ids begin anew, and equal commands without an id are two commands."""
    home = empty_home.start(KEEP)
    home.client.publish(TOPIC, {"n": 1})
    wait_until(lambda: home.platform.executed(LAMP) == 1, 60, "the first run")
    home.stop_bridge()
    Client(home.broker.port, client_id=home.bridge.client_id).close()  # a clean start ends the session
    home.start()
    assert "session_present=1" not in home.bridge.log
    home.client.publish(TOPIC, {"n": 1})
    wait_until(lambda: home.platform.executed(LAMP) == 2, 60, "the second run")
