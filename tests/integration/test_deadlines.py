"""Deadlines: a command never acts late, whatever it waits for, and what the broker kept is not taken for fresh."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

import pytest

from harness.client import publish_properties
from harness.home import Home, rule
from harness.network import TcpProxy
from simulator.client import let_pass, wait_until

LAMP = "hall-lamp-1"
KEEP = {"mqtt": {"session_expiry": "1h"}}
BRIEF = [
    rule("brief", "brief/{device}/any", "Any", args="${payload}", expire="2s"),
    rule("some", "some/{device}/any", "Any", args="${payload}", expire="6s"),
    rule("long", "long/{device}/any", "Any", args="${payload}", expire="10m"),
    rule("long-toggle", "long/{device}/toggle", "Toggle", expire="1m"),
    rule("long-many", "long/many", "Any", devices="${payload.devices}", args={}, expire="1m"),
    rule("stamped", "stamped/{device}/any", "Any", args={}, expire="30s", sent_at="${property.sent}"),
]


def iso(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def make_busy(home: Home, **options: Any) -> None:
    """The platform takes nothing."""
    home.platform.fault("status_503", match={"device": LAMP}, **options)


def check_expired(home: Home, reply: dict[str, Any], began: float, after_s: float) -> None:
    """The limits that must not decide are longer than the wait for a reply."""
    assert reply["status"] == "expired"
    assert time.time() - began >= after_s - 0.1
    calls = home.platform.calls(device_names=[LAMP])
    home.settle()
    assert home.platform.calls(device_names=[LAMP]) == calls, "nothing leaves later"
    assert home.platform.executed(LAMP) == 0


# What decides


@pytest.mark.parametrize(
    "topic,payload,expiry_s,after_s",
    [
        ("brief", {}, None, 2),
        ("long", {"$expire": "1s"}, None, 1),
        ("long", {"$expire": 1000}, None, 1),
        ("brief", {"$expire": "3s"}, None, 3),
        ("long", {}, 1, 1),
        ("brief", {}, 600, 2),
        ("long", {"$expire": "9m"}, 1, 1),
        ("long", {"$expire": "1s"}, 600, 1),
    ],
)
def test_the_earliest_limit_decides(
    empty_home: Home, topic: str, payload: dict[str, Any], expiry_s: int | None, after_s: float
):
    home = empty_home.start(rules=BRIEF)
    make_busy(home)
    began = time.time()
    reply = home.client.command(f"{topic}/{LAMP}/any", payload, properties=publish_properties(expiry_s=expiry_s))
    check_expired(home, reply, began, after_s)
    was_asked = len(home.platform.calls(device_names=[LAMP])) > 0
    assert reply["error"]["code"] == ("platform_busy" if was_asked else "deadline_passed"), "the last answer is told"


@pytest.mark.parametrize("form", ["text", "milliseconds", "seconds"])
def test_the_time_of_sending_counts_and_not_that_of_arrival(empty_home: Home, form: str):
    home = empty_home.start(rules=BRIEF)
    make_busy(home)
    began = time.time()
    sent = int(began - 297)  # 297 to 298 s ago
    stamps = {"text": iso(sent), "milliseconds": sent * 1000, "seconds": sent}
    payload = {"$expire": "5m", "$sent_at": stamps[form]}
    check_expired(home, home.client.command(f"long/{LAMP}/any", payload), began, 2)


def test_the_time_of_sending_can_come_from_a_property(empty_home: Home):
    home = empty_home.start(rules=BRIEF)
    old = publish_properties(user=[("sent", iso(time.time() - 60))])
    assert home.client.command(f"stamped/{LAMP}/any", {}, properties=old)["status"] == "expired"
    fresh = publish_properties(user=[("sent", iso(time.time()))])
    assert home.client.command(f"stamped/{LAMP}/any", {}, properties=fresh)["status"] == "accepted"
    assert home.platform.executed(LAMP) == 1


def test_a_command_that_comes_too_late_is_never_sent(home: Home):
    reply = home.client.command(f"home/{LAMP}/any", {"$sent_at": iso(time.time() - 3600)})
    assert (reply["status"], reply["error"]["code"]) == ("expired", "deadline_passed")
    assert home.platform.calls() == []


def test_a_time_of_sending_in_the_future_gives_no_longer_life(empty_home: Home):
    home = empty_home.start(rules=BRIEF)
    make_busy(home)
    began = time.time()
    reply = home.client.command(f"brief/{LAMP}/any", {"$sent_at": iso(began + 3600)})
    check_expired(home, reply, began, 2)


# While it waits


def test_it_expires_while_it_waits_for_its_device(empty_home: Home):
    home = empty_home.start(rules=BRIEF)
    home.platform.device(LAMP, delay_s=7)
    home.client.publish(f"long/{LAMP}/toggle", {"$id": "first"})
    home.platform.wait_calls(device_names=[LAMP])
    reply = home.client.command(f"long/{LAMP}/any", {"$expire": "1s"})
    assert (reply["status"], reply["error"]["code"]) == ("expired", "deadline_passed")
    assert reply["error"]["detail"] == (
        "its deadline passed while it waited for command first of the rule long-toggle, which is before it for the same"
        " device and is under way; nothing was sent"
    )
    brief = home.client.command(f"long/{LAMP}/any", {"$expire": 10})["error"]["detail"]
    assert brief.endswith('it had 10 ms: a number as $expire is in milliseconds, ten seconds are "10s"')
    assert home.client.final_replies("first") == [], "at its deadline, and not when the first has ended"
    assert home.client.wait_reply("first")["status"] == "ok"
    home.settle()
    assert home.platform.executed(LAMP) == 1


def test_one_that_expired_in_the_queue_holds_up_nobody(empty_home: Home):
    home = empty_home.start(rules=BRIEF)
    home.platform.device(LAMP, delay_s=7)
    home.client.publish(f"long/{LAMP}/toggle", {"$id": "first"})
    home.platform.wait_calls(device_names=[LAMP])
    home.client.publish("long/many", {"$id": "both", "devices": [LAMP, "hall-lamp-2"], "$expire": "500ms"})
    assert home.client.command("long/hall-lamp-2/any", {})["status"] == "accepted"
    assert home.client.final_replies("first") == []
    assert home.client.wait_reply("both")["status"] == "expired"
    assert home.client.wait_reply("first")["status"] == "ok"


def test_it_expires_while_it_waits_for_the_quota(empty_home: Home):
    home = empty_home.start({"platform": {"limits": {"InvokeThingService": "1/m"}}}, BRIEF)
    for number in range(1, 6):
        home.client.publish_soon(f"brief/lamp-{number:04}/any", {"$id": f"c{number}"})
    replies = [home.client.wait_reply(f"c{number}") for number in range(1, 6)]
    statuses = [reply["status"] for reply in replies]
    assert statuses.count("expired") >= 4, statuses
    expired = [reply["target"]["device_name"] for reply in replies if reply["status"] == "expired"]
    details = {reply["error"]["detail"] for reply in replies if reply["status"] == "expired"}
    assert all("waited for the quota of InvokeThingService" in detail for detail in details), details
    assert all(home.platform.executed(device) == 0 for device in expired)


def test_it_expires_while_it_waits_for_the_rate_of_its_rule(empty_home: Home):
    home = empty_home.start(rules=[rule("slow", "slow/{device}/any", "Any", args={}, rate="1/m", expire="1s")])
    home.client.command(f"slow/{LAMP}/any", {})
    reply = home.client.command("slow/hall-lamp-2/any", {})
    assert (reply["status"], reply["error"]["code"]) == ("expired", "deadline_passed")
    assert "waited for the rate of its rule" in reply["error"]["detail"]


def test_it_expires_while_the_platform_asks_to_wait(empty_home: Home):
    home = empty_home.start(rules=BRIEF)
    home.platform.fault("throttle", seconds=60)
    assert home.client.command(f"brief/{LAMP}/any", {})["error"]["code"] == "throttled", "its own answer says more"
    reply = home.client.command("brief/hall-lamp-2/any", {})
    assert (reply["status"], reply["error"]["code"]) == ("expired", "deadline_passed")
    assert "waited for the platform, which asked to wait (throttled)" in reply["error"]["detail"]


def test_it_expires_while_it_waits_for_others_to_be_folded_with(empty_home: Home):
    fold = {"window": "10s", "max": 10}
    home = empty_home.start(rules=[rule("fold", "fold/{device}/any", "Any", args={}, batch=fold, expire="1s")])
    assert "waited for commands to be folded with" in home.client.command(f"fold/{LAMP}/any", {})["error"]["detail"]


def test_why_a_deadline_had_passed_on_arrival_is_told(empty_home: Home):
    home = empty_home.start(rules=BRIEF)
    reply = home.client.command(f"brief/{LAMP}/any", {"$sent_at": iso(time.time() - 100)})
    assert reply["error"]["detail"].startswith("by the time at which it was sent, its deadline had passed 9")


def test_it_expires_while_the_platform_is_away(empty_home: Home):
    with TcpProxy(empty_home.platform.port) as proxy:
        home = empty_home.start({"platform": {"endpoint": f"https://localhost:{proxy.port}/"}}, BRIEF)
        proxy.refuse()
        assert home.client.command(f"brief/{LAMP}/any", {})["status"] == "expired"
        for number in range(1, 6):
            home.client.command(f"brief/lamp-{number:04}/any", {})
        home.client.wait_payload("thingbridge/bridge/platform", "offline")
        error = home.client.command(f"brief/{LAMP}/any", {"$expire": "300ms"})["error"]
        assert error["code"] == "connect_failed" or "which cannot be used now" in error["detail"]
        proxy.accept()
        assert home.client.command(f"long/{LAMP}/any", {}, timeout_s=60)["status"] == "accepted"
        assert home.platform.executed(LAMP) == 1
        home.stop_bridge()


def test_no_byte_of_a_request_leaves_after_its_deadline(empty_home: Home):
    with TcpProxy(empty_home.platform.port) as proxy:
        home = empty_home.start({"platform": {"endpoint": f"https://localhost:{proxy.port}/"}}, BRIEF)
        proxy.hold()
        home.client.publish(f"brief/{LAMP}/any", {"$id": "late"})
        let_pass(2.3)  # the TLS handshake is under way when the deadline passes
        proxy.release()
        assert home.client.wait_reply("late")["status"] == "expired"
        assert home.client.command("long/hall-lamp-2/any", {})["status"] == "accepted"
        assert home.platform.calls(device_names=[LAMP]) == []
        home.stop_bridge()


def test_a_command_under_way_at_its_deadline_gets_its_answer(empty_home: Home):
    home = empty_home.start(rules=BRIEF)
    home.platform.device(LAMP, delay_s=2)
    reply = home.client.command(f"long/{LAMP}/toggle", {"$expire": "1s"})
    assert reply["status"] == "ok", "it left in time"


# Across restarts


@pytest.mark.parametrize("how", ["stop_bridge", "crash_bridge"])
def test_a_restart_changes_no_deadline(empty_home: Home, how: str):
    home = empty_home.start(KEEP, BRIEF)
    make_busy(home, retry_after=1)
    began = time.time()
    home.client.publish(f"long/{LAMP}/any", {"$id": "waits", "$expire": "4s"})
    home.bridge.wait_log("event=command_retry")
    home.wait_commit()
    getattr(home, how)()
    home.start()
    reply = home.client.wait_reply("waits")
    check_expired(home, reply, began, 4)
    assert reply["duration_ms"] >= 3900


@pytest.mark.parametrize("how", ["stop_bridge", "crash_bridge"])
def test_a_deadline_that_passes_while_the_bridge_is_away_is_kept(empty_home: Home, how: str):
    home = empty_home.start(KEEP, BRIEF)
    make_busy(home, retry_after=1)
    home.client.publish(f"brief/{LAMP}/any", {"$id": "waits"})
    home.bridge.wait_log("event=command_retry")
    home.wait_commit()
    getattr(home, how)()
    home.platform.clear_faults()
    let_pass(2)
    home.start()
    assert home.client.wait_reply("waits")["status"] == "expired"
    home.settle()
    assert home.platform.executed(LAMP) == 0


# What the broker kept: the fence

VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])


def start_with_session(home: Home, version: str, **more: Any) -> None:
    home.start({"mqtt": {"version": version, "session_expiry": "1h", **more}}, BRIEF)


@VERSIONS
def test_what_the_broker_kept_longer_than_it_may_live_expires(empty_home: Home, version: str):
    home = empty_home
    start_with_session(home, version)
    home.stop_bridge()
    for number in range(5):
        home.client.publish(f"brief/{LAMP}/any", {"$id": f"kept{number}"})
    let_pass(2.5)
    home.start()
    assert all(home.client.wait_reply(f"kept{number}")["status"] == "expired" for number in range(5))
    home.settle()
    assert home.platform.executed(LAMP) == 0
    assert home.client.command(f"some/{LAMP}/any", {})["status"] == "accepted", "what comes now is fresh"


@VERSIONS
def test_what_came_just_before_the_bridge_was_back_may_be_as_old_as_the_absence(empty_home: Home, version: str):
    home = empty_home
    start_with_session(home, version)
    home.stop_bridge()
    let_pass(6.5)
    home.client.publish(f"some/{LAMP}/any", {"$id": "unstamped"})
    home.client.publish("some/hall-lamp-2/any", {"$id": "stamped", "$sent_at": iso(time.time())})
    home.start()
    assert home.client.wait_reply("unstamped")["status"] == "expired"
    assert home.client.wait_reply("stamped")["status"] == "accepted", "it tells its age"


@VERSIONS
@pytest.mark.parametrize("how", ["stop_bridge", "crash_bridge"])
def test_what_the_broker_kept_for_a_short_absence_runs(empty_home: Home, version: str, how: str):
    home = empty_home
    start_with_session(home, version)
    getattr(home, how)()
    home.client.publish(f"long/{LAMP}/any", {"$id": "kept"})
    home.start()
    assert home.client.wait_reply("kept")["status"] == "accepted"
    assert home.platform.executed(LAMP) == 1


@VERSIONS
def test_a_lost_connection_is_an_absence_too(empty_home: Home, version: str):
    home = empty_home
    home.broker.start()
    with TcpProxy(home.broker.port) as proxy:
        start_with_session(home, version, url=f"mqtt://127.0.0.1:{proxy.port}")
        proxy.refuse()
        home.bridge.wait_log("event=mqtt_lost")
        home.client.publish(f"brief/{LAMP}/any", {"$id": "brief"})
        home.client.publish("long/hall-lamp-2/any", {"$id": "long"})
        let_pass(2.5)
        proxy.accept()
        assert home.client.wait_reply("brief", 60)["status"] == "expired"
        assert home.client.wait_reply("long")["status"] == "accepted"
        assert home.platform.executed(LAMP) == 0
        home.stop_bridge()


def test_a_message_whose_expiry_the_broker_counts_keeps_what_is_left(empty_home: Home):
    home = empty_home
    start_with_session(home, "5")
    home.stop_bridge()
    home.client.publish(f"long/{LAMP}/any", {"$id": "gone"}, properties=publish_properties(expiry_s=1))
    home.client.publish(f"long/{LAMP}/any", {"$id": "kept"}, properties=publish_properties(expiry_s=30))
    let_pass(2)
    home.start()
    assert home.client.wait_reply("kept")["status"] == "accepted"
    home.settle()
    assert home.platform.executed(LAMP) == 1


# Connections that seem to live


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_connection_that_carries_nothing_in_one_direction_is_made_anew(empty_home: Home, direction: str):
    home = empty_home
    home.broker.start()
    with TcpProxy(home.broker.port) as proxy:
        start_with_session(home, "5", url=f"mqtt://127.0.0.1:{proxy.port}", keepalive="10m")
        proxy.hold(direction)
        home.bridge.wait_log("event=mqtt_fence_lost", 60)
        proxy.release()
        wait_until(lambda: home.bridge.log.count("event=online ") >= 2, 60, "the bridge online again")
        assert home.client.command(f"long/{LAMP}/any", {}, timeout_s=60)["status"] == "accepted"
        home.stop_bridge()
