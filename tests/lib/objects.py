"""What the objects of a build show of the program: externals that nobody uses, and circles between files of a room.

`python3 tests/lib/objects.py [ROOM...]` prints both, and the externals whose name is not their module's.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Mapping

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/dev"
_EXTERNAL = frozenset("TDRBCGSVW")
_KEYWORDS = frozenset(
    "and asm bitand bitor bool catch class compl concept constexpr delete explicit export false friend mutable namespace new"
    " noexcept not nullptr operator or private protected public requires template this throw true try typeid typename using"
    " virtual wchar_t xor".split()
)
_TAG = re.compile(r"^\s*(?:typedef\s+)?(?:struct|enum|union)\s+(\w+)\s*\{", re.MULTILINE)


@dataclass
class Object:
    """One file's symbols: those that others may use, and those that it has from others."""

    defined: set[str] = field(default_factory=set)
    wanted: set[str] = field(default_factory=set)


def read_symbols(text: str) -> Object:
    """From the output of nm."""
    read = Object()
    for line in text.splitlines():
        *_, kind, name = line.split()
        if kind in _EXTERNAL:
            read.defined.add(name)
        elif kind == "U":
            read.wanted.add(name)
    return read


def read_objects(build: Path = BUILD) -> dict[str, Object]:
    """By the file's path below bridge/; those of files that are gone are left out."""
    found = {}
    for path in sorted(build.glob("CMakeFiles/*.dir/bridge/**/*.o")):
        file = path.as_posix().split("/bridge/", 1)[1].removesuffix(".o")
        if (ROOT / "bridge" / file).exists():
            found[file] = read_symbols(subprocess.run(["nm", path], check=True, text=True, stdout=subprocess.PIPE).stdout)
    return found


def unused(objects: Mapping[str, Object]) -> list[tuple[str, str]]:
    """File and name of what is external and that no other file uses."""
    wanted = set().union(*(each.wanted for each in objects.values()))
    return sorted((file, name) for file, each in objects.items() for name in each.defined - wanted - {"main"})


def arrows(objects: Mapping[str, Object]) -> dict[str, set[str]]:
    """From each file to those of its own room that it uses."""
    home = {name: file for file, each in objects.items() for name in each.defined}
    found: dict[str, set[str]] = {file: set() for file in objects}
    for file, each in objects.items():
        used = {home[name] for name in each.wanted if name in home}
        found[file] = {other for other in used if Path(other).parent == Path(file).parent}
    return found


def _reached(start: str, arrows_of: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    open_files = [start]
    while open_files:
        new = arrows_of[open_files.pop()] - reached
        reached |= new
        open_files += new
    return reached


def circles(arrows_of: Mapping[str, set[str]]) -> list[list[str]]:
    """Files that use each other, each group once."""
    reached = {file: _reached(file, arrows_of) for file in arrows_of}
    groups = {frozenset(other for other in reached[file] if file in reached[other]) for file in arrows_of}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def tags(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """The files that define each tag of a struct, enum or union."""
    found = defaultdict(list)
    for file, text in texts.items():
        for tag in _TAG.findall(text):
            found[tag].append(file)
    return dict(found)


def foreign_names(objects: Mapping[str, Object], headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """File and name of externals that begin with no word of their file's name, nor with their room's, nor with a tag of
    one of their room's headers."""
    words: dict[str, set[str]] = defaultdict(set)
    for tag, files in tags(headers).items():
        for file in files:
            words[Path(file).parent.as_posix()].add(tag)

    def is_own(file: str, name: str) -> bool:
        path = Path(file)
        own = {*path.stem.split("_"), path.parent.name, *words[path.parent.as_posix()]}
        return any(name == word or name.startswith(f"{word}_") for word in own)

    return sorted((file, name) for file, each in objects.items() for name in each.defined if not is_own(file, name))


def read_headers() -> dict[str, str]:
    """By the path below bridge/."""
    bridge = ROOT / "bridge"
    return {path.relative_to(bridge).as_posix(): path.read_text() for path in bridge.glob("**/*.h")}


def double_tags(texts: Mapping[str, str]) -> dict[str, list[str]]:
    return {tag: files for tag, files in tags(texts).items() if len(files) > 1}


def keyword_tags(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Tags that C++ could not read."""
    return {tag: files for tag, files in tags(texts).items() if tag in _KEYWORDS}


def in_rooms(file: str, rooms: Iterable[str]) -> bool:
    return not rooms or any(file.startswith(f"{room}/") for room in rooms)


def main(rooms: list[str]) -> None:
    objects = read_objects()
    for title, found in (("unused", unused(objects)), ("foreign", foreign_names(objects, read_headers()))):
        for file, name in found:
            if in_rooms(file, rooms):
                print(f"{title}: {file}: {name}")
    for circle in circles(arrows(objects)):
        if in_rooms(circle[0], rooms):
            print(f"circle: {' '.join(circle)}")


if __name__ == "__main__":
    main(sys.argv[1:])
