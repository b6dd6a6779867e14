"""The bridge keeps its promise whatever befalls it: random commands, random injections, one verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from run import CrashRun


# MQTT version of the bridge, and its part of the injections.
PARTS = {"5": 0.75, "3.1.1": 0.25}


@pytest.mark.timeout(0)
@pytest.mark.parametrize("version", PARTS)
def test_the_promise_holds_whatever_befalls_the_installation(
    request: pytest.FixtureRequest, tmp_path: Path, seed: int, version: str, capsys: pytest.CaptureFixture[str]
):
    injections = round(request.config.getoption("--crash-injections") * PARTS[version])
    with capsys.disabled():
        print(f"\ncrash: MQTT {version}, seed {seed}; --crash-seed={seed} repeats it as far as timing allows")
    run = CrashRun(tmp_path, seed, version)
    try:
        outcome = run.run(injections)
    finally:
        run.close()
    with capsys.disabled():
        print(outcome)
    assert not outcome.verdict.faults, "\n".join(outcome.verdict.faults)
    good = outcome.verdict.statuses["ok"] + outcome.verdict.statuses["accepted"]
    assert good > outcome.commands / 4, "most commands met an injection: the run shows little"
