"""Options of the crash test."""

from __future__ import annotations

import random

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--crash-injections", type=int, default=200, help="how many injections")
    parser.addoption("--crash-seed", type=int, default=None, help="seed of a run to repeat")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    given = request.config.getoption("--crash-seed")
    return random.SystemRandom().randrange(1 << 32) if given is None else given
