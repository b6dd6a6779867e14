"""The control path, /_control/...: tests set faults and change the world, and read what happened.

JSON in and out, no signature. A bad request is answered with HTTP 400 and {"error": what is wrong}.
"""

from __future__ import annotations

import json
from typing import Any, Callable
from urllib.parse import parse_qsl

from .answers import Answer, dump
from .cloud import Cloud
from .faults import FaultError, read_fault
from .quotas import MAX_LIMIT
from .wire import Request
from .world import ACCOUNT_STATES

PREFIX = "/_control/"
MAX_JOURNAL_LINES = 10_000
MAX_CLOCK_OFFSET_S = 10 * 365 * 24 * 3600


class ControlError(ValueError):
    """A control request that cannot be done; `status` is the answer's."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def _check(condition: bool, text: str) -> None:
    if not condition:
        raise ControlError(text)


def _number(text: dict[str, Any], name: str, low: float, high: float) -> float:
    value = text.get(name)
    _check(type(value) in (int, float) and low <= value <= high, f"{name} is {value!r}, not a number {low} to {high}")
    return value  # type: ignore[return-value]


def _only(text: dict[str, Any], *names: str) -> None:
    unknown = set(text) - set(names)
    _check(not unknown, f"unknown members: {', '.join(sorted(unknown))}; known: {', '.join(names)}")


class Control:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._verbs: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("POST", "fault"): self.add_fault,
            ("GET", "fault"): self.list_faults,
            ("DELETE", "fault"): self.clear_faults,
            ("POST", "device"): self.configure_device,
            ("GET", "device"): self.show_device,
            ("POST", "account"): self.configure_account,
            ("POST", "quota"): self.set_quotas,
            ("GET", "quota"): self.list_quotas,
            ("POST", "clock"): self.set_clock,
            ("GET", "clock"): self.show_clock,
            ("POST", "limits"): self.set_limits,
            ("GET", "journal"): self.read_journal,
            ("GET", "stats"): self.read_stats,
            ("POST", "reset"): self.reset,
        }

    def handle(self, request: Request) -> Answer:
        try:
            return Answer(200, dump(self._dispatch(request)).encode())
        except ControlError as error:
            return Answer(error.status, dump({"error": str(error)}).encode())
        except FaultError as error:
            return Answer(400, dump({"error": str(error)}).encode())

    def _dispatch(self, request: Request) -> Any:
        name = request.path.removeprefix(PREFIX)
        methods = [method for method, verb in self._verbs if verb == name]
        if not methods:
            known = ", ".join(sorted({verb for _, verb in self._verbs}))
            raise ControlError(f"no control path {PREFIX}{name}; known: {known}", 404)
        if request.method not in methods:
            raise ControlError(f"{PREFIX}{name} takes {', '.join(methods)}, not {request.method}", 405)
        return self._verbs[request.method, name](_read_input(request))

    # Faults

    def add_fault(self, text: dict[str, Any]) -> Any:
        fault = read_fault(text)
        self._cloud.faults.add(fault)
        return fault.describe()

    def list_faults(self, text: dict[str, Any]) -> Any:
        _only(text)
        return {"faults": self._cloud.faults.describe()}

    def clear_faults(self, text: dict[str, Any]) -> Any:
        _only(text)
        self._cloud.faults.clear()
        return {"faults": []}

    # The world

    def _find_device(self, text: dict[str, Any]) -> Any:
        product_key, name = text.pop("product_key", None), text.pop("device_name", None)
        _check(isinstance(product_key, str) and isinstance(name, str), "product_key and device_name are needed")
        device = self._cloud.world.device(product_key, name)
        _check(device is not None, f"no device {name!r} of the product {product_key!r}")
        return device

    def configure_device(self, text: dict[str, Any]) -> Any:
        device = self._find_device(text)
        try:
            device.configure(text)
        except ValueError as error:
            raise ControlError(str(error)) from None
        return _describe_device(device)

    def show_device(self, text: dict[str, Any]) -> Any:
        device = self._find_device(text)
        _only(text)
        return _describe_device(device)

    def configure_account(self, text: dict[str, Any]) -> Any:
        """Not undone by reset: a changed secret is a change that the bridge has to follow."""
        _only(text, "access_key_id", "access_key_secret", "state")
        account = self._cloud.world.accounts.get(text.get("access_key_id", ""))
        _check(account is not None, f"no account {text.get('access_key_id')!r}")
        secret, state = text.get("access_key_secret"), text.get("state")
        _check(secret is None or (isinstance(secret, str) and secret != ""), "access_key_secret is not text")
        _check(state is None or state in ACCOUNT_STATES, f"state is {state!r}, not one of {', '.join(ACCOUNT_STATES)}")
        assert account is not None
        account.access_key_secret = secret or account.access_key_secret
        account.state = state or account.state
        return {"access_key_id": account.access_key_id, "state": account.state}

    # Limits and the clock

    def set_quotas(self, text: dict[str, Any]) -> Any:
        for name, limit in text.items():
            _check(name in self._cloud.actions.known, f"unknown action {name!r}")
            _check(type(limit) is int and 0 <= limit <= MAX_LIMIT, f"{name} is not 0 (off) to {MAX_LIMIT}")
        self._cloud.quotas.limits.update(text)
        return self._cloud.quotas.limits

    def list_quotas(self, text: dict[str, Any]) -> Any:
        _only(text)
        return self._cloud.quotas.limits

    def set_clock(self, text: dict[str, Any]) -> Any:
        _only(text, "offset_s")
        self._cloud.clock.offset_s = _number(text, "offset_s", -MAX_CLOCK_OFFSET_S, MAX_CLOCK_OFFSET_S)
        return self.show_clock({})

    def show_clock(self, text: dict[str, Any]) -> Any:
        _only(text)
        return {"offset_s": self._cloud.clock.offset_s, "now": self._cloud.clock.now()}

    def set_limits(self, text: dict[str, Any]) -> Any:
        _only(text, "sync_timeout_s")
        self._cloud.actions.sync_timeout_s = _number(text, "sync_timeout_s", 0, 3600)
        return {"sync_timeout_s": self._cloud.actions.sync_timeout_s}

    # What happened

    def read_journal(self, text: dict[str, Any]) -> Any:
        _only(text, "after", "limit")
        after, limit = str(text.get("after", "0")), str(text.get("limit", MAX_JOURNAL_LINES))
        _check(after.isdigit() and len(after) < 16, f"after is {after!r}, not a seq")
        _check(limit.isdigit() and 0 < int(limit) <= MAX_JOURNAL_LINES, f"limit is not 1 to {MAX_JOURNAL_LINES}")
        journal = self._cloud.journal
        return {"last_seq": journal.last_seq, "entries": journal.read(int(after), int(limit))}

    def read_stats(self, text: dict[str, Any]) -> Any:
        _only(text)
        return self._cloud.stats.report()

    def reset(self, text: dict[str, Any]) -> Any:
        _only(text)
        self._cloud.reset()
        return {"last_seq": self._cloud.journal.last_seq}


def _read_input(request: Request) -> dict[str, Any]:
    """The query of a GET, else the body's JSON object; no body is {}."""
    if request.method == "GET":
        return dict(parse_qsl(request.query, keep_blank_values=True))
    if not request.body:
        return {}
    try:
        text = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise ControlError(f"the body is no JSON: {error}") from None
    _check(isinstance(text, dict), "the body is no JSON object")
    return text


def _describe_device(device: Any) -> dict[str, Any]:
    return {
        "product_key": device.product_key,
        "device_name": device.name,
        "iot_id": device.iot_id,
        "state": device.state,
        "result": device.result,
        "result_style": device.result_style,
        "code": device.code,
        "message": device.message,
        "delay_s": device.delay_s,
        "properties": device.properties,
    }
