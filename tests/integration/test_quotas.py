"""Quotas: a burst waits in our queue and not in the platform's error log, and rules wait fairly.

How often the platform throttles all the same depends here on what else the machine does, which moves calls from one second
to the next. So these tests judge when calls leave and in which order; how well a quota is met, found and shared is shown
in virtual time (unit/core/test_schedule_load.c, test_schedule_quota_sharing.c).
"""

from __future__ import annotations

import time
from typing import Any, Iterator

import pytest
from harness.broker import Broker
from harness.home import Home, check_rate, rule
from harness.network import TcpProxy
from simulator.client import Entry

SLOW_FOLD = {"window": "1s", "max": 4}
RULES = [
    rule("flood", "flood/{device}/any", "Any", args={}, expire="2m"),
    rule("calm", "calm/{device}/any", "Any", args={}, expire="2m"),
    rule("many", "homes/any", "Any", devices="${payload.devices}", args={}, expire="2m"),
    rule("rated", "rated/{device}/any", "Any", args={}, expire="2m", rate="5/s"),
    rule("slow", "slow/{device}/any", "Any", args={}, expire="2m", rate="1/m"),
    rule("rated-fold", "rated-fold/{device}/any", "Any", args={}, rate="1/m", batch=SLOW_FOLD),
]


@pytest.fixture
def proxy(empty_home: Home) -> Iterator[TcpProxy]:
    """Before the platform, to take it away."""
    with TcpProxy(empty_home.platform.port) as made:
        yield made


def lamp(number: int) -> str:
    return f"lamp-{number:04}"


def limits(**per_second: int) -> dict[str, Any]:
    return {"platform": {"limits": {action: f"{rate}/s" for action, rate in per_second.items()}}}


def flood(home: Home, count: int, rule_name: str = "flood", first: int = 1) -> None:
    for number in range(first, first + count):
        home.client.publish_soon(f"{rule_name}/{lamp(number)}/any", {"$id": f"{rule_name}-{number}"})


def wait_all(home: Home, count: int, rule_name: str = "flood", first: int = 1, timeout_s: float = 60) -> None:
    for number in range(first, first + count):
        reply = home.client.wait_reply(f"{rule_name}-{number}", timeout_s)
        assert reply["status"] == "accepted", reply


def throttled(calls: list[Entry]) -> list[Entry]:
    return [call for call in calls if call["code"] and call["code"].startswith("Throttling")]


def answered(home: Home, rule_name: str) -> int:
    return sum(1 for message in home.client.messages() if message.topic.startswith(f"{rule_name}/") and message.as_reply())


def test_a_burst_at_the_platforms_own_quotas_meets_no_throttling(empty_home: Home):
    home = empty_home.start(rules=RULES)
    began = time.time()
    flood(home, 1000)
    for number in range(20):
        home.client.publish_soon("homes/any", {"$id": f"many-{number}", "devices": [lamp(1900 + number), lamp(1950 + number)]})
    wait_all(home, 1000)
    for number in range(20):
        assert home.client.wait_reply(f"many-{number}")["status"] == "accepted"
    check_rate(home.platform.calls(action="InvokeThingService"), began, 500)
    check_rate(home.platform.calls(action="InvokeThingsService"), began, 10)


def test_a_configured_limit_is_kept_and_used(empty_home: Home):
    home = empty_home.start(limits(InvokeThingService=50), RULES)
    began = time.time()
    flood(home, 200)
    wait_all(home, 200)
    check_rate(home.platform.calls(), began, 50)


def test_each_action_has_its_own_quota(empty_home: Home):
    home = empty_home.start({"platform": {"limits": {"InvokeThingService": "2/m", "InvokeThingsService": "50/s"}}}, RULES)
    flood(home, 20)
    for number in range(5):
        devices = [lamp(100 + 2 * number), lamp(101 + 2 * number)]
        assert home.client.command("homes/any", {"devices": devices})["status"] == "accepted"
    assert answered(home, "flood") < 20, "the other action's quota is used up"


