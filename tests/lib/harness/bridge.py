"""The bridge under test: its configuration and rules in a folder, its process, its exit code."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Mapping, Sequence

from simulator.client import SimulatorProcess, wait_until

from .program import Program

ROOT = Path(__file__).resolve().parents[3]
START_TIMEOUT_S = 60.0

Settings = dict[str, Any]


def binary() -> Path:
    """The program: THINGBRIDGE_BINARY, by default the debug build."""
    return Path(os.environ.get("THINGBRIDGE_BINARY", ROOT / "build/dev/thingbridge")).resolve()


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours, without what would configure the bridge or send it through a proxy."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("THINGBRIDGE_") and not name.lower().endswith("_proxy") and name != "NO_COLOR"
    }
    return kept | dict(extra or {})


def merge(base: Settings, changes: Mapping[str, Any]) -> Settings:
    """A copy of `base` in which maps are merged and everything else is replaced; None removes a key."""
    merged = copy.deepcopy(base)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def platform_settings(simulator: SimulatorProcess) -> Settings:
    settings: Settings = {
        "endpoint": simulator.url,
        "access_key_id": simulator.access_key_id,
        "access_key_secret": {"file": simulator.access_key_secret_file},
    }
    if simulator.ca_file:
        settings["tls"] = {"ca_file": simulator.ca_file}
    return settings


def run_cli(
    *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """One subcommand to its end."""
    return subprocess.run(
        [str(binary()), *map(str, arguments)], env=clean_environment(env), cwd=cwd, input=stdin, text=True,
        stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, timeout=60, errors="replace",
    )


def memory_kib(pid: int, name: str = "VmRSS") -> int:
    """VmRSS is resident now, VmHWM was the most."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise KeyError(name)


class Bridge(Program):
    """`settings` is the configuration as DESIGN.md has it; it is written as JSON, which is YAML."""

    def __init__(self, folder: Path, settings: Settings, rules: Sequence[Settings] | str | Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__("thingbridge", folder / "thingbridge.log")
        self.folder = folder
        self.config_file = folder / "thingbridge.yaml"
        self.outbox_file = folder / "outbox.db"
        base = {
            "mqtt": {"client_id": "bridge"},
            "outbox": {"path": str(self.outbox_file)},
            "admin": {"listen": "off"},
            "log": {"level": "debug"},
        }
        self.settings = merge(base, settings)
        self.set_rules(rules)
        self.write()

    def set_rules(self, rules: Sequence[Settings] | str | Path) -> None:
        """Rules as maps, as the text of a file, or the path of a file that ships."""
        path = rules if isinstance(rules, Path) else self.folder / "rules.yaml"
        if isinstance(rules, str):
            path.write_text(rules)
        elif not isinstance(rules, Path):
            path.write_text(json.dumps({"version": 1, "rules": list(rules)}, indent=1, ensure_ascii=False))
        self.settings["mappings"] = [str(path)]

    def configure(self, **changes: Any) -> None:
        """Changes that the next start reads."""
        self.settings = merge(self.settings, changes)
        self.write()

    def write(self) -> None:
        self.config_file.write_text(json.dumps(self.settings, indent=1, ensure_ascii=False))

    @property
    def client_id(self) -> str:
        return self.settings["mqtt"]["client_id"]

    @property
    def base_topic(self) -> str:
        return self.settings.get("bridge", {}).get("base_topic", "thingbridge")

    def launch(self, env: Mapping[str, str] | None = None) -> "Bridge":
        """Starts it and does not wait."""
        self.spawn([str(binary()), "run", "-c", str(self.config_file)], clean_environment(env), self.folder)
        return self

    def stop(self, timeout_s: float = 60.0) -> int:
        """A clean stop; returns the exit code."""
        return self.terminate(timeout_s)

    def crash(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def wait_log(self, text: str, timeout_s: float = START_TIMEOUT_S) -> None:
        wait_until(lambda: text in self.log, timeout_s, f"{text!r} in the bridge's log")

    def cpu_s(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_kib(self, name: str = "VmRSS") -> int:
        return memory_kib(self.pid, name)
