"""Which messages are commands, and that each of them runs once."""

from __future__ import annotations

from typing import Any

import pytest

from harness.client import Client
from harness.home import Home, rule
from harness.network import TcpProxy
from simulator.client import wait_until

OVERLAPPING = [
    rule("one", "a/+/c", "Any", device="hall-lamp-1", args={"rule": "one"}),
    rule("two", "a/b/+", "Any", device="hall-lamp-1", args={"rule": "two"}),
]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_message_runs_once_however_many_filters_overlap(empty_home: Home, version: str):
    home = empty_home.start({"mqtt": {"version": version}}, OVERLAPPING)
    reply = home.client.command("a/b/c", {"$id": "both"})
    assert reply["rule"] == "one", "the first rule wins"
    home.settle()
    assert len(home.client.final_replies("both")) == 1
    assert home.platform.executed("hall-lamp-1") == 1


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_overlapping_filters_still_take_what_only_one_fits(empty_home: Home, version: str):
    home = empty_home.start({"mqtt": {"version": version}}, OVERLAPPING)
    assert home.client.command("a/x/c", {})["rule"] == "one"
    assert home.client.command("a/b/x", {})["rule"] == "two"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_filter_that_covers_another_brings_no_second_copy(empty_home: Home, version: str):
    rules = [
        rule("narrow", "a/b", "Any", device="hall-lamp-1", args={}, reply={"ack": "answers/a", "result": "answers/a"}),
        rule("wide", "a/#", "Any", device="hall-lamp-2", args={}, reply={"ack": "answers/a", "result": "answers/a"}),
    ]
    home = empty_home.start({"mqtt": {"version": version}}, rules)
    assert home.client.command("a/b", {"$id": "n"})["rule"] == "narrow"
    assert home.client.command("a/c", {"$id": "w"})["rule"] == "wide"
    home.settle()
    assert (home.platform.executed("hall-lamp-1"), home.platform.executed("hall-lamp-2")) == (1, 1)


def test_overlapping_commands_kept_by_the_broker_run_once(empty_home: Home):
    home = empty_home.start({"mqtt": {"session_expiry": "1h"}}, OVERLAPPING)
    home.stop_bridge()
    home.client.publish("a/b/c", {"$id": "kept"})
    home.start()
    home.client.wait_reply("kept")
    home.settle()
    assert len(home.client.final_replies("kept")) == 1
    assert home.platform.executed("hall-lamp-1") == 1


def test_where_chooses_among_captures(empty_home: Home):
    rules = [
        rule("lamps", "home/{room}/{device}", "Any", args={}, where={"room": ["hall", "kitchen"], "device": "*-lamp-?"}),
        rule("rest", "home/cellar/{device}", "Any", args={}),
    ]
    home = empty_home.start(rules=rules)
    assert home.client.command("home/hall/hall-lamp-1", {})["rule"] == "lamps"
    assert home.client.command("home/cellar/hall-lamp-1", {})["rule"] == "rest"
    home.client.publish("home/attic/hall-lamp-1", {"$id": "no"})
    home.client.publish("home/hall/lamp-0001", {"$id": "no"})
    home.settle()
    assert home.client.final_replies("no") == []
    assert len(home.platform.calls(identifier="Any")) == 3, "two commands and the settling one"


def test_a_message_without_a_rule_gets_no_reply_and_is_counted(empty_home: Home):
    home = empty_home.start(rules=[rule("any", "home/{device}/any", "Any", args={}, where={"device": "hall-*"})])
    home.client.publish("home/kitchen-lamp-1/any", {"$id": "nobody"})
    home.settle()
    assert home.client.final_replies("nobody") == []
    assert "event=no_rule topic=home/kitchen-lamp-1/any" in home.bridge.log
    assert "the topic fits any, whose `where` does not take \\\"kitchen-lamp-1\\\" for device" in home.bridge.log
    home.stop_bridge()
    assert '"no_rule":1' in home.bridge.log.replace("\\", ""), "it is counted"