def test_a_rule_keeps_its_own_rate(empty_home: Home):
    home = empty_home.start(rules=RULES)
    began = time.time()
    flood(home, 12, "rated")
    wait_all(home, 12, "rated")
    check_rate(home.platform.calls(), began, 5)


def test_the_rate_of_a_rule_holds_up_no_other(empty_home: Home):
    home = empty_home.start(rules=RULES)
    flood(home, 10, "slow")
    flood(home, 50, "calm", 100)
    wait_all(home, 50, "calm", 100)
    assert answered(home, "slow") < 10


def test_a_folded_call_counts_once_for_its_rules_rate(empty_home: Home):
    home = empty_home.start(rules=RULES)
    flood(home, 4, "rated-fold")
    wait_all(home, 4, "rated-fold", timeout_s=20)
    (call,) = home.platform.calls()
    assert len(call["device_names"]) == 4, "one by one they would take three minutes"


def test_a_flooding_rule_does_not_starve_another(empty_home: Home, proxy: TcpProxy):
    home = empty_home
    settings = limits(InvokeThingService=40)
    settings["platform"]["endpoint"] = f"https://localhost:{proxy.port}/"
    home.start(settings, RULES)
    proxy.refuse()
    flood(home, 200)
    flood(home, 10, "calm", 500)
    home.wait_commit()  # all wait now
    proxy.accept()
    wait_all(home, 10, "calm", 500)
    order = [call["device_names"][0] for call in home.platform.calls()]
    last_calm = max(order.index(lamp(number)) for number in range(500, 510))
    assert last_calm < 40, "both rules take turns"
    wait_all(home, 200)


def test_throttled_commands_run_once_each(empty_home: Home):
    """The platform grants a fifth of what is configured."""
    home = empty_home.start(limits(InvokeThingService=200), RULES)
    home.platform.quota(InvokeThingService=40)
    flood(home, 400)
    wait_all(home, 400)
    assert all(home.platform.executed(lamp(number)) == 1 for number in range(1, 401))


BRIDGES = ["bridge0", "bridge1", "bridge2", "bridge3"]


def start_bridge(home: Home, name: str, per_second: int) -> None:
    rules = [rule("flood", f"{name}/{{device}}/any", "Any", args={}, expire="2m")]
    settings = {**limits(InvokeThingService=per_second), "mqtt": {"client_id": name}, "bridge": {"base_topic": name}}
    bridge = home.make_bridge(settings, rules, name=name)
    bridge.set_rules(rules)
    bridge.write()
    bridge.launch()
    home.client.wait_payload(f"{name}/bridge/state", "online")


def test_bridges_that_share_a_quota_are_all_served(empty_home: Home):
    home = empty_home
    home.replace_broker(Broker(home.folder / "broker", settings={"max_queued_messages": "0"}))
    home.broker.start()
    home.platform.quota(InvokeThingService=80)
    for name in BRIDGES:
        start_bridge(home, name, 80)
    for number in range(1, 301):
        for name in BRIDGES:
            home.client.publish_soon(f"{name}/{lamp(number)}/any", {"$id": f"{name}-{number}"})
    for name in BRIDGES:
        wait_all(home, 300, name)
    ran = [device for call in home.platform.calls() for device in call["executed"]]
    assert sorted(ran) == sorted(lamp(number) for number in range(1, 301) for _ in BRIDGES)


def test_a_throttled_action_waits_as_a_whole(empty_home: Home):
    """The answer tells of the account's quota, so other commands need not ask again."""
    home = empty_home.start(rules=RULES)
    home.platform.fault("throttle", count=1, seconds=2)
    home.client.publish(f"flood/{lamp(1)}/any", {"$id": "flood-1"})
    home.bridge.wait_log("event=command_retry")
    flood(home, 30, first=2)
    wait_all(home, 31)
    calls = home.platform.calls()
    assert len(throttled(calls)) == 1
    assert calls[1]["time"] - calls[0]["time"] >= 2
    assert len(calls) == 32
