"""The demo itself: starts a private broker, the simulated platform and the bridge, sends five commands and shows them.

Called by deploy/demo, which has installed and built what is needed. Needs nothing but Python's standard library.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, NoReturn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/lib")]

from harness.bridge import Bridge, platform_settings  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.program import Program  # noqa: E402
from simulator.client import Entry, SimulatorProcess, wait_until  # noqa: E402

MAPPING = ROOT / "mappings/demo.yaml"
TIMEOUT_S = 20.0
WATCH_S = 0.5
LOG_SHOWN = 2000  # characters

Message = tuple[str, str]
Reply = tuple[str, str, dict[str, Any]]  # topic, text, content


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why."""


class Paint:
    """Colour on a terminal only, and never with NO_COLOR."""

    _is_on = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    @classmethod
    def _wrap(cls, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if cls._is_on else text

    @classmethod
    def bold(cls, text: str) -> str:
        return cls._wrap("1", text)

    @classmethod
    def faint(cls, text: str) -> str:
        return cls._wrap("2", text)


class Listener:
    """mosquitto_sub on all topics, read by a thread."""

    def __init__(self, port: int) -> None:
        self.messages: list[Message] = []
        self._process = subprocess.Popen(
            ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-t", "#", "-F", "%t\t%p"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            topic, _, payload = line.rstrip("\n").partition("\t")
            self.messages.append((topic, payload))

    def replies(self, command_id: str) -> list[Reply]:
        """All replies with this id up to the final one; empty as long as that is missing."""
        parsed = [(topic, text, as_reply(text, command_id)) for topic, text in list(self.messages)]
        found = [(topic, text, reply) for topic, text, reply in parsed if reply]
        return found if any(reply["final"] for _, _, reply in found) else []

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._thread.join()


class Demo:
    def __init__(self, folder: Path, stack: ExitStack, program: str) -> None:
        os.environ["THINGBRIDGE_BINARY"] = program
        self.folder = folder
        self.simulator = stack.enter_context(SimulatorProcess(folder / "platform"))
        self.broker = Broker(folder / "broker")
        stack.callback(self.broker.kill)
        self.broker.start()
        self.listener = Listener(self.broker.port)
        stack.callback(self.listener.close)
        self.bridge = Bridge(folder / "bridge", self._settings(), MAPPING)
        stack.callback(self.bridge.kill)
        self.bridge.launch()
        self._wait_online()
        stack.callback(self._stop_bridge)
        self._count = 0

    def _settings(self) -> dict[str, Any]:
        return {
            "mqtt": {"url": self.broker.url, "client_id": "thingbridge-demo"},
            "platform": platform_settings(self.simulator),
            "log": {"level": "info"},
        }

    def _wait_online(self) -> None:
        def is_online() -> bool:
            if not self.bridge.is_running:
                raise DemoError(f"the bridge does not start; {self.log_end()}")
            return ("thingbridge/bridge/state", "online") in self.listener.messages

        self._wait(is_online, "the bridge's `online`")

    def _wait(self, condition: Callable[[], Any], what: str) -> Any:
        try:
            return wait_until(condition, TIMEOUT_S, what)
        except AssertionError as error:
            raise DemoError(f"{error}; {self.log_end()}") from None

    def log_end(self) -> str:
        return f"the end of the bridge's log ({self.bridge.log_file.name}):\n{self.bridge.log[-LOG_SHOWN:]}"

    def _stop_bridge(self) -> None:
        if self.bridge.is_running:
            code = self.bridge.stop()
            if code != 0:
                raise DemoError(f"the bridge ended with the exit code {code}")

    def show(self, title: str, topic: str, payload: dict[str, Any], status: str) -> None:
        """One command: published, the signed call in short, what came back. The status is checked."""
        self._count += 1
        command = {"$id": f"demo-{self._count}", **payload}
        text = json.dumps(command)
        print(f"\n{Paint.bold(f'{self._count}. {title}')}")
        print(f"   published   {topic}  {text}")
        mark = self.simulator.last_seq()
        publish(self.broker.port, topic, text)
        replies = self._wait(lambda: self.listener.replies(command["$id"]), f"the reply to {command['$id']}")
        for entry in self.simulator.journal(mark):
            print(f"   signed call {describe_call(entry)}")
        for reply_topic, reply_text, _ in replies:
            print(f"   came back   {reply_topic}  {reply_text}", flush=True)
        got = next(reply["status"] for _, _, reply in replies if reply["final"])
        if got != status:
            raise DemoError(f"the reply's status is {got}, and {status} was expected; {self.log_end()}")

    def show_all(self) -> None:
        self.show("A synchronous service: the device's answer comes back", "home/hall/lamp-1/toggle", {}, "ok")
        self.show("An asynchronous service: the platform has taken it", "home/hall/lamp-2/set", {"level": 128}, "accepted")
        self.show("One command for several devices", "site/downstairs/set", {"level": 40}, "accepted")
        self.show_wrong_key()
        self.show("A device that is offline", "home/offline/lamp/set", {"level": 255}, "failed")

    def show_wrong_key(self) -> None:
        """Another secret at the platform is for the bridge the same as a wrong one in its file."""
        secret = self.simulator.access_key_secret
        self.simulator.account(access_key_secret="another-secret")
        try:
            self.show("Refused: the platform knows another secret for our key", "home/hall/lamp-1/toggle", {}, "failed")
        finally:
            self.simulator.account(access_key_secret=secret)

    def invite(self) -> None:
        port = self.broker.port
        print(f"\n{Paint.bold('It stays up now. Paste these in another terminal')} (Ctrl-C here ends it):\n")
        print(f"   mosquitto_sub -p {port} -v -t 'home/#' -t 'thingbridge/#'")
        print(f"   mosquitto_pub -p {port} -q 1 -t home/hall/lamp-1/toggle -m '{{}}'")
        print(f"   mosquitto_pub -p {port} -q 1 -t home/hall/lamp-2/set -m '{{\"level\": 128, \"$id\": \"mine\"}}'")
        print(f"   mosquitto_rr -p {port} -q 1 -t home/hall/lamp-1/toggle -e reply/me -m '{{}}'")
        print(f"\n   {Paint.faint('rules')}     {MAPPING}")
        print(f"   {Paint.faint('log')}       {self.bridge.log_file}")
        print(f"   {Paint.faint('platform')}  {self.folder}/platform/journal.jsonl (all calls that it took)", flush=True)

    def stay(self) -> NoReturn:
        programs: list[Program] = [self.broker, self.bridge]
        while True:
            time.sleep(WATCH_S)
            for program in programs:
                if not program.is_running:
                    raise DemoError(f"{program.name} has ended; the end of its log:\n{program.log[-LOG_SHOWN:]}")


def publish(port: int, topic: str, text: str) -> None:
    subprocess.run(
        ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-t", topic, "-m", text],
        check=True, stdin=subprocess.DEVNULL,
    )


def as_reply(text: str, command_id: str) -> dict[str, Any] | None:
    try:
        reply = json.loads(text)
    except ValueError:
        return None
    is_reply = isinstance(reply, dict) and reply.get("id") == command_id and "final" in reply
    return reply if is_reply else None


def describe_call(entry: Entry) -> str:
    devices = entry["device_names"]
    shown = ", ".join(devices[:3]) + (f" and {len(devices) - 3} more" if len(devices) > 3 else "")
    parts = [entry["method"], entry["action"], f"{shown or entry['iot_id']}:", f"{entry['identifier']} {entry['args']}"]
    signed = f"AccessKeyId={entry['access_key_id']} SignatureNonce={entry['nonce'][:8]}..."
    return f"{' '.join(parts)}  {Paint.faint(signed)} -> {entry['code'] or 'taken'}"


def end_on_signal(_number: int, _frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def run(program: str, is_once: bool) -> int:
    folder = Path(tempfile.mkdtemp(prefix="thingbridge-demo-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        demo = Demo(folder, stack, program)
        demo.show_all()
        if not is_once:
            demo.invite()
            demo.stay()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--once", action="store_true")
    parser.add_argument("program")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, end_on_signal)
    try:
        return run(options.program, options.once)
    except KeyboardInterrupt:
        print("\nended")
        return 0
    except (RuntimeError, AssertionError, OSError, subprocess.SubprocessError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 70


if __name__ == "__main__":
    sys.exit(main())
