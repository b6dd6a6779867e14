"""Calls per second: the limits, the throttling answer, and how it ends."""

from __future__ import annotations

import re

import pytest

from simulator.client import SimulatorProcess, send_parameters, wait_until
from simulator.conftest import LAMP, TOGGLE, Seen
from simulator.quotas import Quotas, parse_limit, rate_limit_header


def test_window_slides_over_one_second() -> None:
    quotas = Quotas({"A": 2})
    assert [quotas.take("me", "A", now) for now in (0.0, 0.5)] == [0.0, 0.0]
    assert quotas.take("me", "A", 0.75) == pytest.approx(0.25)
    assert quotas.take("me", "A", 1.0) == 0.0
    assert quotas.take("me", "A", 1.25) == pytest.approx(0.25)


def test_accounts_and_actions_have_windows_of_their_own() -> None:
    quotas = Quotas({"A": 1, "B": 1})
    assert [quotas.take(account, action, 0.0) for account, action in (("x", "A"), ("y", "A"), ("x", "B"))] == [0.0] * 3
    assert quotas.take("x", "A", 0.5) > 0


def test_lowered_limit_counts_what_was_taken_before() -> None:
    quotas = Quotas({"A": 3})
    for now in (0.0, 0.1, 0.2):
        quotas.take("me", "A", now)
    quotas.limits["A"] = 1
    assert quotas.take("me", "A", 0.5) == pytest.approx(0.7)


def test_header_has_the_form_that_clients_parse() -> None:
    assert rate_limit_header(500, 0.1231, 1000.0) == "Limit:500,Remain:0,TimeLeft:124,Reset:1000124"


@pytest.mark.parametrize("text", ["A", "A=", "A=x/s", "A=-1/s", "=5", "A=5/m", "A b=5/s"])
def test_malformed_quota_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_limit(text)


def test_quota_is_read_with_and_without_its_unit() -> None:
    assert parse_limit("Pub=5/s") == parse_limit("Pub=5") == ("Pub", 5)


def test_defaults_are_the_platforms(seen: Seen) -> None:
    assert seen.process.control("GET", "quota") == {"InvokeThingService": 500, "InvokeThingsService": 10}


def test_call_over_the_quota_is_throttled_and_does_not_run(seen: Seen) -> None:
    seen.process.quota(InvokeThingService=2)
    replies = [seen.invoke("Toggle") for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[2].fields["Code"] == "Throttling.User"
    header = replies[2].headers["X-RateLimit-User-API"]
    match = re.fullmatch(r"Limit:2,Remain:0,TimeLeft:(\d+),Reset:\d+", header)
    assert match and 0 < int(match[1]) <= 1000
    assert seen.executed() == ["hall-lamp-1"] * 2
    assert seen.last()["code"] == "Throttling.User"


def test_throttled_call_is_taken_when_its_second_is_over(seen: Seen) -> None:
    seen.process.quota(InvokeThingService=1)
    assert seen.invoke("Toggle").status == 200
    wait_until(lambda: seen.invoke("Toggle").status == 200, 5, "a place in the quota")
    times = [entry["time"] for entry in seen.journal() if entry["code"] is None]
    assert times[1] - times[0] >= 0.99


def test_nonce_of_a_throttled_call_is_used(seen: Seen) -> None:
    seen.process.quota(InvokeThingService=1)
    seen.invoke("Toggle")
    parameters = seen.process.sign("GET", "InvokeThingService", TOGGLE)
    codes = [send_parameters(seen.process.open(), "GET", parameters).fields["Code"] for _ in range(2)]
    assert codes == ["Throttling.User", "SignatureNonceUsed"]


def test_batch_calls_have_their_own_quota_of_10(seen: Seen) -> None:
    connection = seen.process.open()
    parameters = {"ProductKey": LAMP["ProductKey"], "Identifier": "Set", "Args": "{}", "DeviceName.1": "hall-lamp-1"}
    statuses = []
    for _ in range(11):
        signed = seen.process.sign("GET", "InvokeThingsService", parameters)
        statuses.append(send_parameters(connection, "GET", signed).status)
    assert statuses == [200] * 10 + [429]
    assert seen.invoke("Toggle").status == 200


def test_quota_of_0_is_off(seen: Seen) -> None:
    seen.process.quota(InvokeThingsService=0)
    assert {seen.invoke_many(["hall-lamp-1"]).status for _ in range(15)} == {200}


def test_quota_option_sets_the_limit_at_the_start() -> None:
    with SimulatorProcess(plain=True, quotas={"InvokeThingService": 1, "Pub": 3}) as simulator:
        assert simulator.control("GET", "quota") == {"InvokeThingService": 1, "InvokeThingsService": 10, "Pub": 3}


def test_stats_tell_the_busiest_second(seen: Seen) -> None:
    before = seen.process.stats()
    for _ in range(3):
        seen.call("GetDeviceStatus", **LAMP)
    after = seen.process.stats()
    assert after["calls"] - before["calls"] == 3
    assert after["max_per_second"]["GetDeviceStatus"] >= 3
    assert after["codes"]["OK"] >= 3
