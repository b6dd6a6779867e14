"""What waited is not taken for fresh, and what is fresh does not expire: after an absence, after a stop of the process
itself, and on brokers whose access rules keep the fence from the bridge."""

from __future__ import annotations

import hashlib
import signal
import time
from typing import Any

import pytest

from harness.broker import Broker
from harness.home import Home, rule
from harness.network import TcpProxy
from simulator.client import wait_until

LAMP = "hall-lamp-1"
OTHER = "hall-lamp-2"
RULES = [
    rule("brief", "brief/{device}/any", "Any", args="${payload}", expire="2s"),
    rule("long", "long/{device}/any", "Any", args="${payload}", expire="1m"),
]
VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])
VISITOR = {"username": "visitor", "password": "visitor"}
# Of the bridge's user, besides its commands and replies.
NO_READ = "topic write thingbridge/#"
NO_WRITE = "\n".join(f"topic write thingbridge/bridge/{name}" for name in ("state", "health", "info", "platform"))
NO_WRITE += "\ntopic read thingbridge/#"
FENCED_OFF = pytest.mark.parametrize("access", [NO_READ, NO_WRITE], ids=["not-readable", "not-writable"])


def let_pass(seconds: float) -> None:
    """Time itself is what the test is about."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, seconds + 5)


def fences(home: Home) -> int:
    """That the broker has passed on; what proves acknowledgments goes to the same topic."""
    messages = [message for message in home.client.messages() if message.topic.startswith("thingbridge/bridge/fence/")]
    return sum(message.payload != b"acknowledged" for message in messages)


def start(home: Home, version: str, **more: Any) -> Home:
    return home.start({"mqtt": {"version": version, "session_expiry": "1h", **more}}, RULES)


# A stop of the process


@VERSIONS
def test_what_came_while_the_process_was_stopped_is_as_old_as_the_stop(empty_home: Home, version: str):
    home = start(empty_home, version)
    home.bridge.signal(signal.SIGSTOP)
    for number in range(5):
        home.client.publish(f"brief/{LAMP}/any", {"$id": f"brief{number}"})
    home.client.publish(f"long/{OTHER}/any", {"$id": "long"})
    let_pass(3)
    home.bridge.signal(signal.SIGCONT)
    assert home.client.wait_reply("long")["status"] == "accepted"
    assert all(home.client.wait_reply(f"brief{number}")["status"] == "expired" for number in range(5))
    home.settle()
    assert home.platform.executed(LAMP) == 0
    home.bridge.wait_log("event=process_stood_still")
    assert home.client.command(f"brief/{LAMP}/any", {})["status"] == "accepted", "what comes after it is fresh"


def test_a_fence_that_was_under_way_at_the_stop_proves_nothing(empty_home: Home):
    """It lies in the socket before what came during the stop."""
    home = empty_home
    home.broker.start()
    with TcpProxy(home.broker.port) as proxy:
        start(home, "5", url=f"mqtt://127.0.0.1:{proxy.port}")
        proxy.hold("down")
        before = fences(home)
        wait_until(lambda: fences(home) > before, what="a fence on its way")
        home.bridge.signal(signal.SIGSTOP)
        proxy.release()
        home.client.publish(f"brief/{LAMP}/any", {"$id": "late"})
        let_pass(3)
        home.bridge.signal(signal.SIGCONT)
        assert home.client.wait_reply("late")["status"] == "expired"
        assert home.platform.executed(LAMP) == 0
        home.stop_bridge()


# Without a fence


def fence_less(home: Home, access: str, **more: str) -> Home:
    acl = f"user bridge\ntopic readwrite brief/#\ntopic readwrite long/#\ntopic readwrite settle/#\n{access}\n"
    acl += "user visitor\ntopic readwrite #\n"
    users = {"bridge": "secret-of-bridge", "visitor": "visitor"}
    home.replace_broker(Broker(home.folder / "broker", users=users, acl=acl, settings=more))
    home.client_login = VISITOR
    home.broker.start()
    file = home.folder / "password"
    file.write_text(users["bridge"])
    file.chmod(0o600)
    return home


def launch(home: Home, version: str) -> None:
    login = {"username": "bridge", "password": {"file": str(home.folder / "password")}}
    home.make_bridge({"mqtt": {"version": version, "session_expiry": "1h", **login}}, RULES).launch()


@VERSIONS
@FENCED_OFF
def test_without_a_fence_the_bridge_says_so_with_the_lines_to_add(empty_home: Home, version: str, access: str):
    home = fence_less(empty_home, access)
    launch(home, version)
    home.bridge.wait_log("event=mqtt_fence_barred", 40)
    assert "`user bridge`" in home.bridge.log and "`topic readwrite thingbridge/bridge/#`" in home.bridge.log
    assert home.client.command(f"brief/{LAMP}/any", {})["status"] == "accepted", "it works all the same"
    home.settle()
    assert "event=online" not in home.bridge.log
    # Mosquitto 2.0.11 ends a connection that publishes what it may not: that is not to go on.
    assert home.bridge.log.count("event=mqtt_lost") <= 4


@VERSIONS
@FENCED_OFF
def test_without_a_fence_what_was_kept_expires_and_what_is_live_runs(empty_home: Home, version: str, access: str):
    home = fence_less(empty_home, access)
    launch(home, version)
    home.bridge.wait_log("event=mqtt_subscribed filter=long/+/any", 30)
    assert home.client.command(f"long/{OTHER}/any", {})["status"] == "accepted"
    if access == NO_READ:  # else the bridge does not know it yet when it comes back
        home.bridge.wait_log("event=mqtt_fence_barred", 40)
        home.wait_commit()
    home.bridge.stop()
    kept = [f"kept{number}" for number in range(500)]
    for name in kept:
        home.client.publish_soon(f"brief/{LAMP}/any", {"$id": name})
    home.client.wait_acknowledged()
    let_pass(2.5)
    home.bridge.launch()
    assert home.client.wait_reply(kept[-1], 60)["status"] == "expired"
    home.client.wait_message(lambda message: message.topic == f"brief/{LAMP}/any/reply", 60, "replies", len(kept))
    assert {home.client.wait_reply(name)["status"] for name in kept} == {"expired"}
    wait_until(lambda: home.client.command(f"brief/{OTHER}/any", {})["status"] == "accepted", 20, "what is live is fresh")
    assert [home.client.command(f"brief/{OTHER}/any", {})["status"] for _ in range(10)] == ["accepted"] * 10
    assert home.platform.executed(LAMP) == 0


def test_a_fence_that_comes_back_again_makes_all_well(empty_home: Home):
    home = fence_less(empty_home, NO_READ)
    launch(home, "5")
    home.bridge.wait_log("event=mqtt_fence_barred", 40)
    acl = home.folder / "broker" / "acl"
    acl.write_text(acl.read_text().replace(NO_READ, "topic readwrite thingbridge/bridge/#"))
    home.broker.signal(signal.SIGHUP)
    home.bridge.wait_log("event=mqtt_fence_works", 30)
    home.wait_online()


REFUSALS = [("5", 0x87, "subscribe"), ("3.1.1", 0x80, "subscribe"), ("5", 0x87, "publish")]


def refuse_fence(home: Home, reason: int, what: str) -> None:
    """In the broker's words, and not in silence."""
    if what == "subscribe":
        home.broker.peer("bridge").answers_subscribe("thingbridge/bridge/fence/*", reason)
    else:
        home.broker.peer("bridge-replies").answers_publish("thingbridge/bridge/fence/#", reason)


