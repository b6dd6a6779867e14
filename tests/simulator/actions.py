"""The actions of the platform behind the gateway.

Each takes an admitted call, carries it out and returns the answer's own fields; a refusal is raised. Sources: the
vendor's pages InvokeThingService and InvokeThingsService and, for the error codes, "Error codes" of IoT Platform.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Callable

from . import strict_json, thing_model
from .answers import Refusal, business_error, dump
from .calls import MAX_DEVICES_PER_CALL, Call
from .clock import Clock
from .thing_model import DEFAULT_BLOCK, Service
from .world import Device, Product, World

DEFAULT_SYNC_TIMEOUT_S = 8.0
MAX_BATCH_STATE_DEVICES = 50
ERROR_DEVICE_CODE = 5092
_STATUS_NAMES = {"offline": "OFFLINE", "inactive": "UNACTIVE"}
_TOPIC = re.compile(r"/([A-Za-z0-9]+)/([^/+#\s]+)/user(/[^/+#\s]+)+\Z")
_DEFAULT_OUTPUT: dict[str, Any] = {"int": 0, "bool": 0, "enum": 0, "float": 0.0, "double": 0.0, "array": [], "struct": {}}

Fields = dict[str, Any]


class Actions:
    def __init__(self, world: World, clock: Clock) -> None:
        self._world = world
        self._clock = clock
        self.sync_timeout_s = DEFAULT_SYNC_TIMEOUT_S
        self._messages = 0
        self.known: dict[str, Callable[[Call], Fields]] = {
            "InvokeThingService": self.invoke_thing_service,
            "InvokeThingsService": self.invoke_things_service,
            "SetDeviceProperty": self.set_device_property,
            "SetDevicesProperty": self.set_devices_property,
            "QueryDevicePropertyStatus": self.query_device_property_status,
            "GetDeviceStatus": self.get_device_status,
            "BatchGetDeviceState": self.batch_get_device_state,
            "GetThingModelTsl": self.get_thing_model_tsl,
            "Pub": self.pub,
        }

    def run(self, call: Call) -> Fields:
        """The fields of a successful answer besides RequestId and Success; raises Refusal."""
        return self.known[call.require("Action")](call)

    # Services

    def invoke_thing_service(self, call: Call) -> Fields:
        """Source: InvokeThingService. Whether it is synchronous is the product model's choice, not the caller's."""
        args_text, identifier = call.require("Args"), call.require("Identifier")
        _check_qos(call)
        device = self._addressed_device(call)
        product = self._world.products[device.product_key]
        service = _find_service(product, identifier)
        args = _check_args(product, identifier, service, args_text)
        _check_reachable(device)
        call.delivered.append(device.name)
        call.message_id = self._next_message_id()
        if not service.is_sync:
            _act(call, device, product, identifier, args)
            return {"Data": {"MessageId": call.message_id}}
        return self._answer_of_device(call, device, product, identifier, service, args)

    def _answer_of_device(
        self, call: Call, device: Device, product: Product, identifier: str, service: Service, args: Fields
    ) -> Fields:
        """A synchronous call waits for the device, but no longer than the platform's limit (8 s)."""
        output = _act(call, device, product, identifier, args, service)
        if device.state == "slow" or device.delay_s >= self.sync_timeout_s:
            call.wait_s = self.sync_timeout_s
            raise business_error("iot.messagebroker.TIMEOUT", "device response timeout")
        call.wait_s = device.delay_s
        return {"Data": {"Result": _result_text(device, output, self._messages), "MessageId": call.message_id}}

    def invoke_things_service(self, call: Call) -> Fields:
        """Source: InvokeThingsService: asynchronous services only, at most 100 devices of one product.

        One unknown or inactive device refuses the whole call. A device that is offline does not: the answer says
        only that the call was taken, and tells nothing of single devices.
        """
        args_text, identifier = call.require("Args"), call.require("Identifier")
        _check_qos(call)
        product, devices = self._addressed_devices(call, MAX_DEVICES_PER_CALL)
        service = _find_service(product, identifier)
        if service.is_sync:
            raise business_error(
                "iot.system.IllegalRequest", "InvokeThingsService supports asynchronous services only."
            )
        args = _check_args(product, identifier, service, args_text)
        for device in devices:
            _check_active(device)
        for device in devices:
            if device.state != "offline":
                call.delivered.append(device.name)
                _act(call, device, product, identifier, args)
        return {}

    # Properties and status

    def set_device_property(self, call: Call) -> Fields:
        items_text = call.require("Items")
        device = self._addressed_device(call)
        product = self._world.products[device.product_key]
        items = _check_items(product, items_text)
        _check_reachable(device)
        call.delivered.append(device.name)
        call.message_id = self._next_message_id()
        _store(call, device, items)
        return {"Data": {"MessageId": call.message_id}}

    def set_devices_property(self, call: Call) -> Fields:
        items_text = call.require("Items")
        product, devices = self._addressed_devices(call, MAX_DEVICES_PER_CALL)
        items = _check_items(product, items_text)
        for device in devices:
            _check_active(device)
        for device in devices:
            if device.state != "offline":
                call.delivered.append(device.name)
                _store(call, device, items)
        return {}

    def query_device_property_status(self, call: Call) -> Fields:
        device = self._addressed_device(call)
        model = self._world.products[device.product_key].models[DEFAULT_BLOCK]
        time_text = str(int(self._clock.now() * 1000))
        infos = []
        for name, item in model.properties.items():
            info = {
                "Identifier": name,
                "Name": item.get("name", name),
                "DataType": item["dataType"]["type"],
                "Unit": _unit(item),
            }
            if name in device.properties:
                info |= {"Value": _value_text(device.properties[name]), "Time": time_text}
            infos.append(info)
        return {"Data": {"List": {"PropertyStatusInfo": infos}}}

    def get_device_status(self, call: Call) -> Fields:
        device = self._addressed_device(call)
        return {"Data": {"Status": _status_name(device), "Timestamp": int(self._clock.now() * 1000)}}

    def batch_get_device_state(self, call: Call) -> Fields:
        _, devices = self._addressed_devices(call, MAX_BATCH_STATE_DEVICES)
        states = [
            {"DeviceId": device.iot_id, "DeviceName": device.name, "Status": _status_name(device)}
            for device in devices
        ]
        return {"DeviceStatusList": {"DeviceStatus": states}}

    def get_thing_model_tsl(self, call: Call) -> Fields:
        product = self._product(call)
        model = product.models.get(call.get("FunctionBlockId") or DEFAULT_BLOCK)
        if model is None:
            raise business_error("iot.prod.QueryProductAbilitiesFailed", "the function block does not exist")
        return {"Data": {"TslStr": model.text, "TslUri": ""}}

    def pub(self, call: Call) -> Fields:
        """Source: Pub. The content is base64, the topic /PRODUCT/DEVICE/user/...; the message id is no Data."""
        topic, content = call.require("TopicFullName"), call.require("MessageContent")
        product = self._product(call)
        _check_qos(call)
        try:
            base64.b64decode(content, validate=True)
        except binascii.Error:
            raise business_error(
                "iot.messagebroker.MessageContentIsNotBase64Encode",
                "The message content is not encoded into the base64 format.",
            ) from None
        match = _TOPIC.match(topic)
        if not match or match[1] != product.key:
            raise business_error("iot.messagebroker.InvalidFormattedTopicName", "The format of the topic is invalid.")
        device = self._device(product.key, match[2])
        _check_active(device)
        if device.state != "offline":
            call.delivered.append(device.name)
            call.executed.append(device.name)
        call.message_id = self._next_message_id()
        return {"MessageId": call.message_id}

    # Addresses

    def _product(self, call: Call) -> Product:
        product = self._world.products.get(call.require("ProductKey"))
        if product is None:
            raise business_error("iot.prod.NotExistedProduct", "The product does not exist.")
        return product

    def _device(self, product_key: str, name: str) -> Device:
        device = self._world.device(product_key, name)
        if device is None:
            raise business_error("iot.device.NotExistedDevice", "The specified device does not exist.")
        return device

    def _addressed_device(self, call: Call) -> Device:
        """IotId alone, or ProductKey with DeviceName; with both, IotId wins, as the documents say."""
        if call.iot_id is not None:
            device = self._world.by_iot_id.get(call.iot_id)
            if device is None:
                raise business_error("iot.device.InvalidIoTId", "The IotId of the device is incorrect.")
            return device
        product = self._product(call)
        name = call.get("DeviceName")
        if name is None:
            raise business_error("iot.device.NullDeviceName", "The device name cannot be empty.")
        return self._device(product.key, name)

    def _addressed_devices(self, call: Call, max_count: int) -> tuple[Product, list[Device]]:
        product = self._product(call)
        names = call.numbered_devices()
        if not names:
            raise business_error("iot.device.NoneDeviceNameElement", "The device name list cannot be empty.")
        if len(names) > max_count:
            raise business_error(
                "iot.device.DeviceCountExceeded", f"The number of devices exceeds the upper limit of {max_count}."
            )
        if not all(names):
            raise business_error("iot.device.NullDeviceName", "The device name cannot be empty.")
        return product, [self._device(product.key, name) for name in names]

    def _next_message_id(self) -> str:
        """Digits beyond 2^53, as on the platform: whoever reads it as a number loses the last ones."""
        self._messages += 1
        return str(1_700_000_000_000_000_000 + self._messages)


