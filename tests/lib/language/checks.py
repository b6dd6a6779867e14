"""What `check` says of a set of rules, and what trying every topic says."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Sequence

from .compare import RunCli, one_a_line
from .family_reach import DEFAULTS, rule_set
from .files import Document
from .reach import MOST_TOPICS, Loops, Pair, Reach, levels_of, samples_of, topics_of
from .replies import is_closed, templates_of
from .templates import Expression, parse
from .values import write_yaml

SAMPLES = 200
SECOND_LOOK = (60_000, 5000)  # topics and samples
MORE_LEVELS = ["zzz", "aa", "ba", "bb", "za", "az", "aab", "bza", "A", "AB"]
_UNREACHED = re.compile(r'no message reaches this rule: rules before it take them all, one of them "(\w+)"')
_CROSSES = re.compile(r'a message on "(.*)" fits the rule "(\w+)" \(.*\) too, which comes first and takes it;')
_LOOPS = re.compile(r'the reply topic (".*") of the rule "(\w+)" would be taken for a command by [^"]*"(\w+)"')
_SLASH = re.compile(r"the `/` at the topic's (beginning|end) makes one more level")
_CLOSED = re.compile(r'the rule "(\w+)" cannot reply to (".*"): topics that begin')


@dataclass
class Told:
    """What `check` says of the rules, by their names."""

    unreached: dict[str, str] = field(default_factory=dict)
    crossed: dict[str, Pair] = field(default_factory=dict)  # by the later rule: the topic, and the earlier rule
    loops: dict[Pair, str] = field(default_factory=dict)
    closed: set[Pair] = field(default_factory=set)
    others: list[str] = field(default_factory=list)


def run_check(run_cli: RunCli, folder: Path, documents: Sequence[Document], random: Random) -> Told:
    names = [folder / f"rules-{number}.yaml" for number in range(len(documents))]
    for name, document in zip(names, documents):
        name.write_text(one_a_line({**document, "tests": []}))
    done = run_cli("check", "--json", *random.sample(names, len(names)))
    assert done.returncode in (0, 78), done.stderr
    told = Told()
    for problem in json.loads(done.stdout)["problems"]:
        # Line 1 holds what is not a rule, line 2 begins the list.
        place = int(re.search(r"rules-(\d+)", problem["file"])[1])
        note(told, problem["text"], documents[place]["rules"][problem["line"] - 3])
    return told


def note(told: Told, text: str, rule: Document) -> None:
    name = rule["name"]
    if match := _UNREACHED.match(text):
        told.unreached[name] = match[1]
    elif match := _CROSSES.match(text):
        told.crossed[name] = (match[1], match[2])
    elif match := _LOOPS.match(text):
        told.loops[match[2], template_shown(rule, match[1])] = match[3]
    elif match := _CLOSED.match(text):
        told.closed.add((match[1], template_shown(rule, match[2])))
    elif (match := _SLASH.match(text)) and rule["topic"][0 if match[1] == "beginning" else -1] == "/":
        pass
    elif not text.startswith(("`device`", "`identifier`")):
        told.others.append(f"{name}: {text}")


def template_shown(rule: Document, shown: str) -> str:
    """`check` cuts what is long."""
    start = shown[1:-1].removesuffix("...")
    texts = [text for text in templates_of({**DEFAULTS, **rule}) if text is not None and text.startswith(start)]
    return start if start in texts else texts[0]


def is_plain(template: str) -> bool:
    """What filters give, ids, and a capture's second place count as any text."""
    parts = [part for part in parse(template) if isinstance(part, Expression)]
    sources = [part.source for part in parts]
    is_repeated = len(sources) > 1 and ("topic" in sources or len(set(sources)) < len(sources))
    return not is_repeated and not any(part.filters or part.source in ("id", "now") for part in parts)


