"""Services, devices and the other actions: right answers, and what the devices did."""

from __future__ import annotations

import base64
import json

import pytest

from simulator.conftest import LAMP, TOGGLE, Seen


def result_of(reply) -> dict:
    assert reply.fields["Success"] is True, reply.fields
    return json.loads(reply.fields["Data"]["Result"])


def test_synchronous_answer_is_the_devices_whole_reply_as_text(seen: Seen) -> None:
    reply = seen.invoke("Toggle")
    result = result_of(reply)
    assert set(reply.fields) == {"RequestId", "Success", "Data"}
    assert isinstance(reply.fields["Data"]["MessageId"], str)
    assert (result["code"], result["data"], result["message"], result["version"]) == (200, {}, "success", "1.0")
    assert result["id"].isdigit()


def test_asynchronous_answer_has_a_message_id_and_no_result(seen: Seen) -> None:
    reply = seen.invoke("Set", '{"brightness":50}')
    assert set(reply.fields["Data"]) == {"MessageId"}
    assert int(reply.fields["Data"]["MessageId"]) > 2**53


def test_batch_answer_has_no_data(seen: Seen) -> None:
    reply = seen.invoke_many(["hall-lamp-1", "hall-lamp-2"], "Set", '{"brightness":7}')
    assert set(reply.fields) == {"RequestId", "Success"}
    assert seen.last()["executed"] == ["hall-lamp-1", "hall-lamp-2"]


def test_batch_of_100_devices_keeps_their_order(seen: Seen) -> None:
    names = [f"lamp-{number:04d}" for number in range(1, 101)]
    assert seen.invoke_many(names).fields["Success"] is True
    assert seen.last()["executed"] == seen.last()["device_names"] == names


def test_batch_takes_an_offline_device_that_then_does_not_act(seen: Seen) -> None:
    assert seen.invoke_many(["hall-lamp-1", "offline-lamp"]).fields["Success"] is True
    assert seen.last()["executed"] == ["hall-lamp-1"]


def test_device_is_addressed_by_iot_id(seen: Seen) -> None:
    iot_id = seen.process.device("hall-lamp-3")["iot_id"]
    reply = seen.call(IotId=iot_id, Identifier="Toggle", Args="{}")
    assert reply.fields["Success"] is True
    assert (seen.last()["executed"], seen.last()["iot_id"]) == (["hall-lamp-3"], iot_id)


def test_set_changes_what_get_level_tells(seen: Seen) -> None:
    seen.invoke("Set", '{"brightness":42}')
    assert result_of(seen.invoke("GetLevel"))["data"] == {"brightness": 42}


def test_toggle_flips_the_power(seen: Seen) -> None:
    powers = []
    for _ in range(2):
        seen.invoke("Toggle")
        powers.append(seen.process.device("hall-lamp-1")["properties"]["power"])
    assert powers == [1, 0]


def test_lock_answers_with_its_output(seen: Seen) -> None:
    door = {"ProductKey": "a1LockProd01", "DeviceName": "front-door", "Args": '{"user":"anna"}'}
    assert result_of(seen.call(**door, Identifier="Lock"))["data"] == {"locked": 1}
    assert result_of(seen.call(**door, Identifier="Unlock"))["data"] == {"locked": 0}


def test_echo_answers_with_any_arguments(seen: Seen) -> None:
    args = '{"text":"客厅 *~+&=","level":10.0,"deep":{"a":[1,null,true]}}'
    assert result_of(seen.invoke("Echo", args))["data"] == json.loads(args)
    assert seen.last()["args"] == args


def test_any_takes_any_arguments(seen: Seen) -> None:
    assert seen.invoke("Any", '{"whatever":[{}]}').fields["Success"] is True


def test_service_of_a_custom_module_is_called_with_a_colon(seen: Seen) -> None:
    assert seen.invoke("ota:Start", '{"version":"1.2.3"}').fields["Success"] is True


@pytest.mark.parametrize(
    ("identifier", "args"),
    [
        ("Set", '{"brightness":0,"color":"red"}'),
        ("Set", '{"brightness":100}'),
        ("Calibrate", '{"gain":10.0}'),
        ("Calibrate", '{"gain":1.0e0}'),
        ("Scene", '{"mode":2,"repeat":1,"start":"1700000000000","factor":0.5,"levels":[1,2],"fade":{"seconds":3}}'),
    ],
)
def test_arguments_that_fit_the_model_are_taken(seen: Seen, identifier: str, args: str) -> None:
    assert seen.invoke(identifier, args).fields["Success"] is True


