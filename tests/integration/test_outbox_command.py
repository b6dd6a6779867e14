"""What `thingbridge outbox` refuses, whatever it is asked to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.bridge import run_cli
from harness.home import Home
from harness.outbox import change_outbox, outbox


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["lst"],
        ["list", "17"],
        ["list", "--state", "sleeping"],
        ["list", "--state", ""],
        ["list", "--number"],
        ["show"],
        ["show", "1", "2"],
        ["drop"],
        ["retry", "--state", "sent", "1"],
        ["list", "--what"],
    ],
)
def test_wrong_usage_is_exit_code_64(tmp_path: Path, arguments: list[str]):
    done = run_cli("outbox", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr


def test_number_wants_a_number(home: Home):
    assert outbox(home, "show", "first", "--number").returncode == 64


def test_the_nearest_word_is_suggested(tmp_path: Path):
    assert "`list`" in run_cli("outbox", "lst", cwd=tmp_path).stderr
    assert "`queued`" in run_cli("outbox", "list", "--state", "queud", cwd=tmp_path).stderr


def test_help_shows_examples_first():
    done = run_cli("outbox", "-h")
    assert done.returncode == 0
    assert done.stdout.startswith("  thingbridge outbox list\n")


def test_a_wrong_configuration_is_exit_code_78(tmp_path: Path):
    done = run_cli("outbox", "list", "-c", tmp_path / "nothing.yaml")
    assert done.returncode == 78
    assert "nothing.yaml" in done.stderr


VERBS = [["list"], ["show", "1"], ["retry", "1"], ["drop", "1"]]


@pytest.mark.parametrize("arguments", VERBS)
def test_a_missing_outbox_is_exit_code_74_and_stays_missing(empty_home: Home, arguments: list[str]):
    home = empty_home
    home.broker.start()
    home.make_bridge()
    done = outbox(home, *arguments)
    assert (done.returncode, done.stdout) == (74, "")
    assert "there is no such file" in done.stderr
    assert list(home.bridge.folder.glob("outbox.db*")) == []


@pytest.mark.parametrize("arguments", VERBS)
def test_an_outbox_of_a_newer_major_version_is_exit_code_78_and_left_alone(home: Home, arguments: list[str]):
    home.stop_bridge()
    change_outbox(home, "PRAGMA user_version = 2000")
    before = home.bridge.outbox_file.read_bytes()
    done = outbox(home, *arguments)
    assert (done.returncode, done.stdout) == (78, "")
    assert "newer thingbridge" in done.stderr
    assert home.bridge.outbox_file.read_bytes() == before


@pytest.mark.parametrize("arguments", VERBS)
def test_a_database_of_another_program_is_exit_code_78(home: Home, arguments: list[str]):
    home.stop_bridge()
    change_outbox(home, "PRAGMA application_id = 1")
    done = outbox(home, *arguments)
    assert done.returncode == 78
    assert "another program" in done.stderr


@pytest.mark.parametrize("arguments", VERBS)
def test_a_damaged_outbox_is_exit_code_74_and_left_for_the_service_to_mend(home: Home, arguments: list[str]):
    home.stop_bridge()
    home.bridge.outbox_file.write_bytes(b"this is no database" * 1000)
    done = outbox(home, *arguments)
    assert (done.returncode, done.stdout) == (74, "")
    assert "damaged" in done.stderr
    assert list(home.bridge.folder.glob("*.damaged-*")) == []
