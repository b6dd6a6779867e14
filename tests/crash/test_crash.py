"""The bridge keeps its promise whatever befalls it: random commands, random injections, one verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from run import CrashRun


@pytest.mark.timeout(0)
def test_the_promise_holds_whatever_befalls_the_installation(
    request: pytest.FixtureRequest, tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
):
    with capsys.disabled():
        print(f"\nseed {seed}: repeat with --crash-seed={seed}")
    run = CrashRun(tmp_path, seed)
    try:
        outcome = run.run(request.config.getoption("--crash-injections"))
    finally:
        run.close()
    with capsys.disabled():
        print(outcome)
    assert not outcome.verdict.faults, "\n".join(outcome.verdict.faults)
    good = outcome.verdict.statuses["ok"] + outcome.verdict.statuses["accepted"]
    assert good > outcome.commands / 4, "most commands met an injection: the run shows little"
