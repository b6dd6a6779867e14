"""The bridge with brokers that are not Mosquitto: the promises hold on each."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from harness.home import LAMP_RULES, Home, rule
from harness.network import TcpProxy
from harness.outbox import rows, unproved
from simulator.client import let_pass, wait_until

LAMP = "hall-lamp-1"
TOPIC = f"home/{LAMP}/any"
COUNT = 20  # more than a broker sends before it has a PUBACK


def publish_all(home: Home, name: str, count: int = COUNT) -> list[str]:
    ids = [f"{name}-{number}" for number in range(count)]
    for each in ids:
        home.client.publish(TOPIC, {"$id": each})
    return ids


def wait_executed(home: Home, count: int) -> None:
    wait_until(lambda: home.platform.executed(LAMP) >= count, 60, f"{count} commands at the lamp")


def assert_each_ran_once(home: Home, ids: list[str]) -> None:
    """All that could still come is through when `settle` returns: the broker keeps its order."""
    for each in ids:
        assert home.client.wait_reply(each, timeout_s=60)["status"] == "accepted"
    home.settle()
    assert home.platform.executed(LAMP) == len(ids)
    for each in ids:
        replies = {reply.payload for reply in home.client.final_replies(each) if "duplicate" not in reply.json}
        assert len(replies) == 1, "a reply may come again, but always with the same bytes"


def test_a_command_is_answered(home: Home):
    reply = home.client.command(TOPIC, {})
    assert (reply["status"], reply["final"]) == ("accepted", True)


def test_commands_are_answered_in_their_order(home: Home):
    ids = publish_all(home, "order")
    assert_each_ran_once(home, ids)
    answered = [reply.json["id"] for reply in home.client.messages(f"{TOPIC}/reply")]
    assert answered == ids


def test_the_state_is_retained_and_the_will_reports_a_crash(home: Home):
    with home.connect(home.state_topic) as late:
        late.wait_payload(home.state_topic, "online")
        assert late.messages(home.state_topic)[0].retained
        home.crash_bridge()
        late.wait_payload(home.state_topic, "offline")
    home.start()
    home.stop_bridge()


def test_commands_go_on_after_the_connection_was_lost(home: Home, line: TcpProxy):
    line.refuse()
    home.wait_offline()
    meanwhile = publish_all(home, "meanwhile")
    line.accept()
    home.wait_online()
    after = publish_all(home, "after")
    assert_each_ran_once(home, meanwhile + after)


def test_commands_wait_at_the_broker_while_the_bridge_is_stopped(home: Home):
    home.stop_bridge()
    meanwhile = publish_all(home, "meanwhile")
    home.start()
    assert_each_ran_once(home, meanwhile)


def hold_pubacks(home: Home, line: TcpProxy, name: str) -> list[str]:
    """Commands that the bridge has taken and run, while the broker gets none of its PUBACKs."""
    stop_pubacks(home, line)
    ids = publish_all(home, name)
    wait_until(lambda: are_answered(home), 60, "the answers")
    return ids


def stop_pubacks(home: Home, line: TcpProxy) -> None:
    """Behind that of the fence, which has a place in the broker's window too."""
    home.settle()
    line.hold("up")


def are_answered(home: Home) -> bool:
    """What the broker sends before a PUBACK came has run, and its replies wait. (One place in its window may still be the
    settling command's.)"""
    states = [row["state"] for row in rows(home) if row["rule"] == "any"]
    return len(states) >= min(COUNT, max(1, home.broker.in_flight - 1)) and set(states) == {"replied"}


def test_commands_whose_pubacks_were_lost_with_the_connection_run_once(home: Home, line: TcpProxy):
    ids = hold_pubacks(home, line, "lost")
    line.cut()
    line.release()
    assert_each_ran_once(home, ids)


def test_commands_whose_pubacks_were_lost_with_a_kill_run_once(home: Home, line: TcpProxy):
    ids = hold_pubacks(home, line, "killed")
    home.bridge.crash()
    line.cut()
    line.release()
    home.wait_offline()
    home.start()
    assert_each_ran_once(home, ids)


