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
