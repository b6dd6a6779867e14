"""Rules whose topics and `where` overlap."""

from __future__ import annotations

from random import Random

from .files import MESSAGES, RULES, Document, Made, document

LEVELS = ["a", "a", "b", "ab", "abb", "A", "", "é", "$x", "a b", "*", "?"]
NAMED = ["{x}", "{y}", "{_z9}"]
GLOBS = [
    "*", "?", "a", "a*", "*b", "a*b", "??", "?*", "*?", "", "é", "*é", "a?", "**", "*a*b*", "A", "[a]", "a/b", "a/*",
    "*/b",
]


def pattern(random: Random) -> str:
    names = random.sample(NAMED, 3)
    levels = []
    for _ in range(random.randint(1, 4)):
        kind = random.random()
        level = random.choice(LEVELS[:-2]) if kind < 0.55 else "+" if kind < 0.7 else names.pop() if names else "b"
        levels.append(level)
    if random.random() < 0.25:
        levels.append(random.choice(["#", "{p#}"]))
    return "/".join(levels) if any(levels) else "a"


def globs(random: Random) -> str | list[str]:
    if random.random() < 0.5:
        return random.choice(GLOBS)
    return random.sample(GLOBS + ["b", "ab"], random.randint(1, 4))


def topic_rule(random: Random, name: str) -> Document:
    topic = pattern(random)
    captures = [key for key in ("x", "y", "_z9", "p") if "{" + key in topic]
    where = {key: globs(random) for key in captures if random.random() < 0.5}
    arguments = {key: "${" + key + "}" for key in captures}
    rule = {"name": name, "topic": topic, "invoke": {"identifier": "Set", "device": "lamp-1", "args": arguments}}
    return rule | ({"where": where} if where else {})


def topic_for(random: Random, wanted: str) -> str:
    """One that the pattern takes, or nearly."""
    levels = []
    for level in wanted.split("/"):
        if level in ("#", "{p#}"):
            levels += random.choices(LEVELS, k=random.randint(0, 2))
        else:
            levels.append(random.choice(LEVELS) if level[:1] in ("+", "{") or random.random() < 0.05 else level)
    return "/".join(levels) if any(levels) else "a"


def random_topic(random: Random) -> str:
    levels = random.choices(LEVELS, k=random.randint(1, 5))
    if random.random() < 0.05:
        levels = ["thingbridge", random.choice(["bridge", "a"]), *levels][: random.randint(1, 4)]
    return "/".join(levels) if any(levels) else "a/"


def topics(random: Random) -> Made:
    rules = [topic_rule(random, f"r{number}") for number in range(random.choice((3, 10, 30)))]
    messages = []
    for _ in range(RULES * MESSAGES):
        is_wanted = random.random() < 0.6
        topic = topic_for(random, random.choice(rules)["topic"]) if is_wanted else random_topic(random)
        messages.append({"topic": topic, "payload": "{}"})
    return document(rules), messages
