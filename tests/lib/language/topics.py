"""Topic patterns and globs."""

from __future__ import annotations

import re
from typing import Mapping, Sequence

_CAPTURE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(#?)\}")


def match_topic(pattern: str, topic: str) -> dict[str, str] | None:
    """The captures, or None."""
    wanted, levels = pattern.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0][:1] in ("+", "#", "{"):
        return None
    captures: dict[str, str] = {}
    for index, level in enumerate(wanted):
        capture = _CAPTURE.fullmatch(level)
        if level == "#" or capture and capture[2]:
            if capture:
                captures[capture[1]] = "/".join(levels[index:])
            return captures
        if index == len(levels):
            return None
        if capture:
            captures[capture[1]] = levels[index]
        elif level not in ("+", levels[index]):
            return None
    return captures if len(wanted) == len(levels) else None


def fits_glob(glob: str, text: str) -> bool:
    """Which characters of the glob can stand before the next of the text: a set of places."""
    places = skip_stars(glob, {0})
    for char in text:
        fitting = (place for place in places if place < len(glob) and glob[place] in ("*", "?", char))
        places = {place + (glob[place] != "*") for place in fitting}
        places = skip_stars(glob, places)
    return len(glob) in places


def skip_stars(glob: str, places: set[int]) -> set[int]:
    found = set(places)
    for place in places:
        while place < len(glob) and glob[place] == "*":
            place += 1
            found.add(place)
    return found


def fits_where(where: Mapping[str, str | Sequence[str]], captures: Mapping[str, str]) -> bool:
    for name, globs in where.items():
        if not any(fits_glob(glob, captures[name]) for glob in ([globs] if isinstance(globs, str) else globs)):
            return False
    return True
