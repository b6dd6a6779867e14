"""`thingbridge test`: the tests inside mapping files."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from harness.bridge import binary, clean_environment, run_cli
from harness.home import Home

RULES = """\
version: 1
defaults: {product_key: k1ymv1DuLfE}
rules:
  - name: lamp-set
    topic: "home/{device}/set"
    where: {device: "lamp-*"}
    invoke: {identifier: Set, device: "${device}", args: {level: "${payload.level | int}"}}
tests:
"""
RIGHT = """\
  - name: a level
    topic: home/lamp-1/set
    payload: {level: 5}
    expect: {DeviceName: lamp-1, Args: {level: 5}}
"""
WRONG = """\
  - name: another level
    topic: home/lamp-1/set
    payload: {level: 5}
    expect: {DeviceName: lamp-2, Args: {level: 6}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules.yaml"


def test_tests_that_pass_are_exit_code_0(file: Path):
    file.write_text(RULES + RIGHT)
    done = run_cli("test", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert "a level" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 test: 1 passed, 0 failed"


def test_what_differs_is_shown_and_exit_code_1(file: Path):
    file.write_text(RULES + RIGHT + WRONG)
    done = run_cli("test", file)
    assert done.returncode == 1
    words = " ".join(done.stdout.split())
    assert "DeviceName expected lamp-2 got lamp-1" in words
    assert "Args.level expected 6 got 5" in words
    assert f"another level ({file}:13)" in words
    assert "the rule lamp-set took it" in words
    assert "thingbridge explain --mapping" in done.stderr
    assert done.stdout.splitlines()[-1] == "2 tests: 1 passed, 1 failed"


def test_the_result_can_be_json(file: Path):
    file.write_text(RULES + RIGHT + WRONG)
    done = run_cli("test", "--json", file)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["passed"], report["failed"]) == (1, 1)
    assert [test["passed"] for test in report["tests"]] == [True, False]
    failed = report["tests"][1]
    assert (failed["name"], failed["file"], failed["line"]) == ("another level", str(file), 13)
    assert {"what": "Args.level", "expected": "6", "got": "5"} in failed["differences"]


def test_errors_in_a_mapping_are_exit_code_78(file: Path):
    file.write_text(RULES.replace("identifier", "identifer") + RIGHT)
    done = run_cli("test", file)
    assert (done.returncode, done.stdout) == (78, "")
    assert f"{file}:7:14: error: " in done.stderr
    done = run_cli("test", "--json", file)
    assert done.returncode == 78
    assert json.loads(done.stdout)["errors"] >= 1


def test_a_wrong_test_is_told_at_its_place(file: Path):
    file.write_text(RULES + RIGHT.replace("DeviceName", "devicename"))
    for command in ("test", "check"):
        done = run_cli(command, file)
        assert done.returncode == 78
        assert f"{file}:12:14: error: unknown key `devicename`" in done.stdout + done.stderr


def test_a_missing_file_is_told(tmp_path: Path):
    done = run_cli("test", tmp_path / "none.yaml")
    assert done.returncode == 78
    assert "none.yaml" in done.stderr


def test_files_without_tests_are_told(file: Path):
    file.write_text(RULES.replace("tests:\n", ""))
    done = run_cli("test", file)
    assert done.returncode == 0
    assert "no `tests:`" in done.stderr


def test_without_files_the_configurations_mappings_are_tested(empty_home: Home):
    bridge = empty_home.make_bridge({"platform": {"errors": {"MyOffline": "device_offline"}}})
    bridge.set_rules(RULES + RIGHT + """\
  - name: a code of our own
    topic: home/lamp-1/set
    payload: {level: 5}
    answer: {body: {Success: false, Code: MyOffline}}
    expect: {reply: {status: failed, code: device_offline}}
""")
    bridge.write()
    done = run_cli("test", "-c", bridge.config_file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def on_a_terminal(file: Path, **env: str) -> str:
    ours, theirs = pty.openpty()
    subprocess.run(
        [str(binary()), "test", str(file)], env=clean_environment(env), stdin=subprocess.DEVNULL, stdout=theirs,
        stderr=subprocess.STDOUT, timeout=60,
    )
    os.close(theirs)
    with os.fdopen(ours, "rb") as terminal:
        return terminal.read1(65536).decode()


def test_colour_is_only_for_terminals_without_no_color(file: Path):
    file.write_text(RULES + WRONG)
    assert "\x1b[31m" in on_a_terminal(file)
    assert "\x1b" not in on_a_terminal(file, NO_COLOR="1")
    assert "\x1b" not in run_cli("test", file).stdout


def test_what_a_terminal_would_obey_is_not_printed(file: Path):
    file.write_text(RULES + RIGHT.replace("a level", '"a \\e[2J level"').replace("level: 5}}", 'level: "\\e[2J"}}'))
    done = run_cli("test", file)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("arguments", [["--what"], ["-c"]])
def test_wrong_usage_is_exit_code_64(arguments: list[str]):
    assert run_cli("test", *arguments).returncode == 64


def test_help_shows_examples_first():
    done = run_cli("test", "-h")
    assert done.returncode == 0
    assert done.stdout.startswith("  thingbridge test ")
