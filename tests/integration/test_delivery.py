"""Retries: what surely did not run is sent again, what may have run only for a rule that says `idempotent`."""

from __future__ import annotations

import email.utils
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from harness.client import publish_properties
from harness.home import LAMP_RULES, Home, rule
from harness.network import TcpProxy
from simulator.client import Entry, SimulatorProcess, wait_until

AGAIN = [
    *LAMP_RULES,
    rule("again", "again/{device}/any", "Any", args="${payload}", idempotent=True),
    rule("again-toggle", "again/{device}/toggle", "Toggle", idempotent=True),
]
LAMP = "hall-lamp-1"
SHORT_TIMEOUT = {"platform": {"timeout": "1s"}}


def lamp_calls(home: Home) -> list[Entry]:
    return home.platform.calls(device_names=[LAMP])


def gap_s(calls: list[Entry]) -> float:
    return calls[1]["time"] - calls[0]["time"]


def retry_delays_ms(home: Home) -> list[int]:
    lines = [line for line in home.bridge.log.splitlines() if "event=command_retry" in line]
    return [int(line.rpartition("delay_ms=")[2].split()[0]) for line in lines]


def code_fault(home: Home, code: str, http_status: int = 200, count: int | None = 1, **more: Any) -> None:
    how_often = {"count": count} if count else {}
    answer = {"code": code, "message": "said the platform", "http_status": http_status}
    home.platform.fault("code", code=answer, **how_often, **more)


# What surely did not run


@pytest.mark.parametrize("kind", ["status_429", "status_503", "throttle"])
def test_what_surely_did_not_run_is_sent_again_and_runs_once(home: Home, kind: str):
    home.platform.fault(kind, count=2)
    reply = home.client.command(f"home/{LAMP}/any", {})
    assert (reply["status"], reply["attempts"]) == ("accepted", 3)
    assert home.platform.executed(LAMP) == 1


@pytest.mark.parametrize(
    "code,http_status",
    [
        ("Throttling", 400),
        ("throttling.user", 200),
        ("iot.messagebroker.RateLimit", 200),
        ("ServiceUnavailable", 503),
        ("ServiceUnavailable", 200),
        ("SomethingNew", 429),
    ],
)
def test_a_code_that_says_not_run_is_tried_again(home: Home, code: str, http_status: int):
    code_fault(home, code, http_status)
    reply = home.client.command(f"home/{LAMP}/any", {})
    assert (reply["status"], reply["attempts"]) == ("accepted", 2)
    assert home.platform.executed(LAMP) == 1


def test_a_request_that_the_server_did_not_get_whole_is_sent_again(home: Home):
    home.platform.fault("status_408", count=2)
    reply = home.client.command(f"home/{LAMP}/any", {})
    assert (reply["status"], reply["attempts"]) == ("accepted", 3)
    assert home.platform.executed(LAMP) == 1


def test_408_for_several_devices_opens_no_breaker(home: Home):
    """It tells of kept connections, and not of the platform's state."""
    home.platform.fault("status_408", count=6)
    for number in range(6):
        home.client.publish_soon(f"home/lamp-{number + 1:04}/any", {"$id": number})
    for number in range(6):
        assert home.client.wait_reply(number)["status"] == "accepted"
    home.settle()
    assert "event=breaker" not in home.bridge.log


@pytest.mark.parametrize("code", ["Forbidden.RAM", "SignatureDoesNotMatch", "InvalidAccessKeyId.NotFound"])
def test_a_refused_key_right_after_throttling_is_tried_once_more_later(home: Home, code: str):
    home.platform.fault("throttle", count=1, seconds=0.1)
    code_fault(home, code, 403)
    reply = home.client.command(f"home/{LAMP}/any", {})
    assert (reply["status"], reply["attempts"]) == ("accepted", 3)
    assert retry_delays_ms(home)[1] >= 2000
    assert home.platform.executed(LAMP) == 1


def test_a_key_that_stays_refused_after_throttling_is_tried_once_more_only(home: Home):
    home.platform.fault("throttle", count=1, seconds=0.1)
    code_fault(home, "Forbidden.RAM", 403, count=None)
    reply = home.client.command(f"home/{LAMP}/any", {})
    assert (reply["status"], reply["error"]["code"], reply["attempts"]) == ("failed", "credentials_refused", 3)
    home.platform.clear_faults()
    assert home.client.command(f"home/{LAMP}/any", {})["status"] == "accepted", "nothing is remembered"


