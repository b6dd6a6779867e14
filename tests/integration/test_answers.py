"""What the platform can answer, and what the sender is told for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.home import Home, rule


@dataclass(frozen=True)
class Case:
    """A fault of the platform and the reply that must follow."""

    fault: str
    status: str
    code: str
    options: dict[str, Any] = field(default_factory=dict)
    retryable: bool = False
    source: str = "platform"
    ran: bool = False

    def __str__(self) -> str:
        return "-".join([self.fault, *(str(each) for each in self.options.values() if not isinstance(each, dict))])


def with_code(code: str, http_status: int = 200) -> dict[str, Any]:
    return {"code": {"code": code, "message": "said the platform", "http_status": http_status}}


MAY_HAVE_RUN = [
    Case("status_500", "unknown", "platform_error"),
    Case("status_500_after", "unknown", "platform_error", ran=True),
    Case("status_502", "unknown", "platform_error"),
    Case("status_502_after", "unknown", "platform_error", ran=True),
    Case("status_504_after", "unknown", "platform_error", ran=True),
    Case("xml_error", "unknown", "platform_error"),
    Case("garbage", "unknown", "answer_unreadable", ran=True),
    Case("empty", "unknown", "answer_unreadable", ran=True),
    Case("cut", "unknown", "no_answer", source="network", ran=True),
    Case("huge_body", "unknown", "answer_unreadable", ran=True),
    Case("reset_before", "unknown", "no_answer", source="network"),
    Case("reset_after", "unknown", "no_answer", source="network", ran=True),
    Case("hang", "unknown", "no_answer", {"seconds": 30}, source="network"),
    Case("hang_after", "unknown", "no_answer", {"seconds": 30}, source="network", ran=True),
]
NOT_RUN = [
    Case("status_503", "expired", "platform_busy", {"retry_after": 7}, retryable=True),
    Case("status_429", "expired", "throttled", {"retry_after": 7}, retryable=True),
    Case("throttle", "expired", "throttled", {"seconds": 7}, retryable=True),
    Case("redirect", "failed", "not_the_platform", source="network"),
]


def check_case(home: Home, case: Case) -> dict[str, Any]:
    home.platform.fault(case.fault, count=1, match={"device": "hall-lamp-1"}, **case.options)
    reply = home.client.command("home/hall-lamp-1/any", {"$id": "x", "$expire": "3s"})
    error = reply["error"]
    assert (reply["status"], error["code"]) == (case.status, case.code)
    assert error["retryable"] is case.retryable
    assert error["source"] == case.source
    assert error["title"] and error["detail"]
    assert home.platform.executed("hall-lamp-1") == case.ran
    home.settle()
    assert len(home.client.final_replies("x")) == 1
    assert len(home.platform.calls(device_names=["hall-lamp-1"])) == 1, "it was not sent again"
    return reply


@pytest.mark.parametrize("case", MAY_HAVE_RUN, ids=str)
def test_what_may_have_run_ends_unknown_and_is_not_repeated(empty_home: Home, case: Case):
    check_case(empty_home.start({"platform": {"timeout": "1s"}}), case)


@pytest.mark.parametrize("case", NOT_RUN, ids=str)
def test_what_surely_did_not_run_is_told_so(home: Home, case: Case):
    check_case(home, case)


def test_the_next_command_after_a_lost_answer_goes_through(home: Home):
    home.platform.fault("reset_after", count=1)
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "unknown"
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def test_a_redirect_is_never_followed(home: Home):
    home.platform.fault("redirect", count=1, location=f"{home.platform.url}?elsewhere=1")
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "failed"
    assert len(home.platform.calls()) == 1


@pytest.mark.parametrize(
    "code,status,told",
    [
        ("iot.system.SystemException", "unknown", "platform_error"),
        ("Iot.system.SystemException", "unknown", "platform_error"),
        ("iot.device.InvokeThingServiceFailed", "unknown", "platform_error"),
        ("iot.messagebroker.TIMEOUT", "unknown", "device_timeout"),
        ("iot.messageborker.TIMEOUT", "unknown", "device_timeout"),
        ("iot.messagebroker.RrpcException", "unknown", "push_failed"),
        ("iot.messagebroker.PublishMessageException", "unknown", "push_failed"),
        ("iot.messagebroker.HALFCONN", "failed", "device_offline"),
        ("SignatureNonceUsed", "unknown", "nonce_used"),
        ("Forbidden.RAM", "failed", "credentials_refused"),
        ("NoPermission", "failed", "credentials_refused"),
        ("iot.system.IllegalRequest", "failed", "request_refused"),
        ("iot.prod.NotExistedProduct", "failed", "request_refused"),
        ("iot.device.NullDeviceName", "failed", "device_refused"),
        ("SomethingNew", "failed", "platform_refused"),
        ("5094", "failed", "platform_refused"),
    ],
)
def test_an_error_code_decides(home: Home, code: str, status: str, told: str):
    home.platform.fault("code", count=1, **with_code(code))
    reply = home.client.command("home/hall-lamp-1/any", {})
    assert (reply["status"], reply["error"]["code"]) == (status, told)
    assert reply["error"]["platform_code"] == code


def test_an_unknown_code_with_status_503_is_the_platform_being_busy(home: Home):
    home.platform.fault("code", count=1, **with_code("SomethingNew", 503))
    reply = home.client.command("home/hall-lamp-1/any", {})
    assert (reply["status"], reply["attempts"]) == ("accepted", 2)


def test_a_gateway_error_in_xml_is_read(home: Home):
    home.platform.fault("xml_error", count=1, **with_code("InvalidParameter", 400))
    reply = home.client.command("home/hall-lamp-1/any", {})
    assert (reply["status"], reply["error"]["code"]) == ("failed", "request_refused")
    assert reply["error"]["platform_code"] == "InvalidParameter"


def test_a_wait_that_the_platform_asks_for_is_passed_on(home: Home):
    home.platform.fault("status_503", count=1, retry_after=7)
    reply = home.client.command("home/hall-lamp-1/any", {"$expire": "1s"})
    assert (reply["status"], reply["error"]["retry_after_ms"]) == ("expired", 7000)


def test_names_in_another_spelling_are_read(home: Home):
    home.platform.fault("odd_spelling", count=1)
    reply = home.client.command("home/hall-lamp-1/toggle", {})
    assert reply["status"] == "ok"
    assert reply["message_id"] == home.platform.call()["message_id"], "digits beyond 2^53 are kept"


def test_a_compressed_answer_is_read(home: Home):
    home.platform.fault("gzip", count=1)
    assert home.client.command("home/hall-lamp-1/toggle", {})["status"] == "ok"


def test_numbers_beyond_64_bits_elsewhere_in_an_answer_do_not_matter(home: Home):
    home.platform.fault("big_numbers", count=1)
    reply = home.client.command("home/hall-lamp-1/toggle", {})
    assert (reply["status"], reply["result"]["code"]) == ("ok", 200)


def test_a_web_page_is_no_answer_of_the_platform(home: Home):
    home.platform.fault("page", count=1)
    reply = home.client.command("home/hall-lamp-1/any", {})
    assert (reply["status"], reply["error"]["code"]) == ("unknown", "not_the_platform")
    assert 'a web page with the title "Welcome"' in reply["error"]["detail"]
    assert "platform.endpoint" in reply["error"]["hint"] and "captive portal" in reply["error"]["hint"]


def test_a_redirect_tells_where_to(home: Home):
    home.platform.fault("redirect", count=1, location="http://portal.example/login?session=1")
    error = home.client.command("home/hall-lamp-1/any", {})["error"]
    assert "HTTP 302 to http://portal.example/login," in error["detail"]


@pytest.mark.parametrize(
    "result,status,code",
    [
        ('{"code":460,"data":{"n":18446744073709551616},"message":"no"}', "failed", "device_error"),
        ('{"code":460,"message":"\\ud800"}', "failed", "device_error"),
        ('{"code":460,"message":"\\u0000"}', "failed", "device_error"),
        ('{"code":460,"data":{"n":1e999}}', "failed", "device_error"),
        ('{"code":460,"data":' + "[" * 40 + "]" * 40 + "}", "failed", "device_error"),
        ('{"code":460,"message":"no","data":{"n":', "failed", "device_error"),
        ('{"code":460,"data":{"n":NaN}}', "failed", "device_error"),
        ('{"code":460,"message":"a\tb"}', "failed", "device_error"),
        ('\ufeff{"code":460,"message":"no"}', "failed", "device_error"),
        ('{"code":"460","message":"no"}', "failed", "device_error"),
        ('{"Code":460,"message":"no"}', "failed", "device_error"),
        ('{"code":200,"data":{"n":', "unknown", "result_unreadable"),
        ('{"code":46', "unknown", "result_unreadable"),
        ("done", "unknown", "result_unreadable"),
        ('{"code":200,"data":{"n":18446744073709551616}}', "ok", None),
        ('{"n":NaN}', "ok", None),
    ],
)
def test_a_devices_error_is_never_told_as_a_success(home: Home, result: str, status: str, code: str | None):
    home.platform.device("hall-lamp-1", result=result)
    reply = home.client.command("home/hall-lamp-1/toggle", {})
    assert (reply["status"], reply.get("error", {}).get("code")) == (status, code)
    assert reply["result"] == result or reply["result"] == json.loads(result.removeprefix("\ufeff"))
    assert home.platform.executed("hall-lamp-1") == 1
    assert reply["attempts"] == 1


def test_a_result_that_cannot_be_read_is_no_reason_to_run_it_again(empty_home: Home):
    again = rule("again", "again/{device}/toggle", "Toggle", idempotent=True)
    home = empty_home.start(rules=[again])
    home.platform.device("hall-lamp-1", result='{"code":200,"data":')
    reply = home.client.command("again/hall-lamp-1/toggle", {})
    assert (reply["status"], reply["attempts"]) == ("unknown", 1)


def test_a_body_that_comes_slowly_is_read(home: Home):
    home.platform.fault("slow_body", count=1, seconds=1)
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def test_an_offline_device_is_a_failure_that_the_sender_may_repeat(home: Home):
    reply = home.client.command("home/offline-lamp/any", {})
    assert reply["status"] == "failed"
    error = reply["error"]
    assert (error["code"], error["retryable"], error["source"]) == ("device_offline", True, "device")
    assert error["platform_code"] == "iot.messagebroker.OFFLINE"


def test_an_error_of_the_device_is_told_with_its_result(home: Home):
    reply = home.client.command("home/broken-lamp/toggle", {})
    assert (reply["status"], reply["error"]["code"]) == ("failed", "device_error")
    assert reply["error"]["source"] == "device"
    assert reply["result"]["code"] == 5092
    assert "property not found" in reply["error"]["detail"]


def test_a_device_that_does_not_answer_in_time_ends_unknown(home: Home):
    home.platform.sync_timeout(0.2)
    reply = home.client.command("home/slow-lamp/toggle", {})
    assert (reply["status"], reply["error"]["code"]) == ("unknown", "device_timeout")


@pytest.mark.parametrize("device", ["no-such-lamp", "inactive-lamp"])
def test_a_device_that_the_platform_refuses_is_told(home: Home, device: str):
    reply = home.client.command(f"home/{device}/any", {})
    assert (reply["status"], reply["error"]["code"]) == ("failed", "device_refused")


def test_a_batch_with_an_unknown_device_fails_as_a_whole(home: Home):
    reply = home.client.command("homes/any", {"devices": ["hall-lamp-1", "no-such-lamp"]})
    assert (reply["status"], reply["error"]["code"]) == ("failed", "device_refused")
    assert home.platform.executed("hall-lamp-1") == 0


def test_calls_of_one_command_that_end_differently_are_partial(home: Home):
    devices = [f"lamp-{number:04}" for number in range(1, 101)] + ["no-such-lamp", "lamp-0101"]
    reply = home.client.command("homes/any", {"devices": devices})
    assert reply["status"] == "partial"
    assert sorted(call["status"] for call in reply["calls"]) == ["accepted", "failed"]
    assert sorted(reply["failed_devices"]) == ["lamp-0101", "no-such-lamp"]


def test_a_wrong_argument_is_told_in_the_platforms_words(home: Home):
    reply = home.client.command("home/hall-lamp-1/set", {"level": 1000})
    assert reply["status"] == "failed"
    assert "brightness" in reply["error"]["detail"]
    assert "an argument does not fit the product's thing model" in reply["error"]["hint"]


def test_an_unknown_service_and_product_are_told_with_what_to_look_at(empty_home: Home):
    rules = [
        rule("service", "service", "Explode", device="hall-lamp-1"),
        {**rule("product", "product", "Any", device="hall-lamp-1"), "product_key": "nosuch"},
    ]
    home = empty_home.start(rules=rules)
    error = home.client.command("service", {})["error"]
    assert (error["code"], error["platform_code"]) == ("platform_refused", "5094")
    assert "invoke.identifier" in error["hint"]
    assert "check product_key" in home.client.command("product", {})["error"]["hint"]


def test_a_wrong_clock_is_corrected_by_the_platforms(home: Home):
    home.platform.clock(3600)
    reply = home.client.command("home/hall-lamp-1/any", {})
    assert (reply["status"], reply["attempts"]) == ("accepted", 2)
    assert "event=clock_offset" in home.bridge.log
    assert home.client.command("home/hall-lamp-1/any", {})["attempts"] == 1, "the offset is kept"


def test_a_quota_that_is_used_up_is_waited_for(home: Home):
    home.platform.quota(InvokeThingService=1)
    home.client.publish("home/hall-lamp-1/any", {"$id": "a"})
    home.client.publish("home/hall-lamp-2/any", {"$id": "b"})
    replies = [home.client.wait_reply("a"), home.client.wait_reply("b")]
    assert [reply["status"] for reply in replies] == ["accepted", "accepted"]
    assert max(reply["attempts"] for reply in replies) > 1
