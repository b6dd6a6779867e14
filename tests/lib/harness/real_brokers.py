"""Brokers that are not Mosquitto, as `install_brokers` leaves them: started on free loopback ports, with a folder each, and
ended by their own process ids. `port` takes MQTT without a password, but ejabberd wants a user name."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Sequence

from install_brokers import AEDES, DEBIAN, ROOT, missing
from simulator.client import wait_until

from . import ports
from .program import Program

# RabbitMQ waits six seconds for other nodes before it listens.
START_TIMEOUT_S = 90.0


class RealBroker(Program):
    """What the brokers have in common. The facts are as met; tests/brokers/ shows them."""

    source = "debian"  # what `install_brokers` calls it when it is missing
    versions: Sequence[Any] = ("3.1.1",)
    username: str | None = None
    in_flight = 65535  # that it sends before a PUBACK came
    redelivery = "dup"  # the value of mqtt.redelivery that it needs
    keeps_sessions = True  # when it is started again

    def __init__(self, name: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(name, folder / f"{name}.log")
        self.folder = folder
        self.port = ports.free_port()

    @classmethod
    def why_missing(cls) -> str | None:
        """Why it cannot run here."""
        is_there = (AEDES if cls.source == "aedes" else DEBIAN) / ".stamp"
        return None if is_there.exists() else missing().get(cls.source, "tests/lib/install_brokers.py has not run")

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def command(self) -> tuple[list[str], dict[str, str]]:
        """What starts it, and its environment."""
        raise NotImplementedError

    def start(self) -> "RealBroker":
        command, environment = self.command()
        self.spawn(command, {"PATH": os.environ["PATH"], "HOME": str(self.folder), **environment}, self.folder)
        wait_until(lambda: ports.is_open(self.port) or not self.is_running, START_TIMEOUT_S, f"the start of {self.name}")
        assert self.is_running, f"{self.name} has ended: {self.log[-3000:]}"
        return self

    def stop(self) -> None:
        if self.is_running:
            self.terminate(60)


def _erlang(*more_libraries: Path) -> tuple[Path, dict[str, str]]:
    """The folder of Erlang's programs, and what they must know, as their scripts hold fixed paths."""
    root = DEBIAN / "usr/lib/erlang"
    [programs] = root.glob("erts-*/bin")
    libraries = next(DEBIAN.glob("usr/lib/*/ejabberd-*")).parent
    return programs, {
        "ROOTDIR": str(root), "BINDIR": str(programs), "EMU": "beam", "PROGNAME": "erl",
        "ERL_LIBS": ":".join(map(str, [*more_libraries, libraries])), "LD_LIBRARY_PATH": str(libraries),
        "ERL_CRASH_DUMP": "/dev/null",
    }  # fmt: skip


class RabbitMq(RealBroker):
    """With its MQTT plugin. Erlang's epmd is one of our own, on a port of its own, and ends with it."""

    in_flight = 10

    def __init__(self, folder: Path) -> None:
        super().__init__("rabbitmq", folder)
        self._epmd_port = ports.free_port()
        self._dist_port = ports.free_port()
        self._epmd = Program("epmd", folder / "epmd.log")

    def command(self) -> tuple[list[str], dict[str, str]]:
        [home] = DEBIAN.glob("usr/lib/rabbitmq/lib/rabbitmq_server-*")
        programs, environment = _erlang(home / "plugins")
        config, plugins = self.folder / "rabbitmq.conf", self.folder / "enabled_plugins"
        plugins.write_text("[rabbitmq_mqtt].\n")
        config.write_text(
            f"listeners.tcp = none\nmqtt.listeners.tcp.1 = 127.0.0.1:{self.port}\nmqtt.allow_anonymous = true\n"
            "log.console = true\nlog.file = false\n"
        )
        environment |= {
            "RABBITMQ_HOME": str(home), "RABBITMQ_PLUGINS_DIR": str(home / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"), "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.folder / "config"), "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins), "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_PID_FILE": str(self.folder / "pid"), "RABBITMQ_NODENAME": "tests@localhost",
            "RABBITMQ_DIST_PORT": str(self._dist_port), "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_MAX_ETS_TABLES": "50000",
        }  # fmt: skip
        return [
            str(programs / "erlexec"), "-noinput", "-s", "rabbit", "boot", "-boot", "start_sasl", "+W", "w", "+S", "2:2",
            "+sbwt", "none", "-start_epmd", "false", "-syslog", "logger", "[]", "-syslog", "syslog_error_logger", "false",
            "-kernel", "prevent_overlapping_partitions", "false", "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
        ], environment  # fmt: skip

    def start(self) -> "RealBroker":
        [epmd] = DEBIAN.glob("usr/lib/erlang/erts-*/bin/epmd")
        self._epmd.spawn([str(epmd), "-port", str(self._epmd_port), "-address", "127.0.0.1"])
        wait_until(lambda: ports.is_open(self._epmd_port), START_TIMEOUT_S, "the start of epmd")
        return super().start()

    def stop(self) -> None:
        super().stop()
        self._epmd.kill()

    def kill(self) -> None:
        super().kill()
        self._epmd.kill()


