"""No publisher and no disk can end the service: what cannot be stored stays with the broker, and it goes on by itself."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import sqlite3
from typing import Any, Iterator

import pytest

from crash.machine import Machine
from harness.home import Home, rule
from harness.network import MarkedProxy, TcpProxy
from simulator.client import wait_until

EVENT_TOPIC = "thingbridge/bridge/event"
VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])


def closings(home: Home, state: str) -> list[int]:
    """The `retry_in_ms` of each time that it was said."""
    lines = [line for line in home.bridge.log.splitlines() if "event=intake_closed" in line and f"state={state}" in line]
    return [int(re.search(r"retry_in_ms=(\d+)", line)[1]) for line in lines]


def intake_events(home: Home) -> list[dict[str, Any]]:
    return [event for event in (message.json for message in home.client.messages(EVENT_TOPIC)) if event["event"] == "intake"]


def final_codes(home: Home) -> dict[str, str]:
    """The error code of each command of the flood that has its final reply."""
    replies = [message.as_reply() for message in home.client.messages()]
    return {
        reply["id"]: reply.get("error", {}).get("code", "")
        for reply in replies
        if reply and reply["final"] and str(reply["id"]).startswith("flood-")
    }


# ---- more commands than can be refused


@pytest.fixture
def proxies(empty_home: Home) -> Iterator[tuple[TcpProxy, MarkedProxy]]:
    """Between the bridge and the platform, and between its replies connection and the broker."""
    empty_home.broker.start()
    with TcpProxy(empty_home.platform.port) as platform, MarkedProxy(empty_home.broker.port, b"-replies") as replies:
        yield platform, replies
        platform.release()
        replies.release()
        if empty_home.bridge.is_running:
            empty_home.bridge.stop(30)


def start_behind(home: Home, proxies: tuple[TcpProxy, MarkedProxy], version: str, max_commands: int) -> None:
    platform, replies = proxies
    home.start(
        {
            "platform": {"endpoint": f"https://localhost:{platform.port}/"},
            "mqtt": {"url": f"mqtt://127.0.0.1:{replies.port}", "version": version, "session_expiry": "1h"},
            "outbox": {"max_commands": max_commands, "max_share": 1},
        }
    )


@VERSIONS
def test_a_flood_of_refusals_closes_the_intake_and_ends_nothing(empty_home: Home, proxies: Any, version: str):
    home = empty_home
    start_behind(home, proxies, version, 5)
    platform, replies = proxies
    platform.hold("down")
    replies.hold("down")
    count = 3000
    for number in range(count):
        home.client.publish_soon(f"home/lamp-{number % 500 + 1:04}/any", {"$id": f"flood-{number}", "$expire": "10m"})
    home.client.wait_acknowledged()
    home.bridge.wait_log("event=intake_closed")
    assert home.bridge.is_running
    replies.release()
    home.wait_online(60)
    platform.release()

    wait_until(lambda: len(final_codes(home)) >= count, 120, "a final reply for each command")
    codes = final_codes(home)
    assert len(codes) == count and set(codes.values()) == {"", "outbox_full"}
    assert 5 <= sum(code == "" for code in codes.values()) < count // 2
    assert closings(home, "full")
    assert {"full", "open"} <= {event["state"] for event in intake_events(home)}


# ---- an outbox that cannot be written


@pytest.fixture
def machine(empty_home: Home) -> Machine:
    machine = Machine(empty_home.folder / "bridge", empty_home.folder / "machine")
    machine.settle()
    return machine


def launch(home: Home, machine: Machine) -> None:
    if not home.broker.is_running:
        home.broker.start()
    home.make_bridge({"mqtt": {"session_expiry": "1h"}})
    home.bridge.launch(machine.environment)


def connects(home: Home) -> int:
    return home.broker.log.count("as bridge")


@pytest.mark.parametrize("has_file", [True, False])
def test_a_full_disk_is_waited_for_before_any_connection_is_made(empty_home: Home, machine: Machine, has_file: bool):
    home = empty_home
    if has_file:
        launch(home, machine)
        home.wait_online()
        home.stop_bridge()
    before = connects(home) if has_file else 0
    machine.fill_disk(True)
    launch(home, machine)
    wait_until(lambda: len(closings(home, "unwritable")) >= 4, 60, "attempts")
    assert home.bridge.is_running
    assert closings(home, "unwritable")[:4] == [500, 1000, 2000, 4000], "each waits longer than the one before"
    assert connects(home) == before
    assert "disk is full" in home.bridge.log
    machine.fill_disk(False)
    home.wait_online()
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def test_a_stop_ends_the_wait_for_the_disk(empty_home: Home, machine: Machine):
    machine.fill_disk(True)
    launch(empty_home, machine)
    empty_home.bridge.wait_log("event=intake_closed")
    assert empty_home.bridge.stop() == 0


@VERSIONS
def test_a_disk_that_fills_up_leaves_commands_with_the_broker(empty_home: Home, machine: Machine, version: str):
    home = empty_home
    home.broker.start()
    home.make_bridge({"mqtt": {"version": version, "session_expiry": "1h"}})
    home.bridge.launch(machine.environment)
    home.wait_online()
    machine.fill_disk(True)
    home.client.publish("home/hall-lamp-1/any", {"$id": "kept", "$expire": "10m"})
    home.bridge.wait_log("event=intake_closed")
    home.wait_offline()
    home.client.publish("home/hall-lamp-1/any", {"$id": "later", "$expire": "10m"})
    assert home.bridge.is_running
    assert home.platform.executed("hall-lamp-1") == 0
    assert home.client.final_replies("kept") == []
    machine.fill_disk(False)
    assert home.client.wait_reply("kept")["status"] == "accepted"
    assert home.client.wait_reply("later")["status"] == "accepted"
    assert home.platform.executed("hall-lamp-1") == 2
    home.wait_online()
    assert {"unwritable", "open"} <= {event["state"] for event in intake_events(home)}


def test_a_write_lock_of_another_program_is_waited_for(empty_home: Home):
    home = empty_home.start({"mqtt": {"session_expiry": "1h"}})
    database = sqlite3.connect(home.bridge.outbox_file, isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    home.client.publish("home/hall-lamp-1/any", {"$id": "waits", "$expire": "10m"})
    home.bridge.wait_log("event=intake_closed")
    assert home.bridge.is_running
    assert "another program is writing it" in home.bridge.log
    database.execute("ROLLBACK")
    database.close()
    assert home.client.wait_reply("waits", 30)["status"] == "accepted"
    home.wait_online()
    assert home.platform.executed("hall-lamp-1") == 1


# ---- starts and signals


def test_a_hangup_is_ignored_with_a_word(home: Home):
    home.bridge.signal(signal.SIGHUP)
    home.bridge.wait_log("event=sighup_ignored")
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def test_a_hangup_before_it_runs_is_ignored_too(empty_home: Home, machine: Machine):
    machine.fill_disk(True)
    launch(empty_home, machine)
    empty_home.bridge.wait_log("event=intake_closed")
    empty_home.bridge.signal(signal.SIGHUP)
    empty_home.bridge.wait_log("event=sighup_ignored")
    machine.fill_disk(False)
    empty_home.wait_online()


def test_a_start_waits_for_a_tool_that_has_the_outbox(empty_home: Home):
    home = empty_home.start()
    home.stop_bridge()
    with open(f"{home.bridge.outbox_file}.lock", "w") as lock:  # as `thingbridge outbox drop` does for a moment
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"{os.getpid()} tool\n")
        lock.flush()
        home.bridge.launch()
        home.bridge.wait_log("event=intake_closed")
        assert f"in use by `thingbridge outbox`, process {os.getpid()}" in home.bridge.log
        assert home.bridge.is_running
    home.wait_online()
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


# ---- one rule, and QoS 0


@pytest.fixture
def hanging(empty_home: Home) -> Iterator[TcpProxy]:
    """A platform that takes connections and never answers."""
    with TcpProxy(empty_home.platform.port) as proxy:
        proxy.hold()
        yield proxy
        proxy.release()
        if empty_home.bridge.is_running:
            empty_home.bridge.stop(30)


def start_hanging(home: Home, proxy: TcpProxy, rules: list[dict[str, Any]] | None = None, **outbox: Any) -> Home:
    platform = {"endpoint": f"https://localhost:{proxy.port}/", "timeout": "60s"}
    return home.start({"platform": platform, "outbox": outbox, "mqtt": {"session_expiry": "1h"}, "limits": {"stop": "0s"}}, rules)


@pytest.mark.parametrize("qos", [0, 1])
def test_one_rule_cannot_fill_the_queue_for_all(empty_home: Home, hanging: TcpProxy, qos: int):
    home = start_hanging(empty_home, hanging, max_commands=10)
    for number in range(12):
        home.client.publish("home/lamp-0001/any", {"$id": f"flood-{number}", "$expire": "10m"}, qos)
    for number in range(5, 12):
        reply = home.client.wait_reply(f"flood-{number}")
        assert (reply["status"], reply["error"]["code"], reply["error"]["retryable"]) == ("rejected", "outbox_full", True)
        assert "outbox.max_share" in reply["error"]["detail"]
    home.client.publish("home/lamp-0002/toggle", {"$id": "other", "$expire": "1s"}, qos)
    assert home.client.wait_reply("other")["status"] in ("expired", "unknown"), "it was taken"
    assert set(final_codes(home)) == {f"flood-{number}" for number in range(5, 12)}


def test_the_share_counts_what_an_earlier_process_left(empty_home: Home, hanging: TcpProxy):
    rules = [rule("any", "home/{device}/any", "Any", args={}, idempotent=True)]  # what was sent waits again
    home = start_hanging(empty_home, hanging, rules, max_commands=10)
    for number in range(5):
        home.client.publish("home/lamp-0001/any", {"$id": f"flood-{number}", "$expire": "10m"})
    home.crash_bridge()
    home.start()
    reply = home.client.command("home/lamp-0001/any", {"$expire": "10m"})
    assert (reply["status"], reply["error"]["code"]) == ("rejected", "outbox_full")


@pytest.mark.parametrize("qos", [0, 1])
def test_who_was_refused_for_want_of_room_may_send_the_same_again(empty_home: Home, hanging: TcpProxy, qos: int):
    home = start_hanging(empty_home, hanging, max_commands=1)
    home.client.publish("home/lamp-0001/any", {"$id": "first", "$expire": "2s"}, qos)

    def send_again(count: int) -> dict[str, Any]:
        home.client.publish("home/lamp-0002/any", {"$id": "again", "$expire": "10m"}, qos)
        return home.client.wait_message(lambda message: message.is_final_reply("again"), 30, count=count)[count - 1].json

    reply = send_again(1)
    assert (reply["error"]["code"], reply["error"]["retryable"]) == ("outbox_full", True)
    home.client.wait_reply("first")
    hanging.release()
    count = 1
    while reply["status"] == "rejected":  # the first one's room is free when its reply is acknowledged
        assert reply["error"]["code"] == "outbox_full" and "duplicate" not in reply
        count += 1
        reply = send_again(count)
    assert reply["status"] == "accepted" and "duplicate" not in reply
    reply = send_again(count + 1)
    assert (reply["status"], reply["duplicate"]) == ("accepted", True)
    assert home.platform.executed("lamp-0002") == 1


def test_qos_0_is_bounded_by_bytes(empty_home: Home, hanging: TcpProxy):
    home = start_hanging(empty_home, hanging, max_bytes="2MiB", max_share=1)
    for number in range(300):
        home.client.publish_soon("home/lamp-0001/any", {"$id": f"flood-{number}", "$expire": "10m", "text": "x" * 100_000}, 0)
    wait_until(lambda: len(final_codes(home)) >= 280, 60, "refusals of all but those that have 2 MiB together")
    assert set(final_codes(home).values()) == {"outbox_full"}


def test_what_nobody_can_be_told_of_is_counted(empty_home: Home, proxies: Any):
    home = empty_home
    start_behind(home, proxies, "5", 5)
    platform, replies = proxies
    platform.hold("down")
    replies.hold("down")

    def is_dropped_after_more() -> bool:  # the broker, too, drops what does not fit between it and the bridge
        for number in range(1, 501):
            home.client.publish_soon(f"home/lamp-{number:04}/any", {"$expire": "10m"}, 0)
        return "event=command_dropped" in home.bridge.log

    wait_until(is_dropped_after_more, what="a command that nobody is told of")
    replies.release()
    platform.release()
    home.stop_bridge()
    counters = json.loads(re.search(r'event=counters .*counters="(.*)"', home.bridge.log)[1].replace('\\"', '"'))
    assert counters["dropped"] + counters["refused_full"] + 5 >= counters["commands_received"] - 5
    assert counters["dropped"] > 0


# ---- the gap is an absence


def test_what_waited_for_too_long_at_the_broker_does_not_run(empty_home: Home, machine: Machine):
    home = empty_home
    launch(home, machine)
    home.wait_online()
    machine.fill_disk(True)
    home.client.publish("home/hall-lamp-1/any", {"$id": "closes", "$expire": "10m"})
    home.bridge.wait_log("event=intake_closed")
    home.wait_offline()
    home.client.publish("home/hall-lamp-1/any", {"$id": "late", "$expire": "1s"})
    already = len(closings(home, "unwritable"))
    wait_until(lambda: len(closings(home, "unwritable")) >= already + 3, 60, "attempts that take longer than a second")
    machine.fill_disk(False)
    assert home.client.wait_reply("closes")["status"] == "accepted"
    assert home.client.wait_reply("late")["status"] == "expired"
    home.wait_online()
    assert home.platform.executed("hall-lamp-1") == 1
    assert home.client.command("home/hall-lamp-1/any", {"$expire": "10s"})["status"] == "accepted"
