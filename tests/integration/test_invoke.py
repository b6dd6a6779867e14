"""`thingbridge invoke`: one signed call from the shell, and the exit code that tells its outcome."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.bridge import binary, clean_environment, run_cli
from harness.home import PRODUCT, Home


@pytest.fixture
def config(empty_home: Home) -> Path:
    return empty_home.make_bridge({"platform": {"timeout": "5s"}}).config_file


def lamp(device: str = "hall-lamp-1", identifier: str = "Any") -> list[str]:
    return ["--product-key", PRODUCT, "--device", device, "--identifier", identifier]


def invoke(config: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return run_cli("invoke", "-c", config, *arguments, **options)


def invoke_json(config: Path, *arguments: str, **options: Any) -> tuple[int, dict[str, Any]]:
    done = invoke(config, "--json", *arguments, **options)
    return done.returncode, json.loads(done.stdout)


# ---- it is sent


def test_an_asynchronous_service_is_accepted(empty_home: Home, config: Path):
    code, answer = invoke_json(config, *lamp(), "--args", '{"level": 10.0}')
    assert (code, answer["status"]) == (0, "accepted")
    call = empty_home.platform.call()
    assert (call["action"], call["device_names"], call["args"]) == (
        "InvokeThingService", ["hall-lamp-1"], '{"level":10.0}')
    assert answer["message_id"] == call["message_id"]
    assert answer["request_id"] == call["request_id"]
    assert answer["target"] == {"product_key": PRODUCT, "device_name": "hall-lamp-1", "identifier": "Any"}


def test_a_synchronous_service_tells_its_result(empty_home: Home, config: Path):
    code, answer = invoke_json(config, *lamp("output-lamp", "Echo"), "--args", '{"text": "ü"}')
    assert (code, answer["status"], answer["result"]) == (0, "ok", {"text": "ü"})


def test_people_read_status_and_result(empty_home: Home, config: Path):
    done = invoke(config, *lamp("output-lamp", "Echo"), "--args", '{"text": "x"}')
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ok: Echo on output-lamp (")
    assert 'result      {"text":"x"}' in done.stdout


def test_several_devices_are_one_call(empty_home: Home, config: Path):
    code, answer = invoke_json(config, *lamp(), "--device", "hall-lamp-2")
    assert (code, answer["status"]) == (0, "accepted")
    call = empty_home.platform.call()
    assert (call["action"], call["device_names"]) == ("InvokeThingsService", ["hall-lamp-1", "hall-lamp-2"])


def test_arguments_come_from_a_file_or_standard_input(empty_home: Home, config: Path, tmp_path: Path):
    (tmp_path / "args.json").write_text('{"n": 1}\n')
    assert invoke(config, *lamp(), "--args", f"@{tmp_path / 'args.json'}").returncode == 0
    assert invoke(config, *lamp(), "--args", "-", stdin='{"n": 2}').returncode == 0
    assert [call["args"] for call in empty_home.platform.calls()] == ['{"n":1}', '{"n":2}']


def test_one_of_several_platforms_is_chosen(empty_home: Home, config: Path, tmp_path: Path):
    bridge = empty_home.bridge
    other = {**bridge.settings["platform"], "endpoint": "https://localhost:1/",
             "access_key_secret": {"file": str(tmp_path / "none")}}
    platforms = {"other": other, "home": bridge.settings["platform"]}
    bridge.configure(platform=None, platforms=platforms)
    assert invoke(config, *lamp(), "--platform", "home").returncode == 0
    assert invoke(config, *lamp()).returncode == 77
    done = invoke(config, *lamp(), "--platform", "hom")
    assert done.returncode == 64
    assert "did you mean `home`?" in done.stderr


def test_a_long_request_goes_as_a_body(empty_home: Home, config: Path):
    assert invoke(config, *lamp(), "--args", json.dumps({"text": "x" * 20_000})).returncode == 0
    assert empty_home.platform.call()["method"] == "POST"


# ---- exit codes


def check(config: Path, arguments: list[str], exit_code: int, status: str, error: str) -> dict[str, Any]:
    code, answer = invoke_json(config, *arguments)
    assert (code, answer["status"], answer["error"]["code"]) == (exit_code, status, error)
    return answer


@pytest.mark.parametrize(
    "device,identifier,status,error",
    [
        ("no-lamp", "Any", "failed", "device_refused"),
        ("hall-lamp-1", "None", "failed", "platform_refused"),
        ("broken-lamp", "Toggle", "failed", "device_error"),
        ("a b", "Any", "rejected", "name_invalid"),
    ],
)
def test_what_is_refused_is_exit_code_65(
    empty_home: Home, config: Path, device: str, identifier: str, status: str, error: str
):
    check(config, lamp(device, identifier), 65, status, error)


@pytest.mark.parametrize("args", ["[1]", "{", '{"a": 99999999999999999999}', "x" * 300_000], ids=["list", "cut", "big", "long"])
def test_wrong_arguments_are_exit_code_65_and_not_sent(empty_home: Home, config: Path, tmp_path: Path, args: str):
    (tmp_path / "args.json").write_text(args)
    assert invoke(config, *lamp(), "--args", f"@{tmp_path / 'args.json'}").returncode == 65
    assert empty_home.platform.calls() == []


def test_a_platform_that_cannot_be_reached_is_exit_code_69(empty_home: Home, config: Path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        empty_home.bridge.configure(platform={"endpoint": f"https://127.0.0.1:{closed.getsockname()[1]}/"})
        answer = check(config, lamp(), 69, "failed", "connect_failed")
    assert answer["attempts"] == 0


def test_a_certificate_that_is_not_trusted_is_exit_code_69(empty_home: Home, config: Path):
    empty_home.bridge.configure(platform={"tls": None})
    check(config, lamp(), 69, "failed", "tls_failed")


@pytest.mark.parametrize(
    "fault,error",
    [("status_500", "platform_error"), ("garbage", "answer_unreadable"), ("reset_after", "no_answer")],
)
def test_what_may_have_run_is_exit_code_70_and_is_not_repeated(
    empty_home: Home, config: Path, fault: str, error: str
):
    empty_home.platform.fault(fault, count=1)
    check(config, lamp(), 70, "unknown", error)
    assert len(empty_home.platform.calls()) == 1


def test_a_timeout_is_exit_code_70(empty_home: Home, config: Path):
    empty_home.platform.fault("hang_after", count=1, seconds=30)
    code, answer = invoke_json(config, *lamp(), "--timeout", "300ms")
    assert (code, answer["status"], answer["error"]["code"]) == (70, "unknown", "no_answer")


@pytest.mark.parametrize(
    "fault,error", [("throttle", "throttled"), ("status_429", "throttled"), ("status_503", "platform_busy")]
)
def test_a_platform_that_wants_us_to_wait_is_exit_code_75(empty_home: Home, config: Path, fault: str, error: str):
    empty_home.platform.fault(fault, count=1)
    check(config, lamp(), 75, "failed", error)


def test_a_device_that_is_offline_is_exit_code_75(empty_home: Home, config: Path):
    check(config, lamp("offline-lamp"), 75, "failed", "device_offline")


def test_a_wrong_secret_is_exit_code_77(empty_home: Home, config: Path, tmp_path: Path):
    (tmp_path / "wrong").write_text("notTheSecret")
    (tmp_path / "wrong").chmod(0o600)
    empty_home.bridge.configure(platform={"access_key_secret": {"file": str(tmp_path / "wrong")}})
    answer = check(config, lamp(), 77, "failed", "signature_mismatch")
    assert "notTheSecret" not in str(answer)


def test_an_unknown_key_is_exit_code_77(empty_home: Home, config: Path):
    empty_home.bridge.configure(platform={"access_key_id": "nobody"})
    check(config, lamp(), 77, "failed", "credentials_refused")


def test_a_wrong_clock_is_exit_code_77(empty_home: Home, config: Path):
    empty_home.platform.clock(3600)
    check(config, lamp(), 77, "failed", "clock_wrong")
    assert len(empty_home.platform.calls()) == 1, "it was not tried again"


def test_a_secret_that_cannot_be_read_is_exit_code_77(empty_home: Home, config: Path, tmp_path: Path):
    empty_home.bridge.configure(platform={"access_key_secret": {"file": str(tmp_path / "none")}})
    done = invoke(config, *lamp())
    assert (done.returncode, done.stdout) == (77, "")
    assert str(tmp_path / "none") in done.stderr


def test_a_wrong_configuration_is_exit_code_78(empty_home: Home, config: Path, tmp_path: Path):
    assert invoke(tmp_path / "none.yaml", *lamp()).returncode == 78
    empty_home.bridge.configure(platform={"tls": {"ca_file": str(tmp_path / "none.pem")}})
    done = invoke(config, *lamp())
    assert done.returncode == 78
    assert "none.pem" in done.stderr


def test_a_file_of_arguments_that_is_not_there_is_exit_code_74(config: Path, tmp_path: Path):
    done = invoke(config, *lamp(), "--args", f"@{tmp_path / 'none.json'}")
    assert done.returncode == 74
    assert "none.json" in done.stderr


@pytest.mark.parametrize(
    "arguments,words",
    [
        ([], "--identifier is missing"),
        (["--identifier", "Set"], "--device is missing"),
        (["--identifier", "Set", "--device", "a"], "--product-key is missing"),
        (["--identifier", "Set", "--device", "a", "--iot-id", "b"], "--iot-id replaces"),
        ([*lamp(), "--timeout", "5"], "--timeout is a duration"),
        ([*lamp(), "extra"], "`extra` is not expected"),
        ([*lamp(), "--what"], "--what"),
    ],
)
def test_wrong_usage_is_exit_code_64(arguments: list[str], words: str):
    done = run_cli("invoke", *arguments)
    assert (done.returncode, done.stdout) == (64, "")
    assert words in done.stderr


# ---- ended by hand


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_wait_and_says_that_it_may_have_run(
    empty_home: Home, config: Path, number: signal.Signals
):
    empty_home.platform.fault("hang_after", count=1, seconds=30)
    process = subprocess.Popen(
        [str(binary()), "invoke", "-c", str(config), "--json", *lamp()], env=clean_environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    empty_home.platform.wait_calls(1)
    process.send_signal(number)
    output, _ = process.communicate(timeout=10)
    answer = json.loads(output)
    assert (process.returncode, answer["status"], answer["error"]["code"]) == (70, "unknown", "interrupted")


def test_the_secret_is_shown_nowhere(empty_home: Home, config: Path):
    for arguments in (lamp(), lamp("offline-lamp"), [*lamp(), "--json"]):
        done = invoke(config, *arguments)
        assert empty_home.platform.access_key_secret not in done.stdout + done.stderr


def test_help_shows_examples_first_and_every_exit_code():
    done = run_cli("invoke", "-h")
    assert done.returncode == 0
    assert done.stdout.startswith("  thingbridge invoke ")
    for code in ("  0 ", " 64 ", " 65 ", " 69 ", " 70 ", " 74 ", " 75 ", " 77 ", " 78 "):
        assert code in done.stdout
