"""The mapping files that ship are right as they are."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from harness.bridge import ROOT, run_cli
from harness.client import Received, publish_properties
from harness.home import Home

EXAMPLES = sorted((ROOT / "mappings").glob("*.yaml"))

# Topic, payload, where the reply is, and its status.
MESSAGES = [
    ("home/hall/lamp-1/set", {"level": 128}, "home/hall/lamp-1/set/result", "accepted"),
    ("doors/front-door/lock", {"user": "Ada"}, "doors/front-door/lock/reply", "ok"),
    ("ha/hall-lamp-1/set", {"state": "ON", "brightness": 128}, "ha/hall-lamp-1/set/result", "accepted"),
    ("ha/hall-lamp-1/power/set", "OFF", "ha/hall-lamp-1/power/set/result", "accepted"),
    ("ha/hall-lamp-1/brightness/set", "64", "ha/hall-lamp-1/brightness/set/result", "accepted"),
    ("ha/hall-lamp-1/effect/set", "night", "ha/hall-lamp-1/effect/set/result", "accepted"),
    ("ha/hall-lamp-1/toggle/press", "PRESS", "ha/hall-lamp-1/toggle/press/result", "ok"),
    ("ha/front-door/lock/set", "LOCK", "ha/front-door/lock/set/result", "ok"),
    ("zigbee2mqtt/downstairs/set", {"state": "on"}, "reply/zigbee2mqtt/downstairs/set", "accepted"),
    ("zigbee2mqtt/hall-lamp-1/set", {"state": "ON", "brightness": 127}, "reply/zigbee2mqtt/hall-lamp-1/set", "accepted"),
    ("zigbee2mqtt/hall-lamp-1/set/state", "off", "reply/zigbee2mqtt/hall-lamp-1/set/state", "accepted"),
    ("zigbee2mqtt/hall-lamp-2/set/state", "TOGGLE", "reply/zigbee2mqtt/hall-lamp-2/set/state", "ok"),
    ("zigbee2mqtt/hall-lamp-1/set/brightness", "9", "reply/zigbee2mqtt/hall-lamp-1/set/brightness", "accepted"),
    ("zigbee2mqtt/hall-lamp-1/get", {"brightness": ""}, "reply/zigbee2mqtt/hall-lamp-1/get", "ok"),
    ("cmnd/tasmotas/POWER", "ON", "stat/tasmotas/BRIDGE", "accepted"),
    ("cmnd/hall-lamp-1/POWER", "0", "stat/hall-lamp-1/BRIDGE", "accepted"),
    ("cmnd/hall-lamp-2/Dimmer", "40", "stat/hall-lamp-2/BRIDGE", "accepted"),
    ("cmnd/hall-lamp-3/Color", "3", "stat/hall-lamp-3/BRIDGE", "accepted"),
    ("request/hall-lamp-1/level", {"$reply_to": "reply/level"}, "reply/level", "ok"),
    ("request/hall-lamp-1/set", {"brightness": 40}, "request/hall-lamp-1/set/reply", "accepted"),
    ("v1/devices/me/rpc/request/7", {"method": "getLevel"}, "v1/devices/me/rpc/response/7", "ok"),
    ("v1/gateway/rpc", {"device": "Kitchen", "data": {"id": 7, "method": "toggle"}}, "reply/v1/gateway/rpc", "ok"),
    ("plant/area/all/set", {"level": 40}, "plant/area/all/set/result", "accepted"),
    ("plant/lamp/lamp-0017/set", {"level": 40}, "plant/lamp/lamp-0017/set/result", "accepted"),
    ("property/hall-lamp-1/power/set", "true", "property/hall-lamp-1/power/set/result", "accepted"),
    ("property/hall-lamp-1/brightness/set", "40", "property/hall-lamp-1/brightness/set/result", "accepted"),
    ("property/hall-lamp-1/set", {"color": "red"}, "property/hall-lamp-1/set/result", "accepted"),
    ("properties/all/set", {"power": "on", "brightness": 60}, "properties/all/set/result", "accepted"),
]


def test_there_are_examples():
    assert EXAMPLES


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_passes_check_without_a_warning(file: Path):
    done = run_cli("check", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout + done.stderr


def test_all_examples_together_pass_check():
    done = run_cli("check", *EXAMPLES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_has_tests_and_passes_them(file: Path):
    done = run_cli("test", "--json", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["passed"] > 0


def test_all_examples_together_pass_their_tests():
    done = run_cli("test", *EXAMPLES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_platform_takes_what_the_examples_send(home_of_examples: Home):
    client = home_of_examples.client
    for topic, payload, _, _ in MESSAGES:
        client.publish(topic, payload)
    statuses = {topic: final_reply(home_of_examples, topic)["status"] for _, _, topic, _ in MESSAGES}
    assert statuses == {topic: status for _, _, topic, status in MESSAGES}


def test_a_pump_runs_when_its_order_is_fresh(home_of_examples: Home):
    order = {"seconds": 60, "order": "o-17", "at": int(time.time() * 1000)}
    home_of_examples.client.publish("plant/pump/pump-1/run", order)
    assert final_reply(home_of_examples, "plant/pump/pump-1/run/result")["status"] == "accepted"


def test_only_the_requester_gets_the_reply_of_node_red(home_of_examples: Home):
    client = home_of_examples.client
    properties = publish_properties("reply/node-red/1", b"17")
    client.publish("request/hall-lamp-1/toggle", {"$id": "17"}, properties=properties)
    (message,) = client.wait_message(lambda message: message.topic == "reply/node-red/1")
    assert message.correlation == b"17"
    assert message.json["status"] == "ok" and message.json["id"] == "17"
    # The lamp's next reply would come after a second reply to this command.
    client.publish("request/hall-lamp-1/level")
    final_reply(home_of_examples, "request/hall-lamp-1/level/reply")
    assert not client.messages("request/hall-lamp-1/toggle/reply")


def final_reply(home: Home, topic: str) -> dict[str, Any]:
    def is_final(message: Received) -> bool:
        return message.topic == topic and message.json["final"] is True

    return home.client.wait_message(is_final)[0].json


@pytest.fixture
def home_of_examples(empty_home: Home) -> Home:
    """One bridge with all shipped mappings side by side."""
    empty_home.make_bridge().configure(mappings=[str(file) for file in EXAMPLES])
    return empty_home.start()