def test_retained_commands_are_ignored(empty_home: Home):
    empty_home.broker.start()
    empty_home.client.publish("home/hall-lamp-1/any", {"$id": "old"}, retain=True)
    home = empty_home.start()
    home.settle()
    assert home.client.final_replies("old") == []
    assert home.platform.executed("hall-lamp-1") == 0
    assert "retained_ignored" in home.bridge.log


def test_a_rule_can_accept_retained_commands(empty_home: Home):
    empty_home.broker.start()
    empty_home.client.publish("home/hall-lamp-1/any", {"$id": "old"}, retain=True)
    home = empty_home.start(rules=[rule("any", "home/{device}/any", "Any", args={}, retained="accept")])
    assert home.client.wait_reply("old")["status"] == "accepted"


RETAINED_RULES = [
    rule("any", "home/{device}/any", "Any", args={}, retained="accept"),
    rule("toggle", "home/{device}/toggle", "Toggle"),
]
VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])


def start_retained(home: Home, version: str, **mqtt: Any) -> None:
    """A retained command has been published, and has acted once."""
    if not home.broker.is_running:
        home.broker.start()
    home.client.publish("home/hall-lamp-1/any", {"n": 1}, retain=True)
    home.start({"mqtt": {"version": version, "session_expiry": "1h", **mqtt}}, RETAINED_RULES)
    home.platform.wait_calls(device_names=["hall-lamp-1"])


@VERSIONS
def test_an_accepted_retained_command_acts_once_however_often_the_link_is_lost(empty_home: Home, version: str):
    home = empty_home
    home.broker.start()
    with TcpProxy(home.broker.port) as proxy:
        start_retained(home, version, url=f"mqtt://127.0.0.1:{proxy.port}")
        for times in range(2, 5):
            proxy.cut()
            wait_until(lambda: home.bridge.log.count("event=online ") >= times, 60, "the bridge online again")
        home.settle()
        assert home.platform.executed("hall-lamp-1") == 1
        home.client.publish("home/hall-lamp-1/any", {"n": 2}, retain=True)
        home.platform.wait_calls(2, device_names=["hall-lamp-1"])
        home.stop_bridge()


@VERSIONS
@pytest.mark.parametrize("how", ["stop_bridge", "crash_bridge"])
def test_an_accepted_retained_command_acts_once_over_restarts(empty_home: Home, version: str, how: str):
    home = empty_home
    start_retained(home, version)
    for _ in range(2):
        home.wait_commit()
        getattr(home, how)()
        home.start()
        home.settle()
    assert home.platform.executed("hall-lamp-1") == 1
    assert home.client.command("home/hall-lamp-1/toggle", {})["status"] == "ok", "the other filter is in force"


def test_what_changed_in_the_rules_is_subscribed_beside_what_the_session_has(empty_home: Home):
    home = empty_home
    start_retained(home, "3.1.1")
    home.wait_commit()
    home.stop_bridge()
    settings = {"mqtt": {"version": "3.1.1"}}
    home.client.publish("door/hall-lamp-2/any", {"n": 1}, retain=True)
    home.start(settings, [rule("door", "door/{device}/any", "Any", args={}, retained="accept")])
    home.platform.wait_calls(device_names=["hall-lamp-2"])
    home.stop_bridge()
    home.start(settings, RETAINED_RULES)
    home.platform.wait_calls(2, device_names=["hall-lamp-1"])
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def refused_at_start(home: Home, rules: list[dict[str, Any]]) -> str:
    home.make_bridge(rules=rules).launch()
    assert home.bridge.wait() == 78
    return home.bridge.log


def test_rules_whose_replies_would_be_commands_are_refused(empty_home: Home):
    log = refused_at_start(empty_home, [rule("wide", "home/{path#}", "Any", device="hall-lamp-1", args={})])
    assert "reply" in log and "wide" in log


