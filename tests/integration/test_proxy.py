"""Proxies on the way to the platform, as libcurl knows them; the way to the broker never takes one."""

from __future__ import annotations

from typing import Iterator

import pytest

from harness import ports
from harness.home import Home
from harness.network import HttpProxy


@pytest.fixture
def proxy(empty_home: Home) -> Iterator[HttpProxy]:
    with HttpProxy(empty_home.platform.port) as running:
        yield running
        empty_home.bridge.stop()


def test_calls_go_through_the_configured_proxy(empty_home: Home, proxy: HttpProxy):
    settings = {"endpoint": "https://localhost:8686/", "proxy": f"http://127.0.0.1:{proxy.port}"}
    home = empty_home.start({"platform": settings})
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
    assert proxy.asked_for == ["CONNECT localhost:8686"]


def test_a_proxy_that_is_away_is_told_and_not_passed_by(empty_home: Home):
    home = empty_home.start({"platform": {"proxy": f"http://127.0.0.1:{ports.free_port()}"}})
    reply = home.client.command("home/hall-lamp-1/any", {"$expire": "1s"})
    assert (reply["status"], reply["error"]["code"]) == ("expired", "connect_failed")
    assert home.platform.calls() == []


def start_with(home: Home, environment: dict[str, str], **platform: str) -> Home:
    home.broker.start()
    home.make_bridge({"platform": platform})
    home.bridge.launch(environment)
    home.wait_online()
    return home


def test_the_proxy_of_the_environment_is_taken(empty_home: Home, proxy: HttpProxy):
    environment = {"https_proxy": f"http://127.0.0.1:{proxy.port}"}
    home = start_with(empty_home, environment, endpoint="https://localhost:8686/")
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
    assert proxy.asked_for == ["CONNECT localhost:8686"]


def test_an_empty_proxy_in_the_configuration_means_none(empty_home: Home):
    environment = {"https_proxy": f"http://127.0.0.1:{ports.free_port()}"}
    home = start_with(empty_home, environment, proxy="")
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def test_the_way_to_the_broker_takes_no_proxy(empty_home: Home):
    home = start_with(empty_home, {"http_proxy": f"http://127.0.0.1:{ports.free_port()}"})
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"
