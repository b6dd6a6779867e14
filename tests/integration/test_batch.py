"""Folding: equal commands for different devices become one call, and each sender gets a reply of its own."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from harness.client import publish_properties
from harness.home import PRODUCT, Home, check_rate, rule
from simulator.client import Entry

BATCH = {"window": "1s", "max": 10}
N = {"n": "${payload.n}"}
RULES = [
    rule("fold", "fold/{device}/any", "Any", args=N, batch=BATCH),
    rule("fold-set", "fold/{device}/set", "Set", args={"brightness": "${payload.n}"}, batch=BATCH),
    rule("fold-again", "again/{device}/any", "Any", args=N, batch=BATCH, idempotent=True),
    rule("also", "also/{device}/any", "Any", args=N, batch=BATCH),
    rule("three", "three/{device}/any", "Any", args=N, batch={"window": "1s", "max": 3}),
    rule("three-slow", "three-slow/{device}/any", "Any", args=N, batch={"window": "10s", "max": 3}),
    rule("burst", "burst/{device}/any", "Any", args={"text": "${payload.text}"}, batch={"window": "10s", "max": 100}),
    rule("sync", "fold/{device}/echo", "Echo", args=N, batch=BATCH),
    rule("single", "single/{device}/any", "Any", args=N),
]


@pytest.fixture
def folding(empty_home: Home) -> Home:
    return empty_home.start(rules=RULES)


@pytest.fixture
def ample(empty_home: Home) -> Home:
    """The batch action has a large quota. While its own is used up, commands of a group leave one by one."""
    home = empty_home.start({"platform": {"limits": {"InvokeThingsService": "1000/s"}}}, RULES)
    home.platform.quota(InvokeThingsService=0)
    return home


def lamp(number: int) -> str:
    return f"lamp-{number:04}"


def lamps(first: int, last: int) -> list[str]:
    return [lamp(number) for number in range(first, last + 1)]


def send(home: Home, devices: list[str], topic: str = "fold/{}/any", n: int = 1, **more: Any) -> None:
    """One command per device, with the device's name as its id."""
    for device in devices:
        home.client.publish_soon(topic.format(device), {"$id": device, "n": n, **more})


def replies(home: Home, devices: list[str]) -> list[dict[str, Any]]:
    return [home.client.wait_reply(device, 60) for device in devices]


def statuses(home: Home, devices: list[str]) -> list[str]:
    return [reply["status"] for reply in replies(home, devices)]


def folded(home: Home) -> list[Entry]:
    return home.platform.calls(action="InvokeThingsService")


def singles(home: Home) -> list[Entry]:
    return home.platform.calls(action="InvokeThingService")


def test_equal_commands_become_one_call_with_a_reply_each(folding: Home):
    devices = lamps(1, 5)
    send(folding, devices)
    for device, reply in zip(devices, replies(folding, devices)):
        assert (reply["id"], reply["status"], reply["attempts"]) == (device, "accepted", 1)
        assert reply["target"] == {"product_key": PRODUCT, "device_name": device, "identifier": "Any"}
        assert reply["topic"] == f"fold/{device}/any"
        assert "message_id" not in reply and reply["request_id"]
        (message,) = folding.client.final_replies(device)
        assert message.topic == f"fold/{device}/any/reply"
    (call,) = folding.platform.calls()
    assert sorted(call["device_names"]) == devices and json.loads(call["args"]) == {"n": 1}


def test_every_sender_gets_its_own_correlation_data(folding: Home):
    for number in range(1, 4):
        folding.client.publish_soon(
            f"fold/{lamp(number)}/any", {"n": 1}, properties=publish_properties("reply/me", bytes([number]))
        )
    messages = folding.client.wait_message(lambda message: message.topic == "reply/me", count=3)
    told = {message.correlation: message.json["target"]["device_name"] for message in messages}
    assert told == {bytes([number]): lamp(number) for number in range(1, 4)}
    assert len(folded(folding)) == 1


def test_a_full_call_leaves_before_its_window_ends(ample: Home):
    send(ample, lamps(1, 7), "three-slow/{}/any")
    assert statuses(ample, lamps(1, 7)) == ["accepted"] * 7
    assert [len(call["device_names"]) for call in folded(ample)] == [3, 3]
    order = [reply["id"] for message in ample.client.messages() if (reply := message.as_reply()) is not None]
    assert order[6] == lamps(7, 7)[0], "the window is that of the one that is left over"


