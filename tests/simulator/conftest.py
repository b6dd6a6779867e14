"""Fixtures: one real simulator over HTTPS for most tests, brought back to its start before each."""

from __future__ import annotations

from typing import Iterator

import pytest

from simulator.certificates import CertificateSet, make_certificate_set
from simulator.client import Reply, SimulatorProcess

LAMP = {"ProductKey": "k1ymv1DuLfE", "DeviceName": "hall-lamp-1"}
TOGGLE = {**LAMP, "Identifier": "Toggle", "Args": "{}"}


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


class Seen:
    """The simulator as one test sees it: its calls, and the journal since the test began."""

    def __init__(self, process: SimulatorProcess) -> None:
        self.process = process
        self.start = process.reset()

    def call(self, action: str = "InvokeThingService", **parameters: str) -> Reply:
        return self.process.call(action, parameters)

    def invoke(self, identifier: str, args: str = "{}", device: str = "hall-lamp-1", **more: str) -> Reply:
        parameters = {**LAMP, "DeviceName": device, "Identifier": identifier, "Args": args, **more}
        return self.process.call("InvokeThingService", parameters)

    def invoke_many(self, devices: list[str], identifier: str = "Set", args: str = "{}") -> Reply:
        names = {f"DeviceName.{number}": name for number, name in enumerate(devices, 1)}
        parameters = {"ProductKey": LAMP["ProductKey"], "Identifier": identifier, "Args": args, **names}
        return self.process.call("InvokeThingsService", parameters)

    def journal(self) -> list[dict]:
        return self.process.journal(self.start)

    def last(self) -> dict:
        return self.journal()[-1]

    def executed(self) -> list[str]:
        return [name for entry in self.journal() for name in entry["executed"]]


@pytest.fixture
def seen(process: SimulatorProcess) -> Seen:
    return Seen(process)


@pytest.fixture(scope="session")
def certificate_set(tmp_path_factory: pytest.TempPathFactory) -> CertificateSet:
    return make_certificate_set(tmp_path_factory.mktemp("certificates"))
