"""Options of the crash test."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--crash-injections", type=int, default=10, help="how often the bridge is killed")
    parser.addoption("--crash-seed", type=int, default=None, help="seed of a run to repeat")
