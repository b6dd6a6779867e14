"""Small sets of rules that conflict, for `check`."""

from __future__ import annotations

from random import Random

from .files import Document

DEFAULTS = {"product_key": "k1ymv1DuLfE"}
LEVELS = ["a", "b", "ab", "", "a", "b", "{x}", "{y}", "{x}", "{y}", "+"]
FIRST = ["a", "b", "ab", "$x", "", "{x}", "{y}", "+", "a", "b", "a", "b"]
ENDS = ["", "", "", "", "", "", "/#", "/{p#}", "/{p#}"]
GLOBS = [
    "*", "?", "a", "b", "ab", "a*", "*b", "?b", "a?", "??", "*a*", "a*b", "", "?*", "*?", "**", "b*", "*a", "z", "?a",
    "*?*", "a**", "??*",
]
REST_GLOBS = [*GLOBS, "a/b", "a/*", "*/b", "*/*", "b/*", "?/?", "*/", "/*", "a/?", "*/*b"]
REPLY_PIECES = [
    "a", "b", "/", "/", "/", "ab", "z", "-", "${x}", "${y}", "${p}", "${x}", "${y}", "${p}", "${topic}",
    "${x | lower}", "${y | upper}", "${p | lower}", "${topic | upper}", "${x | trim}", "${x | string}", "${p | json}",
    '${x | map(a="b",ab="a/b")}', '${y | map(a="z",b=1,z="ab") | default("a")}', '${x | map(a="b") | default("z/z")}',
    '${x | map(a=["b/a"]) | json}', "${now}", "${x | map(A=true,a=false)}", '${p | map("a/b"="b/a",a="b")}', "${payload.t}", "${id}",
    "${x | lower | upper}", '${topic | map(a="b/a","a/b"="b")}',
]


def pattern(random: Random) -> str:
    names: set[str] = set()
    levels: list[str] = []
    for place in range(random.choice((1, 2, 2, 3))):
        level = random.choice(LEVELS if place else FIRST)
        levels.append("+" if level in names else level)
        names |= {level} if level[:1] == "{" else set()
    text = "/".join(levels) + random.choice(ENDS)
    return text if text.strip("/") else random.choice(["#", "{p#}", "+", "a"])


def where(random: Random, topic: str, share: float) -> dict[str, str | list[str]]:
    found: dict[str, str | list[str]] = {}
    for name in ("x", "y", "p"):
        if "{" + name in topic and random.random() < share:
            globs = random.sample(REST_GLOBS if name == "p" else GLOBS, random.choice((1, 1, 1, 2, 3)))
            found[name] = globs[0] if len(globs) == 1 and random.random() < 0.5 else globs
    return found


def rule(random: Random, name: str, share: float) -> Document:
    topic = pattern(random)
    found = where(random, topic, share)
    made: Document = {"name": name, "topic": topic, "invoke": {"identifier": "Set", "device": "lamp-1"}}
    return made | ({"where": found} if found else {})


def rules(random: Random) -> list[Document]:
    share = random.choice((0.0, 0.4, 0.8, 1.0))
    made = [rule(random, f"r{number}", share) for number in range(random.choice((2, 2, 3, 4, 6)))]
    if random.random() < 0.4:
        # One topic with several `where`: only the globs tell the rules apart.
        for one in made:
            if random.random() < 0.7:
                one["topic"] = made[0]["topic"]
                one.pop("where", None)
                found = where(random, one["topic"], share)
                one |= {"where": found} if found else {}
    return made


def reply_template(random: Random, topic: str) -> str:
    usable = [
        piece for piece in REPLY_PIECES
        if not any(f"${{{name}" in piece and "{" + name not in topic for name in ("x", "y", "p"))
        or piece.startswith("${payload")
    ]
    return "".join(random.choices(usable, k=random.choice((1, 2, 3, 3, 4, 5))))


def with_replies(random: Random, made: list[Document]) -> list[Document]:
    """Most of them reply where no rule is."""
    for one in made:
        if random.random() < 0.2:
            continue
        if random.random() < 0.5:
            one["reply"] = "none"
            continue
        reply = {key: reply_template(random, one["topic"]) for key in ("ack", "result") if random.random() < 0.7}
        one["reply"] = reply | {key: "none" for key in ("ack", "result") if key not in reply and random.random() < 0.7}
    return made


def split(random: Random, made: list[Document]) -> list[Document]:
    """The rules in several files, whose order is that of their names."""
    places = sorted(random.randint(0, len(made)) for _ in range(random.choice((0, 0, 1, 2))))
    parts = [made[start:end] for start, end in zip([0, *places], [*places, len(made)])]
    return [{"version": 1, "defaults": DEFAULTS, "rules": part} for part in parts if part]


def rule_set(random: Random) -> list[Document]:
    """Files, in order."""
    made = rules(random)
    if random.random() < 0.6:
        return split(random, with_replies(random, made))
    return split(random, [one | {"reply": "none"} for one in made])
