"""What users run is hardened: read from the program itself, as a flag may be lost on its way to the compiler."""

from __future__ import annotations

import platform
import re
import subprocess

import pytest

from harness.bridge import binary


def tool(*command: str) -> str:
    env = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    return subprocess.run([*command, str(binary())], capture_output=True, text=True, check=True, env=env).stdout


def test_it_is_placed_at_random_and_its_tables_are_read_only():
    assert re.search(r"Type:\s+DYN", tool("readelf", "-hW"))
    flags = tool("readelf", "-dW")
    assert "PIE" in flags and "NOW" in flags
    segments = tool("readelf", "-lW")
    assert "GNU_RELRO" in segments
    (stack,) = re.findall(r"GNU_STACK\s.*", segments)
    assert "RW" in stack and "RWE" not in stack


def test_overflows_on_the_stack_and_in_the_libraries_buffers_end_it():
    wanted = tool("readelf", "--dyn-syms", "-W")
    assert "__stack_chk_fail" in wanted
    assert re.search(r"__(snprintf|memcpy|vsnprintf|fprintf)_chk", wanted)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads this architecture's instructions")
def test_a_large_frame_cannot_jump_over_the_guard_page():
    assert re.search(r"\bor[qlb]?\s+\$0x0,(0x\w+)?\(%rsp\)", tool("objdump", "-d", "--no-show-raw-insn"))


def test_branches_and_returns_are_checked_where_the_processor_can():
    """By the instructions: the note that lets the kernel switch it on also needs a C library that is built so."""
    marks = {"x86_64": "endbr64", "aarch64": "paciasp"}
    if platform.machine() not in marks:
        pytest.skip("this architecture has no such feature")
    assert tool("objdump", "-d", "--no-show-raw-insn").count(marks[platform.machine()]) > 100


def test_it_has_no_symbols():
    sections = tool("readelf", "-SW")
    assert ".symtab" not in sections and ".debug" not in sections
