"""Mapping files and messages, one family for each part of the language."""

from __future__ import annotations

from random import Random
from typing import Callable

from .family_answers import answer_rule
from .family_life import life_rule
from .family_models import model_rule
from .family_payloads import payload_rule
from .family_replies import replies
from .family_targets import call_rule, invoke_rule
from .family_templates import template_rule
from .family_topics import topics
from .files import Made, repeat

FAMILIES: dict[str, Callable[[Random], Made]] = {
    "templates": lambda random: repeat(random, template_rule),
    "topics": topics,
    "payloads": lambda random: repeat(random, payload_rule),
    "invocations": lambda random: repeat(random, invoke_rule),
    "calls": lambda random: repeat(random, call_rule),
    "replies": replies,
    "life": lambda random: repeat(random, life_rule),
    "models": lambda random: repeat(random, model_rule),
    "answers": lambda random: repeat(random, answer_rule),
}
