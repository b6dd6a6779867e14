"""Ids and deadlines."""

from __future__ import annotations

from random import Random
from typing import Sequence

from .files import MESSAGES, Document, Made, document
from .values import Number, Value, write_json


def numbers(texts: str) -> list[Number]:
    return [Number(text) for text in texts.split()]


IDS: list[Value] = [
    "x", "é", "x" * 256, "x" * 257, "é" * 128, "é" * 129, "", "a\nb", "\x7f", "\u0085", " ", True, None, [], {},
    *numbers("0 -0 7 -7 1.0 1e2 9007199254740993 18446744073709551615 -9223372036854775808"),
]
EXPIRES: list[Value] = [
    "10s", "0s", "500ms", "1m", "2h", "10", "s", "-1s", "1.5s", "10 s", "10S", "", " 10s", "87600h", "87601h", True,
    None, [], *numbers("0 1 1000 5000 30000 -1 1.5 1e3 10.0 315360000000 315360000001"),
]
NOWS = [
    "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z", "2025-12-31T23:59:50Z", "2025-12-31T23:59:30Z",
    "2025-12-31T23:59:29.999Z", "2026-01-01T01:00:00+01:00", "2025-12-31T18:29:55-05:30",
]
TIMES = [
    *NOWS, "2026-01-01T00:00:10Z", "2026-01-01t00:00:00z", "2024-02-29T00:00:00Z", "2025-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01", "",
    "now", "2026-01-01T00:00:00+0100", "2025-12-31T23:59:49.9999Z", "1767225600000", "1969-12-31T23:59:59Z",
    "1767225595", "1767225570",
]
TIME_VALUES: list[Value] = [
    *TIMES, True, None, [],
    *numbers(
        "1767225600000 1767225595000 1767225590000 1767225589999 1767225570000 1767225569999 0 -1 1767225600000.5"
        " 1.7672256e12 1e12 1767225600 1767225595 1767225589 1767225570 99999999999 100000000000"
    ),
]
MEMBERS: dict[str, Sequence[Value]] = {
    "$id": IDS, "$expire": EXPIRES, "$sent_at": TIME_VALUES, "id": IDS, "at": TIME_VALUES, "$reply_to": ["reply/x"],
    "$traceparent": ["t"], "$other": [Number("1")],
}
PROPERTIES = {"p": ["x", "7", ""], "at": TIMES}
ID_FROM = ["${payload.id}", "${x}", "n-${payload.id}", "${payload.id | string}", "${property.p}"]
SENT_AT = ["${payload.at}", '${payload.at | default("2025-12-31T23:59:55Z")}', "${property.at}"]


def some(random: Random, choices: dict[str, Sequence[Value]], share: float) -> dict[str, Value]:
    return {name: random.choice(values) for name, values in choices.items() if random.random() < share}


def life_message(random: Random, name: str) -> Document:
    message: Document = {
        "topic": f"{name}/{random.choice(['7', 'x', 'é'])}",
        "payload": write_json(some(random, MEMBERS, 0.3)),
        "properties": some(random, PROPERTIES, 0.5),
    }
    return message | some(random, {"now": NOWS}, 0.3)


def life_rule(random: Random, name: str) -> Made:
    arguments = {"id": "${id}", "it": "${payload}", "now": "${now}"}
    rule = {
        "name": name, "topic": f"{name}/{{x}}", "expire": random.choice(["10s", "30s", "500ms", "1m"]),
        "invoke": {"identifier": "Set", "device": "lamp-1", "args": arguments},
        **some(random, {"id_from": ID_FROM, "sent_at": SENT_AT}, 0.5),
    }
    return document([rule]), [life_message(random, name) for _ in range(MESSAGES)]
