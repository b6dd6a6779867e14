"""The house's rules: which room may use which, which file alone includes a third-party header, and what stands there unused.

The preset dev must have been built.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import objects

ROOT = Path(__file__).resolve().parents[2]
BRIDGE = ROOT / "bridge"
MAX_LINES = 500
LINES_WITHOUT_HEAD = 150

# CMakeLists.txt has a row for each room: its name, and the rooms that it stands over.
_ROOM = re.compile(r"^add_room\(([a-z/]+)(?: OVER ([a-z/ ]+?))?(?: WITH .*)?\)$", re.MULTILINE)
OVER = {name: over.split() for name, over in _ROOM.findall((ROOT / "CMakeLists.txt").read_text())}


def rooms_below(room: str) -> set[str]:
    return set(OVER[room]).union(*(rooms_below(below) for below in OVER[room]))


# The room that alone includes a library's headers, or its one file.
OWNER = {
    r"MQTT.*\.h": "io/mqtt",
    r"curl/.*": "io/http",
    r"sqlite3\.h": "io/outbox",
    r"microhttpd\.h": "io/admin",
    r"json(-c/.*|_.*\.h|\.h)": "base/json",
    r"yaml\.h": "base/yaml",
    r"openssl/.*": "base/crypto.c",
    r"expat.*\.h": "core/platform/api_xml.c",
}
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)

# Externals that no other file of the program uses, and why they stay.
UNUSED = {
    "api_answer_clear": "the program hands the parts of an answer on, tests own it whole",
    "api_row_at": "a test has a sample for each row",
    "broker_is_online": "unit programs wait for it",
    "log_clock": "tests set it",
    "sign_string": "vectors that begin with the string to sign",
    "template_filter_name_at": "a test finds each filter in the reference and in an example",
}

# Pages about the program's files, and what looks like a path there and is none.
PAGES = ["README.md", "CONTRIBUTING.md"]
NO_PATHS = {"app/cli/cli_NAME.c", "bridge/health", "bridge/state"}  # a pattern, and topics

# Rooms whose files use each other in circles: a link that ends loses its requests, and the last of them closes it.
CIRCLES = {"io/mqtt"}

FILES = sorted(path.relative_to(BRIDGE).as_posix() for path in BRIDGE.glob("**/*.[ch]"))


def includes(file: str, bracket: str) -> list[str]:
    return [name for kind, name in _INCLUDE.findall((BRIDGE / file).read_text()) if kind == bracket]


def room_of(name: str) -> str:
    return name.rpartition("/")[0]


def test_every_room_is_known():
    assert {room_of(file) for file in FILES} == OVER.keys()


def test_a_room_stands_over_rooms_before_it():
    rooms = list(OVER)
    for at, room in enumerate(rooms):
        assert set(OVER[room]) <= set(rooms[:at]), f"{room} stands over a room that comes behind it"


@pytest.mark.parametrize("room", OVER)
def test_a_floor_uses_only_the_floors_it_may(room: str):
    below = {"base": {"base"}, "core": {"core", "base"}, "io": {"io", "base"}, "app": {"app", "io", "core", "base"}}
    assert {used.split("/")[0] for used in rooms_below(room)} <= below[room.split("/")[0]]
    assert not room.startswith("io/") or not any(used.startswith("io/") for used in rooms_below(room))


@pytest.mark.parametrize("file", FILES)
def test_a_room_uses_only_what_it_may(file: str):
    room = room_of(file)
    for name in includes(file, '"'):
        used = room_of(name)
        assert used in OVER, f"{file} includes {name}: write it with its room, such as base/{name}"
        assert used == room or used in rooms_below(room), f"{file} includes {name}, and {room} may not use {used}"


@pytest.mark.parametrize("file", FILES)
def test_a_library_has_one_owner(file: str):
    for name in includes(file, "<"):
        for pattern, owner in OWNER.items():
            if re.fullmatch(pattern, name):
                assert owner in (file, room_of(file)), f"only {owner} may include {name}, not {file}"


@pytest.mark.parametrize("file", [file for file in FILES if file.endswith(".h")])
def test_no_library_header_stands_in_a_header_of_another_room(file: str):
    """A header of ours that is private to its module may include the library's; others would spread it."""
    for name in includes(file, "<"):
        if any(re.fullmatch(pattern, name) for pattern in OWNER):
            assert file.endswith("_internal.h"), f"{file} includes {name}: move it into the .c file"


@pytest.mark.parametrize("file", FILES)
def test_files_stay_short(file: str):
    assert len((BRIDGE / file).read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("file", [file for file in FILES if file.endswith(".c")])
def test_a_longer_file_begins_with_how_it_works(file: str):
    lines = (BRIDGE / file).read_text().splitlines()
    assert len(lines) <= LINES_WITHOUT_HEAD or lines[0].startswith("// "), f"{file}: say how it works before the includes"


def paths_on(page: str) -> list[str]:
    """What is in backticks and is a path or a file of ours; `*` is a glob."""
    return [word for word in re.findall(r"`([\w./*-]+)`", page) if "/" in word or word.endswith((".c", ".h"))]


@pytest.mark.parametrize("page", PAGES)
def test_a_path_on_a_page_exists(page: str):
    paths = paths_on((BRIDGE / page).read_text())
    # From the top, or from some folder of bridge/.
    missing = [path for path in paths if not any(ROOT.glob(path)) and not any(BRIDGE.rglob(path))]
    assert set(missing) <= NO_PATHS


def test_the_picture_has_every_room():
    picture = (BRIDGE / "README.md").read_text().partition("## Rooms")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^    ([a-z/]+) .*?(?:-> ([a-z/ ]+))?$", picture, re.MULTILINE))
    assert {room: over.split() for room, over in rows.items()} == OVER


def test_no_external_is_unused():
    found = objects.read_objects()
    assert found, "build the preset dev first"
    names = {name: file for file, name in objects.unused(found)}
    assert {name: file for name, file in names.items() if name not in UNUSED} == {}
    assert UNUSED.keys() <= names.keys(), "used or gone: take it off the list"


def test_an_external_has_its_modules_name():
    assert objects.foreign_names(objects.read_objects(), objects.read_headers()) == []


def test_no_files_of_a_room_use_each_other_in_a_circle():
    found = objects.circles(objects.arrows(objects.read_objects()))
    assert [circle for circle in found if room_of(circle[0]) not in CIRCLES] == []
    assert {room_of(circle[0]) for circle in found} == CIRCLES, "opened: take the room off the list"


def test_a_tag_is_unique_and_no_word_of_cpp():
    texts = {file: (BRIDGE / file).read_text() for file in FILES}
    assert objects.double_tags(texts) == {}
    assert objects.keyword_tags(texts) == {}