def _check_qos(call: Call) -> None:
    if (call.get("Qos") or "0") not in ("0", "1"):
        raise Refusal("InvalidParameter", 'The specified parameter "Qos" is not valid.')


def _check_active(device: Device) -> None:
    if device.state == "inactive":
        raise business_error("iot.device.InactiveDevice", "The device is inactive.")


def _check_reachable(device: Device) -> None:
    _check_active(device)
    if device.state == "offline":
        raise business_error("iot.messagebroker.OFFLINE", "The device is offline.")


def _find_service(product: Product, identifier: str) -> Service:
    service = product.find_service(identifier)
    if service is None:
        raise business_error("5094", "service not found")
    return service


def _parse_object(name: str, text: str) -> Fields:
    try:
        return strict_json.parse_object(text)
    except ValueError as error:
        raise business_error("iot.system.IllegalRequest", f"{name} is not a JSON object: {error}") from None


def _check_args(product: Product, identifier: str, service: Service, text: str) -> Fields:
    args = _parse_object("Args", text)
    if product.behaviour(identifier).get("validate", True):
        thing_model.check_values(args, service.inputs)
    return args


def _check_items(product: Product, text: str) -> Fields:
    items = _parse_object("Items", text)
    if not items:
        raise business_error("iot.device.NoneDeviceProperties", "No valid property of the device is found.")
    model = product.models[DEFAULT_BLOCK]
    for name, value in items.items():
        if name not in model.properties:
            raise business_error("5092", f"property not found -> {name}")
        if "w" not in model.properties[name].get("accessMode", "rw"):
            raise business_error("iot.device.SetDevicePropertyFailed", f"the property {name} is read-only")
        thing_model.check_value(name, value, model.properties[name]["dataType"])
    return items