def test_a_refused_key_without_throttling_is_final(home: Home):
    code_fault(home, "Forbidden.RAM", 403)
    reply = home.client.command(f"home/{LAMP}/any", {})
    assert (reply["status"], reply["attempts"]) == ("failed", 1)


def test_every_attempt_is_signed_anew(home: Home):
    home.platform.fault("status_503", count=3)
    assert home.client.command(f"home/{LAMP}/any", {}, timeout_s=60)["attempts"] == 4
    calls = lamp_calls(home)
    assert len({call["nonce"] for call in calls}) == 4
    assert all(call["nonce"] for call in calls)


def test_a_later_attempt_carries_a_later_time(home: Home):
    home.platform.fault("status_503", count=1, retry_after=2)
    home.client.command(f"home/{LAMP}/any", {})
    first, second = lamp_calls(home)
    assert second["timestamp"] > first["timestamp"]


def test_retry_after_in_seconds_is_waited_for(home: Home):
    home.platform.fault("status_503", count=1, retry_after=2)
    assert home.client.command(f"home/{LAMP}/any", {})["status"] == "accepted"
    assert gap_s(lamp_calls(home)) >= 2.0
    assert retry_delays_ms(home) == [2000]


def test_retry_after_as_a_date_is_waited_for(home: Home):
    date = email.utils.formatdate(time.time() + 3, usegmt=True)
    home.platform.fault("status_503", count=1, retry_after=date)
    assert home.client.command(f"home/{LAMP}/any", {})["status"] == "accepted"
    (delay_ms,) = retry_delays_ms(home)
    assert delay_ms % 1000 == 0 and 0 < delay_ms <= 4000, "both Date and Retry-After are cut to whole seconds"
    assert gap_s(lamp_calls(home)) >= delay_ms / 1000


def test_the_time_left_of_a_quota_is_waited_for(home: Home):
    home.platform.fault("throttle", count=1, seconds=1.5)
    assert home.client.command(f"home/{LAMP}/any", {})["status"] == "accepted"
    assert gap_s(lamp_calls(home)) >= 1.5
    assert 1400 < retry_delays_ms(home)[0] <= 1500


def test_waits_without_advice_grow_and_vary(home: Home):
    home.platform.fault("status_502", count=5)
    home.stop_bridge()
    home.bridge.set_rules([*AGAIN, rule("settle", "settle", "Any", device="hall-lamp-4", args={}, order="none")])
    home.start()
    reply = home.client.command(f"again/{LAMP}/any", {}, timeout_s=60)
    assert (reply["status"], reply["attempts"]) == ("accepted", 6)
    delays = retry_delays_ms(home)
    assert len(delays) == 5 and len(set(delays)) > 1
    assert all(0 <= delay <= 500 * 2**number for number, delay in enumerate(delays))


def test_a_command_that_could_not_be_sent_leaves_when_the_way_is_free(empty_home: Home):
    with TcpProxy(empty_home.platform.port) as proxy:
        home = empty_home.start({"platform": {"endpoint": f"https://localhost:{proxy.port}/"}})
        proxy.refuse()
        home.client.publish(f"home/{LAMP}/any", {"$id": "a"})
        home.bridge.wait_log("code=connect_failed")
        proxy.accept()
        reply = home.client.wait_reply("a", 60)
        assert reply["status"] == "accepted" and reply["attempts"] > 1
        assert home.platform.executed(LAMP) == 1
        home.stop_bridge()


# What may have run

MAY_HAVE_RUN = [
    ("status_500", 1), ("status_502", 1), ("status_504", 1), ("xml_error", 1), ("reset_before", 1), ("hang", 1),
    ("status_500_after", 2), ("status_502_after", 2), ("garbage", 2), ("empty", 2), ("cut", 2), ("huge_body", 2),
    ("reset_after", 2), ("hang_after", 2),
]


@pytest.mark.parametrize("kind,runs", MAY_HAVE_RUN)
def test_what_may_have_run_is_repeated_for_an_idempotent_rule(empty_home: Home, kind: str, runs: int):
    home = empty_home.start(SHORT_TIMEOUT, AGAIN)
    home.platform.fault(kind, count=1, match={"device": LAMP}, **({"seconds": 20} if kind.startswith("hang") else {}))
    reply = home.client.command(f"again/{LAMP}/any", {})
    assert (reply["status"], reply["attempts"]) == ("accepted", 2)
    assert home.platform.executed(LAMP) == runs


