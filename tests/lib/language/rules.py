"""What becomes of a message: the rule that takes it, and its requests or its rejection."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Mapping, Sequence

from .answers import reply_to
from .filters import plain_text
from .models import fit_arguments, service_of
from .replies import DEFAULT_ALLOW, Replies, ReplyTopics
from .templates import Scope, evaluate, is_one_expression
from .times import read_duration, read_time, write_time
from .topics import fits_where, match_topic
from .values import MISSING, Number, Rejected, Value, fits_64_bits, read_payload, write_json

TOPICS_OF_OURS = "thingbridge/bridge/"
OUR_ID = "00000000-0000-7000-8000-000000000000"
NOW = "2026-01-01T00:00:00Z"
DEVICES_OF_A_CALL = 100
MAX_DEVICES = 10_000
MEMBERS_FOR_US = ("$id", "$reply_to", "$expire", "$sent_at", "$traceparent")
_CONTROL = re.compile(r"[\0-\x1f\x7f-\x9f]")
_NAMES = {
    "ProductKey": re.compile(r"[A-Za-z0-9]{1,64}"),
    "IotId": re.compile(r"[A-Za-z0-9]{1,64}"),
    "DeviceName": re.compile(r"[A-Za-z0-9_.@:-]{1,64}"),
    "Identifier": re.compile(r"([A-Za-z0-9_]+:)?[A-Za-z0-9_]+"),
}
_OF_TARGET = {"product_key": "ProductKey", "iot_id": "IotId", "identifier": "Identifier"}

Document = Mapping[str, Any]
Parameters = dict[str, Any]  # as `expect` has them: a list is Name.1, Name.2 and so on; an object is JSON


@dataclass
class Outcome:
    """Without rule: nobody takes it. With codes: it is rejected, with any of them."""

    rule: str | None = None
    codes: set[str] = field(default_factory=set)
    id: Value = OUR_ID
    is_expired: bool = False
    action: str = ""
    calls: int = 1
    parameters: Parameters = field(default_factory=dict)
    reply: Document = field(default_factory=lambda: {"status": "accepted"})
    replies: ReplyTopics = ReplyTopics()


def outcome_of(document: Document, message: Document, allow: Sequence[str] = DEFAULT_ALLOW) -> Outcome:
    """`allow` is what requesters' reply topics have to fit."""
    if message["topic"].startswith(TOPICS_OF_OURS):
        return Outcome()
    for rule in document["rules"]:
        captures = match_topic(rule["topic"], message["topic"])
        if captures is not None and fits_where(rule.get("where", {}), captures):
            command = Command(document, with_defaults(document, rule), message, captures)
            return command.outcome(Replies(document["rules"], allow))
    return Outcome()


def with_defaults(document: Document, rule: Document) -> Document:
    defaults = document.get("defaults", {})
    merged = {**defaults, **rule}
    own, shared = rule.get("reply"), defaults.get("reply")
    if isinstance(own, dict) and isinstance(shared, dict):
        merged["reply"] = {**shared, **own}
    return merged


