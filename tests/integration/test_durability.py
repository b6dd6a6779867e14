"""Nothing that was acknowledged is lost: full queues, stops, restarts, and outbox files that are not as they should be."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from harness.home import Home, rule
from harness.network import TcpProxy
from harness.outbox import rows
from simulator.client import wait_until

KEEP = {"mqtt": {"session_expiry": "1h"}}


@pytest.fixture
def platform_proxy(empty_home: Home) -> Any:
    """Stands between the bridge and the platform; the certificate is for localhost, so it still fits."""
    with TcpProxy(empty_home.platform.port) as proxy:
        yield proxy
        if empty_home.bridge.is_running:
            empty_home.bridge.stop(30)


def through(proxy: TcpProxy, **changes: Any) -> dict[str, Any]:
    return {"platform": {"endpoint": f"https://localhost:{proxy.port}/", **changes}}


def test_a_platform_that_is_away_is_told(empty_home: Home, platform_proxy: TcpProxy):
    platform_proxy.refuse()
    home = empty_home.start(through(platform_proxy))
    reply = home.client.command("home/hall-lamp-1/any", {"$expire": "1s"})
    error = reply["error"]
    assert (reply["status"], error["code"]) == ("expired", "connect_failed")
    assert error["retryable"] is True and error["source"] == "network"
    platform_proxy.accept()
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def test_a_platform_whose_name_is_unknown_is_told(empty_home: Home):
    home = empty_home.start({"platform": {"endpoint": "https://platform.invalid:8686/"}})
    reply = home.client.command("home/hall-lamp-1/any", {"$expire": "3s"}, timeout_s=60)
    assert (reply["status"], reply["error"]["code"]) == ("expired", "resolve_failed")


def test_a_connection_that_hangs_before_the_request_is_a_failure_to_connect(
    empty_home: Home, platform_proxy: TcpProxy
):
    platform_proxy.hold()
    home = empty_home.start(through(platform_proxy, timeout="2s"))
    reply = home.client.command("home/hall-lamp-1/any", {"$expire": "4s"})
    assert reply["status"] == "expired"
    assert reply["error"]["code"] in ("connect_failed", "tls_failed")
    assert home.platform.calls() == []


def test_a_full_outbox_rejects_at_once(empty_home: Home, platform_proxy: TcpProxy):
    home = empty_home.start({**through(platform_proxy), "outbox": {"max_commands": 5, "max_share": 1}})
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
    wait_until(lambda: rows(home) == [], what="an empty outbox")
    platform_proxy.hold("down")
    for number in range(10):
        home.client.publish(f"home/lamp-{number + 1:04}/any", {"$id": f"c{number}"})
    for number in range(5, 10):
        reply = home.client.wait_reply(f"c{number}")
        assert (reply["status"], reply["error"]["code"]) == ("rejected", "outbox_full")
        assert reply["error"]["retryable"] is True
    assert all(home.client.final_replies(f"c{number}") == [] for number in range(5))
    platform_proxy.release()
    for number in range(5):
        assert home.client.wait_reply(f"c{number}")["status"] == "accepted"
    wait_until(lambda: rows(home) == [], what="an empty outbox")
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def test_an_outbox_full_by_bytes_rejects_too(empty_home: Home, platform_proxy: TcpProxy):
    home = empty_home.start({**through(platform_proxy), "outbox": {"max_bytes": "1MiB", "max_share": 1}})
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
    platform_proxy.hold("down")
    for number in range(12):
        home.client.publish(f"home/lamp-{number + 1:04}/any", {"$id": f"c{number}", "text": "x" * 200_000})
    reply = home.client.wait_reply("c11")
    assert (reply["status"], reply["error"]["code"]) == ("rejected", "outbox_full")
    platform_proxy.release()


def test_a_stop_finishes_what_is_in_flight_and_leaves_the_rest(empty_home: Home):
    home = empty_home.start(KEEP)
    home.platform.device("hall-lamp-1", delay_s=1.5)
    home.client.publish("home/hall-lamp-1/toggle", {"$id": "first"})
    home.platform.wait_calls(device_names=["hall-lamp-1"])
    home.client.publish("home/hall-lamp-1/toggle", {"$id": "second"})
    home.stop_bridge()
    assert home.client.wait_reply("first")["status"] == "ok"
    assert home.client.final_replies("second") == []
    assert home.platform.executed("hall-lamp-1") == 1
    home.platform.device("hall-lamp-1", delay_s=0)
    home.start()
    assert home.client.wait_reply("second")["status"] == "ok"
    assert home.platform.executed("hall-lamp-1") == 2
    home.settle()
    assert len(home.client.final_replies("first")) == 1


def test_a_stop_does_not_wait_longer_than_its_limit(empty_home: Home):
    home = empty_home.start({**KEEP, "limits": {"stop": "1s"}, "platform": {"timeout": "60s"}})
    home.platform.fault("hang_after", seconds=30, match={"device": "hall-lamp-1"})
    home.client.publish("home/hall-lamp-1/any", {"$id": "hangs"})
    home.platform.wait_calls(device_names=["hall-lamp-1"])
    assert home.bridge.stop(timeout_s=60) == 0
    home.wait_offline()
    home.platform.clear_faults()
    home.start()
    reply = home.client.wait_reply("hangs")
    assert (reply["status"], reply["error"]["code"]) == ("unknown", "interrupted")
    assert home.platform.executed("hall-lamp-1") == 1


def test_a_crash_while_a_request_is_under_way_ends_unknown_and_is_not_repeated(empty_home: Home):
    home = empty_home.start(KEEP)
    home.platform.device("hall-lamp-1", delay_s=5)
    home.client.publish("home/hall-lamp-1/toggle", {"$id": "cut"})
    home.platform.wait_calls(device_names=["hall-lamp-1"])
    home.crash_bridge()
    home.platform.device("hall-lamp-1", delay_s=0)
    home.start()
    reply = home.client.wait_reply("cut")
    assert (reply["status"], reply["error"]["code"]) == ("unknown", "interrupted")
    home.settle()
    assert home.platform.executed("hall-lamp-1") == 1
    assert len(home.client.final_replies("cut")) == 1


def test_a_crash_repeats_a_command_of_an_idempotent_rule(empty_home: Home):
    home = empty_home.start(KEEP, [rule("safe", "home/{device}/toggle", "Toggle", idempotent=True, expire="2m")])
    home.platform.device("hall-lamp-1", delay_s=5)
    home.client.publish("home/hall-lamp-1/toggle", {"$id": "again"})
    home.platform.wait_calls(device_names=["hall-lamp-1"])
    home.crash_bridge()
    home.platform.device("hall-lamp-1", delay_s=0)
    home.start()
    assert home.client.wait_reply("again")["status"] == "ok"
    assert home.platform.executed("hall-lamp-1") == 2


def test_a_repeatable_command_that_may_have_run_and_whose_platform_is_gone_is_unknown(empty_home: Home):
    rules = [rule("toggle", "home/{device}/toggle", "Toggle", idempotent=True, platform="default")]
    home = empty_home.start(KEEP, rules)
    home.platform.fault("hang_after", count=1)
    home.client.publish("home/hall-lamp-1/toggle", {"$id": "sent"})
    home.platform.wait_calls()
    home.crash_bridge()
    platform = home.bridge.settings["platform"]
    home.bridge.configure(platform=None, platforms={"renamed": platform})
    home.bridge.set_rules([{**rules[0], "platform": "renamed"}])
    home.start()
    reply = home.client.wait_reply("sent")
    assert (reply["status"], reply["error"]["code"]) == ("unknown", "platform_unknown")
    assert "it was sent before" in reply["error"]["detail"]
    assert home.platform.executed("hall-lamp-1") == 1


def test_a_crash_of_a_batch_tells_which_calls_are_unknown(empty_home: Home):
    home = empty_home.start(KEEP)
    home.platform.fault("hang_after", seconds=5, match={"device": "lamp-0101"})
    devices = [f"lamp-{number:04}" for number in range(1, 151)]
    home.client.publish("homes/any", {"$id": "batch", "devices": devices})
    home.platform.wait_calls(2)
    home.crash_bridge()
    home.platform.clear_faults()
    home.start()
    reply = home.client.wait_reply("batch")
    assert reply["status"] in ("partial", "unknown")
    home.settle()
    assert home.platform.executed("lamp-0101") == 1, "nothing is sent twice"
    assert len(home.client.final_replies("batch")) == 1


def test_a_command_that_waited_too_long_expires(empty_home: Home):
    home = empty_home.start(rules=[rule("toggle", "home/{device}/toggle", "Toggle", expire="1s")])
    home.platform.device("hall-lamp-1", delay_s=3)
    home.client.publish("home/hall-lamp-1/toggle", {"$id": "first"})
    home.platform.wait_calls(device_names=["hall-lamp-1"])
    home.client.publish("home/hall-lamp-1/toggle", {"$id": "second"})
    reply = home.client.wait_reply("second")
    assert (reply["status"], reply["error"]["code"]) == ("expired", "deadline_passed")
    assert home.platform.executed("hall-lamp-1") == 1


def test_a_second_process_on_the_same_outbox_is_refused(home: Home):
    first = home.bridge
    second = home.make_bridge({"mqtt": {"client_id": "second"}, "outbox": {"path": str(first.outbox_file)}}, name="second")
    second.launch()
    assert second.wait() not in (0, None)
    assert str(first.outbox_file) in second.log
    assert first.is_running
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def change_outbox(home: Home, statement: str) -> None:
    database = sqlite3.connect(home.bridge.outbox_file)
    with database:
        database.execute(statement)
    database.close()


def test_an_outbox_of_a_newer_major_version_is_refused_and_left_alone(home: Home):
    home.stop_bridge()
    change_outbox(home, "PRAGMA user_version = 2000")
    before = home.bridge.outbox_file.read_bytes()
    home.bridge.launch()
    assert home.bridge.wait() == 78
    assert "newer" in home.bridge.log
    assert home.bridge.outbox_file.read_bytes() == before


def test_a_database_of_another_program_is_refused(home: Home):
    home.stop_bridge()
    change_outbox(home, "PRAGMA application_id = 1")
    home.bridge.launch()
    assert home.bridge.wait() != 0
    assert "another program" in home.bridge.log


def test_a_damaged_outbox_is_set_aside_and_the_bridge_goes_on(home: Home):
    home.stop_bridge()
    home.bridge.outbox_file.write_bytes(b"this is no database" * 1000)
    home.start()
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
    assert len(list(home.bridge.folder.glob("outbox.db.damaged-*"))) == 1
    assert "outbox_damaged" in home.bridge.log


def test_what_is_readable_of_a_damaged_outbox_is_saved(empty_home: Home):
    home = empty_home.start(KEEP)
    home.platform.device("hall-lamp-1", delay_s=2)
    home.client.publish("home/hall-lamp-1/toggle", {"$id": "first"})
    home.platform.wait_calls(device_names=["hall-lamp-1"])
    for number in range(200):
        home.client.publish_soon("home/hall-lamp-1/toggle", {"$id": f"w{number}", "pad": "x" * 500})
    home.client.wait_acknowledged()
    home.stop_bridge()
    change_outbox(home, "PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(home.bridge.outbox_file.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xa5" * 4096
    home.bridge.outbox_file.write_bytes(data)
    home.platform.device("hall-lamp-1", delay_s=0)
    home.start()
    assert "outbox_damaged" in home.bridge.log
    ids = {f"w{number}" for number in range(200)}

    def answered() -> set[str]:
        replies = [message.as_reply() for message in home.client.messages("home/hall-lamp-1/toggle/reply")]
        return {reply["id"] for reply in replies if reply} & ids

    wait_until(lambda: len(answered()) >= 100, 60, "replies of the commands that could be saved")


def test_an_outbox_that_cannot_be_written_ends_with_74(empty_home: Home):
    home = empty_home
    home.broker.start()
    home.make_bridge({"outbox": {"path": "/proc/nowhere/outbox.db"}}).launch()
    assert home.bridge.wait() == 74
    assert "/proc/nowhere/outbox.db" in home.bridge.log


def test_the_outbox_is_private(home: Home):
    assert home.bridge.outbox_file.stat().st_mode & 0o077 == 0


def test_sync_normal_works_too(empty_home: Home):
    home = empty_home.start({"outbox": {"sync": "normal"}, **KEEP})
    home.client.command("home/hall-lamp-1/any", {})
    home.crash_bridge()
    home.start()
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