def test_rules_that_answer_each_other_are_refused(empty_home: Home):
    rules = [
        rule("ping", "ping", "Any", device="hall-lamp-1", args={}, reply={"ack": "pong", "result": "pong"}),
        rule("pong", "pong", "Any", device="hall-lamp-1", args={}, reply={"ack": "ping", "result": "ping"}),
    ]
    assert "ping" in refused_at_start(empty_home, rules)


def test_rules_for_the_bridges_own_topics_are_refused(empty_home: Home):
    rules = [rule("own", "thingbridge/bridge/{what}", "Any", device="hall-lamp-1", args={}, reply="none")]
    assert "thingbridge/bridge" in refused_at_start(empty_home, rules)


def test_a_reply_to_a_topic_from_the_payload_is_never_taken_for_a_command(empty_home: Home):
    reply = {"ack": "${payload.to}", "result": "${payload.to}"}
    home = empty_home.start(rules=[rule("any", "home/{device}/any", "Any", args={}, reply=reply)])
    home.client.publish("home/hall-lamp-1/any", {"$id": "loop", "to": "home/hall-lamp-2/any"})
    home.settle()
    assert home.platform.executed("hall-lamp-2") == 0


def test_a_dropped_rule_is_unsubscribed(empty_home: Home):
    home = empty_home.start({"mqtt": {"session_expiry": "1h"}}, OVERLAPPING)
    home.stop_bridge()
    home.bridge.set_rules(OVERLAPPING[1:] + [rule("settle", "settle", "Any", device="hall-lamp-4", args={})])
    home.bridge.write()
    home.start()
    home.client.publish("a/x/c", {"$id": "gone"})
    home.settle()
    assert home.client.final_replies("gone") == []
    assert home.client.command("a/b/x", {})["rule"] == "two"


def change_rules(home: Home, topic: str) -> None:
    """The same service by another topic."""
    home.bridge.set_rules([rule("any", topic, "Any", device="hall-lamp-1", args={}),
                           rule("settle", "settle", "Any", device="hall-lamp-4", args={})])
    home.bridge.write()


def end_session(home: Home) -> None:
    Client(home.broker.port, client_id=home.bridge.client_id).close()  # by a clean start


def start_and_kill_before_the_fence(home: Home, topic: str) -> None:
    change_rules(home, topic)
    home.bridge.launch({"THINGBRIDGE_TEST_KILL": "before_fence:1"})
    home.bridge.wait()


def test_a_command_outlives_two_changes_of_rules_and_a_crash_between(empty_home: Home):
    """The broker copied it by subscriptions of rules that were never in force."""
    home = empty_home.start({"mqtt": {"session_expiry": "1h"}}, [rule("other", "other", "Any", device="hall-lamp-2")])
    home.stop_bridge()
    for topics in (["home/+/any", "home/hall-lamp-1/{service}"], ["home/hall-lamp-1/{service}", "home/+/any"]):
        between, after = topics
        start_and_kill_before_the_fence(home, between)
        command = f"kept-for-{after}"
        home.client.publish("home/hall-lamp-1/any", {"$id": command})
        change_rules(home, after)
        home.start()
        assert home.client.wait_reply(command)["status"] == "accepted"
        assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
        home.stop_bridge()
        change_rules(home, "other")
        home.start()
        home.stop_bridge()
    assert home.platform.executed("hall-lamp-1") == 4


def test_a_new_session_knows_nothing_of_rules_that_were_never_in_force(empty_home: Home):
    home = empty_home.start({"mqtt": {"session_expiry": "1h"}}, [rule("other", "other", "Any", device="hall-lamp-2")])
    home.stop_bridge()
    for topics in (["home/+/any", "home/hall-lamp-1/{service}"], ["home/hall-lamp-1/{service}", "home/+/any"]):
        start_and_kill_before_the_fence(home, topics[0])
        end_session(home)
        change_rules(home, topics[1])
        home.start()
        assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
        home.stop_bridge()
        end_session(home)
        change_rules(home, "other")
        home.start()
        home.stop_bridge()
