"""Fixtures: what a test starts is ended after it, and its logs are shown if it failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from harness.home import Home
from harness.scripted_broker import ScriptedBroker
from simulator.certificates import CertificateSet, make_certificate_set
from simulator.client import SimulatorProcess

LOG_LINES = 150
_homes = pytest.StashKey[list[Home]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--language-seed", type=int, default=None, help="seed of test_language.py, to show a failure again")


@pytest.fixture(scope="session")
def shared_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> CertificateSet:
    return make_certificate_set(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def empty_home(request: pytest.FixtureRequest, tmp_path: Path, shared_simulator: SimulatorProcess) -> Iterator[Home]:
    """Nothing runs yet but the platform."""
    home = Home(tmp_path, shared_simulator)
    request.node.stash[_homes] = [home]
    yield home
    home.close()


@pytest.fixture
def home(empty_home: Home) -> Home:
    """Everything runs, with the lamps' rules."""
    return empty_home.start()


@pytest.fixture
def scripted_home(request: pytest.FixtureRequest, tmp_path: Path, shared_simulator: SimulatorProcess) -> Iterator[Home]:
    """Nothing runs yet; `scripted_home.broker` is a ScriptedBroker."""
    home = Home(tmp_path, shared_simulator, ScriptedBroker(tmp_path / "broker"))
    request.node.stash[_homes] = [home]
    yield home
    home.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for home in item.stash.get(_homes, []):
        for program in home.programs:
            lines = program.log.splitlines()[-LOG_LINES:]
            report.sections.append((f"{program.name}: end of {program.log_file}", "\n".join(lines)))
