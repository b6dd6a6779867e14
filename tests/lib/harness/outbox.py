"""The outbox of a bridge under test, by `thingbridge outbox` and by its file."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from typing import Any

from simulator.client import wait_until

from .bridge import run_cli
from .home import Home

LAMP = "hall-lamp-1"


def outbox(home: Home, *arguments: str | int) -> subprocess.CompletedProcess[str]:
    return run_cli("outbox", *map(str, arguments), "-c", home.bridge.config_file)


def rows(home: Home, *arguments: str) -> list[dict[str, Any]]:
    done = outbox(home, "list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def row(home: Home, command_id: Any) -> dict[str, Any]:
    (found,) = [each for each in rows(home) if each["id"] == command_id]
    return found


def show(home: Home, wanted: str | int, *options: str) -> dict[str, Any]:
    done = outbox(home, "show", wanted, "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def keep_lamp_busy(home: Home, delay_s: float = 3) -> None:
    """The command `first` is under way, and what follows for the lamp waits."""
    home.platform.device(LAMP, delay_s=delay_s)
    home.client.publish(f"home/{LAMP}/toggle", {"$id": "first"})
    home.platform.wait_calls(device_names=[LAMP])


def queue(home: Home, command_id: Any, topic: str = f"home/{LAMP}/any", **payload: Any) -> None:
    home.client.publish(topic, {"$id": command_id, **payload})
    wait_until(lambda: any(each["id"] == command_id for each in rows(home)), what="the row")


def stop_with_waiting(home: Home, *command_ids: str) -> None:
    """The service is stopped, and these commands wait in its outbox."""
    keep_lamp_busy(home, 1)
    for command_id in command_ids:
        queue(home, command_id)
    home.stop_bridge()
    home.platform.device(LAMP, delay_s=0)


def stop_with_sent(home: Home) -> None:
    """The service was killed while the request of `first` was under way."""
    keep_lamp_busy(home)
    home.crash_bridge()
    home.platform.device(LAMP, delay_s=0)


def the_reply(home: Home, command_id: Any) -> tuple[str, str]:
    """Status and error code of the one final reply; nothing more comes after it."""
    reply = home.client.wait_reply(command_id)
    home.settle()
    assert len(home.client.final_replies(command_id)) == 1
    return reply["status"], reply.get("error", {}).get("code", "")


def change_outbox(home: Home, statement: str) -> None:
    database = sqlite3.connect(home.bridge.outbox_file)
    with database:
        database.execute(statement)
    database.close()


def unproved(home: Home) -> int:
    """Commands whose PUBACK is not proved to have arrived at the broker."""
    database = sqlite3.connect(home.bridge.outbox_file)
    try:
        return int(database.execute("SELECT count(*) FROM delivery").fetchone()[0])
    finally:
        database.close()
