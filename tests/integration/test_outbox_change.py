"""`thingbridge outbox retry` and `drop`, with the service running and stopped."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from harness.home import Home, rule
from harness.outbox import (
    LAMP,
    change_outbox,
    keep_lamp_busy,
    outbox,
    queue,
    row,
    rows,
    show,
    stop_with_sent,
    stop_with_waiting,
    the_reply,
)
from simulator.client import wait_until

KEEP = {"mqtt": {"session_expiry": "1h"}}


@pytest.mark.parametrize("verb", ["show", "retry", "drop"])
def test_an_unknown_id_is_refused(home: Home, verb: str):
    done = outbox(home, verb, "nobody")
    assert (done.returncode, done.stdout) == (65, "")
    assert "nobody" in done.stderr
    assert outbox(home, verb, 4711).returncode == 65


# ---- retry and drop, by the service


def test_a_waiting_command_is_dropped(home: Home):
    keep_lamp_busy(home)
    queue(home, "second")
    done = outbox(home, "drop", "second")
    assert done.returncode == 0, done.stderr
    assert "`rejected`" in done.stdout
    assert the_reply(home, "second") == ("rejected", "dropped_by_operator")
    assert home.client.wait_reply("first")["status"] == "ok"
    assert len(home.platform.calls(device_names=[LAMP])) == 1


def test_what_was_done_is_told_as_json(home: Home):
    keep_lamp_busy(home)
    queue(home, "second")
    number = row(home, "second")["number"]
    told = json.loads(outbox(home, "drop", "second", "--json").stdout)
    assert (told["number"], told["verb"], told["done"]) == (number, "drop", True)
    done = outbox(home, "retry", "first", "--json")
    assert done.returncode == 65
    assert json.loads(done.stdout)["done"] is False


def test_a_command_under_way_is_dropped_as_unknown_and_its_late_answer_is_ignored(home: Home):
    keep_lamp_busy(home, 2)
    queue(home, "second", f"home/{LAMP}/toggle")
    done = outbox(home, "drop", "first")
    assert done.returncode == 0, done.stderr
    assert "`unknown`" in done.stdout and "under way" in done.stdout
    assert the_reply(home, "first") == ("unknown", "dropped_by_operator")
    assert home.platform.executed(LAMP) <= 1, "the next one does not overtake it"
    assert home.client.wait_reply("second")["status"] == "ok"
    assert home.platform.executed(LAMP) == 2
    assert len(home.client.final_replies("first")) == 1


def test_a_stop_waits_for_the_request_of_a_dropped_command(home: Home):
    keep_lamp_busy(home, 2)
    assert outbox(home, "drop", "first").returncode == 0
    assert home.client.wait_reply("first")["status"] == "unknown"
    home.stop_bridge()
    assert home.platform.executed(LAMP) == 1


def test_dropping_a_command_of_several_calls_tells_how_each_ended(home: Home):
    home.platform.fault("hang_after", seconds=3, match={"device": "lamp-0101"})
    devices = [f"lamp-{number:04}" for number in range(1, 151)]
    home.client.publish("homes/any", {"$id": "batch", "devices": devices})
    home.platform.wait_calls(2)
    wait_until(lambda: [call["state"] for call in show(home, "batch")["calls"]] == ["done", "sent"])
    assert outbox(home, "drop", "batch").returncode == 0
    assert the_reply(home, "batch") == ("partial", "")
    reply = home.client.wait_reply("batch")
    assert [call["status"] for call in reply["calls"]] == ["accepted", "unknown"]
    assert reply["calls"][1]["error"]["code"] == "dropped_by_operator"
    assert reply["failed_devices"] == []


def test_calls_that_had_not_left_never_leave_after_a_drop(empty_home: Home):
    home = empty_home.start({"platform": {"connections": 1}})
    home.platform.fault("hang_after", seconds=2, match={"device": "lamp-0001"})
    devices = [f"lamp-{number:04}" for number in range(1, 251)]
    home.client.publish("homes/any", {"$id": "batch", "devices": devices})
    home.platform.wait_calls(1)
    assert outbox(home, "drop", "batch").returncode == 0
    reply = home.client.wait_reply("batch")
    assert [call["status"] for call in reply["calls"]] == ["unknown", "rejected", "rejected"]
    home.settle()
    assert len(home.platform.calls(action="InvokeThingsService")) == 1


def test_a_waiting_duplicate_is_dropped_alone(home: Home):
    keep_lamp_busy(home)
    home.client.publish(f"home/{LAMP}/toggle", {"$id": "first"})
    wait_until(lambda: len(rows(home)) == 2)
    number = rows(home)[1]["number"]
    done = outbox(home, "retry", number)
    assert done.returncode == 65 and "duplicate" in done.stderr
    assert outbox(home, "drop", number).returncode == 0
    replies = home.client.wait_message(lambda message: message.is_final_reply("first"), count=2)
    assert [reply.json["status"] for reply in replies] == ["rejected", "ok"]


def test_the_reply_of_a_dropped_command_answers_its_duplicates(home: Home):
    keep_lamp_busy(home)
    queue(home, "second")
    home.client.publish(f"home/{LAMP}/any", {"$id": "second"})
    wait_until(lambda: len(rows(home)) == 3)
    assert outbox(home, "drop", rows(home)[1]["number"]).returncode == 0
    replies = home.client.wait_message(lambda message: message.is_final_reply("second"), count=2)
    assert [reply.json.get("duplicate", False) for reply in replies] == [False, True]
    assert all(reply.json["error"]["code"] == "dropped_by_operator" for reply in replies)


def test_retry_of_a_waiting_command_says_that_it_waits(home: Home):
    keep_lamp_busy(home)
    queue(home, "second")
    done = outbox(home, "retry", "second")
    assert done.returncode == 0, done.stderr
    assert "leaves as soon as its turn comes" in done.stdout
    assert home.client.wait_reply("second")["status"] == "accepted"


def test_retry_of_a_command_under_way_is_refused(home: Home):
    keep_lamp_busy(home)
    done = outbox(home, "retry", "first")
    assert (done.returncode, done.stdout) == (65, "")
    assert "under way" in done.stderr
    assert the_reply(home, "first") == ("ok", "")


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_what_has_ended_can_neither_be_tried_nor_dropped(home: Home, verb: str):
    home.client.command("home/hall-lamp-1/toggle", {"$id": "ended"})
    wait_until(lambda: show(home, "ended")["state"] == "done")
    done = outbox(home, verb, "ended")
    assert (done.returncode, done.stdout) == (65, "")
    assert "has ended already" in done.stderr
    assert len(home.client.final_replies("ended")) == 1


def test_a_reply_that_cannot_be_delivered_is_thrown_away(empty_home: Home):
    home = empty_home.start(KEEP)
    keep_lamp_busy(home, 1.5)
    home.broker.stop()
    wait_until(lambda: row(home, "first")["state"] == "replied")
    assert row(home, "first")["status"] == "ok"
    done = outbox(home, "retry", "first")
    assert done.returncode == 65 and "has its reply already" in done.stderr
    done = outbox(home, "drop", "first")
    assert done.returncode == 0, done.stderr
    assert "thrown away" in done.stdout
    assert rows(home) == []
    home.broker.start()
    home.client.wait_ready()
    home.wait_online()
    home.settle()
    assert home.client.final_replies("first") == []
    assert home.client.command(f"home/{LAMP}/toggle", {"$id": "first"})["duplicate"] is True
    assert home.platform.executed(LAMP) == 1


def test_every_request_of_an_operator_is_logged(home: Home):
    keep_lamp_busy(home)
    queue(home, "second")
    outbox(home, "retry", "second")
    outbox(home, "drop", "second")
    home.bridge.wait_log("event=operator_retry")
    home.bridge.wait_log("event=operator_drop")


def test_a_service_that_does_not_answer_is_told_and_does_nothing_later(home: Home):
    keep_lamp_busy(home)
    queue(home, "second")
    home.bridge.signal(signal.SIGSTOP)
    try:
        done = outbox(home, "drop", "second")
    finally:
        home.bridge.signal(signal.SIGCONT)
    assert (done.returncode, done.stdout) == (75, "")
    # It may have been stopped in the middle of a commit.
    assert "did not answer within 5 s" in done.stderr or "does not come to an end" in done.stderr
    assert home.client.wait_reply("second")["status"] == "accepted"


def test_requests_that_nobody_waits_for_are_dropped_at_the_start(empty_home: Home):
    home = empty_home.start(KEEP)
    stop_with_waiting(home, "second")
    number = row(home, "second")["number"]
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with open("/proc/uptime") as uptime:
        boot_ms = int(float(uptime.read().split()[0]) * 1000)
    change_outbox(
        home,
        "INSERT INTO request(verb, command_id, boot_id, boot_ms, wall_ms)"
        f" VALUES('drop', {number}, '{boot_id}', {boot_ms}, 0)",
    )
    home.start()
    assert home.client.wait_reply("second")["status"] == "accepted"
    assert "operator_drop" not in home.bridge.log


# ---- retry and drop while the service is stopped


def test_a_waiting_command_of_a_stopped_service_is_dropped(empty_home: Home):
    home = empty_home.start(KEEP)
    stop_with_waiting(home, "second", "third")
    done = outbox(home, "drop", "second")
    assert done.returncode == 0, done.stderr
    assert "`rejected`" in done.stdout and "next start" in done.stdout
    assert row(home, "second")["state"] == "replied"
    home.start()
    assert home.client.wait_reply("third")["status"] == "accepted"
    assert the_reply(home, "second") == ("rejected", "dropped_by_operator")
    assert len(home.platform.calls(device_names=[LAMP])) == 2


def test_a_command_whose_request_had_left_is_dropped_as_unknown(empty_home: Home):
    home = empty_home.start(KEEP)
    stop_with_sent(home)
    done = outbox(home, "drop", "first")
    assert done.returncode == 0, done.stderr
    assert "`unknown`" in done.stdout
    home.start()
    assert the_reply(home, "first") == ("unknown", "dropped_by_operator")


def test_calls_of_a_stopped_service_end_each_on_its_own(empty_home: Home):
    home = empty_home.start(KEEP)
    home.platform.fault("hang_after", seconds=5, match={"device": "lamp-0101"})
    devices = [f"lamp-{number:04}" for number in range(1, 151)]
    home.client.publish("homes/any", {"$id": "batch", "devices": devices})
    home.platform.wait_calls(2)
    wait_until(lambda: [call["state"] for call in show(home, "batch")["calls"]] == ["done", "sent"])
    home.crash_bridge()
    home.platform.clear_faults()
    assert "`partial`" in outbox(home, "drop", "batch").stdout
    home.start()
    reply = home.client.wait_reply("batch")
    assert [call["status"] for call in reply["calls"]] == ["accepted", "unknown"]


def test_dropping_twice_keeps_the_first_reply(empty_home: Home):
    home = empty_home.start(KEEP)
    stop_with_waiting(home, "second")
    assert outbox(home, "drop", "second").returncode == 0
    again = outbox(home, "drop", "second")
    assert (again.returncode, again.stdout) == (65, "")
    assert "has its reply already" in again.stderr
    home.start()
    assert the_reply(home, "second") == ("rejected", "dropped_by_operator")


def test_a_duplicate_of_what_was_dropped_while_stopped_does_not_run(empty_home: Home):
    home = empty_home.start(KEEP)
    stop_with_waiting(home, "second")
    assert outbox(home, "drop", "second").returncode == 0
    home.start()
    home.client.wait_reply("second")
    home.client.publish(f"home/{LAMP}/any", {"$id": "second"})
    replies = home.client.wait_message(lambda message: message.is_final_reply("second"), count=2)
    assert replies[1].json["duplicate"] is True
    assert home.platform.calls(identifier="Any", device_names=[LAMP]) == []


def test_retry_for_a_stopped_service_says_that_it_is_tried_at_the_start(empty_home: Home):
    home = empty_home.start(KEEP)
    stop_with_waiting(home, "second")
    done = outbox(home, "retry", "second")
    assert done.returncode == 0, done.stderr
    assert "when it starts" in done.stdout
    home.start()
    assert the_reply(home, "second") == ("accepted", "")


def test_retry_for_a_stopped_service_is_refused_if_it_will_not_be_tried(empty_home: Home):
    home = empty_home.start(KEEP, [rule("toggle", "home/{device}/toggle", "Toggle", expire="1500ms")])
    home.platform.device(LAMP, delay_s=3)
    home.client.publish(f"home/{LAMP}/toggle", {"$id": "first"})
    home.platform.wait_calls(device_names=[LAMP])
    queue(home, "second", f"home/{LAMP}/toggle")
    home.crash_bridge()
    done = outbox(home, "retry", "first")
    assert done.returncode == 65 and "`unknown`" in done.stderr
    wait_until(lambda: row(home, "second")["left_ms"] == 0)
    done = outbox(home, "retry", "second")
    assert done.returncode == 65 and "deadline has passed" in done.stderr
    assert outbox(home, "drop", "second").returncode == 0
    done = outbox(home, "retry", "second")
    assert done.returncode == 65 and "has its reply already" in done.stderr


def test_retry_for_a_stopped_service_knows_idempotent_rules(empty_home: Home):
    home = empty_home.start(KEEP, [rule("toggle", "home/{device}/toggle", "Toggle", idempotent=True)])
    stop_with_sent(home)
    done = outbox(home, "retry", "first")
    assert done.returncode == 0 and "when it starts" in done.stdout


@pytest.mark.parametrize("running", [True, False])
def test_a_command_whose_plan_cannot_be_read_can_only_be_dropped(empty_home: Home, running: bool):
    home = empty_home.start(KEEP)
    stop_with_waiting(home, "second")
    number = row(home, "second")["number"]
    change_outbox(home, "UPDATE command SET plan = '{' WHERE state = 0")
    if running:
        home.start()
    (listed,) = rows(home)
    assert listed["number"] == number and "id" not in listed
    assert "unreadable" in show(home, number)
    assert outbox(home, "retry", number).returncode == 65
    done = outbox(home, "drop", number)
    assert done.returncode == 0, done.stderr
    assert "cannot be read" in done.stdout
    assert rows(home) == []
