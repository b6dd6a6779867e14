"""A whole installation for one test: broker, simulated platform, bridge, and a client that sees every message."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Sequence

from simulator.client import Entry, SimulatorProcess, wait_until

from .bridge import Bridge, Settings, merge, platform_settings
from .broker import Broker
from .client import Client
from .program import Program
from .scripted_broker import ScriptedBroker

PRODUCT = "k1ymv1DuLfE"


def check_rate(calls: list[Entry], began: float, per_second: float) -> None:
    """No call came before its turn. Later ones say nothing: the machine may have held them up."""
    times = sorted(call["time"] - began for call in calls)
    assert all(time_s >= number / per_second - 0.1 for number, time_s in enumerate(times)), times


def rule(name: str, topic: str, identifier: str, **more: Any) -> Settings:
    """A rule for one lamp, named by the capture `device`; `invoke` members can be given among `more`."""
    invoke = {key: more.pop(key) for key in ("device", "devices", "iot_id", "args") if key in more}
    if not invoke.keys() & {"devices", "iot_id"}:
        invoke.setdefault("device", "${device}")
    return {"name": name, "topic": topic, "product_key": PRODUCT, "invoke": {"identifier": identifier, **invoke}, **more}


LAMP_RULES = [
    rule("set", "home/{device}/set", "Set", args={"brightness": "${payload.level | int}", "color": "white"}),
    rule("toggle", "home/{device}/toggle", "Toggle"),
    rule("echo", "home/{device}/echo", "Echo", args="${payload}"),
    rule("any", "home/{device}/any", "Any", args="${payload}"),
    rule("many", "homes/any", "Any", devices="${payload.devices}", args={"n": "${payload.n | default(0)}"}),
]
# For Home.settle; added to all rules that a test gives as a list.
_SETTLE_TOPIC = "settle"
_SETTLE_RULE = rule("settle", _SETTLE_TOPIC, "Any", device="hall-lamp-4", args={}, order="none")


class Platform:
    """The simulated platform as one test sees it: only the calls since the test began."""

    def __init__(self, simulator: SimulatorProcess) -> None:
        self.simulator = simulator
        self.mark = simulator.reset()

    def calls(self, **wanted: Any) -> list[Entry]:
        return self.simulator.journal(self.mark, **wanted)

    def wait_calls(self, count: int = 1, timeout_s: float = 60.0, **wanted: Any) -> list[Entry]:
        return self.simulator.wait_for(count, timeout_s, self.mark, **wanted)

    def call(self, **wanted: Any) -> Entry:
        """The one call that fits."""
        found = self.calls(**wanted)
        assert len(found) == 1, f"{len(found)} calls instead of one: {found}"
        return found[0]

    def executed(self, device_name: str) -> int:
        return self.simulator.executed(device_name, self.mark)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.simulator, name)


class Home:
    """What it starts it ends with `close`, which also checks that the bridge ended well and told no secret."""

    def __init__(self, folder: Path, simulator: SimulatorProcess, broker: Broker | ScriptedBroker | None = None) -> None:
        self.folder = folder
        self.platform = Platform(simulator)
        self.broker: Any = broker or Broker(folder / "broker")
        self.programs: list[Any] = [self.broker]
        self.client_login: dict[str, Any] = {}
        self.base_settings: Settings = {}  # of each bridge, under what its test says
        self._clients: list[Client] = []
        self._client: Client | None = None
        self._bridge: Bridge | None = None

    def replace_broker(self, broker: Broker | ScriptedBroker) -> None:
        """Before anything was started: another broker, as one with TLS."""
        self.programs[self.programs.index(self.broker)] = broker
        self.broker = broker

    @property
    def bridge(self) -> Bridge:
        assert self._bridge is not None
        return self._bridge

    @property
    def client(self) -> Client:
        """Sees everything; connected when first asked for."""
        if self._client is None:
            self._client = self.connect("#")
        return self._client

    def connect(self, *filters: str, **options: Any) -> Client:
        client = Client(self.broker.port, *filters, **{**self.client_login, **options})
        self._clients.append(client)
        return client

    def make_bridge(
        self,
        settings: Mapping[str, Any] | None = None,
        rules: Sequence[Settings] | str | Path | None = None,
        name: str = "bridge",
    ) -> Bridge:
        """Writes its files and does not start it. The last one made is `bridge`."""
        base = {"mqtt": {"url": self.broker.url}, "platform": platform_settings(self.platform.simulator)}
        base = merge(base, self.base_settings)
        rules = LAMP_RULES if rules is None else rules
        rules = rules if isinstance(rules, (str, Path)) else [*rules, _SETTLE_RULE]
        bridge = Bridge(self.folder / name, merge(base, settings or {}), rules)
        self.programs.append(bridge)
        self._bridge = bridge
        return bridge

    def start(
        self, settings: Mapping[str, Any] | None = None, rules: Sequence[Settings] | str | Path | None = None
    ) -> "Home":
        """Starts what does not run yet, and returns when the bridge says that it is online."""
        if not self.broker.is_running:
            self.broker.start()
        if self._bridge is None or settings is not None or rules is not None:
            self.make_bridge(settings, rules)
        self.bridge.launch()
        self.wait_online()
        return self

    @property
    def state_topic(self) -> str:
        return f"{self.bridge.base_topic}/bridge/state"

    def wait_online(self, timeout_s: float = 60.0) -> None:
        def has_news() -> bool:
            states = self.client.messages(self.state_topic)
            return not self.bridge.is_running or (bool(states) and states[-1].payload == b"online")

        wait_until(has_news, timeout_s, "the bridge's `online`")
        assert self.bridge.is_running, f"the bridge has ended: {self.bridge.log[-2000:]}"

    def wait_offline(self, timeout_s: float = 60.0) -> None:
        self.client.wait_payload(self.state_topic, "offline", timeout_s)

    def stop_bridge(self) -> None:
        code = self.bridge.stop()
        assert code == 0, f"the bridge ended with {code}"
        self.wait_offline()

    def crash_bridge(self) -> None:
        """SIGKILL; returns when the broker has published the will, so that `online` is news again."""
        self.bridge.crash()
        self.wait_offline()

    def restart_bridge(self) -> None:
        self.stop_bridge()
        self.start()

    def settle(self) -> None:
        """Returns when all that was published before had its turn: one more command goes through behind it."""
        self.client.command(_SETTLE_TOPIC, {})

    def wait_commit(self) -> None:
        """Returns when all that the bridge did before is on disk: a command that needs no platform is answered then."""
        reply = self.client.command(_SETTLE_TOPIC, {"$expire": []})
        assert reply["status"] == "rejected"

    def close(self) -> None:
        for client in self._clients:
            client.close()
        # pytest keeps the tests' homes to the end, for their logs; sockets are not to be kept with them.
        self._clients.clear()
        self._client = None
        bridges = [program for program in self.programs if isinstance(program, Bridge)]
        codes = [bridge.stop() for bridge in bridges if bridge.is_running]
        self.broker.stop()
        for program in self.programs:
            program.kill()
        assert not any(codes), f"the bridge ended with {codes}"
        for bridge in bridges:
            check_log(bridge.log, self.platform.simulator.access_key_secret)


def check_log(log: str, secret: str) -> None:
    assert secret not in log, "the secret is in the log"
    for sign_of_a_fault in ("Sanitizer", "runtime error:", "Assertion"):
        assert sign_of_a_fault not in log, f"{sign_of_a_fault} in the log"