def _store(call: Call, device: Device, items: Fields) -> None:
    if device.state != "error":
        device.properties.update(items)
        call.executed.append(device.name)


def _act(
    call: Call, device: Device, product: Product, identifier: str, args: Fields, service: Service | None = None
) -> Fields:
    """What the device does with a command that reached it; one that answers with an error does nothing.

    Arguments named like a property set that property; the world file may add more (`set`, `flip`, `echo`).
    """
    if device.state == "error":
        return {}
    call.executed.append(device.name)
    behaviour = product.behaviour(identifier)
    if behaviour.get("echo"):
        return strict_json.plain(args)
    model = product.models.get(DEFAULT_BLOCK)
    for name, value in args.items():
        if model and name in model.properties:
            device.properties[name] = value
    device.properties.update(behaviour.get("set", {}))
    if "flip" in behaviour:
        device.properties[behaviour["flip"]] = 1 - int(device.properties.get(behaviour["flip"], 0))
    return _output(device, service) if service else {}


def _output(device: Device, service: Service) -> Fields:
    """Output named like a property is its value; without one, what the type starts from."""
    return {
        name: strict_json.plain(device.properties.get(name, _DEFAULT_OUTPUT.get(item["dataType"]["type"], "")))
        for name, item in service.outputs.items()
    }


def _result_text(device: Device, output: Fields, message_number: int) -> str:
    """Data.Result: the device's whole reply, as in the document's example, or only its output.

    A text configured as `result` is sent as it is, whatever it holds.
    """
    if isinstance(device.result, str):
        return device.result
    data = output if device.result is None else device.result
    if device.result_style == "output":
        return dump(data)
    is_error = device.state == "error"
    code = device.code if device.code is not None else (ERROR_DEVICE_CODE if is_error else 200)
    message = device.message or ("success" if code == 200 else "device error")
    reply = {"code": code, "data": data, "id": str(100_000 + message_number), "message": message, "version": "1.0"}
    return dump(reply)


def _status_name(device: Device) -> str:
    return _STATUS_NAMES.get(device.state, "ONLINE")


def _unit(item: dict[str, Any]) -> str:
    specs = item["dataType"].get("specs")
    return specs.get("unit", "") if isinstance(specs, dict) else ""


def _value_text(value: Any) -> str:
    return value if isinstance(value, str) else dump(strict_json.plain(value))
