"""Each broker is started once and shared; the bridge reaches it by a line of its own, which a test can cut and hold."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Iterator

import pytest

from harness.client import Client
from harness.home import Home
from harness.network import TcpProxy
from harness.real_brokers import ALL, RealBroker
from simulator.client import SimulatorProcess

LOG_LINES = 150
_homes = pytest.StashKey[list[Home]]()
_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "only_with(*names): with these brokers, as `Aedes` or `Ejabberd-5`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is not for a broker is left out: a skipped test is one that should have run."""

    def is_meant(item: pytest.Item) -> bool:
        marker = item.get_closest_marker("only_with")
        return marker is None or any(f"[{name}" in item.name for name in marker.args)

    items[:] = [item for item in items if is_meant(item)]


class Line:
    """The shared broker as one installation has it: the bridge comes by the proxy, the test's own client directly."""

    is_running = True

    def __init__(self, broker: RealBroker, proxy: TcpProxy) -> None:
        self._broker = broker
        self.proxy = proxy
        self.url = f"mqtt://127.0.0.1:{proxy.port}"

    def stop(self) -> None:
        """It is for the next test too."""

    kill = stop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


@pytest.fixture(scope="session")
def shared_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


def _pairs() -> list[Any]:
    return [pytest.param((each, version), id=f"{each.__name__}-{version}") for each in ALL for version in each.versions]


@pytest.fixture(scope="session", params=_pairs())
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealBroker, Any]]:
    """A running broker, and the MQTT version."""
    kind, version = request.param
    reason = kind.why_missing()
    if reason:
        pytest.skip(f"{kind.__name__}: {reason}")
    broker = kind(tmp_path_factory.mktemp(kind.__name__))
    try:
        yield broker.start(), version
        broker.stop()
    finally:
        broker.kill()


@pytest.fixture
def empty_home(
    request: pytest.FixtureRequest, tmp_path: Path, shared_simulator: SimulatorProcess, broker: tuple[RealBroker, Any]
) -> Iterator[Home]:
    """Nothing of ours runs yet. No session and no topic of the bridge is that of an earlier test."""
    real, version = broker
    number = next(_numbers)
    with TcpProxy(real.port) as proxy:
        home = Home(tmp_path, shared_simulator, Line(real, proxy))
        request.node.stash[_homes] = [home]
        login = {"username": real.username, "password": "any"} if real.username else {}
        home.client_login = {"version": 5 if version == 5 else 3, **login}
        mqtt = {"client_id": f"bridge-{number}", "version": version, "redelivery": real.redelivery, **_secret(tmp_path, login)}
        home.base_settings = {"mqtt": mqtt, "bridge": {"base_topic": f"thingbridge-{number}"}}
        yield home
        proxy.release()
        home.close()
        # ActiveMQ gives to a new subscriber what it still keeps for another one that is away.
        Client(real.port, client_id=f"bridge-{number}", **home.client_login).close()


def _secret(folder: Path, login: dict[str, str]) -> dict[str, Any]:
    if not login:
        return {}
    (folder / "mqtt.pass").write_text(login["password"])
    (folder / "mqtt.pass").chmod(0o600)
    return {"username": login["username"], "password": {"file": str(folder / "mqtt.pass")}}


@pytest.fixture
def home(empty_home: Home) -> Home:
    """Everything runs, with the lamps' rules."""
    return empty_home.start()


@pytest.fixture
def line(empty_home: Home) -> TcpProxy:
    return empty_home.broker.proxy


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