@pytest.mark.parametrize(
    ("identifier", "args", "code"),
    [
        ("Set", '{"brightness":101}', "6306"),
        ("Set", '{"brightness":-1}', "6306"),
        ("Set", '{"brightness":"50"}', "6307"),
        ("Set", '{"brightness":50.0}', "6307"),
        ("Set", '{"brightness":true}', "6307"),
        ("Set", '{"color":5}', "6310"),
        ("Set", '{"color":"' + "x" * 33 + '"}', "6310"),
        ("Set", '{"hue":1}', "6304"),
        ("Calibrate", '{"gain":1}', "6307"),
        ("Calibrate", '{"gain":1e0}', "6307"),
        ("Calibrate", '{"gain":10.5}', "6306"),
        ("Calibrate", "{}", "6304"),
        ("Scene", '{"mode":3}', "6309"),
        ("Scene", '{"mode":"0"}', "6309"),
        ("Scene", '{"mode":0,"repeat":2}', "6308"),
        ("Scene", '{"mode":0,"repeat":true}', "6308"),
        ("Scene", '{"mode":0,"start":1700000000000}', "6311"),
        ("Scene", '{"mode":0,"levels":[1,2,3,4,5]}', "6324"),
        ("Scene", '{"mode":0,"levels":[101]}', "6306"),
        ("Scene", '{"mode":0,"levels":1}', "6328"),
        ("Scene", '{"mode":0,"fade":[]}', "6312"),
        ("Scene", '{"mode":0,"fade":{"speed":1}}', "6304"),
        ("Toggle", '{"x":1}', "6304"),
    ],
)
def test_arguments_that_do_not_fit_the_model_are_refused(seen: Seen, identifier: str, args: str, code: str) -> None:
    reply = seen.invoke(identifier, args)
    assert (reply.fields["Success"], reply.fields.get("Code")) == (False, code)
    assert seen.executed() == []


def test_slow_device_acts_but_the_call_times_out_at_the_limit(seen: Seen) -> None:
    seen.process.sync_timeout(0.3)
    reply = seen.invoke("Toggle", device="slow-lamp")
    assert reply.fields["Code"] == "iot.messagebroker.TIMEOUT"
    assert seen.last()["executed"] == ["slow-lamp"]


def test_slow_device_takes_an_asynchronous_call_at_once(seen: Seen) -> None:
    assert seen.invoke("Set", device="slow-lamp").fields["Success"] is True


def test_device_with_a_delay_below_the_limit_answers(seen: Seen) -> None:
    seen.process.device("hall-lamp-1", delay_s=0.1)
    assert result_of(seen.invoke("Toggle"))["code"] == 200


def test_broken_device_answers_with_its_error_and_does_not_act(seen: Seen) -> None:
    result = result_of(seen.invoke("Toggle", device="broken-lamp"))
    assert (result["code"], result["message"]) == (5092, "property not found")
    assert (seen.last()["delivered"], seen.last()["executed"]) == (["broken-lamp"], [])


def test_device_can_answer_with_its_output_alone(seen: Seen) -> None:
    assert result_of(seen.invoke("GetLevel", device="output-lamp")) == {"brightness": 0}


def test_configured_result_is_the_data_of_the_reply_or_as_text_the_whole(seen: Seen) -> None:
    seen.process.device("hall-lamp-1", result={"param1": 1})
    assert result_of(seen.invoke("Toggle"))["data"] == {"param1": 1}
    seen.process.device("hall-lamp-1", result="not json")
    assert seen.invoke("Toggle").fields["Data"]["Result"] == "not json"


def test_answers_are_xml_on_request(seen: Seen) -> None:
    reply = seen.invoke("Set", Format="XML")
    assert reply.headers["Content-Type"].startswith("text/xml")
    assert b"<InvokeThingServiceResponse>" in reply.body and b"<Success>true</Success>" in reply.body
    refused = seen.invoke("Explode", Format="XML")
    assert b"<Code>5094</Code>" in refused.body
    gateway = seen.call("Explode", Format="XML")
    assert gateway.status == 404 and b"<Error>" in gateway.body