@pytest.mark.parametrize("version,reason,what", REFUSALS)
def test_a_refused_fence_is_said_at_once_and_nothing_is_judged_wrongly(
    scripted_home: Home, version: str, reason: int, what: str
):
    home = scripted_home
    home.broker.start()
    refuse_fence(home, reason, what)
    home.make_bridge({"mqtt": {"version": version, "session_expiry": "1h"}}, RULES).launch()
    home.bridge.wait_log("event=mqtt_fence_barred")
    assert home.client.command(f"brief/{LAMP}/any", {})["status"] == "accepted"
    home.wait_commit()
    home.bridge.stop()
    kept = [f"kept{number}" for number in range(300)]
    for name in kept:
        home.client.publish_soon(f"brief/{LAMP}/any", {"$id": name})
    home.client.wait_acknowledged()
    let_pass(2.5)
    home.bridge.launch()
    assert {home.client.wait_reply(name, 60)["status"] for name in kept} == {"expired"}
    wait_until(lambda: home.client.command(f"brief/{OTHER}/any", {})["status"] == "accepted", 20, "what is live is fresh")
    assert home.platform.executed(LAMP) == 1
    publications = home.broker.peer("bridge-replies").published("thingbridge/bridge/fence/#")
    assert what == "subscribe" or len(publications) <= 3, "what is refused is not sent again and again"


