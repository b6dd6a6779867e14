"""`thingbridge outbox list` and `show`, and how a command is named."""

from __future__ import annotations

import base64
import fcntl
import json
import sqlite3
import subprocess

from harness.bridge import binary, clean_environment, memory_kib
from harness.client import publish_properties
from harness.home import Home, rule
from harness.network import TcpProxy
from harness.outbox import LAMP, change_outbox, keep_lamp_busy, outbox, queue, row, rows, show, stop_with_waiting
from simulator.client import wait_until

KEEP = {"mqtt": {"session_expiry": "1h"}}
PIPE_BYTES = 4096
ROWS_LEFT = 500  # many pipes full, so that a listing that gave the others still runs


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
    assert head.split() == ["NUMBER", "ID", "RULE", "STATE", "AGE", "LEFT", "TRIED", "ERROR", "TOPIC"]
    assert first.split()[1:4] == ["first", "toggle", "sent"]
    assert second.split()[1:4] == ["second", "any", "queued"]
    assert second.index("queued") == head.index("STATE")
    assert second.split()[-1] == f"home/{LAMP}/any"


def test_tries_and_the_last_error_are_told_during_an_outage(empty_home: Home):
    with TcpProxy(empty_home.platform.port) as proxy:
        rules = [rule("any", "home/{device}/any", "Any", args={}, expire="2m")]
        settings = {**KEEP, "platform": {"endpoint": f"https://localhost:{proxy.port}/"}}
        home = empty_home.start(settings, rules)
        proxy.refuse()
        queue(home, "tried")
        wait_until(lambda: row(home, "tried").get("attempts", 0) >= 2 and row(home, "tried")["state"] == "queued")
        queue(home, "behind")
        assert row(home, "behind")["attempts"] == 0 and "last_error" not in row(home, "behind")
        wait_until(lambda: "platform_down" in row(home, "behind"), 30)
        down = row(home, "behind")["platform_down"]
        assert down["cause"] == "no connection" and down["since"].startswith("2")
        assert "no connection" in outbox(home, "list").stdout
        error = row(home, "tried")["last_error"]
        assert error["code"] == "connect_failed" and "nothing was sent" in error["detail"]
        assert "connect_failed" in outbox(home, "list").stdout
        facts = show(home, "tried")
        assert facts["attempts"] >= 2 and facts["last_error"]["code"] == "connect_failed"
        assert facts["calls"][0]["last_attempt"]["code"] == "connect_failed"
        home.crash_bridge()
        before = row(home, "tried")["attempts"]
        assert before >= 2
        home.start()
        proxy.accept()
        reply = home.client.wait_reply("tried", 60)
        assert reply["status"] == "accepted" and reply["attempts"] > before
        assert home.client.wait_reply("behind", 60)["attempts"] == 1
        home.stop_bridge()
        database = sqlite3.connect(home.bridge.outbox_file)
        assert database.execute("SELECT count(*) FROM call").fetchone() == (0,)
        assert database.execute("SELECT count(*) FROM note WHERE name LIKE 'platform_down/%'").fetchone() == (0,)
        database.close()


def test_a_command_under_way_counts_its_attempt(home: Home):
    keep_lamp_busy(home)
    assert row(home, "first")["attempts"] == 1
    home.client.wait_reply("first")


def test_each_call_of_a_command_tells_its_last_attempt(home: Home):
    home.platform.fault("status_503", match={"device": "lamp-0101"}, retry_after=60)
    devices = [f"lamp-{number:04}" for number in range(1, 151)]
    queue(home, "many", "homes/any", devices=devices)
    wait_until(lambda: "last_attempt" in show(home, "many")["calls"][1])
    done, waiting = show(home, "many")["calls"]
    assert done["outcome"]["status"] == "accepted" and waiting["last_attempt"]["code"] == "platform_busy"
    assert row(home, "many")["last_error"]["code"] == "platform_busy"
    assert outbox(home, "drop", "many").returncode == 0


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


def test_what_programs_read_is_fit_for_a_terminal_too_and_means_the_same(home: Home):
    keep_lamp_busy(home)
    payload = '{"$id": "two\u202e", "text": "\x9b31m\u2066\x7f"}'
    home.client.publish(f"home/{LAMP}/any", payload)
    wait_until(lambda: len(rows(home)) == 2)
    shown = outbox(home, "show", "two\u202e", "--json").stdout + outbox(home, "list", "--json").stdout
    assert not set("\x9b\u202e\u2066\x7f") & set(shown)
    assert show(home, "two\u202e")["message"]["payload"] == payload
    assert home.client.wait_reply("two\u202e")["status"] == "accepted"
    assert "two\\u202e" in home.bridge.log and "\u202e" not in home.bridge.log


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


def peak_memory_kib(home: Home, count: int) -> int:
    """The most memory a listing has held while it gave the first of `count` rows. What wait4 reports is no
    measure: it begins with the memory of the process that started it."""
    command = [str(binary()), "outbox", "list", "--json", "-c", str(home.bridge.config_file)]
    env = clean_environment({"ASAN_OPTIONS": "quarantine_size_mb=1"})
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as listing:
        fcntl.fcntl(listing.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        given = [listing.stdout.readline() for _ in range(count - ROWS_LEFT)]
        peak = memory_kib(listing.pid, "VmHWM")
        given += listing.stdout.readlines()
    assert (listing.returncode, len(given)) == (0, count)
    return peak


def add_copies(home: Home, count: int) -> None:
    copied = "state, boot_id, boot_ms, wall_ms, qos, dup, retained, packet_id, topic, payload, plan"
    filled = copied.replace("plan", "replace(plan, '\"calls\":[', '\"pad\":\"' || hex(zeroblob(4000)) || '\",\"calls\":[')")
    change_outbox(
        home,
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
        f" INSERT INTO command({copied}) SELECT {filled} FROM command, n WHERE state = 0 AND length(plan) < 8000",
    )


def test_memory_does_not_grow_with_the_outbox(empty_home: Home):
    home = empty_home.start(KEEP)
    stop_with_waiting(home, "second")
    add_copies(home, 999)
    few = peak_memory_kib(home, 1000)
    add_copies(home, 9000)
    assert peak_memory_kib(home, 10_000) - few < 4 * 1024
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
