"""The house's rules: which room may use which, and which file alone includes a third-party header."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BRIDGE = ROOT / "bridge"
MAX_LINES = 500

# What a room may include of the project.
MAY_USE = {
    "base": {"base"},
    "core": {"core", "base"},
    "io": {"io", "base"},
    "app": {"app", "io", "core", "base"},
}
# The module that alone includes a library's headers: the file, or the files whose names begin so.
OWNER = {
    r"MQTT.*\.h": "io/mqtt/mqtt",
    r"curl/.*": "io/http/http",
    r"sqlite3\.h": "io/outbox/outbox",
    r"microhttpd\.h": "io/admin/admin",
    r"json(-c/.*|_.*\.h|\.h)": "base/json/json",
    r"yaml\.h": "base/yaml/yaml",
    r"openssl/.*": "base/crypto",
}
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)

FILES = sorted(path.relative_to(BRIDGE).as_posix() for path in BRIDGE.glob("**/*.[ch]"))


def includes(file: str, bracket: str) -> list[str]:
    return [name for kind, name in _INCLUDE.findall((BRIDGE / file).read_text()) if kind == bracket]


def test_every_room_is_known():
    assert {file.split("/")[0] for file in FILES} <= MAY_USE.keys()


@pytest.mark.parametrize("file", FILES)
def test_a_room_uses_only_what_it_may(file: str):
    room = file.split("/")[0]
    for name in includes(file, '"'):
        used = name.split("/")[0]
        assert used in MAY_USE, f"{file} includes {name}: write it with its room, such as base/{name}"
        assert used in MAY_USE[room], f"{file} includes {name}, and {room} may not use {used}"


@pytest.mark.parametrize("file", FILES)
def test_a_library_has_one_owner(file: str):
    for name in includes(file, "<"):
        for pattern, owner in OWNER.items():
            if re.fullmatch(pattern, name):
                assert re.fullmatch(rf"{owner}(_\w+)?\.[ch]", file), f"only {owner} may include {name}, not {file}"


@pytest.mark.parametrize("file", [file for file in FILES if file.endswith(".h")])
def test_no_library_header_stands_in_a_header_of_another_room(file: str):
    """A header of ours that is private to its module may include the library's; others would spread it."""
    for name in includes(file, "<"):
        if any(re.fullmatch(pattern, name) for pattern in OWNER):
            assert file.endswith("_internal.h"), f"{file} includes {name}: move it into the .c file"


@pytest.mark.parametrize("file", FILES)
def test_files_stay_short(file: str):
    assert len((BRIDGE / file).read_text().splitlines()) <= MAX_LINES
