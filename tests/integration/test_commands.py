"""The main path: a command's way to the platform, and what comes back."""

from __future__ import annotations

import json
import re

import pytest

from harness.client import publish_properties
from harness.home import PRODUCT, Home, rule

UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def test_a_synchronous_service_answers_with_the_devices_result(home: Home):
    reply = home.client.command("home/hall-lamp-1/toggle", {"$id": "req-42"})
    assert reply["v"] == 1
    assert reply["id"] == "req-42"
    assert reply["status"] == "ok"
    assert reply["final"] is True
    assert reply["rule"] == "toggle"
    assert reply["topic"] == "home/hall-lamp-1/toggle"
    assert reply["target"] == {"product_key": PRODUCT, "device_name": "hall-lamp-1", "identifier": "Toggle"}
    assert reply["result"]["code"] == 200 and reply["result"]["message"] == "success"
    call = home.platform.call(action="InvokeThingService")
    assert (reply["message_id"], reply["request_id"]) == (call["message_id"], call["request_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", reply["time"])
    assert reply["duration_ms"] >= 0
    assert reply["attempts"] == 1
    assert "error" not in reply
    assert home.platform.executed("hall-lamp-1") == 1


def test_a_result_that_is_only_the_output_comes_unchanged(home: Home):
    reply = home.client.command("home/output-lamp/echo", {"n": 7, "deep": {"list": [1, "zwei", None]}})
    assert reply["status"] == "ok"
    assert reply["result"] == {"n": 7, "deep": {"list": [1, "zwei", None]}}


def test_an_asynchronous_service_is_accepted(home: Home):
    reply = home.client.command("home/hall-lamp-2/set", {"level": 50})
    assert reply["status"] == "accepted"
    assert "result" not in reply
    call = home.platform.call(identifier="Set")
    assert json.loads(call["args"]) == {"brightness": 50, "color": "white"}
    assert reply["message_id"] == call["message_id"]


def test_replies_go_to_the_default_topic_with_qos_1_and_not_retained(home: Home):
    home.client.command("home/hall-lamp-1/toggle", {"$id": "a"})
    (reply,) = home.client.final_replies("a")
    assert (reply.topic, reply.qos, reply.retained) == ("home/hall-lamp-1/toggle/reply", 1, False)


def test_acknowledgment_and_result_go_to_their_own_topics(empty_home: Home):
    topics = {"ack": "${topic}/ack", "result": "${topic}/result"}
    home = empty_home.start(rules=[rule("echo", "home/{device}/echo", "Echo", args="${payload}", reply=topics)])
    reply = home.client.command("home/hall-lamp-1/echo", {"$id": "a", "n": 1})
    assert reply["status"] == "ok"
    home.settle()
    (ack,) = home.client.messages("home/hall-lamp-1/echo/ack")
    assert ack.json["status"] == "accepted"
    assert ack.json["final"] is False
    assert ack.json["id"] == "a"
    (result,) = home.client.messages("home/hall-lamp-1/echo/result")
    assert result.json["final"] is True


def test_a_rule_without_replies_still_runs(empty_home: Home):
    home = empty_home.start(rules=[rule("quiet", "home/{device}/any", "Any", args={}, reply="none")])
    home.client.publish("home/hall-lamp-1/any", {"$id": "quiet"})
    home.platform.wait_calls(device_names=["hall-lamp-1"])
    home.settle()
    assert home.client.final_replies("quiet") == []


def test_several_devices_are_one_call(home: Home):
    devices = ["hall-lamp-1", "hall-lamp-2", "kitchen-lamp-1", "hall-lamp-1"]
    reply = home.client.command("homes/any", {"devices": devices, "n": 3})
    assert reply["status"] == "accepted"
    call = home.platform.call(action="InvokeThingsService")
    assert call["device_names"] == devices[:3], "a repeated device is sent once"
    assert sorted(call["executed"]) == sorted(devices[:3])
    assert reply["target"]["device_names"] == devices[:3]


def test_one_device_in_a_list_is_a_single_call(home: Home):
    reply = home.client.command("homes/any", {"devices": ["hall-lamp-1"]})
    assert reply["status"] == "accepted"
    assert home.platform.call()["device_names"] == ["hall-lamp-1"]


def test_250_devices_are_split_at_100(home: Home):
    devices = [f"lamp-{number:04}" for number in range(1, 251)]
    reply = home.client.command("homes/any", {"devices": devices})
    assert reply["status"] == "accepted"
    calls = home.platform.calls(action="InvokeThingsService")
    assert sorted(len(call["device_names"]) for call in calls) == [50, 100, 100]
    assert sorted(name for call in calls for name in call["executed"]) == devices
    assert reply["attempts"] >= 1


def test_an_empty_list_of_devices_is_rejected(home: Home):
    reply = home.client.command("homes/any", {"devices": []})
    assert (reply["status"], reply["error"]["code"]) == ("rejected", "no_devices")
    assert home.platform.calls() == []


@pytest.mark.parametrize("given", ["text", "with spaces & ünï", "x" * 256, 7, -3, 9007199254740993])
def test_an_id_is_echoed_as_given(home: Home, given: str | int):
    assert home.client.command("home/hall-lamp-1/any", {"$id": given})["id"] == given


@pytest.mark.parametrize("given", ["", "x" * 257, "a\nb", 1.5, True, ["a"], {}])
def test_an_id_that_is_not_usable_is_rejected(home: Home, given: object):
    home.client.publish("home/hall-lamp-1/any", {"$id": given})
    (message,) = home.client.wait_message(lambda message: message.topic.endswith("/reply"), what="the rejection")
    assert message.json["status"] == "rejected"
    assert message.json["error"]["code"] == "id_invalid"
    assert home.platform.calls() == []


@pytest.mark.parametrize("payload", [{"n": 1}, {"n": 1, "$id": None}])
def test_a_command_without_an_id_gets_a_uuid_of_version_7(home: Home, payload: object):
    home.client.publish("home/hall-lamp-1/any", payload)
    (message,) = home.client.wait_message(lambda message: message.topic == "home/hall-lamp-1/any/reply")
    assert re.fullmatch(UUID7, message.json["id"])


def test_json_behind_a_byte_order_mark_is_json_with_its_id(home: Home):
    home.client.publish("home/hall-lamp-1/any", b'\xef\xbb\xbf\r\n {"n": 1, "$id": "marked"}')
    (message,) = home.client.wait_message(lambda message: message.topic == "home/hall-lamp-1/any/reply")
    assert message.json["id"] == "marked" and message.json["status"] != "rejected"


def test_an_id_can_come_from_the_payload_by_a_template(empty_home: Home):
    home = empty_home.start(
        rules=[rule("any", "home/{device}/any", "Any", args={}, id_from="${payload.request}")]
    )
    home.client.publish("home/hall-lamp-1/any", {"request": "r-17"})
    assert home.client.wait_reply("r-17")["status"] == "accepted"


def test_numbers_keep_their_text(home: Home):
    home.client.publish("home/hall-lamp-1/any", b'{"$id":"n","a":10.0,"b":1e2,"c":18446744073709551615,"d":-0.50}')
    assert home.client.wait_reply("n")["status"] == "accepted"
    assert home.platform.call()["args"] == '{"a":10.0,"b":1e2,"c":18446744073709551615,"d":-0.50}'


def test_unicode_reaches_the_platform_and_comes_back(home: Home):
    text = "Grüße 你好 😀 & = + % / ?"
    reply = home.client.command("home/output-lamp/echo", {"text": text})
    assert reply["result"] == {"text": text}


def test_text_payload_and_filters(empty_home: Home):
    args = {"word": "${payload}", "level": "${payload | default(5)}", "room": "${room}", "cut": "${payload | float | int}"}
    home = empty_home.start(
        rules=[rule("text", "home/{room}/{device}/level", "Any", args=args, reply={"result": "answers/${room}"})]
    )
    home.client.publish("home/hall/hall-lamp-1/level", b"42.7")
    (message,) = home.client.wait_message(lambda message: message.topic == "answers/hall")
    assert message.json["status"] == "accepted"
    assert home.platform.call()["args"] == '{"word":42.7,"level":42.7,"room":"hall","cut":42}'


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_commands_of_every_quality_of_service_are_answered_once(home: Home, qos: int):
    reply = home.client.command("home/hall-lamp-1/any", {"$id": "q"}, qos)
    assert reply["status"] == "accepted"
    home.settle()
    assert len(home.client.final_replies("q")) == 1
    assert home.platform.executed("hall-lamp-1") == 1


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_mqtt_3_1_1_does_the_same(empty_home: Home, qos: int):
    home = empty_home.start({"mqtt": {"version": "3.1.1"}})
    client = home.connect("home/#", version=3)
    assert client.command("home/hall-lamp-1/toggle", {"$id": "q"}, qos)["status"] == "ok"
    home.settle()
    assert len(client.final_replies("q")) == 1
    assert home.platform.executed("hall-lamp-1") == 1


def test_the_requesters_topic_gets_the_reply_with_its_correlation_data(home: Home):
    correlation = bytes(range(256))
    properties = publish_properties("reply/node-red", correlation)
    home.client.command("home/hall-lamp-1/toggle", {"$id": "a"}, properties=properties)
    (message,) = home.client.wait_message(lambda message: message.topic == "reply/node-red")
    assert message.correlation == correlation
    assert message.json["id"] == "a" and message.json["status"] == "ok"
    home.client.wait_message(lambda message: message.topic == "home/hall-lamp-1/toggle/reply")


def test_the_requesters_topic_can_stand_in_the_payload(home: Home):
    home.client.publish("home/hall-lamp-1/any", {"$id": "a", "$reply_to": "response/me", "n": 1})
    (message,) = home.client.wait_message(lambda message: message.topic == "response/me")
    assert message.json["status"] == "accepted"
    assert home.platform.call()["args"] == '{"n":1}', "the members for the bridge are taken out"


def test_a_rule_can_answer_only_the_requester(empty_home: Home):
    home = empty_home.start(
        rules=[rule("any", "home/{device}/any", "Any", args={}, response_topic="instead")]
    )
    home.client.publish("home/hall-lamp-1/any", {"$id": "a"}, properties=publish_properties("reply/me"))
    home.client.wait_message(lambda message: message.topic == "reply/me")
    home.settle()
    assert [message.topic for message in home.client.final_replies("a")] == ["reply/me"]


def test_a_rule_can_ignore_the_requesters_topic(empty_home: Home):
    home = empty_home.start(
        rules=[rule("any", "home/{device}/any", "Any", args={}, response_topic="ignore")]
    )
    home.client.command("home/hall-lamp-1/any", {"$id": "a"}, properties=publish_properties("reply/me"))
    home.settle()
    assert [message.topic for message in home.client.final_replies("a")] == ["home/hall-lamp-1/any/reply"]


@pytest.mark.parametrize(
    "topic", ["elsewhere/x", "$SYS/x", "homeassistant/switch/x/config", "thingbridge/bridge/request/info",
              "thingbridge/bridge/state", "home/hall-lamp-2/set", "home/hall-lamp-1/any"]
)
def test_a_reply_topic_that_is_not_allowed_is_refused_and_told(home: Home, topic: str):
    reply = home.client.command("home/hall-lamp-1/any", {"$id": "a"}, properties=publish_properties(topic))
    assert reply["status"] == "accepted"
    assert reply["reply_topic_refused"] is True
    home.settle()
    assert [message.topic for message in home.client.final_replies("a")] == ["home/hall-lamp-1/any/reply"]
    assert topic in home.bridge.log


def test_the_allowed_reply_topics_can_be_configured(empty_home: Home):
    home = empty_home.start({"reply": {"allow": ["flows/+/answer"]}})
    home.client.publish("home/hall-lamp-1/any", {"$id": "a"}, properties=publish_properties("flows/7/answer"))
    home.client.wait_message(lambda message: message.topic == "flows/7/answer")
    reply = home.client.command("home/hall-lamp-1/any", {}, properties=publish_properties("reply/me"))
    assert reply["reply_topic_refused"] is True


def test_commands_for_one_device_keep_their_order(home: Home):
    home.platform.fault("delay_after", seconds=0.05, probability=0.3, seed=1)
    for number in range(30):
        home.client.publish_soon("home/hall-lamp-1/any", {"$id": f"o{number}", "n": number})
    for number in range(30):
        home.client.wait_reply(f"o{number}")
    assert [json.loads(call["args"])["n"] for call in home.platform.calls()] == list(range(30))


def test_devices_do_not_wait_for_each_other(home: Home):
    home.platform.device("hall-lamp-1", delay_s=7)
    home.client.publish("home/hall-lamp-1/toggle", {"$id": "slow"})
    home.platform.wait_calls(device_names=["hall-lamp-1"])
    home.client.command("home/hall-lamp-2/toggle", {"$id": "quick"})
    assert home.client.final_replies("slow") == []


def test_a_burst_of_500_commands_is_answered_one_by_one(home: Home):
    home.platform.quota(InvokeThingService=0)
    for number in range(500):
        home.client.publish_soon(f"home/lamp-{number + 1:04}/any", {"$id": f"b{number}"})
    home.client.wait_message(
        lambda message: message.topic.endswith("/reply") and message.json["status"] == "accepted", 30, count=500
    )
    home.settle()
    assert all(len(home.client.final_replies(f"b{number}")) == 1 for number in range(500))
