"""Devices, services and other calls, with names that are allowed and names that are not."""

from __future__ import annotations

from random import Random

from . import pools
from .expressions import DRAW, KINDS, argument
from .files import MESSAGES, Document, Made, document
from .values import Number, Value, write_json

DEVICES = ["lamp-1", "lamp-2", "a", "L.1", "a:b", "x@y", "A_b", "0", "-", "x" * 64]
NO_DEVICES = ["", " ", "a b", "é", "a/b", "x" * 65, "a#", "+", "a\n", "a$", "a,b"]
IDENTIFIERS = ["Set", "m:Set", "_", "Set_1", "9"]
NO_IDENTIFIERS = ["", ":", "a:b:c", ":Set", "m:", "Set-1", "Set.x", "É", "a b", "Set\n"]
# Names keep the spelling of numbers.
WRITTEN_AS_NUMBERS = [Number(text) for text in "7 007 0x1F 0o17 1e2 00".split()]
IOT_IDS = ["a", "Q7uO", "x" * 64]
SIZES = (0, 1, 2, 3, 4, 99, 100, 101, 200, 201, 250)
TARGETS = [
    {"device": "${payload.d}"}, {"device": "lamp-${payload.d}"}, {"device": "${payload.v}"}, {"iot_id": "${payload.i}"},
    {"devices": "${payload.v}"}, {"devices": "${payload.l}"}, {"devices": "${payload.l | default([])}"},
    {"devices": "${group.g}"}, {"devices": "${group.many}"}, {"devices": ["lamp-1", "${payload.d}"]},
    {"devices": ["${group.one}", "${payload.l}"]}, {"devices": ["${group.many}", "${payload.l}", "lamp-1"]},
    {"devices": ["${payload.d | lower}", "${payload.d}"]}, {"devices": ["${group.one}", "lamp-1"]},
]
ARGUMENTS = [{}, {"a": "${payload.a}"}, "${payload.o}", "${payload.o | default({})}", {"a": Number("1.0")}]


def mostly(random: Random, good: list[str], bad: list[str]) -> str:
    return random.choice(good if random.random() < 0.85 else bad)


def device_list(random: Random) -> Value:
    size = random.choice(SIZES if random.random() < 0.998 else (10_000, 10_001))
    devices: list[Value] = [f"lamp-{number}" for number in range(size)] if size > 4 else random.choices(DEVICES, k=size)
    if devices and random.random() < 0.3:
        devices += random.choices(devices, k=3)
    if random.random() < 0.2:
        devices = [devices[:2], devices[2:], [[]]]
    if random.random() < 0.1:
        devices.append(random.choice(NO_DEVICES))
    return devices


def target_payload(random: Random) -> dict[str, Value]:
    payload = {
        "d": mostly(random, DEVICES, NO_DEVICES),
        "l": device_list(random),
        "v": random.choice([random.choice(DEVICES), device_list(random), pools.value(random)]),
        "i": mostly(random, IOT_IDS, NO_DEVICES + ["a-b"]),
        "s": mostly(random, IDENTIFIERS, NO_IDENTIFIERS),
        "a": pools.value(random),
        "o": pools.mapping(random) if random.random() < 0.9 else pools.value(random),
    }
    return {name: value for name, value in payload.items() if random.random() > 0.04}


def invoke_rule(random: Random, name: str) -> Made:
    identifier = random.choice(["Set", "irrigation:Open", "${payload.s}", "m:${payload.s}"])
    invoke: Document = {"identifier": identifier, **random.choice(TARGETS)}
    if random.random() < 0.7:
        invoke["args"] = random.choice(ARGUMENTS)
    if random.random() < 0.3:
        invoke["product_key"] = random.choice(["a1Other", Number("007")])
    messages = [{"topic": name, "payload": write_json(target_payload(random))} for _ in range(MESSAGES)]
    return document([{"name": name, "topic": name, "invoke": invoke}]), messages


def call_parameters(random: Random, members: dict[str, str]) -> dict[str, Value]:
    names = random.sample(["Items", "Value", "Topic_1", "Qos"], random.randint(0, 3))
    parameters: dict[str, Value] = {name: argument(random, members) for name in names}
    # An empty constant does not load.
    parameters = {name: node for name, node in parameters.items() if node not in ("", None, [])}
    for name, member in (("DeviceName", "d"), ("ProductKey", "i"), ("Identifier", "s")):
        if random.random() < 0.3:
            parameters[name] = f"${{payload.{member}}}" if random.random() < 0.7 else random.choice(WRITTEN_AS_NUMBERS)
    if random.random() < 0.3:
        parameters["Names"] = ["one", "${payload.d}", "${payload.a}"]
    return parameters


def call_rule(random: Random, name: str) -> Made:
    members = {"a": random.choice(KINDS), "b": "any", "c": random.choice(KINDS)}
    call = {"action": "SetDeviceProperty", "parameters": call_parameters(random, members)}
    messages = []
    for _ in range(MESSAGES):
        payload = target_payload(random) | {member: DRAW[kind](random) for member, kind in members.items()}
        messages.append({"topic": f"{name}/1/y", "payload": write_json(payload)})
    return document([{"name": name, "topic": f"{name}/{{x}}/{{y#}}", "call": call}]), messages
