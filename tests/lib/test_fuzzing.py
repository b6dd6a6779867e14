"""Each fuzz target has what a run needs, and a run's result is told."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import fuzzing
import pytest
from counting import Count

NAMES = fuzzing.target_names()


@pytest.mark.parametrize("name", NAMES)
def test_a_target_has_seeds_and_a_number_of_runs(name: str):
    assert fuzzing.seeds(name)
    assert fuzzing.SHORT_RUNS[name] > 0


def test_nothing_is_there_for_a_target_that_is_none():
    assert set(fuzzing.SHORT_RUNS) == set(NAMES)
    assert set(fuzzing.MORE_SEEDS) <= set(NAMES)
    assert {path.name for path in (fuzzing.SOURCES / "seeds").iterdir()} == set(NAMES)
    assert {path.stem for path in fuzzing.SOURCES.glob("*.dict")} <= set(NAMES)


def test_a_seed_is_named_by_hand():
    """libFuzzer writes what it finds into the first folder that it is given, named by a hash."""
    names = [path.name for path in (fuzzing.SOURCES / "seeds").glob("*/*")]
    assert names and not [name for name in names if re.fullmatch(r"[0-9a-f]{40}", name)]


def test_files_of_other_folders_are_seeds_too():
    assert all(list(fuzzing.ROOT.glob(pattern)) for patterns in fuzzing.MORE_SEEDS.values() for pattern in patterns)
    assert "-seed_inputs=" in " ".join(fuzzing.long_command("mapping", 1))
    assert str(fuzzing.ROOT / "tests/schema-corpus/rules.yaml") in fuzzing.short_command("mapping")


def test_a_long_run_is_not_the_same_each_time():
    assert not [word for word in fuzzing.long_command("json", 600) if word.startswith(("-seed=", "-runs="))]


# A target that takes everything, and ends at an input of which the first byte is in ENDS_AT.
TARGET = """
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "made.h"
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && strchr(getenv("ENDS_AT"), data[0]) != NULL && data[0] != 0) abort();
    return 0;
}
int main(int argc, char **argv) { return made_run(argc, argv); }
"""


def build_made(folder: Path, compiler: str, *options: str) -> Path:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    (folder / "target.c").write_text(TARGET)
    sources = [fuzzing.SOURCES / name for name in ("made.c", "made_run.c")]
    sources += [fuzzing.ROOT / "bridge/base" / name for name in ("buf.c", "mem.c")]
    # As the sanitizers' functions are weak, it runs without them too.
    command = [compiler, "-std=c17", "-D_GNU_SOURCE", *options, f"-I{fuzzing.ROOT}/bridge", f"-I{fuzzing.SOURCES}"]
    subprocess.run([*command, "-o", folder / "made", folder / "target.c", *sources, "-ljson-c"], check=True)
    return folder / "made"


def run_made(program: Path, *arguments: str, ends_at: str = "") -> subprocess.CompletedProcess[str]:
    seeds = [program.parent / "seed-1", program.parent / "seed-2", program.parent / "seed-3"]
    for seed, text in zip(seeds, ('{"level": 17, "names": ["a", "b"]}\n', "one two 3.5\r\n\0\u00e9", "")):
        seed.write_bytes(text.encode())
    (program.parent / "words").write_text('# words\nquote="\\"\\x7b\\\\"\n"ON"\n')
    command = [program, *arguments, f"--words={program.parent}/words", *seeds]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", env={"ENDS_AT": ends_at})


@pytest.mark.parametrize("options", [["gcc", "-O0"], ["gcc", "-O3", "-no-pie"], ["clang", "-O2"]], ids=" ".join)
def test_made_inputs_are_the_same_with_every_compiler_and_at_every_address(tmp_path: Path, options: list[str]):
    done = run_made(build_made(tmp_path, *options), "--made=5000")
    assert done.stderr == "made inputs: 5000, checksum 6da8ea4b7e899b14\n"


def test_an_input_is_made_without_those_before_it(tmp_path: Path):
    program = build_made(tmp_path, "gcc")
    first, second = (run_made(program, f"--made=50{more}", "--show").stdout for more in ("", "0"))
    assert second.startswith(first)
    assert run_made(program, "--made=450", "--from=50", "--show").stdout == second.removeprefix(first)


def test_a_made_input_that_ends_the_target_is_kept(tmp_path: Path):
    program = build_made(tmp_path, "gcc")
    done = run_made(program, "--made=5000", f"--findings={tmp_path}/found-", ends_at="Z")
    [found] = tmp_path.glob("found-*")
    assert done.returncode != 0 and found.read_bytes()[:1] == b"Z"
    number = found.name.removeprefix("found-crash-")
    assert f"input {number} of those that are made: crash" in done.stderr
    assert found.read_bytes() == run_made(program, "--made=1", f"--from={number}", "--show").stdout.encode()


def test_a_run_without_seeds_or_words_that_can_be_read_is_refused(tmp_path: Path):
    program = build_made(tmp_path, "gcc")
    for arguments in (["--made=1"], ["--made=1", "/no/such/seed"], ["--made=1", "--words=/no/such/words"]):
        done = subprocess.run([program, *arguments], capture_output=True, text=True)
        assert done.returncode == 2 and "cannot be read" in done.stderr


def put_target(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in place of the target `json`, with folders of its own."""
    for name in ("PROGRAMS", "CORPORA", "ARTIFACTS", "ROOT"):
        monkeypatch.setattr(fuzzing, name, folder)
    monkeypatch.setattr(fuzzing, "MORE_SEEDS", {})
    (folder / "fuzz_json").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "fuzz_json").chmod(0o755)


def test_a_finding_is_told_with_the_command_that_shows_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    crash = f'case "$*" in *--made*) touch {tmp_path}/fuzz-json-crash-1; exit 77;; esac'
    put_target(tmp_path, crash, monkeypatch)
    [result] = fuzzing.run_targets(["json"], None)
    assert not result.passed
    assert "again: fuzz_json fuzz-json-crash-1" in result.summary
    assert fuzzing.count([result]) == Count(0, 1)


def test_a_seed_that_fails_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put_target(tmp_path, 'case "$*" in *--made*) echo made inputs;; *) exit 77;; esac', monkeypatch)
    [result] = fuzzing.run_targets(["json"], None)
    assert not result.passed and "made inputs" not in result.output


def test_a_good_run_tells_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    numbers = "echo '#9 DONE cov: 5 ft: 7'; echo 'stat::number_of_executed_units: 123'"
    put_target(tmp_path, f"{numbers}; echo 'made inputs: 456, checksum 0f'", monkeypatch)
    [result] = fuzzing.run_targets(["json"], 1)
    assert result.passed and "json: 123 inputs" in result.summary and "cov: 5 ft: 7" in result.summary
    [result] = fuzzing.run_targets(["json"], None)
    assert result.passed and result.summary == "json: 456, checksum 0f"
