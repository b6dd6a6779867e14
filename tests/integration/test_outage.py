"""Outages of the platform: commands wait up to their deadlines, one probe at a time goes out, and recovery is no stampede."""

from __future__ import annotations

import time
from typing import Any

import pytest

from harness.home import Home, check_rate, rule
from harness.network import TcpProxy
from harness.outbox import rows
from simulator.client import wait_until

PLATFORM_TOPIC = "thingbridge/bridge/platform"
EVENT_TOPIC = "thingbridge/bridge/event"
TELL = {"ack": "${topic}/ack", "progress": True}
RULES = [
    rule("any", "home/{device}/any", "Any", args={}, expire="2m"),
    rule("tell", "tell/{device}/any", "Any", args={}, expire="2m", reply=TELL),
    rule("tell-toggle", "tell/{device}/toggle", "Toggle", expire="2m", reply=TELL),
    rule("hush", "hush/{device}/any", "Any", args={}, expire="2m", reply={"ack": "${topic}/ack"}),
]


@pytest.fixture
def proxy(empty_home: Home) -> Any:
    """Between the bridge and the platform."""
    with TcpProxy(empty_home.platform.port) as proxy:
        yield proxy
        if empty_home.bridge.is_running:
            empty_home.bridge.stop(30)


def start_behind(home: Home, proxy: TcpProxy, **more: Any) -> None:
    home.start({"platform": {"endpoint": f"https://localhost:{proxy.port}/", **more}}, RULES)


def lamp(number: int) -> str:
    return f"lamp-{number:04}"


def send(home: Home, count: int, topic: str = "home/{}/any", **more: Any) -> None:
    for number in range(1, count + 1):
        home.client.publish_soon(topic.format(lamp(number)), {"$id": f"c{number}", **more})


def wait_all(home: Home, count: int, status: str = "accepted", timeout_s: float = 60) -> None:
    for number in range(1, count + 1):
        assert home.client.wait_reply(f"c{number}", timeout_s)["status"] == status


def breaker_events(home: Home) -> list[dict[str, Any]]:
    found = [message.json for message in home.client.messages(EVENT_TOPIC)]
    return [event for event in found if event["event"] == "breaker"]


def wait_platform(home: Home, state: str, timeout_s: float = 40) -> None:
    home.client.wait_payload(PLATFORM_TOPIC, state, timeout_s)


# What is seen of it


def test_the_platforms_state_is_retained_and_told_at_the_start(empty_home: Home):
    home = empty_home.start(rules=RULES)
    wait_platform(home, "online", 5)
    late = home.connect(PLATFORM_TOPIC)
    late.wait_payload(PLATFORM_TOPIC, "online")
    assert late.messages(PLATFORM_TOPIC)[0].retained


def test_an_outage_is_told_and_commands_wait_for_its_end(empty_home: Home, proxy: TcpProxy):
    start_behind(empty_home, proxy)
    proxy.refuse()
    send(empty_home, 50)
    wait_platform(empty_home, "offline")
    opened = breaker_events(empty_home)[0]
    assert (opened["platform"], opened["state"], opened["cause"]) == ("default", "open", "no connection")
    assert opened["time"]
    proxy.accept()
    wait_all(empty_home, 50)
    wait_platform(empty_home, "online")
    assert breaker_events(empty_home)[-1]["state"] == "closed"
    assert all(empty_home.platform.executed(lamp(number)) == 1 for number in range(1, 51))


def test_server_errors_of_three_devices_open_it(empty_home: Home):
    home = empty_home.start(rules=RULES)
    home.platform.fault("status_500", count=3)
    send(home, 3)
    wait_all(home, 3, "unknown")
    wait_platform(home, "offline")
    assert breaker_events(home)[0]["cause"] == "server errors"
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
    wait_platform(home, "online")


