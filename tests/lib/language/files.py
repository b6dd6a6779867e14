"""Mapping files that are made up: what the families share."""

from __future__ import annotations

from random import Random
from typing import Any, Callable

Document = dict[str, Any]
Made = tuple[Document, list[Document]]  # a mapping file and messages for it

RULES = 60
MESSAGES = 12  # for each rule
DEFAULTS = {"product_key": "k1ymv1DuLfE", "reply": "none"}
GROUPS = {"g": ["lamp-1", "lamp-2"], "one": ["lamp-1"], "many": [f"lamp-{number}" for number in range(101)]}


def document(rules: list[Document], models: Document | None = None) -> Document:
    """The models are the thing models by their files' names, which stand beside the mapping file."""
    return {"version": 1, "defaults": DEFAULTS, "groups": GROUPS, "rules": rules, "models": models or {}}


def repeat(random: Random, make: Callable[[Random, str], Made]) -> Made:
    """A file of rules that do not see each other's messages: their names are the first levels of their topics."""
    rules, messages = [], []
    models: Document = {}
    for number in range(RULES):
        made, sent = make(random, f"r{number}")
        rules += made["rules"]
        models |= made["models"]
        messages += sent
    return document(rules, models), messages
