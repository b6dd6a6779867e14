"""Templates: their grammar, their sources, and what they give."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

from .filters import plain_text, run_filter
from .values import DECODER, MISSING, Rejected, Value

_FILTER = re.compile(r"\s*\|\s*([a-z]+)\s*")
_MAP_NAME = re.compile(r"\s*([A-Za-z0-9_]+)\s*=\s*")
_INDEX = re.compile(r"0|[1-9][0-9]*")
_SPACES = re.compile(r"\s*")


@dataclass(frozen=True)
class Scope:
    """What the sources of a template refer to."""

    topic: str
    captures: Mapping[str, str]
    payload: Value
    id: Value
    now: str
    properties: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Expression:
    source: str
    filters: tuple[tuple[str, tuple[Value, ...]], ...]

    def value(self, scope: Scope) -> Value:
        value = source_value(self.source, scope)
        for name, arguments in self.filters:
            value = run_filter(name, value, arguments)
        if value is MISSING:
            raise Rejected("member_missing")
        return value


def source_value(source: str, scope: Scope) -> Value:
    if source in scope.captures:
        return scope.captures[source]
    if source.startswith("payload"):
        return walk(scope.payload, steps_of(source.removeprefix("payload")))
    kind, _, name = source.partition(".")
    if kind == "property":
        return scope.properties.get(name, MISSING)
    if kind == "group":
        return list(scope.groups[name])
    return {"topic": scope.topic, "id": scope.id, "now": scope.now}[source]


def steps_of(path: str) -> list[str]:
    """Of `.a.b` or `:/a/b`."""
    if path.startswith(":"):
        return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")[1:]]
    return path.split(".")[1:]


def walk(value: Value, steps: Sequence[str]) -> Value:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


def parse(text: str) -> list[str | Expression]:
    """Texts and expressions in turn."""
    parts: list[str | Expression] = []
    at = literal = 0
    found = ""
    while (at := text.find("${", literal)) >= 0:
        if text[max(at - 1, literal) : at] == "$":
            found += text[literal : at - 1] + "${"
            literal = at + 2
            continue
        found += text[literal:at]
        expression, literal = parse_expression(text, at + 2)
        parts += [found, expression] if found else [expression]
        found = ""
    found += text[literal:]
    return parts + [found] if found or not parts else parts


def parse_expression(text: str, at: int) -> tuple[Expression, int]:
    """Behind the `${`; returns also where the text goes on."""
    end = min(index for index in (text.find("|", at), text.find("}", at)) if index >= 0)
    source = text[at:end].strip()
    filters = []
    while match := _FILTER.match(text, end):
        arguments, end = parse_arguments(text, match.end())
        filters.append((match[1], arguments))
    end = _SPACES.match(text, end).end()
    assert text[end] == "}", text
    return Expression(source, tuple(filters)), end + 1


def parse_arguments(text: str, at: int) -> tuple[tuple[Value, ...], int]:
    if text[at] != "(":
        return (), at
    arguments: list[Any] = []
    while text[at] != ")":
        argument, at = parse_argument(text, at + 1)
        arguments.append(argument)
        at = _SPACES.match(text, at).end()
    return tuple(arguments), at + 1


def parse_argument(text: str, at: int) -> tuple[Any, int]:
    """A JSON value, or the pair of a name and one."""
    at = _SPACES.match(text, at).end()
    if match := _MAP_NAME.match(text, at):
        value, at = DECODER.raw_decode(text, match.end())
        return (match[1], value), at
    value, at = DECODER.raw_decode(text, at)
    at = _SPACES.match(text, at).end()
    if isinstance(value, str) and text[at] == "=":
        given, at = DECODER.raw_decode(text, _SPACES.match(text, at + 1).end())
        return (value, given), at
    return value, at


def evaluate(node: Value, scope: Scope, faults: set[str]) -> Value:
    """A constant or template, or a map or list of them. Collects the codes of all that is wrong."""
    if isinstance(node, dict):
        return {name: evaluate(item, scope, faults) for name, item in node.items()}
    if isinstance(node, list):
        return [evaluate(item, scope, faults) for item in node]
    return evaluate_text(node, scope, faults) if isinstance(node, str) else node


def is_one_expression(text: str) -> bool:
    parts = parse(text)
    return len(parts) == 1 and isinstance(parts[0], Expression)


def evaluate_text(text: str, scope: Scope, faults: set[str]) -> Value:
    parts = parse(text)
    try:
        if is_one_expression(text):
            return parts[0].value(scope)
    except Rejected as rejected:
        faults |= rejected.codes
        return MISSING
    return "".join(text_of(part, scope, faults) for part in parts)


def text_of(part: str | Expression, scope: Scope, faults: set[str]) -> str:
    if isinstance(part, str):
        return part
    try:
        return plain_text(part.value(scope))
    except Rejected as rejected:
        faults |= rejected.codes
        return ""
