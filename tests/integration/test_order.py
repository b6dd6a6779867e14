"""Order: commands for one device keep it, devices wait for each other only through a command that names both."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from harness.home import PRODUCT, Home, rule
from simulator.client import wait_until

LAMP, OTHER, THIRD = "hall-lamp-1", "hall-lamp-2", "hall-lamp-3"
N = {"n": "${payload.n}"}
RULES = [
    rule("any", "home/{device}/any", "Any", args=N),
    rule("again", "again/{device}/any", "Any", args=N, idempotent=True),
    rule("second", "second/{device}/any", "Any", args=N),
    rule("slow", "home/{device}/echo", "Echo", args=N),
    rule("many", "homes/any", "Any", devices="${payload.devices}", args=N),
    rule("one-lane", "lane/{device}/echo", "Echo", args=N, order="rule"),
    rule("no-lane", "free/{device}/echo", "Echo", args=N, order="none"),
    rule("by-id", "id/{id_of_device}/echo", "Echo", iot_id="${id_of_device}", args=N),
    rule("latest", "latest/{device}/any", "Any", args=N, latest_only=True),
    rule("latest-slow", "latest/{device}/echo", "Echo", args=N, latest_only=True),
    rule("latest-again", "latest-again/{device}/any", "Any", args=N, latest_only=True, idempotent=True),
    rule("latest-many", "latest-many", "Any", devices="${payload.devices}", args=N, latest_only=True),
    rule("folded", "fold/{device}/any", "Any", args=N, batch={"window": "100ms", "max": 10}),
]


@pytest.fixture
def ordered(empty_home: Home) -> Home:
    return empty_home.start(rules=RULES)


def send(home: Home, topic: str, number: int, **more: Any) -> str:
    """Publishes command `number`, with the id `cNUMBER`."""
    home.client.publish(topic, {"$id": f"c{number}", "n": number, **more})
    return f"c{number}"


def numbers(home: Home) -> list[int]:
    """Of the calls, in the order of their arrival at the platform."""
    return [json.loads(call["args"])["n"] for call in home.platform.calls() if call["args"] != "{}"]


def statuses(home: Home, count: int) -> list[str]:
    return [home.client.wait_reply(f"c{number}")["status"] for number in range(1, count + 1)]


# Lanes


def test_a_command_that_waits_for_a_retry_keeps_its_place(ordered: Home):
    ordered.platform.fault("status_503", count=2, retry_after=1)
    for number in range(1, 4):
        send(ordered, f"home/{LAMP}/any", number)
    assert statuses(ordered, 3) == ["accepted"] * 3
    assert numbers(ordered) == [1, 1, 1, 2, 3]


def test_another_device_passes_a_command_that_waits_for_a_retry(ordered: Home):
    ordered.platform.fault("status_502", count=3, match={"device": LAMP})
    send(ordered, f"again/{LAMP}/any", 1)
    ordered.bridge.wait_log("event=command_retry")
    send(ordered, f"home/{LAMP}/any", 2)
    assert ordered.client.command(f"home/{OTHER}/any", {"n": 3})["status"] == "accepted"
    assert statuses(ordered, 2) == ["accepted"] * 2
    assert numbers(ordered)[-1] == 2


def test_commands_of_different_rules_for_one_device_keep_their_order(ordered: Home):
    ordered.platform.device(LAMP, delay_s=0.5)
    topics = [f"home/{LAMP}/echo", f"second/{LAMP}/any", f"again/{LAMP}/any", f"home/{LAMP}/any"]
    for number, topic in enumerate(topics, 1):
        send(ordered, topic, number)
    statuses(ordered, 4)
    assert numbers(ordered) == [1, 2, 3, 4]


def test_a_command_for_several_devices_waits_for_all_of_them_and_holds_all(ordered: Home):
    ordered.platform.device(LAMP, delay_s=1)
    send(ordered, f"home/{LAMP}/echo", 1)
    ordered.platform.wait_calls(device_names=[LAMP])
    send(ordered, "homes/any", 2, devices=[LAMP, OTHER])
    send(ordered, f"home/{OTHER}/any", 3)
    send(ordered, f"home/{THIRD}/any", 4)
    send(ordered, f"home/{LAMP}/any", 5)
    assert statuses(ordered, 5) == ["ok"] + ["accepted"] * 4
    order = numbers(ordered)
    assert order[:2] == [1, 4], "the third device waits for nobody"
    assert order[2] == 2 and sorted(order[3:]) == [3, 5]


def test_two_commands_that_name_the_same_devices_in_another_order_do_not_block_each_other(ordered: Home):
    for number in range(1, 11):  # as many as the quota takes at once
        send(ordered, "homes/any", number, devices=[LAMP, OTHER] if number % 2 else [OTHER, LAMP])
    assert statuses(ordered, 10) == ["accepted"] * 10
    assert numbers(ordered) == list(range(1, 11))


def test_devices_that_are_named_by_iot_id_keep_their_order(ordered: Home):
    iot_id = ordered.platform.device(LAMP, delay_s=0.3)["iot_id"]
    for number in range(1, 5):
        send(ordered, f"id/{iot_id}/echo", number)
    assert statuses(ordered, 4) == ["ok"] * 4
    calls = ordered.platform.calls(iot_id=iot_id)
    assert [json.loads(call["args"])["n"] for call in calls] == [1, 2, 3, 4]
    assert all(later["time"] - earlier["time"] >= 0.3 for earlier, later in zip(calls, calls[1:]))


def test_a_rule_can_be_one_lane_for_all_its_devices(ordered: Home):
    for device in (LAMP, OTHER, THIRD):
        ordered.platform.device(device, delay_s=0.3)
    for number, device in enumerate([LAMP, OTHER, THIRD], 1):
        send(ordered, f"lane/{device}/echo", number)
    assert statuses(ordered, 3) == ["ok"] * 3
    times = [call["time"] for call in ordered.platform.calls()]
    assert numbers(ordered) == [1, 2, 3]
    assert all(later - earlier >= 0.3 for earlier, later in zip(times, times[1:]))


def test_a_rule_without_order_lets_calls_of_one_device_run_together(ordered: Home):
    ordered.platform.device(LAMP, delay_s=5)
    for number in range(1, 4):
        send(ordered, f"free/{LAMP}/echo", number)
    ordered.platform.wait_calls(3)
    assert not any(ordered.client.final_replies(f"c{number}") for number in range(1, 4))
    assert statuses(ordered, 3) == ["ok"] * 3


def two_platforms(home: Home, rules: list[dict[str, Any]], **settings: Any) -> None:
    """Starts a bridge with the simulated platform under two names, `east` and `west`."""
    platform = {
        "endpoint": home.platform.url, "access_key_id": home.platform.access_key_id,
        "access_key_secret": {"file": home.platform.access_key_secret_file}, "tls": {"ca_file": home.platform.ca_file},
    }
    home.broker.start()
    home.make_bridge(settings, rules).configure(platform=None, platforms={"east": platform, "west": platform})
    home.bridge.set_rules([*rules, {**rule("settle", "settle", "Any", device=THIRD, args={}), "platform": "west"}])
    home.start()


def test_a_namesake_on_another_platform_is_another_device(empty_home: Home):
    rules = [
        rule("east", "east/{device}/echo", "Echo", args=N, platform="east"),
        rule("west", "west/{device}/any", "Any", args=N, platform="west"),
    ]
    two_platforms(empty_home, rules)
    empty_home.platform.fault("hang", match={"identifier": "Echo"})
    first = send(empty_home, f"east/{LAMP}/echo", 1)
    empty_home.wait_commit()
    second = send(empty_home, f"west/{LAMP}/any", 2)
    assert empty_home.client.wait_reply(second)["status"] == "accepted"
    assert empty_home.client.final_replies(first) == []
    empty_home.crash_bridge()  # it would wait for the answer


def test_a_rule_that_is_one_lane_keeps_its_order_when_its_platform_changes(empty_home: Home):
    rules = [
        rule("lane", "lane/{device}/any", "Any", args=N, order="rule", platform="east"),
        rule("west", "west/{device}/any", "Any", args=N, platform="west"),
    ]
    two_platforms(empty_home, rules, mqtt={"session_expiry": "1h"})
    empty_home.platform.fault("status_503", match={"device": LAMP}, count=2, retry_after=1)
    send(empty_home, f"lane/{LAMP}/any", 1)
    empty_home.platform.wait_calls(1)
    empty_home.stop_bridge()
    empty_home.bridge.set_rules([{**rules[0], "platform": "west"}, rules[1]])
    send(empty_home, f"lane/{OTHER}/any", 2)
    empty_home.start()
    assert statuses(empty_home, 2) == ["accepted"] * 2
    assert [json.loads(call["args"])["n"] for call in empty_home.platform.calls() if call["executed"]] == [1, 2]


def test_order_is_kept_over_a_crash(empty_home: Home):
    home = empty_home.start({"mqtt": {"session_expiry": "1h"}}, RULES)
    home.platform.fault("status_503", count=1, retry_after=2)
    for number in range(1, 31):
        send(home, f"home/{LAMP}/any", number)
    home.bridge.wait_log("event=command_retry")
    home.wait_commit()
    home.crash_bridge()
    home.start()
    assert statuses(home, 30) == ["accepted"] * 30
    assert numbers(home) == [1, *range(1, 31)]


@pytest.mark.parametrize("seed", range(2))
def test_order_is_kept_among_faults(ordered: Home, seed: int):
    """Singles, several devices, folded calls and retries for the same lamps."""
    ordered.platform.fault("status_503", probability=0.2, seed=seed)
    ordered.platform.fault("throttle", probability=0.1, seed=seed, seconds=0.1)
    ordered.platform.fault("delay_after", probability=0.2, seed=seed, seconds=0.1)
    devices = [LAMP, OTHER, THIRD]
    topics = ["home/{}/any", "again/{}/any", "fold/{}/any"]
    for number in range(1, 61):
        if number % 7 == 0:
            send(ordered, "homes/any", number, devices=devices[number % 2 :][:2])
        else:
            send(ordered, topics[number % 3].format(devices[number // 3 % 3]), number)
    for number in range(1, 61):
        assert ordered.client.wait_reply(f"c{number}", 60)["status"] == "accepted"
    for device in devices:
        ran = [json.loads(call["args"])["n"] for call in ordered.platform.calls() if device in call["executed"]]
        assert ran == sorted(set(ran)), f"{device} ran {ran}"


# A slow device


def test_a_slow_device_does_not_slow_the_others(ordered: Home):
    ordered.platform.device(LAMP, delay_s=7)
    for number in range(1, 21):
        send(ordered, f"home/{LAMP}/echo", number)
    for number in range(100, 300):
        ordered.client.publish_soon(f"home/lamp-{number:04}/any", {"$id": f"c{number}", "n": number})
    for number in range(100, 300):
        assert ordered.client.wait_reply(f"c{number}")["status"] == "accepted"
    assert ordered.client.final_replies("c1") == []
    assert len(ordered.platform.calls(device_names=[LAMP])) == 1
    ordered.platform.device(LAMP, delay_s=0)


# latest_only


def make_slow(home: Home, seconds: float = 3) -> None:
    home.platform.device(LAMP, delay_s=seconds)
    send(home, f"home/{LAMP}/echo", 1)
    home.platform.wait_calls(device_names=[LAMP])


def test_a_newer_command_replaces_those_that_wait(ordered: Home):
    make_slow(ordered)
    for number in range(2, 6):
        send(ordered, f"latest/{LAMP}/any", number)
    assert statuses(ordered, 5) == ["ok", "superseded", "superseded", "superseded", "accepted"]
    assert numbers(ordered) == [1, 5]
    reply = ordered.client.wait_reply("c2")
    assert reply["error"]["code"] == "superseded"


def test_a_replaced_command_is_told_at_once(ordered: Home):
    make_slow(ordered, 7)
    send(ordered, f"latest/{LAMP}/any", 2)
    send(ordered, f"latest/{LAMP}/any", 3)
    assert ordered.client.wait_reply("c2")["status"] == "superseded"
    assert ordered.client.final_replies("c1") == []


def test_one_that_is_under_way_is_not_replaced(ordered: Home):
    ordered.platform.device(LAMP, delay_s=1)
    send(ordered, f"latest/{LAMP}/echo", 1)
    ordered.platform.wait_calls(device_names=[LAMP])
    send(ordered, f"latest/{LAMP}/echo", 2)
    assert statuses(ordered, 2) == ["ok", "ok"]


def test_one_that_surely_did_not_run_is_replaced_while_it_waits_for_its_retry(ordered: Home):
    ordered.platform.fault("status_503", count=1, retry_after=2, match={"device": LAMP})
    send(ordered, f"latest/{LAMP}/any", 1)
    ordered.bridge.wait_log("event=command_retry")
    send(ordered, f"latest/{LAMP}/any", 2)
    assert statuses(ordered, 2) == ["superseded", "accepted"]
    ran = [json.loads(call["args"])["n"] for call in ordered.platform.calls() if call["executed"]]
    assert ran == [2]


def test_one_that_may_have_run_is_not_replaced(ordered: Home):
    # Behind the first answer that is lost its retry must still wait when the second command comes.
    ordered.platform.fault("reset_after", count=1, match={"device": LAMP})
    ordered.platform.fault("status_503", count=1, retry_after=2, match={"device": LAMP})
    send(ordered, f"latest-again/{LAMP}/any", 1)
    wait_until(lambda: ordered.bridge.log.count("event=command_retry") == 2, 60, "the second retry")
    send(ordered, f"latest-again/{LAMP}/any", 2)
    assert statuses(ordered, 2) == ["accepted", "accepted"]


def test_only_commands_for_the_same_target_replace_each_other(ordered: Home):
    make_slow(ordered)
    ordered.platform.device(OTHER, delay_s=1)
    send(ordered, f"latest/{LAMP}/any", 2)
    send(ordered, f"latest/{LAMP}/echo", 3)
    send(ordered, f"latest-again/{LAMP}/any", 4)
    send(ordered, "latest-many", 5, devices=[LAMP])
    send(ordered, "latest-many", 6, devices=[LAMP, OTHER])
    send(ordered, f"latest/{OTHER}/any", 7)
    assert [status for status in statuses(ordered, 7) if status == "superseded"] == []


def test_the_newer_command_goes_to_the_end_of_the_lane(ordered: Home):
    make_slow(ordered)
    send(ordered, f"latest/{LAMP}/any", 2)
    send(ordered, f"home/{LAMP}/any", 3)
    send(ordered, f"latest/{LAMP}/any", 4)
    assert statuses(ordered, 4) == ["ok", "superseded", "accepted", "accepted"]
    assert numbers(ordered) == [1, 3, 4]


def test_replacing_survives_a_restart(empty_home: Home):
    home = empty_home.start({"mqtt": {"session_expiry": "1h"}}, RULES)
    home.platform.fault("status_503", count=1, retry_after=5, match={"device": LAMP})
    send(home, f"latest/{LAMP}/any", 1)
    home.bridge.wait_log("event=command_retry")
    home.stop_bridge()
    home.client.publish(f"latest/{LAMP}/any", {"$id": "c2", "n": 2})
    home.platform.fault("status_503", count=1, retry_after=2, match={"device": LAMP})
    home.start()
    assert statuses(home, 2) == ["superseded", "accepted"]


def test_the_target_of_a_superseded_command_is_told(ordered: Home):
    make_slow(ordered)
    send(ordered, f"latest/{LAMP}/any", 2)
    send(ordered, f"latest/{LAMP}/any", 3)
    reply = ordered.client.wait_reply("c2")
    assert reply["target"] == {"product_key": PRODUCT, "device_name": LAMP, "identifier": "Any"}
    assert reply["attempts"] == 0
