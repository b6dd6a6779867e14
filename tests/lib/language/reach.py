"""Which rules messages reach, found by trying every topic that is made of some levels."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product
from random import Random
from typing import Any, Iterable, Mapping, Sequence

from .rules import NOW, OUR_ID
from .replies import OURS, Replies, fits_rule, is_closed, is_name, templates_of, text_value
from .templates import Expression, Scope, parse
from .values import MISSING

Document = Mapping[str, Any]
Pair = tuple[str, str]  # names of rules, or the name of a rule and a template of it

MOST_TOPICS = 6000
# Stands for any text that no rule names.
FRESH = "z"


def levels_of(rules: Sequence[Document]) -> list[str]:
    """Texts of levels that rules and the globs of `where` tell apart."""
    found = {"a", "b", "ab", "", FRESH, FRESH * 2}
    for rule in rules:
        found |= {level for level in rule["topic"].split("/") if level[:1] not in ("{", "+", "#")}
        for globs in rule.get("where", {}).values():
            for glob in [globs] if isinstance(globs, str) else globs:
                for any_text, one in (("", FRESH), (FRESH, "a"), ("ab", "b")):
                    found |= set(glob.replace("*", any_text).replace("?", one).split("/"))
    return sorted(found)


def topics_of(levels: Sequence[str], most: int = MOST_TOPICS) -> list[str]:
    """All names made of them that are no longer than `most` allows."""
    found: list[str] = []
    for depth in range(1, 6):
        if depth > 2 and len(found) + len(levels) ** depth > most:
            break
        found += filter(is_name, map("/".join, product(levels, repeat=depth)))
    return found


def samples_of(random: Random, rules: Sequence[Document], levels: Sequence[str], count: int) -> set[str]:
    """Some names that the topics of rules fit, of any length: so many for each rule."""
    made = ("/".join(sample(random, rules, rule, levels)) for rule in rules for _ in range(count))
    return set(filter(is_name, made))


def sample(random: Random, rules: Sequence[Document], rule: Document, levels: Sequence[str]) -> list[str]:
    """The levels of one."""
    made: list[str] = []
    for level in rule["topic"].split("/"):
        is_rest = level == "#" or level.endswith("#}")
        globs = rule.get("where", {}).get(level.strip("{#}"))
        # A rest can be what another rule takes, or the end of it.
        texts = levels
        if is_rest and random.random() < 0.5:
            whole = sample(random, rules, random.choice(rules), levels)
            texts = ["/".join(whole), "/".join(whole[1:]), "/".join(whole[:-1])]
        if globs and random.random() < 0.7:
            glob = globs if isinstance(globs, str) else random.choice(globs)
            made.append(re.sub("[*?]", lambda sign: filler(random, sign[0], texts), glob))
        elif is_rest:
            made += random.choices(texts, k=random.randint(0, 3) if texts is levels else 1)
        else:
            made.append(random.choice(levels) if level[:1] in ("+", "{") else level)
    return made


def filler(random: Random, sign: str, texts: Sequence[str]) -> str:
    """What can take the place of a glob's sign, in a rest above all."""
    return random.choice(["a", "b", FRESH, "/"]) if sign == "?" else random.choice([*texts, "/", "", "z/z"])


class Reach:
    """Sets of topics are integers, with a bit for each topic."""

    def __init__(self, rules: Sequence[Document], topics: Sequence[str]) -> None:
        self.rules = rules
        self.topics = [topic for topic in topics if not topic.startswith(OURS)]
        self.fitting = [self._fitting(rule) for rule in rules]
        self.taken: list[int] = []
        earlier = 0
        for fitting in self.fitting:
            self.taken.append(fitting & ~earlier)
            earlier |= fitting

    def _fitting(self, rule: Document) -> int:
        bits = "".join("1" if fits_rule(rule, topic) is not None else "0" for topic in reversed(self.topics))
        return int(bits or "0", 2)

    def topic_in(self, found: int) -> str:
        """One of them."""
        return self.topics[(found & -found).bit_length() - 1]

    def all_in(self, found: int) -> Iterable[str]:
        return (topic for number, topic in enumerate(self.topics) if found >> number & 1)

    def unreached(self) -> set[str]:
        return {rule["name"] for rule, taken in zip(self.rules, self.taken) if not taken}

    def crossings(self) -> set[Pair]:
        """A later rule, and an earlier one that takes some of its messages; each fits messages that the other does not."""
        return {
            (self.rules[late]["name"], self.rules[early]["name"])
            for late in range(len(self.rules)) for early in range(late)
            if self.taken[early] & self.fitting[late]
            and self.fitting[early] & ~self.fitting[late] and self.fitting[late] & ~self.fitting[early]
        }


def is_known_by_topic(template: str) -> bool:
    """Made of nothing that the sender chooses beside the command's topic and its id."""
    sources = (part.source for part in parse(template) if isinstance(part, Expression))
    return not any(re.split("[.:]", source)[0] in ("payload", "property") for source in sources)


def reply_of(rule: Document, template: str, topic: str) -> str | None:
    """The topic of the reply to a message. None if it is rejected and not told there."""
    captures = fits_rule(rule, topic)
    assert captures is not None
    faults: set[str] = set()
    text = text_value(template, Scope(topic, captures, MISSING, OUR_ID, NOW), faults)
    return None if faults else text


class Loops:
    """Replies that would be taken for commands, as far as the topics of `reach` show them."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._is_taken = lru_cache(None)(self._find_taker)

    def _find_taker(self, topic: str) -> bool:
        return is_name(topic) and not is_closed(topic) and not Replies(self._reach.rules).is_open(topic)

    def replies(self, index: int, template: str, messages: int) -> Iterable[str]:
        rule = self._reach.rules[index]
        found = (reply_of(rule, template, topic) for topic in self._reach.all_in(messages))
        return (reply for reply in found if reply is not None)

    def looping(self, index: int, template: str, messages: int) -> bool:
        return any(map(self._is_taken, self.replies(index, template, messages)))

    def templates(self) -> Iterable[tuple[int, str]]:
        """Of all rules, with their places."""
        for index, rule in enumerate(self._reach.rules):
            for template in sorted(set(filter(None, templates_of(rule)))):
                if is_known_by_topic(template):
                    yield index, template
