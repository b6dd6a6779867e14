"""Payloads as they come: scalars, JSON that is well formed or nearly, and what is beyond the limits."""

from __future__ import annotations

from random import Random

from . import pools
from .family_life import IDS
from .files import MESSAGES, Made, document
from .values import MAX_PAYLOAD, Number, write_json

LEADS = [" ", "\n", "\r\n\t", "\ufeff", "\ufeff ", " \ufeff\ufeff", "\v", "\u00a0", "\ufeff\u00a0", "\u200b"]
ARGUMENTS = ["${payload}", {"it": "${payload}"}, {"it": "${payload | default({})}"}, {"it": "<${payload | json}>"}]


def deep(random: Random) -> str:
    depth = random.choice((31, 32, 33, 40))
    text = "".join(random.choice(("[", '{"a":')) for _ in range(depth - 1))
    ends = "".join("]" if bracket == "[" else "}" for bracket in reversed(text.replace('"a":', "")))
    return f'{{"$id":"deep","a":{text}[]{ends}}}' if random.random() < 0.3 else f"{text}[]{ends}"


def large(random: Random) -> str:
    in_json = write_json({"$id": Number("7"), "a": "é" * (MAX_PAYLOAD // 2)})
    return random.choice(["x" * (MAX_PAYLOAD + 1), in_json])


def with_id(random: Random, text: str) -> str:
    is_empty = not text.removeprefix("{").strip(" \r\n\t}")
    return text.replace("{", '{"$id":%s%s' % (write_json(random.choice(IDS)), "" if is_empty else ","), 1)


def raw_payload(random: Random) -> str:
    kind = random.random()
    if kind < 0.25:
        return pools.scalar_payload(random)
    if kind < 0.3:
        return deep(random)
    if kind < 0.301:
        return large(random)
    text = pools.spaced_json(random, pools.mapping(random) if random.random() < 0.6 else pools.value(random))
    if kind < 0.35 and text.startswith("{"):
        return with_id(random, text)
    if kind < 0.4:
        return text.replace("1", random.choice(pools.TOO_LARGE), 1)
    return pools.broken(random, text) if kind < 0.6 else text


def led_payload(random: Random) -> str:
    """Now and then behind a byte order mark, white space, or what is neither."""
    lead = random.choice(LEADS) if random.random() < 0.15 else ""
    return lead + raw_payload(random)


def payload_rule(random: Random, name: str) -> Made:
    rule = {
        "name": name, "topic": name, "empty": random.choice(["accept", "reject"]),
        "invoke": {"identifier": "Set", "device": "lamp-1", "args": random.choice(ARGUMENTS)},
    }
    return document([rule]), [{"topic": name, "payload": led_payload(random)} for _ in range(MESSAGES)]