def test_one_that_is_left_over_goes_as_a_single_call(folding: Home):
    send(folding, lamps(1, 4), "three/{}/any")
    assert statuses(folding, lamps(1, 4)) == ["accepted"] * 4
    assert [len(call["device_names"]) for call in folded(folding)] == [3]
    assert [call["device_names"] for call in singles(folding)] == [[lamp(4)]]


def test_one_alone_may_end_ok(folding: Home):
    reply = folding.client.command(f"fold/{lamp(1)}/echo", {"n": 1})
    assert (reply["status"], reply["result"]["data"]) == ("ok", {"n": 1})
    assert folded(folding) == []


def test_250_commands_are_calls_of_at_most_100(ample: Home):
    send(ample, lamps(1, 250), "burst/{}/any", text="on")
    assert statuses(ample, lamps(1, 250)) == ["accepted"] * 250
    sizes = sorted(len(call["device_names"]) for call in ample.platform.calls())
    assert sizes == [50, 100, 100]


def test_what_differs_is_not_folded(ample: Home):
    send(ample, lamps(1, 2), n=1)
    send(ample, lamps(3, 4), n=2)
    send(ample, lamps(5, 6), "fold/{}/set", n=1)
    send(ample, lamps(7, 8), "again/{}/any", n=1)
    assert statuses(ample, lamps(1, 8)) == ["accepted"] * 8
    groups = sorted(sorted(call["device_names"]) for call in folded(ample))
    assert groups == [lamps(1, 2), lamps(3, 4), lamps(5, 6), lamps(7, 8)]


def test_equal_commands_of_two_rules_are_folded(folding: Home):
    send(folding, lamps(1, 2))
    send(folding, lamps(3, 4), "also/{}/any")
    found = replies(folding, lamps(1, 4))
    assert [reply["rule"] for reply in found] == ["fold", "fold", "also", "also"]
    assert [sorted(call["device_names"]) for call in folding.platform.calls()] == [lamps(1, 4)]


def test_two_commands_for_one_device_are_two_calls_in_order(folding: Home):
    folding.client.publish(f"fold/{lamp(1)}/any", {"$id": "first", "n": 1})
    folding.client.publish(f"fold/{lamp(1)}/any", {"$id": "second", "n": 1})
    assert statuses(folding, ["first", "second"]) == ["accepted", "accepted"]
    assert len(folding.platform.calls()) == 2 and folding.platform.executed(lamp(1)) == 2


def test_a_command_that_is_not_first_for_its_device_is_not_folded_past_it(folding: Home):
    folding.platform.device(lamp(1), delay_s=4)
    folding.client.publish(f"fold/{lamp(1)}/echo", {"$id": "slow", "n": 0})
    folding.platform.wait_calls(device_names=[lamp(1)])
    send(folding, lamps(1, 3))
    assert statuses(folding, ["slow", *lamps(1, 3)]) == ["ok"] + ["accepted"] * 3
    calls = folding.platform.calls()
    assert sorted(calls[1]["device_names"]) == lamps(2, 3) and calls[2]["device_names"] == [lamp(1)]


# What goes wrong


@pytest.mark.parametrize("bad", ["no-such-lamp", "inactive-lamp"])
def test_one_bad_device_does_not_fail_its_neighbours(folding: Home, bad: str):
    devices = [*lamps(1, 3), bad]
    send(folding, devices)
    found = replies(folding, devices)
    assert [reply["status"] for reply in found] == ["accepted"] * 3 + ["failed"]
    assert found[3]["error"]["code"] == "device_refused"
    assert len(folded(folding)) == 1 and len(singles(folding)) == 4
    assert all(folding.platform.executed(device) == 1 for device in lamps(1, 3))


def test_a_synchronous_service_that_is_folded_by_mistake_goes_one_by_one(folding: Home):
    send(folding, lamps(1, 3), "fold/{}/echo")
    assert statuses(folding, lamps(1, 3)) == ["ok"] * 3


def test_wrong_arguments_fail_for_every_sender(folding: Home):
    send(folding, lamps(1, 3), "fold/{}/set", n=1000)
    found = replies(folding, lamps(1, 3))
    assert [reply["status"] for reply in found] == ["failed"] * 3
    assert all("brightness" in reply["error"]["detail"] for reply in found)