class Ejabberd(RealBroker):
    """With mod_mqtt. Its sessions are in memory, and it allows them as long as it is told to."""

    versions = (5, "3.1.1")
    username = "bridge@localhost"
    in_flight = 1
    keeps_sessions = False

    def __init__(self, folder: Path) -> None:
        super().__init__("ejabberd", folder)

    def command(self) -> tuple[list[str], dict[str, str]]:
        config = self.folder / "ejabberd.yml"
        settings = {
            "hosts": ["localhost"], "auth_method": ["anonymous"], "anonymous_protocol": "login_anon",
            "allow_multiple_connections": True, "listen": [{"port": self.port, "ip": "127.0.0.1", "module": "mod_mqtt"}],
            "modules": {"mod_mqtt": {"session_expiry": 3600, "max_queue": 5000}},
        }  # fmt: skip
        config.write_text(json.dumps(settings))  # which is YAML
        programs, environment = _erlang()
        environment |= {
            "EJABBERD_CONFIG_PATH": str(config),
            "EJABBERD_LOG_PATH": str(self.folder / "ejabberd-own.log"),
        }
        spool = json.dumps(str(self.folder / "spool"))
        return [
            str(programs / "erlexec"), "-noinput", "+S", "2:2", "+sbwt", "none", "-mnesia", "dir", spool, "-s", "ejabberd",
        ], environment  # fmt: skip


class ActiveMq(RealBroker):
    redelivery = "content"

    def __init__(self, folder: Path) -> None:
        super().__init__("activemq", folder)

    def command(self) -> tuple[list[str], dict[str, str]]:
        share = DEBIAN / "usr/share"
        java = shutil.which("java") or str(next(DEBIAN.glob("usr/lib/jvm/java-*/bin/java")))
        home = [f"-Dactivemq.{name}={value}" for name, value in (("home", share / "activemq"), ("base", self.folder))]
        libraries = [share / "activemq/lib/*", share / "activemq/lib/optional/*", *_jars(share / "java")]
        data = self.folder / "data"
        return [
            java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.awt.headless=true",
            "-cp", ":".join(map(str, libraries)), *home, "org.apache.activemq.console.Main", "start",
            f"broker:(mqtt://127.0.0.1:{self.port})?persistent=true&brokerName=tests&useJmx=false&dataDirectory={data}",
        ], {}  # fmt: skip


def _jars(folder: Path) -> list[Path]:
    """All but the versioned doubles, and one binding of slf4j only."""
    found = [jar for jar in folder.glob("*.jar") if not jar.name.startswith(("slf4j-", "log4j-over-slf4j"))]
    return [*found, folder / "slf4j-api.jar", folder / "slf4j-simple.jar"]


class Aedes(RealBroker):
    """In memory, as most people run it inside another Node.js program."""

    source = "aedes"
    redelivery = "content"
    keeps_sessions = False

    def __init__(self, folder: Path) -> None:
        super().__init__("aedes", folder)

    def command(self) -> tuple[list[str], dict[str, str]]:
        node = shutil.which("node")
        assert node is not None
        script = ROOT / "tests/brokers/aedes/broker.js"
        return [node, str(script), str(self.port)], {"AEDES_MODULES": str(AEDES / "package.json")}


ALL: list[type[RealBroker]] = [RabbitMq, Ejabberd, ActiveMq, Aedes]