@pytest.mark.parametrize(
    "code",
    [
        "InternalError", "UnknownError", "iot.system.SystemException", "iot.device.InvokeThingServiceFailed",
        "SignatureNonceUsed", "iot.messagebroker.RrpcTimeout", "iot.messagebroker.PublishMessageException",
    ],
)
def test_a_code_that_may_have_run_is_repeated_for_an_idempotent_rule(empty_home: Home, code: str):
    home = empty_home.start(rules=AGAIN)
    code_fault(home, code)
    reply = home.client.command(f"again/{LAMP}/any", {})
    assert (reply["status"], reply["attempts"]) == ("accepted", 2)
    first, second = lamp_calls(home)
    assert first["nonce"] != second["nonce"]


@pytest.mark.parametrize(
    "code,status",
    [
        ("iot.system.IllegalRequest", "failed"),
        ("InvalidParameter", "failed"),
        ("iot.device.NotExistedDevice", "failed"),
        ("iot.messagebroker.OFFLINE", "failed"),
        ("Forbidden.RAM", "failed"),
        ("SignatureDoesNotMatch", "failed"),
        ("SomethingNew", "failed"),
        ("iot.messagebroker.TIMEOUT", "unknown"),
    ],
)
def test_what_would_end_the_same_again_is_never_repeated(empty_home: Home, code: str, status: str):
    home = empty_home.start(rules=AGAIN)
    code_fault(home, code, count=None)
    reply = home.client.command(f"again/{LAMP}/any", {"$id": "x"})
    assert (reply["status"], reply["attempts"]) == (status, 1)
    home.platform.clear_faults()
    home.settle()
    assert len(lamp_calls(home)) == 1


def test_once_it_may_have_run_a_refusal_of_the_next_attempt_says_unknown(empty_home: Home):
    home = empty_home.start(rules=AGAIN)
    home.platform.fault("reset_after", count=1)
    code_fault(home, "iot.system.IllegalRequest")
    reply = home.client.command(f"again/{LAMP}/any", {})
    assert (reply["status"], reply["attempts"]) == ("unknown", 2)
    assert home.platform.executed(LAMP) == 1


def test_once_it_may_have_run_the_deadline_says_unknown_and_not_expired(empty_home: Home):
    home = empty_home.start(rules=AGAIN)
    home.platform.fault("reset_after", count=1)
    home.platform.fault("status_503", retry_after=1)
    reply = home.client.command(f"again/{LAMP}/any", {"$expire": "2s"})
    assert reply["status"] == "unknown"
    assert home.platform.executed(LAMP) == 1


def test_once_it_may_have_run_the_devices_own_answer_still_counts(empty_home: Home):
    home = empty_home.start(rules=AGAIN)
    home.platform.fault("reset_after", count=1)
    reply = home.client.command(f"again/{LAMP}/toggle", {})
    assert (reply["status"], reply["attempts"]) == ("ok", 2)
    assert reply["result"]["code"] == 200


# Rows of the configuration


def test_an_error_row_of_the_configuration_decides(empty_home: Home):
    home = empty_home.start({"platform": {"errors": {"iot.vendor.Busy": "busy", "iot.vendor.": "device"}}})
    code_fault(home, "iot.vendor.BusyNow")
    assert home.client.command(f"home/{LAMP}/any", {})["attempts"] == 2
    code_fault(home, "iot.vendor.Gone")
    reply = home.client.command(f"home/{LAMP}/any", {})
    assert (reply["status"], reply["error"]["code"]) == ("failed", "device_refused")


def test_an_error_row_of_the_configuration_goes_before_the_tables(empty_home: Home):
    home = empty_home.start({"platform": {"errors": {"iot.system.SystemException": "busy"}}})
    code_fault(home, "iot.system.SystemException")
    reply = home.client.command(f"home/{LAMP}/any", {})
    assert (reply["status"], reply["attempts"]) == ("accepted", 2)


def test_an_error_row_may_say_that_a_code_may_have_run(empty_home: Home):
    home = empty_home.start({"platform": {"errors": {"5094": "may_have_run"}}}, AGAIN)
    code_fault(home, "5094", count=2)
    assert home.client.command(f"home/{LAMP}/any", {})["status"] == "unknown"
    assert home.client.command(f"again/{LAMP}/any", {})["attempts"] == 2


# The clock


