"""Each fuzz target has what a run needs, and a run's result is told."""

from __future__ import annotations

import re
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
    assert "-seed_inputs=" in " ".join(fuzzing.fuzz_command("mapping", None))


def test_a_short_run_is_the_same_each_time_and_a_long_one_is_not():
    assert "-seed=1" in fuzzing.fuzz_command("json", None)
    assert not [word for word in fuzzing.fuzz_command("json", 600) if word.startswith(("-seed=", "-runs="))]


def put_target(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in place of the target `json`, with folders of its own."""
    for name in ("PROGRAMS", "CORPORA", "ARTIFACTS", "ROOT"):
        monkeypatch.setattr(fuzzing, name, folder)
    monkeypatch.setattr(fuzzing, "MORE_SEEDS", {})
    (folder / "fuzz_json").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "fuzz_json").chmod(0o755)


def test_a_finding_is_told_with_the_command_that_shows_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    crash = f'case "$*" in *-artifact_prefix*) touch {tmp_path}/fuzz-json-crash-1; exit 77;; esac'
    put_target(tmp_path, crash, monkeypatch)
    [result] = fuzzing.run_targets(["json"], None)
    assert not result.passed
    assert "again: fuzz_json fuzz-json-crash-1" in result.summary
    assert fuzzing.count([result]) == Count(0, 1)


def test_a_seed_that_fails_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put_target(tmp_path, 'case "$*" in *-artifact_prefix*) echo made inputs;; *) exit 77;; esac', monkeypatch)
    [result] = fuzzing.run_targets(["json"], None)
    assert not result.passed and "made inputs" not in result.output


def test_a_good_run_tells_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    numbers = "echo '#9 DONE cov: 5 ft: 7'; echo 'stat::number_of_executed_units: 123'"
    put_target(tmp_path, numbers, monkeypatch)
    [result] = fuzzing.run_targets(["json"], None)
    assert result.passed and "json: 123 inputs" in result.summary and "cov: 5 ft: 7" in result.summary
