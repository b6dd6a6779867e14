"""Templates that mean something for members of known kinds, and now and then some that do not."""

from __future__ import annotations

from random import Random

from . import pools
from .values import Number, Value, write_json

# Members of a payload: their kind is what most messages bring.
KINDS = ("number", "numeric", "text", "word", "any")
DRAW = {
    "number": pools.number, "numeric": pools.numeric_text, "text": pools.text, "word": pools.word, "any": pools.value,
}
SCALES = [
    "0,255,0,100", "0,100,0,255", "0,1,0,100", "0,1,0,1", "0,10,0,1", "0,3,0,1", "100,0,0,100", "255,0,100,0",
    "-10,10,-1.5,1.5", "-100,-50,0,1", "0,1,7,7", "153,500,6500,2000", "0,1,-1,1", "1e2,1e3,0,1.0", "0,1,0,1e-9",
    "0.0,1.0,32,212",
]
ROUNDS = ["round", "round(0)", "round(1)", "round(2)", "round( 3 )", "round(15)"]
# For each kind: the filters that take it, and the kind that comes of them.
TAKEN_BY = {
    "number": [
        ("int", "number"), ("float", "number"), ("round", "number"), ("scale", "number"), ("clamp", "number"),
        ("string", "numeric"), ("json", "numeric"), ("map", "any"), ("default", "number"),
    ],
    "numeric": [
        ("int", "number"), ("float", "number"), ("round", "number"), ("trim", "numeric"), ("string", "numeric"),
        ("upper", "numeric"), ("default", "numeric"),
    ],
    "text": [
        ("lower", "text"), ("upper", "text"), ("trim", "text"), ("string", "text"), ("json", "text"), ("map", "any"),
        ("default", "text"),
    ],
    "word": [("bool", "bool"), ("map", "any"), ("lower", "word"), ("string", "word"), ("default", "word")],
    "bool": [("bool", "bool"), ("string", "word"), ("json", "word"), ("map", "any"), ("default", "bool")],
    "any": [("json", "text"), ("default", "any"), ("string", "text")],
}
# Other sources than the members that a payload surely has, and their kinds.
SOURCES = {
    "x": "numeric", "y": "text", "topic": "text", "id": "any", "property.p": "word", "property.q q": "any",
    "group.g": "any", "now": "text", "payload": "any", "payload.o.a": "any", "payload.l.0": "any",
    "payload.l.1.a": "any", "payload.l.2": "any", "payload:/l/01": "any", "payload:/l/-": "any", "payload:/o/": "any", "payload:/o/a~1b": "any",
    "payload:/o/~01": "any", "payload:/o/m~0n": "any",
}
MAP_NAMES = pools.WORDS + pools.TEXTS[:24] + ["0.5", "1e2"]
CONSTANTS = [Number("1"), Number("10.0"), Number("1e2"), True, None, "plain", "$${x}", "", [], {}, "1"]
FILTERS = sorted({name for pairs in TAKEN_BY.values() for name, _ in pairs})
LITERALS = [
    "", "", "x", " ", "-", ": ", "$${", "$${x}", "$", "$$", "}", "{", "{x}", "é", "a/b", "|", '"', "\\", "\n", "#",
]


def spaces(random: Random) -> str:
    return random.choice(["", " ", "", " ", "  "])


def filter_text(random: Random, name: str) -> str:
    if name == "scale":
        return f"scale({random.choice(SCALES) if random.random() < 0.7 else random_scale(random)})"
    if name == "clamp":
        low, high = sorted((pools.number(random), pools.number(random)), key=lambda number: number.exact)
        if random.random() < 0.2:
            low, high = Number("0"), Number("9007199254740992")
        return f"clamp({low.text},{spaces(random)}{high.text})"
    if name == "round":
        return random.choice(ROUNDS)
    if name == "map":
        pairs = {random.choice(MAP_NAMES): write_json(pools.value(random, 1)) for _ in range(3)}
        return f"map({','.join(f'{map_name(random, key)}={given}' for key, given in pairs.items())})"
    if name == "default":
        return f"default({spaces(random)}{write_json(pools.value(random, 1))}{spaces(random)})"
    return name


def random_scale(random: Random) -> str:
    while True:
        numbers = [Number(pools.decimal(random, 4)) for _ in range(4)]
        if numbers[0].exact != numbers[1].exact:
            return ",".join(number.text for number in numbers)


def map_name(random: Random, name: str) -> str:
    is_plain = name.isascii() and name.isalnum()
    return name if is_plain and random.random() < 0.7 else write_json(name)


def chain(random: Random, kind: str) -> str:
    """Filters, each with its bar."""
    text = ""
    for _ in range(random.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        name, kind = random.choice(TAKEN_BY[kind])
        if random.random() < 0.05:
            name, kind = random.choice(FILTERS), "any"
        text += f"{spaces(random)}|{spaces(random)}{filter_text(random, name)}"
    return text


def member_source(random: Random, name: str) -> str:
    """Of a member `name`, by one of its spellings."""
    if random.random() < 0.3 or not name.isidentifier() or not name.isascii():
        return "payload:/" + name.replace("~", "~0").replace("/", "~1")
    return f"payload.{name}"


def expression(random: Random, members: dict[str, str]) -> str:
    """`members` tells the kinds of the payload's members; the rule has the captures x and y."""
    if random.random() < 0.75:
        name = random.choice(list(members))
        source, kind = member_source(random, name), members[name]
    else:
        source, kind = random.choice(list(SOURCES.items()))
    return "${" + source + chain(random, kind) + spaces(random) + "}"


def template(random: Random, members: dict[str, str]) -> str:
    if random.random() < 0.7:
        return expression(random, members)
    text = random.choice(LITERALS)
    for _ in range(random.randint(1, 3)):
        text += expression(random, members) + random.choice(LITERALS)
    return text


def argument(random: Random, members: dict[str, str], depth: int = 2) -> Value:
    """A template, a constant, or a map or list of them."""
    kind = random.random()
    if depth == 0 or kind < 0.75:
        return template(random, members)
    if kind < 0.85:
        return random.choice(CONSTANTS)
    if kind < 0.92:
        return [argument(random, members, depth - 1) for _ in range(random.randint(0, 2))]
    names = random.sample(pools.MEMBER_NAMES, random.randint(0, 2))
    return {name: argument(random, members, depth - 1) for name in names}