class Verdict:
    """Compares. `wrong` are false words of `check` and loops that it does not see; `untold` what it may leave out."""

    def __init__(self, random: Random, documents: Sequence[Document], told: Told) -> None:
        self._told = told
        self._rules = [{**part["defaults"], **rule} for part in documents for rule in part["rules"]]
        self._names = [rule["name"] for rule in self._rules]
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = list(told.others)
        self.untold: list[str] = []
        self._reach = self._look(random, levels_of(self._rules), MOST_TOPICS, SAMPLES)
        self._judge_unreached()
        self._judge_crossed()
        self._judge_replies()

    def _judge_unreached(self) -> None:
        unreached = self._reach.unreached()
        for name, by in self._told.unreached.items():
            self.counts["unreached"] += 1
            taken = self._reach.taken[self._names.index(name)]
            if taken:
                self.wrong.append(f"{name} is said to be unreached, but takes {self._reach.topic_in(taken)!r}")
            late, early = self._names.index(name), self._names.index(by)
            if early > late or not self._reach.fitting[early] & self._reach.fitting[late]:
                self.wrong.append(f"{name} is said to be unreached because of {by}, which takes none of its messages")
        for name in unreached - self._told.unreached.keys():
            if self._is_still_unreached(name):
                self.untold.append(f"{name} is unreached")

    def _look(self, random: Random, levels: list[str], most: int, samples: int) -> Reach:
        # The empty topic, which nobody can publish to, counts as one that rules take.
        topics = ["", *topics_of(levels, most), *(topic for topic, _ in self._told.crossed.values())]
        return Reach(self._rules, sorted(samples_of(random, self._rules, levels, samples) | set(topics)))

    @cached_property
    def _second_look(self) -> Reach:
        """With more topics."""
        levels = set(levels_of(self._rules) + MORE_LEVELS)
        return self._look(Random(1), sorted(levels), *SECOND_LOOK)

    def _is_still_unreached(self, name: str) -> bool:
        return name in self._second_look.unreached()

    def _judge_crossed(self) -> None:
        for late, (topic, early) in self._told.crossed.items():
            self.counts["crossed"] += 1
            only = Reach(self._rules, [topic])
            fits = [self._names[index] for index, fitting in enumerate(only.fitting) if fitting]
            if not {late, early} <= set(fits):
                self.wrong.append(f"{topic!r} is told as an example for {late} and {early}, and fits only {fits}")
            elif fits[0] != early:
                self.wrong.append(f"{topic!r} is said to be taken by {early}, and is by {fits[0]} ({late})")
            elif late in self._told.unreached:
                self.wrong.append(f"{late} is said to be unreached and crossed")
        crossings = self._reach.crossings()
        quiet = self._told.crossed.keys() | self._told.unreached.keys()
        for late in {late for late, _ in crossings} - quiet:
            self.untold.append(f"{late} is crossed by {[early for name, early in crossings if name == late]}")
        for late, (topic, early) in self._told.crossed.items():
            if (late, early) not in crossings and (late, early) not in self._second_look.crossings():
                self._judge_no_crossing(late, early)

    def _judge_no_crossing(self, late: str, early: str) -> None:
        of_late, of_early = (self._second_look.fitting[self._names.index(name)] for name in (late, early))
        if not of_late & ~of_early:
            self.untold.append(f"{late} is unreached, and only said to be crossed by {early}")
        else:
            self.wrong.append(f"{late} and {early} do not fit messages of each other")

    def _judge_replies(self) -> None:
        loops = Loops(self._reach)
        for index, template in loops.templates():
            key = (self._names[index], template)
            is_loop = loops.looping(index, template, self._reach.taken[index])
            may_loop = is_loop or loops.looping(index, template, self._reach.fitting[index])
            if key in self._told.closed:
                self.counts["closed"] += 1
                if not all(map(is_closed, loops.replies(index, template, self._reach.fitting[index]))):
                    self.wrong.append(f"the reply {key} is said to be closed")
                continue
            if key in self._told.loops:
                self.counts["loops" if is_loop else "loops of messages taken before"] += 1
                if not may_loop and is_plain(template) and not self._may_loop_at_second_look(index, template):
                    self.wrong.append(f"the reply {key} is refused, and no topic shows that it loops")
                continue
            self.counts["no loop"] += 1
            if is_loop:
                self.wrong.append(f"the reply {key} loops, and is not refused")
            elif may_loop:
                self.wrong.append(f"the reply {key} would loop but for rules before it, and is not refused")
        for name, template in self._told.loops.keys() - {(self._names[i], text) for i, text in loops.templates()}:
            self.wrong.append(f"the reply {name}, {template} is refused, but depends on the message")

    def _may_loop_at_second_look(self, index: int, template: str) -> bool:
        reach = self._second_look
        return Loops(reach).looping(index, template, reach.fitting[index])


def compare_sets(run_cli: RunCli, folder: Path, random: Random, count: int) -> tuple[Counter[str], list[str]]:
    """Of so many sets of rules: what `check` says, how often, and what is wrong with it."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for _ in range(count):
        documents = rule_set(random)
        verdict = Verdict(random, documents, run_check(run_cli, folder, documents, random))
        counts += verdict.counts
        counts["left out"] += len(verdict.untold)
        if verdict.wrong:
            rules = (write_yaml(rule) for document in documents for rule in document["rules"])
            wrong.append("\n    ".join([*verdict.wrong, *rules]))
    return counts, wrong