def test_lost_answers_of_three_devices_open_it(empty_home: Home):
    home = empty_home.start({"platform": {"timeout": "1s"}}, RULES)
    home.platform.fault("hang", count=3, seconds=10)
    send(home, 3)
    wait_all(home, 3, "unknown")
    wait_platform(home, "offline")
    assert breaker_events(home)[0]["cause"] == "no answers"
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def test_one_device_that_never_answers_does_not_open_it(empty_home: Home):
    home = empty_home.start({"platform": {"timeout": "500ms"}}, RULES)
    home.platform.fault("hang_after", seconds=20, match={"device": "hall-lamp-1"})
    for number in range(6):
        home.client.publish_soon("home/hall-lamp-1/any", {"$id": f"hangs{number}"})
    for number in range(6):
        assert home.client.wait_reply(f"hangs{number}")["status"] == "unknown"
    assert home.client.command("home/hall-lamp-2/any", {})["status"] == "accepted"
    assert breaker_events(home) == []


def test_offline_devices_and_refusals_do_not_open_it(empty_home: Home):
    home = empty_home.start(rules=RULES)
    for number in range(5):
        home.client.command("home/offline-lamp/any", {})
        home.client.command("home/no-such-lamp/any", {})
    assert breaker_events(home) == []


# Probes and recovery


def test_one_probe_at_a_time_goes_to_a_platform_in_trouble(empty_home: Home):
    home = empty_home.start(rules=RULES)
    home.platform.fault("status_503")
    send(home, 100)
    wait_platform(home, "offline")
    wait_until(lambda: all(each["state"] != "sent" for each in rows(home)), what="answers to what was under way")
    asked = len(home.platform.calls())
    home.platform.wait_calls(asked + 4)
    probes = [call["time"] for call in home.platform.calls()[asked + 1 :]]
    assert all(later - earlier > 0.5 for earlier, later in zip(probes, probes[1:])), probes
    home.platform.clear_faults()
    wait_all(home, 100)
    assert all(home.platform.executed(lamp(number)) == 1 for number in range(1, 101))


def test_recovery_is_no_stampede(empty_home: Home, proxy: TcpProxy):
    """After an outage the quota is kept, and few connections are made."""
    start_behind(empty_home, proxy, limits={"InvokeThingService": "100/s"})
    proxy.refuse()
    send(empty_home, 400)
    wait_platform(empty_home, "offline")
    before = empty_home.platform.stats()["connections"]
    began = time.time()
    proxy.accept()
    wait_all(empty_home, 400)
    check_rate(empty_home.platform.calls(), began, 100)
    assert empty_home.platform.stats()["connections"] - before <= 64


def test_commands_expire_in_an_outage_with_its_reason(empty_home: Home, proxy: TcpProxy):
    start_behind(empty_home, proxy)
    proxy.refuse()
    send(empty_home, 20, **{"$expire": "3s"})
    for number in range(1, 21):
        reply = empty_home.client.wait_reply(f"c{number}")
        assert reply["status"] == "expired"
        assert reply["error"]["code"] in ("connect_failed", "deadline_passed")
        assert reply["duration_ms"] >= 2900
    assert empty_home.platform.calls() == []


def test_commands_wait_over_a_restart_in_the_outage(empty_home: Home, proxy: TcpProxy):
    empty_home.broker.start()
    settings = {"endpoint": f"https://localhost:{proxy.port}/"}
    empty_home.start({"platform": settings, "mqtt": {"session_expiry": "1h"}}, RULES)
    proxy.refuse()
    send(empty_home, 200)
    empty_home.client.wait_acknowledged()
    wait_platform(empty_home, "offline")
    empty_home.restart_bridge()
    proxy.accept()
    wait_all(empty_home, 200)
    assert all(empty_home.platform.executed(lamp(number)) == 1 for number in range(1, 201))