@pytest.mark.parametrize("offset_s", [3600, -3600])
def test_commands_that_are_refused_together_for_the_clock_all_go_through(home: Home, offset_s: int):
    home.platform.clock(offset_s)
    for number in range(1, 9):
        home.client.publish_soon(f"home/lamp-{number:04}/any", {"$id": f"c{number}"})
    replies = [home.client.wait_reply(f"c{number}") for number in range(1, 9)]
    assert [reply["status"] for reply in replies] == ["accepted"] * 8


def test_the_platforms_time_is_written_into_the_next_calls(home: Home):
    home.platform.clock(7200)
    home.client.command(f"home/{LAMP}/any", {})
    home.client.command(f"home/{LAMP}/any", {})
    last = lamp_calls(home)[-1]
    written = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(last["time"]))
    before = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(last["time"] - 60))
    assert last["timestamp"][:16] in (written, before)


def test_a_platform_whose_clock_is_set_right_again_is_followed(home: Home):
    home.platform.clock(3600)
    assert home.client.command(f"home/{LAMP}/any", {})["attempts"] == 2
    home.platform.clock(0)
    reply = home.client.command(f"home/{LAMP}/any", {})
    assert (reply["status"], reply["attempts"]) == ("accepted", 2)


def test_a_time_that_is_refused_again_and_again_fails(home: Home):
    code_fault(home, "InvalidTimeStamp.Expired", 400, count=None)
    reply = home.client.command(f"home/{LAMP}/any", {})
    assert (reply["status"], reply["error"]["code"]) == ("failed", "clock_wrong")
    assert reply["attempts"] <= 2


# The signature


@pytest.fixture
def own_platform(tmp_path: Path) -> Iterator[SimulatorProcess]:
    """Its account can be changed, which outlasts a reset."""
    with SimulatorProcess(tmp_path / "own") as simulator:
        yield simulator


def start_with_secret(home: Home, simulator: SimulatorProcess) -> Path:
    file = home.folder / "secret"
    file.write_text(simulator.access_key_secret)
    file.chmod(0o600)
    home.start({"platform": {
        "endpoint": simulator.url, "tls": {"ca_file": simulator.ca_file}, "access_key_secret": {"file": str(file)},
    }})
    return file


def test_a_secret_that_was_changed_is_read_again_before_a_command_fails(
    empty_home: Home, own_platform: SimulatorProcess
):
    file = start_with_secret(empty_home, own_platform)
    own_platform.account(access_key_secret="anotherSecret81b")
    file.write_text("anotherSecret81b\n")
    for number in range(1, 9):
        empty_home.client.publish_soon(f"home/lamp-{number:04}/any", {"$id": f"c{number}"})
    replies = [empty_home.client.wait_reply(f"c{number}") for number in range(1, 9)]
    assert [reply["status"] for reply in replies] == ["accepted"] * 8
    assert empty_home.client.command(f"home/{LAMP}/any", {})["attempts"] == 1
    assert "anotherSecret81b" not in empty_home.bridge.log


def test_a_secret_that_is_still_wrong_fails_at_once(empty_home: Home, own_platform: SimulatorProcess):
    start_with_secret(empty_home, own_platform)
    own_platform.account(access_key_secret="anotherSecret81b")
    reply = empty_home.client.command(f"home/{LAMP}/any", {})
    assert (reply["status"], reply["error"]["code"], reply["attempts"]) == ("failed", "signature_mismatch", 1)
    assert "secret" in reply["error"]["detail"]


def test_an_encoding_that_differs_from_the_platforms_is_said_to_be_that(home: Home):
    echo = "Specified signature is not matched with our calculation. server string to sign is:GET&%2F&AccessKeyId%3Dme"
    home.platform.fault("code", code={"code": "SignatureDoesNotMatch", "message": echo, "http_status": 400})
    reply = home.client.command(f"home/{LAMP}/any", {})
    assert reply["error"]["code"] == "signature_mismatch"
    assert "the encoding is wrong, not the secret" in reply["error"]["detail"]
    assert "AccessKeyId" in reply["error"]["detail"]


# Commands of several calls


def many(first: int, last: int) -> list[str]:
    return [f"lamp-{number:04}" for number in range(first, last + 1)]


def test_250_devices_whose_second_call_fails_are_partial(home: Home):
    code_fault(home, "iot.system.IllegalRequest", match={"device": "lamp-0150"})
    reply = home.client.command("homes/any", {"devices": many(1, 250)})
    assert reply["status"] == "partial"
    assert [call["status"] for call in reply["calls"]] == ["accepted", "failed", "accepted"]
    assert reply["calls"][1]["device_names"] == many(101, 200)
    assert reply["calls"][1]["error"]["code"] == "request_refused"
    assert all(call["request_id"] for call in reply["calls"])
    assert reply["failed_devices"] == many(101, 200)