def test_sha256_signature_is_accepted(seen: Seen) -> None:
    assert seen.process.call("InvokeThingService", TOGGLE, algorithm="HMAC-SHA256").fields["Success"] is True


def test_set_device_property_is_seen_by_query(seen: Seen) -> None:
    assert seen.call("SetDeviceProperty", **LAMP, Items='{"brightness":9}').fields["Data"]["MessageId"]
    infos = seen.call("QueryDevicePropertyStatus", **LAMP).fields["Data"]["List"]["PropertyStatusInfo"]
    assert [info["Value"] for info in infos if info["Identifier"] == "brightness"] == ["9"]


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ('{"hue":1}', "5092"),
        ('{"brightness":101}', "6306"),
        ('{"temperature":1.0}', "iot.device.SetDevicePropertyFailed"),
        ("{}", "iot.device.NoneDeviceProperties"),
        ("1", "iot.system.IllegalRequest"),
    ],
)
def test_property_that_cannot_be_set_is_refused(seen: Seen, items: str, code: str) -> None:
    assert seen.call("SetDeviceProperty", **LAMP, Items=items).fields["Code"] == code
    assert seen.executed() == []


def test_set_devices_property_reaches_all(seen: Seen) -> None:
    devices = {"DeviceName.1": "hall-lamp-1", "DeviceName.2": "hall-lamp-2"}
    reply = seen.call("SetDevicesProperty", ProductKey=LAMP["ProductKey"], Items='{"power":1}', **devices)
    assert reply.fields["Success"] is True
    assert seen.executed() == ["hall-lamp-1", "hall-lamp-2"]


@pytest.mark.parametrize(
    ("device", "status"), [("hall-lamp-1", "ONLINE"), ("offline-lamp", "OFFLINE"), ("inactive-lamp", "UNACTIVE")]
)
def test_device_status_is_told(seen: Seen, device: str, status: str) -> None:
    reply = seen.call("GetDeviceStatus", ProductKey=LAMP["ProductKey"], DeviceName=device)
    assert reply.fields["Data"]["Status"] == status


def test_states_of_several_devices_are_told(seen: Seen) -> None:
    devices = {"DeviceName.1": "hall-lamp-1", "DeviceName.2": "offline-lamp"}
    reply = seen.call("BatchGetDeviceState", ProductKey=LAMP["ProductKey"], **devices)
    states = reply.fields["DeviceStatusList"]["DeviceStatus"]
    assert [(state["DeviceName"], state["Status"]) for state in states] == [
        ("hall-lamp-1", "ONLINE"), ("offline-lamp", "OFFLINE"),
    ]


def test_thing_model_is_the_file_that_ships(seen: Seen) -> None:
    text = seen.call("GetThingModelTsl", ProductKey=LAMP["ProductKey"]).fields["Data"]["TslStr"]
    assert "Toggle" in [service["identifier"] for service in json.loads(text)["services"]]
    text = seen.call("GetThingModelTsl", ProductKey=LAMP["ProductKey"], FunctionBlockId="ota").fields["Data"]["TslStr"]
    assert json.loads(text)["functionBlockId"] == "ota"


def test_pub_reaches_the_device_of_the_topic(seen: Seen) -> None:
    content = base64.b64encode(b"hello").decode()
    topic = f"/{LAMP['ProductKey']}/hall-lamp-2/user/get"
    reply = seen.call("Pub", ProductKey=LAMP["ProductKey"], TopicFullName=topic, MessageContent=content)
    assert reply.fields["MessageId"] and seen.executed() == ["hall-lamp-2"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"MessageContent": "not base64!"}, "iot.messagebroker.MessageContentIsNotBase64Encode"),
        ({"TopicFullName": "/other/hall-lamp-2/user/get"}, "iot.messagebroker.InvalidFormattedTopicName"),
        ({"TopicFullName": "/k1ymv1DuLfE/nobody/user/get"}, "iot.device.NotExistedDevice"),
    ],
)
def test_wrong_pub_is_refused(seen: Seen, changes: dict[str, str], code: str) -> None:
    right = {"TopicFullName": "/k1ymv1DuLfE/hall-lamp-2/user/get", "MessageContent": "aGVsbG8="}
    assert seen.call("Pub", ProductKey=LAMP["ProductKey"], **{**right, **changes}).fields["Code"] == code