def test_an_outage_of_one_platform_holds_up_no_other(empty_home: Home, proxy: TcpProxy):
    home = empty_home
    good = {
        "endpoint": home.platform.url, "access_key_id": home.platform.access_key_id,
        "access_key_secret": {"file": home.platform.access_key_secret_file}, "tls": {"ca_file": home.platform.ca_file},
    }
    bad = {**good, "endpoint": f"https://localhost:{proxy.port}/"}
    rules = [
        rule("good", "home/{device}/any", "Any", args={}, platform="good"),
        rule("bad", "bad/{device}/any", "Any", args={}, platform="bad", expire="2m"),
    ]
    home.broker.start()
    bridge = home.make_bridge({"platform": None}, rules)
    bridge.configure(platform=None, platforms={"good": good, "bad": bad})
    home.start()
    proxy.refuse()
    send(home, 20, "bad/{}/any")
    wait_platform(home, "offline")
    for number in range(20):
        assert home.client.command(f"home/{lamp(number + 101)}/any", {})["status"] == "accepted"
    assert {event["platform"] for event in breaker_events(home)} == {"bad"}
    proxy.accept()
    wait_all(home, 20)
    wait_platform(home, "online")


# `queued`


def progress(home: Home, topic: str) -> list[dict[str, Any]]:
    return [message.json for message in home.client.messages(topic)]


def test_a_sender_that_asked_is_told_that_its_command_waits(empty_home: Home, proxy: TcpProxy):
    start_behind(empty_home, proxy)
    proxy.refuse()
    empty_home.client.publish(f"tell/{lamp(1)}/any", {"$id": "a"})
    (message,) = empty_home.client.wait_message(lambda message: message.topic == f"tell/{lamp(1)}/any/ack")
    told = message.json
    assert (told["id"], told["status"], told["final"]) == ("a", "queued", False)
    assert told["error"]["code"] == "connect_failed" and told["error"]["retryable"] is True
    assert told["duration_ms"] >= 1000
    proxy.accept()
    assert empty_home.client.wait_reply("a", 60)["status"] == "accepted"
    empty_home.settle()
    states = [told["status"] for told in progress(empty_home, f"tell/{lamp(1)}/any/ack")]
    assert states == ["queued", "accepted"]


def test_a_command_that_waits_for_the_quota_is_told_too(empty_home: Home):
    home = empty_home.start({"platform": {"limits": {"InvokeThingService": "2/s"}}}, RULES)
    send(home, 8, "tell/{}/any")
    (message,) = home.client.wait_message(lambda message: message.topic == f"tell/{lamp(8)}/any/ack")
    assert (message.json["status"], message.json["error"]["code"]) == ("queued", "throttled")
    wait_all(home, 8)
    assert "queued" not in [told["status"] for told in progress(home, f"tell/{lamp(1)}/any/ack")]


def test_a_command_that_waits_for_its_device_is_told_nothing(empty_home: Home):
    home = empty_home.start(rules=RULES)
    home.platform.device(lamp(1), delay_s=3)
    home.client.publish(f"tell/{lamp(1)}/toggle", {"$id": "first"})
    home.client.publish(f"tell/{lamp(1)}/any", {"$id": "second"})
    assert home.client.wait_reply("second")["status"] == "accepted"
    told = progress(home, f"tell/{lamp(1)}/any/ack") + progress(home, f"tell/{lamp(1)}/toggle/ack")
    assert [each["status"] for each in told] == ["accepted", "accepted"]


def test_without_the_wish_for_progress_nothing_is_said(empty_home: Home, proxy: TcpProxy):
    start_behind(empty_home, proxy)
    proxy.refuse()
    empty_home.client.publish(f"hush/{lamp(1)}/any", {"$id": "a"})
    wait_platform(empty_home, "offline")
    proxy.accept()
    assert empty_home.client.wait_reply("a", 60)["status"] == "accepted"
    empty_home.settle()
    assert [told["status"] for told in progress(empty_home, f"hush/{lamp(1)}/any/ack")] == ["accepted"]