@pytest.mark.parametrize("is_killed", [False, True], ids=["lost", "killed"])
def test_commands_without_ids_whose_pubacks_were_lost_run_once(home: Home, line: TcpProxy, is_killed: bool):
    """Nothing but their content tells what comes again."""
    stop_pubacks(home, line)
    for number in range(COUNT):
        home.client.publish(TOPIC, {"number": number})
    wait_until(lambda: are_answered(home), 60, "the answers")
    if is_killed:
        home.bridge.crash()
    line.cut()
    line.release()
    home.wait_offline()
    if is_killed:
        home.start()
    wait_executed(home, COUNT)
    home.settle()
    ran = Counter(json.loads(call["args"])["number"] for call in home.platform.calls(device_names=[LAMP]))
    assert ran == Counter(range(COUNT))


def test_an_equal_command_that_was_acknowledged_long_ago_is_no_redelivery(home: Home, line: TcpProxy):
    """Without an id, as a button sends it: one before the loss of the connection, and one after it."""
    home.client.publish(TOPIC, "{}")
    wait_executed(home, 1)
    wait_until(lambda: unproved(home) == 0, 60, "the proof")
    line.cut()
    home.wait_offline()
    home.wait_online()
    home.client.publish(TOPIC, "{}")
    wait_executed(home, 2)


def test_a_retained_command_is_not_run_when_the_bridge_comes_back(home: Home, line: TcpProxy):
    home.client.publish(TOPIC, {"$id": "kept"}, retain=True)
    home.client.wait_reply("kept")
    line.cut()
    home.wait_offline()
    home.wait_online()
    home.restart_bridge()
    home.settle()
    assert home.platform.executed(LAMP) == 1
    home.client.publish(TOPIC, b"", retain=True)


def test_what_the_broker_kept_for_too_long_expires(empty_home: Home):
    brief = rule("brief", "brief/{device}/any", "Any", args="${payload}", expire="1s")
    home = empty_home.start(rules=[*LAMP_RULES, brief])
    home.stop_bridge()
    home.client.publish(f"brief/{LAMP}/any", {"$id": "old"})
    home.client.publish(TOPIC, {"$id": "long-lived"})
    let_pass(2.5)
    home.start()
    assert home.client.wait_reply("old")["status"] == "expired"
    assert home.client.wait_reply("long-lived")["status"] == "accepted"
    assert home.client.command(f"brief/{LAMP}/any", {})["status"] == "accepted", "what comes now is fresh"
    assert home.platform.executed(LAMP) == 2


def test_an_accepted_retained_command_acts_once(empty_home: Home, line: TcpProxy):
    accepting = rule("accepting", "kept/{device}/any", "Any", args="${payload}", retained="accept")
    home = empty_home.start(rules=[accepting])
    home.client.publish(f"kept/{LAMP}/any", {"$id": "kept"}, retain=True)
    home.client.wait_reply("kept")
    line.cut()
    home.wait_offline()
    home.wait_online()
    home.restart_bridge()
    home.settle()
    assert home.platform.executed(LAMP) == 1
    home.client.publish(f"kept/{LAMP}/any", b"", retain=True)


@pytest.mark.only_with("ActiveMq", "Aedes")
def test_a_broker_that_needs_another_redelivery_setting_is_named_in_the_log(empty_home: Home, line: TcpProxy):
    home = empty_home.start({"mqtt": {"redelivery": "dup"}})
    hold_pubacks(home, line, "seen")
    line.cut()
    line.release()
    wait_until(lambda: "redelivery: content" in home.bridge.log, what="the hint")


@pytest.mark.only_with("Ejabberd-5")
def test_a_broker_without_shared_subscriptions_is_named_in_the_log(empty_home: Home):
    empty_home.make_bridge({"mqtt": {"share": "group"}}).launch()
    empty_home.bridge.wait_log("this broker has no shared subscriptions")


@pytest.mark.only_with("RabbitMq", "ActiveMq", "Aedes")
def test_a_broker_without_mqtt_5_is_named_in_the_log(empty_home: Home):
    empty_home.make_bridge({"mqtt": {"version": 5}}).launch()
    empty_home.bridge.wait_log("set mqtt.version to 3.1.1")