def test_a_folded_call_that_was_not_taken_is_sent_again_as_one(folding: Home):
    folding.platform.fault("status_503", count=1)
    send(folding, lamps(1, 5))
    found = replies(folding, lamps(1, 5))
    assert [(reply["status"], reply["attempts"]) for reply in found] == [("accepted", 2)] * 5
    assert all(folding.platform.executed(device) == 1 for device in lamps(1, 5))


def test_a_folded_call_that_is_refused_with_an_unknown_code_is_not_sent_again(folding: Home):
    folding.platform.fault("code_after", count=1, code={"code": "isv.SomethingNew", "http_status": 200})
    send(folding, lamps(1, 3))
    assert statuses(folding, lamps(1, 3)) == ["failed"] * 3
    folding.settle()
    assert all(folding.platform.executed(device) == 1 for device in lamps(1, 3))


def test_a_lost_answer_leaves_every_sender_in_the_dark(folding: Home):
    folding.platform.fault("reset_after", count=1)
    send(folding, lamps(1, 5))
    assert statuses(folding, lamps(1, 5)) == ["unknown"] * 5
    folding.settle()
    assert all(folding.platform.executed(device) == 1 for device in lamps(1, 5))


def test_a_lost_answer_is_repeated_for_an_idempotent_rule(folding: Home):
    folding.platform.fault("reset_after", count=1)
    send(folding, lamps(1, 5), "again/{}/any")
    assert statuses(folding, lamps(1, 5)) == ["accepted"] * 5
    assert all(folding.platform.executed(device) == 2 for device in lamps(1, 5))


def test_each_keeps_its_own_deadline_in_the_window(folding: Home):
    send(folding, [lamp(1)], "three/{}/any", **{"$expire": "200ms"})
    send(folding, [lamp(2)], "three/{}/any", **{"$expire": "10s"})
    assert statuses(folding, lamps(1, 2)) == ["expired", "accepted"]
    assert folding.platform.executed(lamp(1)) == 0


def test_each_keeps_its_own_deadline_over_a_retry(folding: Home):
    folding.platform.fault("status_503", count=1, retry_after=3)
    send(folding, lamps(1, 2), **{"$expire": "3s"})
    send(folding, lamps(3, 4), **{"$expire": "20s"})
    assert statuses(folding, lamps(1, 4)) == ["expired", "expired", "accepted", "accepted"]
    assert [folding.platform.executed(device) for device in lamps(1, 4)] == [0, 0, 1, 1]


def test_a_burst_of_300_equal_commands_is_three_calls(folding: Home):
    send(folding, lamps(1, 300), "burst/{}/any", text="on")
    assert statuses(folding, lamps(1, 300)) == ["accepted"] * 300
    assert [len(call["device_names"]) for call in folding.platform.calls()] == [100, 100, 100]


def test_a_folded_call_with_a_long_query_goes_as_a_body(folding: Home):
    send(folding, lamps(1, 100), "burst/{}/any", text="x" * 5000)
    assert statuses(folding, lamps(1, 100)) == ["accepted"] * 100
    assert [call["method"] for call in folding.platform.calls()] == ["POST"]


def test_a_crash_under_way_ends_every_folded_command_once(empty_home: Home):
    home = empty_home.start({"mqtt": {"session_expiry": "1h"}}, RULES)
    home.platform.fault("hang_after", seconds=20, count=1)
    send(home, lamps(1, 5))
    home.platform.wait_calls()
    home.crash_bridge()
    home.platform.clear_faults()
    home.start()
    assert statuses(home, lamps(1, 5)) == ["unknown"] * 5
    home.settle()
    assert all(home.platform.executed(device) == 1 for device in lamps(1, 5))
    assert all(len(home.client.final_replies(device)) == 1 for device in lamps(1, 5))


def test_groups_that_wait_for_the_batch_quota_use_what_is_left_of_the_single_one(folding: Home):
    began = time.time()
    for n in range(25):
        send(folding, lamps(1 + 10 * n, 10 + 10 * n), n=n)
    assert statuses(folding, lamps(1, 250)) == ["accepted"] * 250
    check_rate(folded(folding), began, 10)
    check_rate(singles(folding), began, 500)
    assert folded(folding) and singles(folding)
    assert all(folding.platform.executed(device) == 1 for device in lamps(1, 250))
