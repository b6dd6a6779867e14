"""Signed calls as the platform checks them, and what is told when it does not agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.home import Home
from simulator.client import SimulatorProcess


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("algorithm", ["HMAC-SHA1", "HMAC-SHA256"])
def test_methods_and_algorithms(empty_home: Home, method: str, algorithm: str):
    home = empty_home.start({"platform": {"method": method, "algorithm": algorithm}})
    reply = home.client.command("home/output-lamp/echo", {"text": "a b*c~d+e/f=&ü😀", "n": [1, {"x": "%20"}]})
    assert reply["status"] == "ok"
    assert reply["result"] == {"text": "a b*c~d+e/f=&ü😀", "n": [1, {"x": "%20"}]}
    assert home.platform.call()["method"] == method


def test_further_common_parameters_are_signed(empty_home: Home, tmp_path: Path):
    parameters = {"Version": "2018-01-20", "Format": "JSON", "RegionId": "cn-shanghai", "IotInstanceId": "iot-01 x"}
    home = empty_home.start({"platform": {"parameters": parameters}})
    assert home.client.command("home/hall-lamp-1/toggle", {})["status"] == "ok"


def test_answers_in_xml_are_understood(empty_home: Home):
    home = empty_home.start({"platform": {"parameters": {"Format": "XML"}}})
    reply = home.client.command("home/offline-lamp/any", {})
    assert (reply["status"], reply["error"]["code"]) == ("failed", "device_offline")


def test_every_call_has_its_own_nonce_and_the_time_of_now(home: Home):
    for _ in range(20):
        home.client.command("home/hall-lamp-1/any", {})
    calls = home.platform.calls(device_names=["hall-lamp-1"])
    nonces = [call["nonce"] for call in calls]
    assert len(set(nonces)) == 20
    assert all(len(nonce) == 32 and set(nonce) <= set("0123456789abcdef") for nonce in nonces)


def test_a_query_that_is_too_long_for_a_url_goes_as_a_body(home: Home):
    reply = home.client.command("home/hall-lamp-1/any", {"text": "x" * 20_000})
    assert reply["status"] == "accepted"
    assert home.platform.call()["method"] == "POST"


def wrong_secret(folder: Path, text: str = "notTheSecret") -> dict[str, Any]:
    file = folder / "wrong-secret"
    file.write_text(text)
    file.chmod(0o600)
    return {"platform": {"access_key_secret": {"file": str(file)}}}


def test_a_wrong_secret_is_said_to_be_that(empty_home: Home):
    home = empty_home.start(wrong_secret(empty_home.folder))
    reply = home.client.command("home/hall-lamp-1/any", {})
    error = reply["error"]
    assert (reply["status"], error["code"], error["retryable"]) == ("failed", "signature_mismatch", False)
    assert "secret" in error["detail"]
    assert error["platform_code"] == "SignatureDoesNotMatch"
    assert "notTheSecret" not in home.bridge.log + str(reply)
    assert home.platform.executed("hall-lamp-1") == 0


def test_an_unknown_key_is_told(empty_home: Home):
    home = empty_home.start({"platform": {"access_key_id": "nobody"}})
    reply = home.client.command("home/hall-lamp-1/any", {})
    assert (reply["status"], reply["error"]["code"]) == ("failed", "credentials_refused")
    assert reply["error"]["platform_code"].startswith("InvalidAccessKeyId")


def test_an_account_without_permission_is_told(empty_home: Home, tmp_path: Path):
    with SimulatorProcess(tmp_path / "own") as simulator:
        simulator.account(state="forbidden")
        home = empty_home.start({"platform": {"endpoint": simulator.url, "tls": {"ca_file": simulator.ca_file}}})
        reply = home.client.command("home/hall-lamp-1/any", {})
        assert (reply["status"], reply["error"]["code"]) == ("failed", "credentials_refused")


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_one_line_end_after_the_secret_is_not_part_of_it(empty_home: Home, ending: str):
    settings = wrong_secret(empty_home.folder, empty_home.platform.access_key_secret + ending)
    home = empty_home.start(settings)
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def test_the_secret_can_come_from_the_environment(empty_home: Home):
    home = empty_home
    home.broker.start()
    home.make_bridge({"platform": {"access_key_secret": None}})
    home.bridge.configure(platform={"access_key_secret": {"env": "MY_SECRET"}})
    home.bridge.launch({"MY_SECRET": home.platform.access_key_secret})
    home.wait_online()
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def test_the_secret_can_be_a_systemd_credential(empty_home: Home):
    home = empty_home
    home.broker.start()
    home.make_bridge({"platform": {"access_key_secret": None}})
    home.bridge.configure(platform={"access_key_secret": {"credential": "key"}})
    (home.folder / "key").write_text(home.platform.access_key_secret)
    home.bridge.launch({"CREDENTIALS_DIRECTORY": str(home.folder)})
    home.wait_online()
    assert home.client.command("home/hall-lamp-1/any", {})["status"] == "accepted"


def test_a_secret_file_that_others_can_write_is_refused(empty_home: Home):
    settings = wrong_secret(empty_home.folder)
    (empty_home.folder / "wrong-secret").chmod(0o666)
    empty_home.broker.start()
    empty_home.make_bridge(settings).launch()
    assert empty_home.bridge.wait() in (77, 78)
    assert "wrong-secret" in empty_home.bridge.log and "write" in empty_home.bridge.log


def test_a_secret_file_that_others_can_read_is_warned_about(empty_home: Home):
    settings = wrong_secret(empty_home.folder, empty_home.platform.access_key_secret)
    (empty_home.folder / "wrong-secret").chmod(0o644)
    home = empty_home.start(settings)
    assert "secret_warning" in home.bridge.log


def test_no_secret_appears_anywhere_at_the_most_talkative_level(empty_home: Home):
    home = empty_home.start({"log": {"level": "debug"}})
    home.client.command("home/hall-lamp-1/toggle", {})
    home.client.command("home/offline-lamp/any", {})
    home.stop_bridge()
    secret = home.platform.access_key_secret
    assert all(secret.encode() not in message.payload for message in home.client.messages())
    for file in home.bridge.folder.iterdir():
        assert secret.encode() not in file.read_bytes(), file


def test_the_secret_is_not_on_the_command_line_of_the_process(home: Home):
    command = Path(f"/proc/{home.bridge.pid}/cmdline").read_bytes()
    assert home.platform.access_key_secret.encode() not in command
