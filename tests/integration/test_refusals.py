"""What is refused before anything is sent: a reply that says why, with the id wherever it can be read."""

from __future__ import annotations

import json

import pytest

from harness.home import Home, rule

LIMIT = 256 * 1024


def rejection(home: Home, payload: bytes, topic: str = "home/hall-lamp-1/any") -> dict:
    """The one reply to a payload that must be rejected."""
    home.client.publish(topic, payload)
    (message,) = home.client.wait_message(lambda message: message.topic == f"{topic}/reply", what="the rejection")
    reply = message.json
    assert reply["status"] == "rejected" and reply["final"] is True
    assert reply["error"]["source"] == "bridge"
    assert reply["error"]["title"] and reply["error"]["detail"]
    assert home.platform.calls() == []
    return reply


@pytest.mark.parametrize(
    "payload",
    [b'{"$id":"a"', b"{]", b'{"a":1,}', b'{"a":01}', b"{'a':1}", b'{"a":NaN}', b'[1 2]', b'"open', b'{"a":"\t"}',
     b'{"a":1} x', b'{"a":"\\ud800"}', b'{"a":"\\u0000"}'],
)
def test_broken_json_is_rejected(home: Home, payload: bytes):
    assert rejection(home, payload)["error"]["code"] == "payload_invalid"


@pytest.mark.parametrize("payload", [b"\xff\xfe", b'{"a":"\xc0\x80"}', b'{"a":"\xed\xa0\x80"}', b"on\x00off"])
def test_what_is_no_utf8_text_is_rejected(home: Home, payload: bytes):
    assert rejection(home, payload)["error"]["code"] == "payload_invalid"


def test_an_empty_payload_is_rejected(home: Home):
    assert rejection(home, b"")["error"]["code"] == "payload_empty"


def test_a_rule_can_accept_an_empty_payload(empty_home: Home):
    home = empty_home.start(rules=[rule("any", "home/{device}/any", "Any", args={}, empty="accept")])
    home.client.publish("home/hall-lamp-1/any", b"")
    (message,) = home.client.wait_message(lambda message: message.topic == "home/hall-lamp-1/any/reply")
    assert message.json["status"] == "accepted"


def test_a_missing_member_is_rejected_by_its_name(home: Home):
    reply = rejection(home, b'{"$id":"m","other":1}', "home/hall-lamp-1/set")
    assert reply["id"] == "m"
    assert reply["error"]["code"] == "member_missing"
    assert "level" in reply["error"]["detail"]


def test_a_value_that_a_filter_cannot_take_is_rejected_with_the_filters_name(home: Home):
    reply = rejection(home, b'{"$id":"m","level":"bright"}', "home/hall-lamp-1/set")
    assert reply["id"] == "m"
    assert reply["error"]["code"] == "filter_failed"
    assert "int" in reply["error"]["detail"]


@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "1e999", "9" * 400])
def test_a_number_beyond_64_bits_is_rejected_and_not_rounded(home: Home, number: str):
    reply = rejection(home, f'{{"$id":"big","n":{number}}}'.encode())
    assert reply["error"]["code"] == "number_out_of_range"


def test_a_payload_above_the_limit_is_rejected(home: Home):
    payload = json.dumps({"$id": "big", "text": "x" * LIMIT}).encode()
    assert rejection(home, payload)["error"]["code"] == "payload_too_large"


def test_a_payload_at_the_limit_is_taken(home: Home):
    head, tail = b'{"$id":"limit","text":"', b'"}'
    payload = head + b"x" * (LIMIT - len(head) - len(tail)) + tail
    home.client.publish("home/hall-lamp-1/any", payload)
    reply = home.client.wait_reply("limit")
    assert reply.get("error", {}).get("code") != "payload_too_large"


def test_json_nested_too_deeply_is_rejected(home: Home):
    payload = b'{"$id":"deep","a":' + b"[" * 32 + b"]" * 32 + b"}"
    assert rejection(home, payload)["error"]["code"] == "payload_too_deep"


def test_json_nested_as_deeply_as_allowed_is_taken(home: Home):
    payload = b'{"$id":"deep","a":' + b"[" * 31 + b"]" * 31 + b"}"
    home.client.publish("home/hall-lamp-1/any", payload)
    assert home.client.wait_reply("deep")["status"] == "accepted"


def test_a_million_brackets_do_no_harm(home: Home):
    assert rejection(home, b"[" * 200_000)["error"]["code"] in ("payload_too_deep", "payload_invalid")
    home.settle()


@pytest.mark.parametrize(
    "device", ["bad device", "a&Action=Pub", "ümlaut", "x" * 65, "a/b", "", "a%20b"]
)
def test_a_device_name_that_the_platform_does_not_allow_is_rejected(home: Home, device: str):
    reply = rejection(home, json.dumps({"$id": "d", "devices": [device]}).encode(), "homes/any")
    assert reply["id"] == "d"
    assert reply["error"]["code"] == "name_invalid"


def test_a_topic_level_cannot_smuggle_a_parameter(home: Home):
    reply = rejection(home, b"{}", "home/lamp&Identifier=Reset/any")
    assert reply["error"]["code"] == "name_invalid"


@pytest.mark.parametrize("expire", ["soon", -1, 0, True, [], "10"])
def test_a_time_limit_that_is_none_is_rejected(home: Home, expire: object):
    reply = rejection(home, json.dumps({"$id": "e", "$expire": expire}).encode())
    assert reply["id"] == "e"
    assert reply["error"]["code"] == "expire_invalid"


def test_limits_can_be_configured(empty_home: Home):
    home = empty_home.start({"limits": {"payload": "1KiB", "json_depth": 2}})
    assert rejection(home, b'{"a":"' + b"x" * 1024 + b'"}')["error"]["code"] == "payload_too_large"


def test_after_all_refusals_the_bridge_goes_on(home: Home):
    for payload in (b"{", b"\xff", b"", b'{"n":1e999}'):
        home.client.publish("home/hall-lamp-1/any", payload)
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
