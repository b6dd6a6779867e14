"""What the gateway and the platform refuse, each with its code and shape, and that nothing ran."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlencode

import pytest

from simulator import signature
from simulator.client import Reply, exchange, send_parameters, timestamp
from simulator.conftest import LAMP, TOGGLE, Seen
from simulator.nonces import NonceMemory


def send(seen: Seen, parameters: dict[str, str], method: str = "GET") -> Reply:
    connection = seen.process.open()
    try:
        return send_parameters(connection, method, parameters)
    finally:
        connection.close()


def signed_with(seen: Seen, changes: dict[str, str | None], action: str = "InvokeThingService") -> dict[str, str]:
    """A right call, then changed (None takes a parameter away) and signed."""
    plain = seen.process.sign("GET", action, TOGGLE)
    del plain["Signature"]
    changed = {**plain, **changes}
    kept = {name: value for name, value in changed.items() if value is not None}
    algorithm = kept.get("SignatureMethod")
    if algorithm not in signature.ALGORITHMS:
        return {**kept, "Signature": "x"}
    return signature.signed("GET", kept, seen.process.access_key_secret)


def assert_gateway_error(seen: Seen, reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.fields["Code"]) == (status, code)
    assert set(reply.fields) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", reply.fields["RequestId"])
    assert (seen.last()["code"], seen.last()["http_status"], seen.executed()) == (code, status, [])


def assert_business_error(seen: Seen, reply: Reply, code: str) -> None:
    assert (reply.status, reply.fields.get("Code")) == (200, code)
    assert set(reply.fields) == {"RequestId", "Success", "Code", "ErrorMessage"}
    assert reply.fields["Success"] is False
    assert (seen.last()["code"], seen.last()["http_status"], seen.executed()) == (code, 200, [])


@pytest.mark.parametrize(
    "name", ["Action", "AccessKeyId", "SignatureMethod", "SignatureNonce", "Timestamp", "Args", "Identifier", "ProductKey"]
)
@pytest.mark.parametrize("value", [None, ""], ids=["absent", "empty"])
def test_missing_parameter_is_named(seen: Seen, name: str, value: str | None) -> None:
    reply = send(seen, signed_with(seen, {name: value}))
    assert_gateway_error(seen, reply, 400, "MissingParameter")
    assert f'"{name}"' in reply.fields["Message"]


def test_call_without_signature_is_refused(seen: Seen) -> None:
    parameters = signed_with(seen, {})
    del parameters["Signature"]
    assert_gateway_error(seen, send(seen, parameters), 400, "MissingParameter")


def test_unknown_access_key_is_refused(seen: Seen) -> None:
    reply = send(seen, signed_with(seen, {"AccessKeyId": "nobody"}))
    assert_gateway_error(seen, reply, 404, "InvalidAccessKeyId.NotFound")


def test_unknown_action_is_refused(seen: Seen) -> None:
    assert_gateway_error(seen, seen.call("InvokeEverything"), 404, "InvalidAction.NotFound")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("SignatureMethod", "HMAC-MD5", "InvalidParameter"),
        ("SignatureVersion", "2.0", "InvalidParameter"),
        ("Format", "YAML", "InvalidParameter"),
        ("Qos", "2", "InvalidParameter"),
        ("SignatureNonce", "n" * 129, "InvalidParameter"),
        ("Version", "2000-01-01", "NoSuchVersion"),
    ],
)
def test_unknown_common_value_is_refused(seen: Seen, name: str, value: str, code: str) -> None:
    assert_gateway_error(seen, send(seen, signed_with(seen, {name: value})), 400, code)


def test_optional_common_parameters_are_accepted(seen: Seen) -> None:
    more = {"Version": "2018-01-20", "Format": "json", "SignatureVersion": "1.0", "RegionId": "cn-shanghai", "Qos": "1"}
    assert send(seen, signed_with(seen, more)).fields["Success"] is True


def test_wrong_secret_is_answered_with_the_servers_string_to_sign(seen: Seen) -> None:
    parameters = signed_with(seen, {"Args": '{"a":"é +*~"}'})
    parameters["Signature"] = signature.sign("something else", "wrong")
    reply = send(seen, parameters)
    assert_gateway_error(seen, reply, 400, "SignatureDoesNotMatch")
    prefix = "Specified signature is not matched with our calculation. server string to sign is:"
    assert reply.fields["Message"] == prefix + signature.string_to_sign("GET", parameters)


def test_signature_for_get_does_not_fit_post(seen: Seen) -> None:
    assert_gateway_error(seen, send(seen, signed_with(seen, {}), "POST"), 400, "SignatureDoesNotMatch")


def test_plus_that_is_not_encoded_in_the_signature_is_a_space(seen: Seen) -> None:
    parameters = signed_with(seen, {})
    while "+" not in parameters["Signature"]:
        parameters = signed_with(seen, {})
    target = "/?" + urlencode({k: v for k, v in parameters.items() if k != "Signature"})
    target += "&Signature=" + quote(parameters["Signature"], safe="+")
    reply = exchange(seen.process.open(), "GET", target, None, {})
    assert_gateway_error(seen, reply, 400, "SignatureDoesNotMatch")


def test_repeated_nonce_is_refused_and_runs_once(seen: Seen) -> None:
    first = signed_with(seen, {})
    assert send(seen, first).fields["Success"] is True
    assert send(seen, first).fields["Code"] == "SignatureNonceUsed"
    again = send(seen, signed_with(seen, {"SignatureNonce": first["SignatureNonce"]}))
    assert (again.status, again.fields["Code"]) == (400, "SignatureNonceUsed")
    assert seen.executed() == ["hall-lamp-1"]


def test_nonce_of_a_wrongly_signed_call_is_not_used_up(seen: Seen) -> None:
    right = signed_with(seen, {})
    assert send(seen, {**right, "Signature": "x"}).fields["Code"] == "SignatureDoesNotMatch"
    assert send(seen, right).fields["Success"] is True


def test_nonce_can_be_used_again_after_15_minutes(seen: Seen) -> None:
    nonce = {"SignatureNonce": f"again-{time.time_ns()}"}
    assert send(seen, signed_with(seen, nonce)).fields["Success"] is True
    seen.process.clock(15 * 60 + 5)
    later = {**nonce, "Timestamp": timestamp(time.time() + 15 * 60 + 5)}
    assert send(seen, signed_with(seen, later)).fields["Success"] is True


def test_nonce_memory_forgets_the_oldest_beyond_its_bound() -> None:
    memory = NonceMemory(window_s=900, max_count=3)
    assert all(memory.use("key", str(number), now=0.0) for number in range(4))
    assert len(memory) == 3
    assert not memory.use("key", "3", now=1.0)
    assert memory.use("key", "3", now=901.0)


@pytest.mark.parametrize(
    "text", ["2024-11-19 10:06:54", "2024-11-19T10:06:54", "2024-11-19T10:06:54.000Z", "2024-13-19T10:06:54Z", "1700000000"]
)
def test_timestamp_of_another_form_is_refused(seen: Seen, text: str) -> None:
    assert_gateway_error(seen, send(seen, signed_with(seen, {"Timestamp": text})), 400, "InvalidTimeStamp.Format")


@pytest.mark.parametrize("off_s", [-16 * 60, 16 * 60])
def test_timestamp_more_than_15_minutes_off_is_refused(seen: Seen, off_s: int) -> None:
    reply = send(seen, signed_with(seen, {"Timestamp": timestamp(time.time() + off_s)}))
    assert_gateway_error(seen, reply, 400, "InvalidTimeStamp.Expired")


def test_timestamp_is_compared_with_the_platforms_clock_that_date_tells(seen: Seen) -> None:
    seen.process.clock(3600)
    reply = seen.call(**TOGGLE)
    assert_gateway_error(seen, reply, 400, "InvalidTimeStamp.Expired")
    stamp = parsedate_to_datetime(reply.headers["Date"]).timestamp()
    assert abs(stamp - time.time() - 3600) < 300
    assert send(seen, signed_with(seen, {"Timestamp": timestamp(stamp)})).fields["Success"] is True


def test_repeated_parameter_is_refused(seen: Seen) -> None:
    target = "/?" + urlencode(signed_with(seen, {})) + "&Args=%7B%7D"
    assert_gateway_error(seen, exchange(seen.process.open(), "GET", target, None, {}), 400, "InvalidParameter")


def test_parameter_repeated_in_the_body_is_refused(seen: Seen) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = exchange(seen.process.open(), "POST", "/?Action=Pub", b"Action=Pub", form)
    assert_gateway_error(seen, reply, 400, "InvalidParameter")


@pytest.mark.parametrize("query", ["Args=%7", "Args=%zz", "Args=%ff%fe"])
def test_broken_percent_encoding_is_refused(seen: Seen, query: str) -> None:
    reply = exchange(seen.process.open(), "GET", f"/?{query}", None, {})
    assert_gateway_error(seen, reply, 400, "InvalidParameter")


def test_json_body_is_refused(seen: Seen) -> None:
    reply = exchange(seen.process.open(), "POST", "/", b"{}", {"Content-Type": "application/json"})
    assert_gateway_error(seen, reply, 400, "InvalidParameter")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ProductKey": "a1Nothing"}, "iot.prod.NotExistedProduct"),
        ({"DeviceName": "nobody"}, "iot.device.NotExistedDevice"),
        ({"DeviceName": None}, "iot.device.NullDeviceName"),
        ({"IotId": "nothing00100"}, "iot.device.InvalidIoTId"),
        ({"Identifier": "Explode"}, "5094"),
        ({"Identifier": "get"}, "5094"),
        ({"Identifier": "nope:Start"}, "5094"),
        ({"Args": "[]"}, "iot.system.IllegalRequest"),
        ({"Args": "{"}, "iot.system.IllegalRequest"),
        ({"Args": '{"a":NaN}'}, "iot.system.IllegalRequest"),
        ({"Args": '{"a":1,"a":2}'}, "iot.system.IllegalRequest"),
        ({"DeviceName": "inactive-lamp"}, "iot.device.InactiveDevice"),
        ({"DeviceName": "offline-lamp"}, "iot.messagebroker.OFFLINE"),
    ],
)
def test_business_error_of_a_single_call(seen: Seen, changes: dict[str, str | None], code: str) -> None:
    assert_business_error(seen, send(seen, signed_with(seen, changes)), code)


def test_asynchronous_call_to_an_offline_device_is_refused(seen: Seen) -> None:
    assert_business_error(seen, seen.invoke("Set", device="offline-lamp"), "iot.messagebroker.OFFLINE")


@pytest.mark.parametrize(
    ("devices", "identifier", "code"),
    [
        ([], "Set", "iot.device.NoneDeviceNameElement"),
        ([f"lamp-{number:04d}" for number in range(1, 102)], "Set", "iot.device.DeviceCountExceeded"),
        (["hall-lamp-1", "nobody"], "Set", "iot.device.NotExistedDevice"),
        (["hall-lamp-1", "inactive-lamp"], "Set", "iot.device.InactiveDevice"),
        (["hall-lamp-1", ""], "Set", "iot.device.NullDeviceName"),
        (["hall-lamp-1"], "Toggle", "iot.system.IllegalRequest"),
        (["hall-lamp-1"], "Explode", "5094"),
    ],
)
def test_business_error_of_a_batch_call_runs_nothing(seen: Seen, devices: list[str], identifier: str, code: str) -> None:
    assert_business_error(seen, seen.invoke_many(devices, identifier), code)


def test_gap_in_the_numbers_of_devices_is_refused(seen: Seen) -> None:
    parameters = {"ProductKey": LAMP["ProductKey"], "Identifier": "Set", "Args": "{}"}
    names = {"DeviceName.1": "hall-lamp-1", "DeviceName.3": "hall-lamp-2"}
    reply = seen.process.call("InvokeThingsService", {**parameters, **names})
    assert_gateway_error(seen, reply, 400, "InvalidParameter")


@pytest.mark.parametrize(("state", "status", "code"), [
    ("inactive", 400, "InvalidAccessKeyId.Inactive"), ("forbidden", 403, "Forbidden.RAM"),
])
def test_account_state_refuses_every_call(seen: Seen, state: str, status: int, code: str) -> None:
    seen.process.account(state=state)
    try:
        assert_gateway_error(seen, seen.call(**TOGGLE), status, code)
    finally:
        seen.process.account(state="active")


def test_changed_secret_makes_the_old_one_wrong(seen: Seen) -> None:
    secret = seen.process.access_key_secret
    seen.process.account(access_key_secret="rotated")
    try:
        assert_gateway_error(seen, seen.call(**TOGGLE), 400, "SignatureDoesNotMatch")
    finally:
        seen.process.account(access_key_secret=secret)
    assert seen.call(**TOGGLE).fields["Success"] is True
