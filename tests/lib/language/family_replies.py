"""Where replies go: the rule's topics, and the requester's own."""

from __future__ import annotations

from random import Random

from .files import DEFAULTS, GROUPS, MESSAGES, RULES, Document, Made
from .replies import is_name
from .values import Number, Value, write_json

TEMPLATES = [
    "${topic}/ack", "reply/${x}", "out/${x | lower}", "out/${payload.t}", "${payload.t}", "${payload.t | default(\"out/d\")}",
    "out/${payload.n}", "${payload.v}", "out/${property.p}", "${property.p | default(\"out/p\")}", "out/${id}", "out/${now}",
    "out/${payload.t | map(a=\"b\",x=\"taken/1\")}", "none", "none", "out/$${x}", "out/${group.one | json}",
    "${payload.t}/${payload.t}", "taken${payload.t}", "thingbridge${payload.t}", "homeassistant${payload.t}",
]
TEXTS = [
    "a", "x", "out/x", "taken/1", "taken/2", "taken", "/1", "/bridge/x", "/bridge", "/x", "s/x", "", "a/b", "a/+", "#", "a/#",
    "a+", "+", "a\nb", "a\x01", "\x7f", "\u0085", "é", "$SYS/x", "$x", "a/$x", "$", "/", "//", " ", "homeassistant/x",
    "homeassistant", "homeassistants", "thingbridge/bridge/x", "thingbridge/bridge", "thingbridge/x", "x" * 1020,
    "x" * 1024, "x" * 1025, "é" * 512, "é" * 513, "😀", "\ufffe", "\ufdd0", "\ufdf0",
    "\U0001ffff", "/".join("x" * 200), "/".join("x" * 201), "none",
]
REQUESTED = [
    "reply/x", "reply", "reply/", "response/a/b", "response", "me/reply/1", "me/reply", "me/response/x/y", "/reply/x",
    "a/b/reply/c", "thingbridge/reply/1", "thingbridge/reply", "thingbridges/reply/1", "thingbridge/bridge/reply",
    "replies/x", "Reply/x", "$x/reply/1", "$reply/x", "homeassistant/reply/1", "homeassistant/reply", "taken/reply/1",
    "own/1/x", "own/1", "reply/a\n", "reply/+", "reply/#", "response/\u0085", "reply/é", "reply/" + "x" * 1018,
    "reply/" + "x" * 1019, "else/1", "",
]
NOT_TEXT: list[Value] = [Number("5"), True, None, [], {}]
# As the configuration's `reply.allow`; each but the default has to replace it.
ALLOWS = [
    ["#"], ["<command topic>/r/+", "<base>/out/#"], [], ["+/reply/1", "reply/+", "$x/#"], ["<command topic>", "reply/#"],
]


def reply(random: Random, name: str) -> Document:
    kind = random.random()
    if kind < 0.15:
        return {}
    if kind < 0.25:
        return {"reply": "none"}
    # Topics below the rule's own are no commands.
    return {"reply": {key: random.choice(TEMPLATES) for key in ("ack", "result") if random.random() < 0.8}}


def requested(random: Random, topic: str) -> str:
    """A topic that a requester names."""
    kind = random.random()
    if kind < 0.3:
        return topic + random.choice(["/mine", "/r/1", "", "/", "x", "/a/b", "/r/1/2"])
    return random.choice(REQUESTED if kind < 0.9 else TEXTS)


def message(random: Random, name: str) -> Document:
    topic = f"{name}/{random.choice(['7', 'x', 'A b', 'é', '', '$x'])}"
    payload: dict[str, Value] = {"t": random.choice(TEXTS), "n": Number("1.50")}
    if random.random() < 0.3:
        payload["v"] = random.choice([*NOT_TEXT, "out/v"])
    if random.random() < 0.1:
        del payload["t"]
    if random.random() < 0.4:
        payload["$reply_to"] = requested(random, topic) if random.random() < 0.85 else random.choice(NOT_TEXT)
    if random.random() < 0.1:
        payload["$id"] = random.choice(["7", "a/b", "+", "é", Number("7"), True])
    text = write_json(payload)
    if random.random() < 0.06:
        text = random.choice(["", "{", "out/x", '"x"', "5", text + "}", '{"t":"a","n":1e999}', "[" * 40])
    made: Document = {"topic": topic, "payload": text}
    if random.random() < 0.4:
        # One that is no topic cannot come over MQTT, nor be in a test.
        made["response_topic"] = next(filter(is_name, iter(lambda: requested(random, topic), None)))
    if random.random() < 0.3:
        made["properties"] = {"p": random.choice(TEXTS)}
    return made


def reply_rule(random: Random, name: str) -> Made:
    rule: Document = {
        "name": name, "topic": f"{name}/{{x}}", "invoke": {"identifier": "Set", "device": "lamp-1"}, **reply(random, name),
    }
    if random.random() < 0.6:
        rule["response_topic"] = random.choice(["also", "instead", "ignore"])
    return {"rules": [rule]}, [message(random, name) for _ in range(MESSAGES)]


def replies(random: Random) -> Made:
    """Also rules that take what others could reply to."""
    invoke = {"identifier": "Set", "device": "lamp-1"}
    rules: list[Document] = [
        {"name": "taken", "topic": "taken/{n}", "where": {"n": ["1", "s*"]}, "invoke": invoke, "reply": "none"},
        {"name": "replies", "topic": "{n}/reply/1", "where": {"n": "taken"}, "invoke": invoke, "reply": "none"},
    ]
    messages: list[Document] = []
    for number in range(RULES):
        made, sent = reply_rule(random, f"r{number}")
        rules += made["rules"]
        messages += sent
    defaults = {"product_key": DEFAULTS["product_key"]}
    if random.random() < 0.5:
        defaults["reply"] = {"ack": "out/default/ack", "result": "${topic}/default"}
    return {"version": 1, "defaults": defaults, "groups": GROUPS, "rules": rules}, messages