class Command:
    def __init__(self, document: Document, rule: Document, message: Document, captures: Mapping[str, str]) -> None:
        self._rule = rule
        self._models = document.get("models", {})
        self._message = message
        self._arrival = read_time(message.get("now", NOW))
        self._result = Outcome(rule["name"])
        self._for_us: dict[str, Value] = {}
        self._scope = Scope(
            message["topic"], captures, MISSING, OUR_ID, write_time(self._arrival), message.get("properties", {}),
            document.get("groups", {}),
        )

    def outcome(self, replies: Replies) -> Outcome:
        takes_empty = self._rule.get("empty") == "accept"
        payload, self._result.codes = read_payload(self._message.get("payload", ""), takes_empty)
        if isinstance(payload, dict):
            self._for_us = {name: payload.pop(name) for name in MEMBERS_FOR_US if name in payload}
        self._scope = replace(self._scope, payload=payload)
        is_refused = bool(self._result.codes)
        self._take(self._read_id)
        self._scope = replace(self._scope, id=self._result.id)
        requester = self._message.get("response_topic", self._for_us.get("$reply_to"))
        faults: set[str] = set()
        self._result.replies = replies.topics(self._rule, self._scope, requester, faults)
        if is_refused:
            return self._result
        self._result.codes |= faults
        self._take(self._read_deadline)
        self._take(self._call if "call" in self._rule else self._invoke)
        if "answer" in self._message:
            replied = reply_to(self._message["answer"], self._devices_of_calls())
            self._result.reply = {**replied, "target": self._target()}
        return self._result

    def _target(self) -> dict[str, Value]:
        parameters = self._result.parameters
        devices = parameters.get("DeviceName")
        names = {name: parameters.get(parameter) for name, parameter in _OF_TARGET.items()}
        names["device_names" if isinstance(devices, list) else "device_name"] = devices
        return {name: value for name, value in names.items() if value is not None}

    def _devices_of_calls(self) -> list[list[str]]:
        devices = self._result.parameters.get("DeviceName")
        listed = devices if isinstance(devices, list) else []
        starts = range(0, self._result.calls * DEVICES_OF_A_CALL, DEVICES_OF_A_CALL)
        return [listed[start : start + DEVICES_OF_A_CALL] for start in starts]

    def _take(self, step: Any) -> None:
        try:
            step()
        except Rejected as rejected:
            self._result.codes |= rejected.codes

    def _template(self, text: Value) -> Value:
        """MISSING where it fails; the reason is kept."""
        return evaluate(text, self._scope, self._result.codes)

    def _optional(self, key: str) -> Value:
        """A template of the rule that may find nothing, but as part of a text."""
        text = self._rule.get(key)
        faults: set[str] = set()
        value = MISSING if text is None else evaluate(text, self._scope, faults)
        if faults == {"member_missing"} and is_one_expression(text):
            return MISSING
        if faults:
            raise Rejected(*faults)
        return value

    def _read_id(self) -> None:
        given = self._for_us.get("$id")
        if given is None:
            given = self._optional("id_from")
        if given is MISSING or given is None:
            return
        is_text = isinstance(given, str) and 1 <= len(given.encode()) <= 256 and not _CONTROL.search(given)
        is_integer = isinstance(given, Number) and given.is_integer_text and fits_64_bits(given)
        if not is_text and not is_integer:
            raise Rejected("id_invalid")
        self._result.id = given

    def _read_deadline(self) -> None:
        expire = self._for_us["$expire"] if "$expire" in self._for_us else self._rule.get("expire", "30s")
        sent = self._for_us["$sent_at"] if "$sent_at" in self._for_us else self._optional("sent_at")
        start = self._arrival if sent is MISSING else min(self._arrival, read_time(sent))
        self._result.is_expired = start + read_duration(expire) <= self._arrival

    def _invoke(self) -> None:
        invoke = self._rule["invoke"]
        identifier = self._name("Identifier", self._template(invoke["identifier"]))
        args = self._fitting(identifier, self._arguments(invoke.get("args", {})))
        parameters: Parameters = {"Identifier": identifier, "Args": args}
        parameters |= {"IotId": None, "ProductKey": None, "DeviceName": None}
        devices = []
        if "iot_id" in invoke:
            parameters["IotId"] = self._name("IotId", self._template(invoke["iot_id"]))
        else:
            parameters["ProductKey"] = self._name("ProductKey", invoke.get("product_key", self._rule["product_key"]))
            devices = self._devices(invoke)
            parameters["DeviceName"] = devices[0] if len(devices) == 1 else devices
        self._result.action = "InvokeThingsService" if len(devices) > 1 else "InvokeThingService"
        self._result.calls = max(1, -(-len(devices) // DEVICES_OF_A_CALL))
        self._result.parameters = parameters

    def _arguments(self, node: Value) -> Value:
        value = self._template(node)
        if value is not MISSING and not isinstance(value, dict):
            self._result.codes.add("argument_invalid")
        return value

    def _fitting(self, identifier: str, args: Value) -> Value:
        """The arguments as the thing model wants them."""
        if "model" not in self._rule or self._result.codes:
            return args
        service = service_of((self._models[name] for name in as_list(self._rule["model"])), identifier)
        return fit_arguments(service, args)

    def _devices(self, invoke: Document) -> list[str]:
        if "device" in invoke:
            return [self._device(self._template(invoke["device"]))]
        given = self._template(invoke["devices"])
        lists = map(as_list, given if isinstance(invoke["devices"], list) else [given])
        names = [self._device(name) for items in lists for name in items]
        devices = list(dict.fromkeys(names))
        if not names and not self._result.codes:
            raise Rejected("no_devices")
        if len(devices) > MAX_DEVICES:
            raise Rejected("request_too_large")
        return devices

    def _device(self, value: Value) -> str:
        """Numbers are no names."""
        if not isinstance(value, str) and value is not MISSING:
            raise Rejected("name_invalid")
        return self._name("DeviceName", value)

    def _name(self, kind: str, value: Value) -> str:
        """One that the platform allows."""
        if value is MISSING:
            return ""
        try:
            text = plain_text(value)
        except Rejected as rejected:
            raise Rejected("name_invalid", *rejected.codes) from None
        if not _NAMES[kind].fullmatch(text):
            self._result.codes.add("name_invalid")
        return text

    def _call(self) -> None:
        call = self._rule["call"]
        self._result.action = call["action"]
        for name, node in call.get("parameters", {}).items():
            self._result.parameters[name] = self._parameter(name, self._template(node))

    def _parameter(self, name: str, value: Value) -> Value:
        if isinstance(value, dict) or self._result.codes:
            return value
        if value == [] or any(item is None or item == "" for item in as_list(value)):
            self._result.codes.add("argument_invalid")
        if name in _NAMES:
            return [self._name(name, item) for item in value] if isinstance(value, list) else self._name(name, value)
        return list(map(sent_text, value)) if isinstance(value, list) else sent_text(value)


def as_list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]


def sent_text(value: Value) -> str:
    return write_json(value) if isinstance(value, (dict, list)) else "" if value is None else plain_text(value)
