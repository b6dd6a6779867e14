"""The bridge with the scripted broker: that the two work together, as other tests' stories begin there."""

from __future__ import annotations

import pytest

from harness.home import Home

BOTH = pytest.mark.parametrize("version", [5, "3.1.1"])


@BOTH
def test_a_command_is_answered_by_way_of_the_scripted_broker(scripted_home: Home, version: object):
    home = scripted_home.start({"mqtt": {"version": version}})
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


@BOTH
def test_a_command_whose_puback_was_lost_comes_again_and_runs_once(scripted_home: Home, version: object):
    home = scripted_home
    bridge = home.broker.peer("bridge")
    home.start({"mqtt": {"version": version}})
    bridge.loses_pubacks()
    home.broker.publish("home/hall-lamp-1/any", '{"$id": "once"}')
    home.client.wait_reply("once")
    bridge.drop()
    first, again = bridge.wait_delivered("home/hall-lamp-1/any", 2)
    assert not first.dup and again.dup
    bridge.loses_pubacks(False)
    home.client.wait_payload(home.state_topic, "online")
    home.settle()
    assert home.platform.executed("hall-lamp-1") == 1
    assert len(home.client.final_replies("once")) == 1


def test_a_session_that_the_broker_keeps_for_less_than_asked_is_reported(scripted_home: Home):
    scripted_home.broker.peer("bridge").answers_connect(session_expiry_interval=300)
    home = scripted_home.start({"mqtt": {"session_expiry": "1h"}})
    home.bridge.wait_log("event=mqtt_session_expiry_lowered client_id=bridge seconds=300 asked_for=3600")
    assert "client_id=bridge-replies seconds" not in home.bridge.log


def test_a_session_that_the_broker_keeps_as_long_as_asked_is_not_reported(scripted_home: Home):
    home = scripted_home.start({"mqtt": {"session_expiry": "1h"}})
    home.settle()
    assert "mqtt_session_expiry_lowered" not in home.bridge.log
