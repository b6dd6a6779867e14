"""Reply topics: which of them a command gets, and which rules could take one for a command."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from .templates import Scope, parse, text_of
from .topics import fits_where, match_topic

Document = Mapping[str, Any]

MAX_TOPIC = 1024
MAX_LEVELS = 200
OURS = "thingbridge/bridge/"
CLOSED = ("$", OURS, "homeassistant/")
DEFAULT_ALLOW = ("<command topic>/#", "<base>/reply/#", "reply/#", "response/#", "+/reply/#", "+/response/#")
DEFAULT_TOPIC = "${topic}/reply"
_CONTROL_OR_WILDCARD = re.compile(r"[+#\0-\x1f\x7f-\x9f]")


def is_name(topic: str) -> bool:
    """One that can be published to, and holds nothing that never reaches a reply topic."""
    is_short = 0 < len(topic.encode()) <= MAX_TOPIC and topic.count("/") < MAX_LEVELS
    return is_short and not _CONTROL_OR_WILDCARD.search(topic) and not any(map(is_noncharacter, topic))


def is_noncharacter(char: str) -> bool:
    """Unicode, section 23.7. Brokers end a connection that publishes to a topic with one."""
    return 0xFDD0 <= ord(char) <= 0xFDEF or ord(char) & 0xFFFE == 0xFFFE


def is_closed(topic: str) -> bool:
    """Nobody may reply there."""
    return topic.startswith(CLOSED) or topic == "homeassistant"


def fits_rule(rule: Document, topic: str) -> dict[str, str] | None:
    """The captures, if the rule's topic and `where` fit."""
    captures = match_topic(rule["topic"], topic)
    return captures if captures is not None and fits_where(rule.get("where", {}), captures) else None


def is_taken(rules: Sequence[Document], topic: str) -> bool:
    return not topic.startswith(OURS) and any(fits_rule(rule, topic) is not None for rule in rules)


def is_allowed(allow: Sequence[str], command_topic: str, topic: str) -> bool:
    """`allow` is of filters, which may begin with the command's topic, or with the base of ours."""
    filters = (text.replace("<command topic>", command_topic).replace("<base>", "thingbridge") for text in allow)
    return any(match_topic(text, topic) is not None for text in filters)


@dataclass(frozen=True)
class ReplyTopics:
    ack: str | None = None
    result: str | None = None
    response: str | None = None  # the requester's own
    is_refused: bool = False  # one of them was left out

    def as_expected(self) -> dict[str, str]:
        topics = {"ack_topic": self.ack, "result_topic": self.result, "response_topic": self.response}
        return {name: topic or "none" for name, topic in topics.items()}


class Replies:
    """`rules` are all that could take a reply for a command."""

    def __init__(self, rules: Sequence[Document], allow: Sequence[str] = DEFAULT_ALLOW) -> None:
        self._rules = rules
        self._allow = allow

    def is_open(self, topic: str) -> bool:
        return is_name(topic) and not is_closed(topic) and not is_taken(self._rules, topic)

    def topics(self, rule: Document, scope: Scope, requester: Any, faults: set[str]) -> ReplyTopics:
        """`requester` is the topic that the requester names, or None."""
        mode = rule.get("response_topic", "also")
        if mode == "ignore":
            requester = None
        is_good = isinstance(requester, str) and self.is_open(requester)
        is_good = is_good and is_allowed(self._allow, scope.topic, requester)
        response = requester if is_good else None
        ack, result = (self._own(text, scope, faults) for text in templates_of(rule))
        is_refused = (requester is not None and not is_good) or "" in (ack, result)
        if response is not None and mode == "instead":
            ack = result = None
        return ReplyTopics(ack or None, result or None, response, is_refused)

    def _own(self, template: str | None, scope: Scope, faults: set[str]) -> str | None:
        """Empty if it cannot be used. None if there is none, or it cannot be told."""
        if template is None:
            return None
        told: set[str] = set()
        topic = text_value(template, scope, told)
        faults |= told
        if told:
            return None
        return topic if self.is_open(topic) else ""


def templates_of(rule: Document) -> tuple[str | None, str | None]:
    """Of `ack` and `result`."""
    reply = rule.get("reply", {})
    if reply == "none":
        return None, None
    ack, result = (reply.get(key, DEFAULT_TOPIC) for key in ("ack", "result"))
    return None if ack == "none" else ack, None if result == "none" else result


def text_value(template: str, scope: Scope, faults: set[str]) -> str:
    return "".join(text_of(part, scope, faults) for part in parse(template))
