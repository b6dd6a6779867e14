"""`thingbridge outbox list, show, retry, drop`, with the service running and stopped."""

from __future__ import annotations

import base64
import json
import os
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.bridge import binary, clean_environment, run_cli
from harness.client import publish_properties
from harness.home import Home, rule
from simulator.client import wait_until

KEEP = {"mqtt": {"session_expiry": "1h"}}
LAMP = "hall-lamp-1"


def outbox(home: Home, *arguments: str | int) -> subprocess.CompletedProcess[str]:
    return run_cli("outbox", *map(str, arguments), "-c", home.bridge.config_file)


def rows(home: Home, *arguments: str) -> list[dict[str, Any]]:
    done = outbox(home, "list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def row(home: Home, command_id: Any) -> dict[str, Any]:
    (found,) = [each for each in rows(home) if each["id"] == command_id]
    return found


def show(home: Home, wanted: str | int, *options: str) -> dict[str, Any]:
    done = outbox(home, "show", wanted, "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def keep_lamp_busy(home: Home, delay_s: float = 3) -> None:
    """The command `first` is under way, and what follows for the lamp waits."""
    home.platform.device(LAMP, delay_s=delay_s)
    home.client.publish(f"home/{LAMP}/toggle", {"$id": "first"})
    home.platform.wait_calls(device_names=[LAMP])


def queue(home: Home, command_id: Any, topic: str = f"home/{LAMP}/any", **payload: Any) -> None:
    home.client.publish(topic, {"$id": command_id, **payload})
    wait_until(lambda: any(each["id"] == command_id for each in rows(home)), what="the row")


def stop_with_waiting(home: Home, *command_ids: str) -> None:
    """The service is stopped, and these commands wait in its outbox."""
    keep_lamp_busy(home, 1)
    for command_id in command_ids:
        queue(home, command_id)
    home.stop_bridge()
    home.platform.device(LAMP, delay_s=0)


def stop_with_sent(home: Home) -> None:
    """The service was killed while the request of `first` was under way."""
    keep_lamp_busy(home)
    home.crash_bridge()
    home.platform.device(LAMP, delay_s=0)


def the_reply(home: Home, command_id: Any) -> tuple[str, str]:
    """Status and error code of the one final reply; nothing more comes after it."""
    reply = home.client.wait_reply(command_id)
    home.settle()
    assert len(home.client.final_replies(command_id)) == 1
    return reply["status"], reply.get("error", {}).get("code", "")


def change_outbox(home: Home, statement: str) -> None:
    database = sqlite3.connect(home.bridge.outbox_file)
    with database:
        database.execute(statement)
    database.close()


# ---- list and show


def test_list_shows_what_is_not_done_oldest_first(home: Home):
    assert home.client.command("home/hall-lamp-2/any", {})["status"] == "accepted"
    keep_lamp_busy(home)
    queue(home, "second", secret_word="squeamish")
    listed = rows(home)
    assert [(each["id"], each["state"], each["rule"]) for each in listed] == [
        ("first", "sent", "toggle"),
        ("second", "queued", "any"),
    ]
    assert listed[1]["topic"] == f"home/{LAMP}/any"
    assert 0 <= listed[1]["age_ms"] < 10_000
    assert 20_000 < listed[1]["left_ms"] <= 30_000
    assert listed[0]["number"] < listed[1]["number"]


def test_list_shows_no_payload(home: Home):
    keep_lamp_busy(home)
    queue(home, "second", word="squeamish")
    for options in ([], ["--json"]):
        assert "squeamish" not in outbox(home, "list", *options).stdout
    assert "squeamish" in outbox(home, "show", "second").stdout


def test_list_is_a_table_for_people(home: Home):
    keep_lamp_busy(home)
    queue(home, "second")
    head, first, second = outbox(home, "list").stdout.splitlines()
    assert head.split() == ["NUMBER", "ID", "RULE", "STATE", "AGE", "LEFT", "TRIED", "TOPIC"]
    assert first.split()[1:4] == ["first", "toggle", "sent"]
    assert second.split()[1:4] == ["second", "any", "queued"]
    assert second.index("queued") == head.index("STATE")
    assert second.split()[-1] == f"home/{LAMP}/any"


def test_an_empty_outbox_lists_nothing_and_says_so(home: Home):
    done = outbox(home, "list")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no commands" in done.stderr
    assert rows(home) == []


def test_list_can_be_limited_to_states(home: Home):
    home.client.command("home/hall-lamp-2/any", {"$id": "ended"})
    keep_lamp_busy(home)
    queue(home, "second")

    def ids(*states: str) -> list[str]:
        return [each["id"] for each in rows(home, "--state", *states)]

    assert ids("queued") == ["second"]
    assert ids("sent") == ["first"]
    assert ids("queued,sent") == ["first", "second"]
    wait_until(lambda: ids("done") == ["ended"])
    (done,) = rows(home, "--state", "done")
    assert (done["status"], done["attempts"], done["rule"]) == ("accepted", 1, "any")
    assert done["topic"] == "home/hall-lamp-2/any"


def test_text_of_others_cannot_steer_the_terminal(home: Home):
    keep_lamp_busy(home)
    home.client.publish(f"home/{LAMP}/any", '{"$id": "second", "text": "\x9b31m, \\u001b[31m"}')
    wait_until(lambda: len(rows(home)) == 2)
    shown = outbox(home, "list").stdout + outbox(home, "show", "second").stdout
    assert "?31m" in shown
    assert "\x1b" not in shown and "\x9b" not in shown


def test_an_integer_id_stays_one(home: Home):
    keep_lamp_busy(home)
    queue(home, 987654321012)
    assert row(home, 987654321012)["state"] == "queued"
    assert show(home, 987654321012)["id"] == 987654321012


def test_show_tells_all_of_a_waiting_command(home: Home):
    keep_lamp_busy(home)
    properties = publish_properties("response/me", b"\x00\xff", 20, [("who", "me")])
    home.client.publish(f"home/{LAMP}/any", {"$id": "second", "level": 5}, properties=properties)
    wait_until(lambda: len(rows(home)) == 2)
    facts = show(home, "second")
    assert (facts["id"], facts["state"], facts["rule"]) == ("second", "queued", "any")
    assert facts["idempotent"] is False and facts["order"] == "device"
    (call,) = facts["calls"]
    assert (call["action"], call["state"]) == ("InvokeThingService", "queued")
    assert call["parameters"]["DeviceName"] == LAMP
    assert json.loads(call["parameters"]["Args"]) == {"level": 5}
    assert facts["reply_topics"]["response_topic"] == "response/me"
    assert base64.b64decode(facts["reply_topics"]["correlation_data_base64"]) == b"\x00\xff"
    assert json.loads(facts["message"]["payload"]) == {"$id": "second", "level": 5}
    assert facts["message"]["user_properties"] == [["who", "me"]]
    assert 0 < facts["left_ms"] <= 20_000


def test_show_tells_all_of_an_ended_command(home: Home):
    home.client.command("home/hall-lamp-1/toggle", {"$id": "ended"})
    wait_until(lambda: show(home, "ended")["state"] == "done")
    facts = show(home, "ended")
    assert facts["reply"]["status"] == "ok" and facts["reply"]["id"] == "ended"
    assert facts["reply_goes_to"] == ["home/hall-lamp-1/toggle/reply"]


def test_show_is_text_for_people(home: Home):
    keep_lamp_busy(home)
    queue(home, "second", level=5)
    lines = outbox(home, "show", "second").stdout.splitlines()
    assert "state: queued" in lines and "rule: any" in lines
    assert "  - action: InvokeThingService" in lines
    assert "      DeviceName: hall-lamp-1" in lines


def test_no_output_holds_the_secret(home: Home):
    keep_lamp_busy(home)
    queue(home, "second")
    text = ""
    for arguments in (["list"], ["list", "--json"], ["show", "first"], ["show", "first", "--json"]):
        done = outbox(home, *arguments)
        text += done.stdout + done.stderr
    assert home.platform.access_key_secret not in text


def test_the_service_goes_on_while_others_look(home: Home):
    numbers = [f"c{number}" for number in range(30)]
    for number in numbers:
        home.client.publish_soon("home/hall-lamp-1/any", {"$id": number})
        outbox(home, "list")
    for number in numbers:
        assert home.client.wait_reply(number)["status"] == "accepted"


def test_the_outbox_of_a_stopped_service_can_be_looked_into(empty_home: Home):
    home = empty_home.start(KEEP)
    stop_with_waiting(home, "second")
    assert [(each["id"], each["state"]) for each in rows(home)] == [("second", "queued")]
    assert show(home, "second")["state"] == "queued"
    home.start()
    assert home.client.wait_reply("second")["status"] == "accepted"


def peak_memory_kib(home: Home) -> int:
    command = [str(binary()), "outbox", "list", "--json", "-c", str(home.bridge.config_file)]
    env = clean_environment({"ASAN_OPTIONS": "quarantine_size_mb=1"})
    listing = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=env)
    _, status, usage = os.wait4(listing.pid, 0)
    listing.returncode = os.waitstatus_to_exitcode(status)
    assert listing.returncode == 0
    return usage.ru_maxrss


def test_memory_does_not_grow_with_the_outbox(empty_home: Home):
    home = empty_home.start(KEEP)
    stop_with_waiting(home, "second")
    few = peak_memory_kib(home)
    copied = "state, boot_id, boot_ms, wall_ms, qos, dup, retained, packet_id, topic, payload, plan"
    filled = copied.replace("plan", "replace(plan, '\"calls\":[', '\"pad\":\"' || hex(zeroblob(4000)) || '\",\"calls\":[')")
    change_outbox(
        home,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
        f" INSERT INTO command({copied}) SELECT {filled} FROM command, n WHERE state = 0",
    )
    assert len(rows(home)) == 10_000
    assert peak_memory_kib(home) - few < 16 * 1024
    change_outbox(home, "DELETE FROM command WHERE length(plan) > 8000")


# ---- which command is meant


def test_a_command_is_named_by_number_or_by_its_own_id(home: Home):
    keep_lamp_busy(home)
    queue(home, "second")
    number = row(home, "second")["number"]
    assert show(home, number)["id"] == "second"
    assert show(home, number, "--number")["id"] == "second"


def test_an_id_of_several_commands_is_refused_with_their_numbers(home: Home):
    keep_lamp_busy(home)
    queue(home, "same")
    queue(home, "same", f"home/{LAMP}/echo")
    wait_until(lambda: len(rows(home)) == 3)
    numbers = [each["number"] for each in rows(home, "--state", "queued")]
    for verb in ("show", "retry", "drop"):
        done = outbox(home, verb, "same")
        assert (done.returncode, done.stdout) == (65, "")
        assert f"{numbers[0]}, {numbers[1]}" in done.stderr
    assert len(rows(home)) == 3


def test_an_id_that_is_the_number_of_another_is_refused_without_the_option(home: Home):
    keep_lamp_busy(home)
    first = row(home, "first")["number"]
    queue(home, first)
    assert outbox(home, "show", first).returncode == 65
    assert show(home, first, "--number")["id"] == "first"


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


# ---- what is refused


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["lst"],
        ["list", "17"],
        ["list", "--state", "sleeping"],
        ["list", "--state", ""],
        ["list", "--number"],
        ["show"],
        ["show", "1", "2"],
        ["drop"],
        ["retry", "--state", "sent", "1"],
        ["list", "--what"],
    ],
)
def test_wrong_usage_is_exit_code_64(tmp_path: Path, arguments: list[str]):
    done = run_cli("outbox", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr


def test_number_wants_a_number(home: Home):
    assert outbox(home, "show", "first", "--number").returncode == 64


def test_the_nearest_word_is_suggested(tmp_path: Path):
    assert "`list`" in run_cli("outbox", "lst", cwd=tmp_path).stderr
    assert "`queued`" in run_cli("outbox", "list", "--state", "queud", cwd=tmp_path).stderr


def test_help_shows_examples_first():
    done = run_cli("outbox", "-h")
    assert done.returncode == 0
    assert done.stdout.startswith("  thingbridge outbox list\n")


def test_a_wrong_configuration_is_exit_code_78(tmp_path: Path):
    done = run_cli("outbox", "list", "-c", tmp_path / "nothing.yaml")
    assert done.returncode == 78
    assert "nothing.yaml" in done.stderr


VERBS = [["list"], ["show", "1"], ["retry", "1"], ["drop", "1"]]


@pytest.mark.parametrize("arguments", VERBS)
def test_a_missing_outbox_is_exit_code_74_and_stays_missing(empty_home: Home, arguments: list[str]):
    home = empty_home
    home.broker.start()
    home.make_bridge()
    done = outbox(home, *arguments)
    assert (done.returncode, done.stdout) == (74, "")
    assert "there is no such file" in done.stderr
    assert list(home.bridge.folder.glob("outbox.db*")) == []


@pytest.mark.parametrize("arguments", VERBS)
def test_an_outbox_of_a_newer_major_version_is_exit_code_78_and_left_alone(home: Home, arguments: list[str]):
    home.stop_bridge()
    change_outbox(home, "PRAGMA user_version = 2000")
    before = home.bridge.outbox_file.read_bytes()
    done = outbox(home, *arguments)
    assert (done.returncode, done.stdout) == (78, "")
    assert "newer thingbridge" in done.stderr
    assert home.bridge.outbox_file.read_bytes() == before


@pytest.mark.parametrize("arguments", VERBS)
def test_a_database_of_another_program_is_exit_code_78(home: Home, arguments: list[str]):
    home.stop_bridge()
    change_outbox(home, "PRAGMA application_id = 1")
    done = outbox(home, *arguments)
    assert done.returncode == 78
    assert "another program" in done.stderr


@pytest.mark.parametrize("arguments", VERBS)
def test_a_damaged_outbox_is_exit_code_74_and_left_for_the_service_to_mend(home: Home, arguments: list[str]):
    home.stop_bridge()
    home.bridge.outbox_file.write_bytes(b"this is no database" * 1000)
    done = outbox(home, *arguments)
    assert (done.returncode, done.stdout) == (74, "")
    assert "damaged" in done.stderr
    assert list(home.bridge.folder.glob("*.damaged-*")) == []