def test_a_connection_that_ends_at_each_fence_is_not_ended_for_ever(scripted_home: Home):
    home = scripted_home
    home.broker.start()
    home.broker.peer("bridge-replies").ends_at("thingbridge/bridge/fence/#", times=None)
    home.make_bridge({"mqtt": {"version": "3.1.1"}}, RULES).launch()
    home.bridge.wait_log("event=mqtt_fence_barred", 40)
    replies = [home.client.command(f"brief/{LAMP}/any", {})["status"] for _ in range(5)]
    assert replies == ["accepted"] * 5
    assert len(home.broker.peer("bridge-replies").connects) <= 4


@pytest.mark.parametrize("redelivery,status", [("content", "expired"), ("dup", "accepted")])
def test_a_session_that_is_kept_and_denied_is_an_absence_where_that_is_configured(
    scripted_home: Home, redelivery: str, status: str
):
    home = scripted_home
    home.broker.start()
    home.broker.peer("bridge").answers_connect(session_present=False)
    home.start({"mqtt": {"version": "3.1.1", "redelivery": redelivery}}, RULES)
    assert home.client.command(f"brief/{LAMP}/any", {})["status"] == "accepted"
    home.stop_bridge()
    home.client.publish(f"brief/{OTHER}/any", {"$id": "kept"})
    let_pass(2.5)
    home.start()
    assert home.client.wait_reply("kept")["status"] == status
    assert home.platform.executed(OTHER) == (status == "accepted")
    assert home.client.command(f"brief/{LAMP}/any", {})["status"] == "accepted"


# A fence behind a large backlog


def test_a_fence_that_is_late_is_waited_for_while_messages_come(scripted_home: Home):
    """Its limit of 15 s runs from the last progress."""
    home = scripted_home
    home.broker.start()
    own = hashlib.sha256(b"bridge").hexdigest()[:16]
    home.broker.peer("bridge").delivers_nothing_for(f"thingbridge/bridge/fence/{own}")
    home.make_bridge({"mqtt": {"version": "5"}}, RULES).launch()
    home.broker.peer("bridge-replies").wait_published("thingbridge/bridge/fence/#")
    end = time.monotonic() + 17
    while time.monotonic() < end:
        assert home.client.command(f"brief/{LAMP}/any", {})["status"] == "accepted"
    assert "event=mqtt_fence_lost" not in home.bridge.log
    assert len(home.broker.peer("bridge").connects) == 1
    home.bridge.wait_log("event=mqtt_fence_barred", 40)


def test_a_fence_behind_a_large_backlog_is_waited_for(empty_home: Home):
    home = start(empty_home, "5")
    home.stop_bridge()
    count = 5_000
    for number in range(count):
        home.client.publish_soon(f"brief/{LAMP}/any", {"$id": f"kept{number}"})
    home.client.wait_acknowledged(300)
    let_pass(2.5)
    home.bridge.configure(outbox={"max_commands": 20_000})
    home.bridge.launch()
    home.client.wait_message(lambda message: message.topic == f"brief/{LAMP}/any/reply", 300, "replies", count)
    home.wait_online(60)
    assert "event=mqtt_fence_lost" not in home.bridge.log and "event=mqtt_fence_barred" not in home.bridge.log
    assert home.client.command(f"brief/{OTHER}/any", {})["status"] == "accepted"
    assert home.platform.executed(LAMP) == 0
