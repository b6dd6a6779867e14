"""The mapping files that ship are right as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.bridge import ROOT, run_cli

EXAMPLES = sorted((ROOT / "mappings").glob("*.yaml"))


def test_there_are_examples():
    assert EXAMPLES


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_passes_check_without_a_warning(file: Path):
    done = run_cli("check", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout + done.stderr


def test_all_examples_together_pass_check():
    done = run_cli("check", *EXAMPLES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_has_tests_and_passes_them(file: Path):
    done = run_cli("test", "--json", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["passed"] > 0


def test_all_examples_together_pass_their_tests():
    done = run_cli("test", *EXAMPLES)
    assert done.returncode == 0, done.stdout + done.stderr
