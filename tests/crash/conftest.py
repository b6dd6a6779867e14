"""Options of the crash test."""

from __future__ import annotations

import random

import pytest

from harness.bridge import binary


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--crash-injections", type=int, default=200, help="how many injections")
    parser.addoption("--crash-seed", type=int, default=None, help="seed of a run to repeat")


@pytest.fixture(scope="session")
def program_with_faults() -> None:
    if b"THINGBRIDGE_TEST_" not in binary().read_bytes():
        pytest.fail(f"{binary()} knows no faults: build it with -DTHINGBRIDGE_FAULTS=ON, as the preset dev does")


@pytest.fixture
def seed(request: pytest.FixtureRequest, program_with_faults: None) -> int:
    given = request.config.getoption("--crash-seed")
    return random.SystemRandom().randrange(1 << 32) if given is None else given
