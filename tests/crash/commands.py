"""The rules and the random mix of commands of the crash test."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from typing import Any

from harness.client import publish_properties
from harness.home import rule
from oracle import Command

EXPIRE_S = 60.0
BRIEF_S = 2.0
DEVICES = [f"lamp-{number:04}" for number in range(1, 31)]
MANY_DEVICES = [f"lamp-{number:04}" for number in range(1, 301)]
# Nobody hears how an asynchronous command ended on a broken device.
FAILING_DEVICES = {"once": ["offline-lamp"], "sync": ["offline-lamp", "broken-lamp"]}
_KEY = {"id": "${n}"}

# name -> identifier and further keys of the rule
_RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "once": ("Any", {}),
    "sync": ("Echo", {}),
    "safe": ("Any", {"idempotent": True}),
    "brief": ("Any", {"expire": f"{BRIEF_S:g}s"}),
    "ruled": ("Any", {"order": "rule"}),
    "free": ("Echo", {"order": "none"}),
    "latest": ("Any", {"latest_only": True}),
    "many": ("Any", {"devices": "${payload.devices}"}),
    "batch": ("Any", {"batch": {"window": "50ms", "max": 100}, "args": {"batch": "${payload.batch}"}}),
}
_WEIGHTS = {"once": 4, "sync": 4, "safe": 4, "brief": 2, "ruled": 2, "free": 1, "latest": 2, "many": 1, "batch": 2}
RULES = [
    rule(name, f"crash/{name}/{{device}}/{{n}}", identifier, **{"args": _KEY, "expire": f"{EXPIRE_S:g}s", **more})
    for name, (identifier, more) in _RULES.items()
]


@dataclass
class Publication:
    command: Command
    topic: str
    payload: bytes

    @property
    def properties(self) -> Any:
        response = next((topic for topic in self.command.reply_topics if topic.endswith("/rsp")), None)
        if response is None and self.command.expiry_s is None:
            return None
        return publish_properties(response, self.command.key.encode() if response else None, self.command.expiry_s)


class Mix:
    """Makes commands; equal seeds make equal ones."""

    def __init__(self, dice: random.Random, has_properties: bool) -> None:
        """MQTT 3.1.1 has no properties: without Message Expiry Interval and Response Topic."""
        self._dice = dice
        self._has_properties = has_properties
        self._count = 0
        self._batches = 0

    def make(self, clock_is_right: bool = True) -> list[Publication]:
        """One command, or a few that can be folded. `$sent_at` needs clocks that agree."""
        name = self._dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        if name == "batch":
            return self._make_batch()
        if name == "many":
            most = 250 if self._dice.random() < 0.2 else 4
            several = tuple(self._dice.sample(MANY_DEVICES if most > 4 else DEVICES, self._dice.randint(2, most)))
            return [self._publish(name, "x", several, {"devices": several}, clock_is_right)]
        fails = name in FAILING_DEVICES and self._dice.random() < 0.05
        # So few that newer ones find older ones waiting.
        devices = DEVICES[:4] if name == "latest" else DEVICES
        device = self._dice.choice(FAILING_DEVICES[name] if fails else devices)
        return [self._publish(name, device, (device,), {}, clock_is_right)]

    def _make_batch(self) -> list[Publication]:
        self._batches += 1
        text = f"g{self._batches}"
        devices = self._dice.sample(DEVICES, self._dice.randint(2, 12))
        return [self._publish("batch", device, (device,), {"batch": text}, False, text) for device in devices]

    def _publish(
        self, name: str, level: str, devices: tuple[str, ...], members: dict[str, Any], may_tell_age: bool,
        batch: str | None = None,
    ) -> Publication:
        self._count += 1
        key = str(self._count)
        topic = f"crash/{name}/{level}/{key}"
        more = _RULES[name][1]
        command = Command(
            key, name, devices, 0.0, BRIEF_S if name == "brief" else EXPIRE_S, more.get("idempotent", False),
            more.get("order", "device"), batch, reply_topics=(f"{topic}/reply",),
        )
        publication = Publication(command, topic, b"")
        self._decorate(publication, dict(members), may_tell_age)
        return publication

    def _decorate(self, publication: Publication, members: dict[str, Any], may_tell_age: bool) -> None:
        """An id, a shorter life, its age, a Response Topic, or a payload that is wrong: each now and then."""
        command, dice = publication.command, self._dice
        if dice.random() < 0.4:
            members["$id"] = f"id-{command.key}"
            command.copies = 2 if dice.random() < 0.15 else 1
        if dice.random() < 0.2:
            command.expire_s = min(command.expire_s, dice.choice([1.5, 3.0, 8.0]))
            members["$expire"] = f"{command.expire_s * 1000:.0f}ms"
        if may_tell_age and dice.random() < 0.3:
            command.tells_age = True
            members["$sent_at"] = 0
        elif dice.random() < 0.15 and self._has_properties:
            command.expiry_s = dice.choice([2, 5, 20])
        if dice.random() < 0.15 and self._has_properties:
            command.reply_topics += (f"{publication.topic}/rsp",)
        publication.payload = json.dumps(members).encode()
        if dice.random() < 0.02:
            publication.payload = publication.payload[:-1]
            command.copies = 1  # without an id there are no duplicates


def stamp(publication: Publication) -> None:
    """To be called just before it is published."""
    now = publication.command.published = time.time()
    publication.payload = publication.payload.replace(b'"$sent_at": 0', b'"$sent_at": %d' % int(now * 1000))
