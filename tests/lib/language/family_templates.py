"""Arguments with templates, over payloads whose members have known kinds."""

from __future__ import annotations

from random import Random
from typing import Any

from . import pools
from .expressions import DRAW, KINDS, argument
from .files import MESSAGES, Document, Made, document
from .values import Value

NAMES = ["a", "b", "c", "n1", "a.b", "x/y", "m~n", "é", "two words", "", "A"]
FIRST_CAPTURES = ["1", "10.0", "2.675", "ON", "", " 5"]
REST_CAPTURES = ["", "a", "a/B", "/", "é"]


def members_of(random: Random) -> dict[str, str]:
    return {name: random.choice(KINDS) for name in random.sample(NAMES, 3)}


def draw_payload(random: Random, members: dict[str, str]) -> str:
    if random.random() < 0.05:
        return pools.scalar_payload(random)
    payload: dict[str, Value] = {}
    for name, kind in members.items():
        chance = random.random()
        if chance < 0.88:
            payload[name] = DRAW[kind](random)
        elif chance < 0.95:
            payload[name] = pools.value(random)
    payload["o"] = {name: pools.scalar(random) for name in ("a", "a/b", "~1", "", "m~n") if random.random() < 0.8}
    payload["l"] = [pools.scalar(random), {"a": pools.scalar(random)}][: random.randint(0, 2)]
    return pools.spaced_json(random, payload)


def template_message(random: Random, name: str, members: dict[str, str]) -> Document:
    return {
        "topic": f"{name}/{random.choice(FIRST_CAPTURES)}/{random.choice(REST_CAPTURES)}",
        "payload": draw_payload(random, members),
        "properties": {key: random.choice(pools.WORDS) for key in ("p", "q q") if random.random() < 0.8},
    }


def template_rule(random: Random, name: str) -> Made:
    members = members_of(random)
    names = random.sample(["v", "w", "x y", "z"], random.choice((1, 1, 2, 3)))
    arguments: Any = {key: argument(random, members) for key in names}
    rule = {
        "name": name, "topic": f"{name}/{{x}}/{{y#}}",
        "invoke": {"identifier": "Set", "device": "lamp-1", "args": arguments},
    }
    return document([rule]), [template_message(random, name, members) for _ in range(MESSAGES)]