def test_250_devices_whose_second_call_is_lost_are_partial_without_failed_devices(home: Home):
    home.platform.fault("reset_after", count=1, match={"device": "lamp-0150"})
    reply = home.client.command("homes/any", {"devices": many(1, 250)})
    assert [call["status"] for call in reply["calls"]] == ["accepted", "unknown", "accepted"]
    assert reply.get("failed_devices", []) == []
    assert home.platform.executed("lamp-0150") == 1


def test_only_the_call_that_did_not_run_is_sent_again(home: Home):
    home.platform.fault("status_503", count=1, match={"device": "lamp-0150"})
    reply = home.client.command("homes/any", {"devices": many(1, 250)})
    assert reply["status"] == "accepted"
    assert len(home.platform.calls()) == 4
    assert all(home.platform.executed(device) == 1 for device in ("lamp-0001", "lamp-0150", "lamp-0250"))


def test_a_crash_between_the_calls_of_a_command_repeats_none(empty_home: Home):
    home = empty_home.start({"mqtt": {"session_expiry": "1h"}})
    home.platform.fault("hang_after", seconds=20, count=1, match={"device": "lamp-0150"})
    home.client.publish("homes/any", {"$id": "big", "devices": many(1, 250)})
    # The answers of the other two calls are on disk once a command behind them has been answered.
    wait_until(lambda: home.platform.executed("lamp-0250") and home.platform.executed("lamp-0150"), 60, "all calls")
    home.settle()
    home.crash_bridge()
    home.platform.clear_faults()
    home.start()
    reply = home.client.wait_reply("big")
    assert reply["status"] == "partial"
    assert [call["status"] for call in reply["calls"]] == ["accepted", "unknown", "accepted"]
    assert reply["calls"][1]["error"]["code"] == "interrupted"
    home.settle()
    assert all(home.platform.executed(device) == 1 for device in ("lamp-0001", "lamp-0150", "lamp-0250"))
    assert len(home.client.final_replies("big")) == 1


def test_a_crash_while_one_call_waits_for_its_retry_sends_that_one_only(empty_home: Home):
    home = empty_home.start({"mqtt": {"session_expiry": "1h"}})
    home.platform.fault("status_503", count=1, retry_after=3, match={"device": "lamp-0150"})
    home.client.publish("homes/any", {"$id": "big", "devices": many(1, 250), "$expire": "1m"})
    home.bridge.wait_log("event=command_retry")
    home.settle()
    home.wait_commit()
    home.crash_bridge()
    home.start()
    assert home.client.wait_reply("big", 60)["status"] == "accepted"
    assert all(home.platform.executed(device) == 1 for device in ("lamp-0001", "lamp-0150", "lamp-0250"))


# Back-pressure


def test_a_platform_that_hangs_does_not_hold_up_mqtt(empty_home: Home):
    home = empty_home.start({"mqtt": {"keepalive": "5s"}, "platform": {"timeout": "20s", "connections": 4}})
    home.platform.fault("hang", seconds=8, match={"action": "InvokeThingService"})
    for number in range(1, 501):
        home.client.publish_soon(f"home/lamp-{number:04}/any", {"$id": f"c{number}", "$expire": "9s"})
    home.client.wait_acknowledged(5)
    home.client.publish_soon(f"home/{LAMP}/set", {"$id": "late", "level": "none"})
    assert home.client.wait_reply("c500", 60)["status"] == "expired"
    order = [(message.as_reply() or {}).get("id") for message in home.client.messages()]
    assert order.index("late") < order.index("c500"), "what needs no platform is answered before what waits for it"
    assert "mqtt_lost" not in home.bridge.log
    assert home.platform.calls(action="InvokeThingsService") == []


def test_the_requester_gets_the_reply_of_a_command_that_was_retried(home: Home):
    home.platform.fault("status_503", count=1)
    home.client.publish(f"home/{LAMP}/any", {"$id": "a"}, properties=publish_properties("reply/me", b"\x00\xff"))
    (message,) = home.client.wait_message(lambda message: message.topic == "reply/me")
    assert (message.json["status"], message.correlation) == ("accepted", b"\x00\xff")
