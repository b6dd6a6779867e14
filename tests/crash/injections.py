"""What can befall an installation: each injection is a function of the run, and is counted by its name."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from run import CrashRun

# Named points of the program (FAULT_POINT), and within how many passages it is killed there.
POINTS = {
    "before_append_commit": 20, "after_append_commit": 20, "before_puback": 20, "before_commit": 20, "after_commit": 20,
    "after_queued_commit": 3, "after_sent_commit": 15, "after_replied_commit": 15, "after_done_commit": 8,
    "after_gone_commit": 15, "after_call_commit": 3, "before_request": 15, "before_request_bytes": 15,
    "after_answer": 15, "before_reply": 15, "after_reply": 15, "after_reply_puback": 15,
    "before_fence": 2,
}
# No stall is longer, so that the oracle knows what can be late by no fault of the bridge.
STALL_MAX_S = 0.8
HOUR_S = 3600


def choose_point(dice: random.Random) -> str:
    point = dice.choice(list(POINTS))
    return f"{point}:{dice.randint(1, POINTS[point])}"


def kill(run: "CrashRun") -> None:
    run.kill()


def power(run: "CrashRun") -> None:
    run.kill(loses_power=True)


def point(run: "CrashRun") -> None:
    """The bridge kills itself at a named point. It is counted when that happens; if it does not, it is killed here."""
    if run.armed_point is None:
        run.kill(arm=True)
    end = time.monotonic() + 1.5
    while run.is_running() and time.monotonic() < end:
        run.send(run.dice.randint(2, 12))
        run.wait_some(0.15)
    if run.is_running():
        run.kill()


def freeze(run: "CrashRun") -> None:
    run.bridge.signal(signal.SIGSTOP)
    run.send(run.dice.randint(0, 10))
    run.sleep(0.05, STALL_MAX_S)
    run.bridge.signal(signal.SIGCONT)


def restart(run: "CrashRun") -> None:
    """A clean stop, which must end with 0."""
    run.stop_cleanly()


def broker_restart(run: "CrashRun") -> None:
    run.restart_broker()


def broker_cut(run: "CrashRun") -> None:
    run.lose_connection()
    run.broker_proxy.cut()


def broker_hold(run: "CrashRun") -> None:
    run.broker_proxy.hold(*run.dice.choice([("up",), ("down",), ("up", "down")]))
    run.sleep(0.05, STALL_MAX_S)
    if run.dice.random() < 0.5:
        run.lose_connection()
        run.broker_proxy.cut()
    run.broker_proxy.release()


def broker_refuse(run: "CrashRun") -> None:
    run.lose_connection()
    run.broker_proxy.refuse()
    run.send(run.dice.randint(0, 10))
    run.sleep(0.05, STALL_MAX_S)
    run.broker_proxy.accept()


def platform_cut(run: "CrashRun") -> None:
    run.platform_proxy.cut()


def platform_hold(run: "CrashRun") -> None:
    run.platform_proxy.hold(*run.dice.choice([("up",), ("down",), ("up", "down")]))
    run.sleep(0.05, STALL_MAX_S)
    if run.dice.random() < 0.5:
        run.platform_proxy.cut()
    run.platform_proxy.release()


def platform_refuse(run: "CrashRun") -> None:
    run.platform_proxy.refuse()
    run.sleep(0.05, STALL_MAX_S)
    run.platform_proxy.accept()


def _storm(kind: str, most: int, **options: object) -> Callable[["CrashRun"], None]:
    def strike(run: "CrashRun") -> None:
        seed = run.dice.randrange(1 << 30)
        run.fault(kind, count=run.dice.randint(1, most), probability=run.dice.choice([0.3, 1.0]), seed=seed, **options)

    return strike


def disk_full(run: "CrashRun") -> None:
    run.fill_disk(True)
    for _ in range(run.dice.randint(1, 4)):
        run.send(run.dice.randint(0, 6))
        run.sleep(0.02, 0.2)
        run.keep_running()
    run.fill_disk(False)


def platform_clock(run: "CrashRun") -> None:
    run.home.platform.clock(run.dice.choice([-HOUR_S, 0, HOUR_S]))


def bridge_clock(run: "CrashRun") -> None:
    run.move_clock(run.dice.choice([-HOUR_S, 0, HOUR_S]))


# name -> weight, what it does
KINDS: dict[str, tuple[float, Callable[["CrashRun"], None]]] = {
    "kill": (6, kill),
    "power": (4, power),
    "point": (14, point),
    "freeze": (2, freeze),
    "restart": (1, restart),
    "broker_restart": (1, broker_restart),
    "broker_cut": (2, broker_cut),
    "broker_hold": (1, broker_hold),
    "broker_refuse": (1, broker_refuse),
    "platform_cut": (3, platform_cut),
    "platform_hold": (1.5, platform_hold),
    "platform_refuse": (1, platform_refuse),
    "throttle": (1.5, _storm("throttle", 30, seconds=0.2)),
    "busy": (1.5, _storm("status_503", 10, retry_after=1)),
    "error": (1, _storm("status_500", 4)),
    "error_after": (1, _storm("status_500_after", 4)),
    "hang": (1, _storm("hang", 4, seconds=0.7)),
    "hang_after": (1, _storm("hang_after", 4, seconds=0.7)),
    "reset": (1, _storm("reset_before", 4)),
    "reset_after": (1, _storm("reset_after", 4)),
    "delay": (1.5, _storm("delay", 15, seconds=0.3)),
    "delay_after": (1.5, _storm("delay_after", 15, seconds=0.3)),
    "garbage": (0.5, _storm("garbage", 4)),
    "cut": (0.5, _storm("cut", 4)),
    "disk_full": (2, disk_full),
    "platform_clock": (1, platform_clock),
    "bridge_clock": (1, bridge_clock),
}
