"""No publisher and no disk can end the service: what cannot be stored stays with the broker, and it goes on by itself."""

from __future__ import annotations

import fcntl
import re
import signal
import sqlite3
from pathlib import Path
from typing import Any, Iterator

import pytest

from crash.machine import Machine
from harness.home import Home
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
            "outbox": {"max_commands": max_commands},
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
