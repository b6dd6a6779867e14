"""The demo works from anywhere, shows what it promises, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD_AND_RUN_S = 900


def run_demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a folder that is also the place for temporary files, so that what is left there is seen."""
    env = {**os.environ, "TMPDIR": str(folder)}
    return subprocess.run(
        [str(ROOT / "deploy/demo"), *arguments], cwd=folder, env=env, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=BUILD_AND_RUN_S,
    )


def processes_that_name(text: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


@pytest.mark.timeout(BUILD_AND_RUN_S)
def test_the_demo_shows_five_commands_and_leaves_nothing_behind(tmp_path: Path):
    done = run_demo(tmp_path, "--once", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    for status in ('"status":"ok"', '"status":"accepted"', '"status":"failed"'):
        assert status in done.stdout
    for text in ("InvokeThingService ", "InvokeThingsService ", "SignatureDoesNotMatch", "iot.messagebroker.OFFLINE"):
        assert text in done.stdout
    assert done.stdout.count("published ") == 5
    assert list(tmp_path.iterdir()) == []
    assert processes_that_name(str(tmp_path)) == []


@pytest.mark.timeout(BUILD_AND_RUN_S)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_the_demo_stays_up_until_it_is_told_to_end(tmp_path: Path, number: signal.Signals):
    demo = subprocess.Popen(
        [str(ROOT / "deploy/demo"), "--yes"], cwd=tmp_path, env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    try:
        assert demo.stdout is not None
        pasted = next(line.split() for line in demo.stdout if line.strip().startswith("mosquitto_rr "))
        answer = subprocess.run([word.strip("'") for word in pasted], capture_output=True, text=True, timeout=20)
        assert '"status":"ok"' in answer.stdout
        demo.send_signal(number)
        assert demo.wait(30) == 0
    finally:
        demo.terminate()
    assert list(tmp_path.iterdir()) == []
    assert processes_that_name(str(tmp_path)) == []


def test_an_unknown_argument_is_refused_with_the_usage(tmp_path: Path):
    done = run_demo(tmp_path, "--twice")
    assert done.returncode == 64
    assert "unknown argument: --twice" in done.stderr
    assert "--once" in done.stderr
