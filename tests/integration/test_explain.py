"""`thingbridge explain`: what becomes of a message, and the request as it would be sent."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.bridge import ROOT, clean_environment, run_cli
from harness.home import PRODUCT, Home

RULES = f"""\
version: 1
defaults: {{product_key: {PRODUCT}}}
rules:
  - name: any
    topic: "home/{{device}}/any"
    where: {{device: "hall-lamp-*"}}
    invoke:
      identifier: Any
      device: "${{device}}"
      args: {{text: "${{payload.text}}", by: "${{property.by | default(\\"nobody\\")}}"}}
  - name: many
    topic: many
    invoke: {{identifier: Any, devices: "${{payload}}"}}
"""


@pytest.fixture
def config(empty_home: Home) -> Path:
    return empty_home.make_bridge(rules=RULES).config_file


def explain(config: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return run_cli("explain", "-c", config, *arguments, **options)


def explain_json(config: Path, *arguments: str, code: int = 0, **options: Any) -> dict[str, Any]:
    done = explain(config, "--json", *arguments, **options)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def run_in_shell(command: str) -> dict[str, Any]:
    done = subprocess.run(
        ["/bin/sh", "-c", command], env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


TOPIC = "home/hall-lamp-1/any"


def test_the_request_is_shown_in_full_without_secret_and_signature(empty_home: Home, config: Path):
    report = explain_json(config, TOPIC, '{"text": "a b"}')
    (request,) = report["requests"]
    assert (request["method"], request["url"]) == ("GET", empty_home.platform.url)
    parameters = request["parameters"]
    assert parameters["Action"] == "InvokeThingService"
    assert parameters["DeviceName"] == "hall-lamp-1"
    assert json.loads(parameters["Args"]) == {"text": "a b", "by": "nobody"}
    assert parameters["AccessKeyId"] == empty_home.platform.access_key_id
    assert parameters["Signature"] == "***"
    assert len(parameters["SignatureNonce"]) == 32 and parameters["Timestamp"].endswith("Z")
    assert "curl" not in request
    assert report["reply"]["status"] == "accepted"
    assert empty_home.platform.calls() == [], "nothing is sent"


def test_people_read_rule_captures_templates_request_and_reply(empty_home: Home, config: Path):
    done = explain(config, TOPIC, '{"text": "a b"}')
    assert (done.returncode, done.stderr) == (0, "")
    words = " ".join(done.stdout.split())
    for expected in (
        "rule any (home/{device}/any)", "device hall-lamp-1", '${payload.text} = "a b"', "Action InvokeThingService",
        "Signature ***", '"status": "accepted"', "result goes to home/hall-lamp-1/any/reply", "many (many)",
    ):
        assert expected in words


def test_without_curl_no_secret_is_read(empty_home: Home, config: Path):
    empty_home.bridge.configure(platform={"access_key_secret": {"file": "/none/secret"}})
    assert explain(config, TOPIC, '{"text": 1}').returncode == 0
    done = explain(config, "--curl", TOPIC, '{"text": 1}')
    assert (done.returncode, done.stdout) == (77, "")
    assert "/none/secret" in done.stderr


def test_no_output_holds_the_secret(empty_home: Home, config: Path):
    for options in ([], ["--curl"], ["--json"], ["--json", "--curl"]):
        done = explain(config, *options, TOPIC, '{"text": 1}')
        assert done.returncode == 0
        assert empty_home.platform.access_key_secret not in done.stdout + done.stderr


def test_a_security_token_is_shown_in_the_curl_command_only(empty_home: Home, config: Path):
    empty_home.bridge.configure(platform={"parameters": {"SecurityToken": "veryPrivate"}})
    assert "veryPrivate" not in explain(config, TOPIC, '{"text": 1}').stdout
    (request,) = explain_json(config, "--curl", TOPIC, '{"text": 1}')["requests"]
    assert request["parameters"]["SecurityToken"] == "***"
    assert "SecurityToken=veryPrivate" in request["curl"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_curl_command_works_when_pasted(empty_home: Home, config: Path, method: str):
    empty_home.bridge.configure(platform={"method": method})
    text = "it's \"$HOME\" `id` %20 ü 😀 \\ & | > !"
    done = explain(config, "--curl", TOPIC, json.dumps({"text": text}))
    (command,) = [line for line in done.stdout.splitlines() if line.startswith("curl ")]
    assert run_in_shell(command)["Success"] is True
    call = empty_home.platform.call()
    assert (call["method"], json.loads(call["args"])["text"]) == (method, text)


def test_a_long_request_can_be_pasted_too(empty_home: Home, config: Path):
    text = "x" * 150_000
    (request,) = explain_json(config, "--curl", TOPIC, "-", stdin=json.dumps({"text": text}))["requests"]
    assert request["method"] == "POST"
    # From a file: a shell started with the text as its argument meets the kernel's limit.
    script = empty_home.folder / "command"
    script.write_text(request["curl"])
    assert run_in_shell(f". {script}")["Success"] is True
    assert json.loads(empty_home.platform.call()["args"])["text"] == text


def test_paths_with_quotes_are_safe_in_the_curl_command(empty_home: Home, config: Path):
    ca_file = empty_home.folder / "it's $(touch oops) a CA.pem"
    ca_file.write_bytes(Path(empty_home.platform.ca_file).read_bytes())
    empty_home.bridge.configure(platform={"tls": {"ca_file": str(ca_file)}})
    (request,) = explain_json(config, "--curl", TOPIC, '{"text": 1}')["requests"]
    assert run_in_shell(f"cd {empty_home.folder}; {request['curl']}")["Success"] is True
    assert not (empty_home.folder / "oops").exists()


def test_a_command_of_many_devices_has_several_requests(empty_home: Home, config: Path):
    devices = [f"lamp-{number:04}" for number in range(1, 151)]
    report = explain_json(config, "--curl", "many", json.dumps(devices))
    assert [request["parameters"]["Action"] for request in report["requests"]] == ["InvokeThingsService"] * 2
    for request in report["requests"]:
        assert run_in_shell(request["curl"])["Success"] is True
    assert sum(len(call["device_names"]) for call in empty_home.platform.calls()) == 150


def test_user_properties_can_be_given(config: Path):
    report = explain_json(config, "--property", "by=Ada=1", TOPIC, '{"text": 1}')
    assert json.loads(report["requests"][0]["parameters"]["Args"])["by"] == "Ada=1"


def test_a_response_topic_can_be_given(config: Path):
    report = explain_json(config, "--response-topic", "reply/mine", TOPIC, '{"text": 1}')
    assert report["command"]["response_topic"] == "reply/mine"
    refused = explain_json(config, "--response-topic", "home/x/any", TOPIC, '{"text": 1}')
    assert refused["command"]["reply_topic_refused"] is True


MODELLED = f"""\
version: 1
defaults: {{product_key: {PRODUCT}, model: {ROOT}/tests/simulator/models/lamp.json, empty: accept}}
rules:
  - {{name: toggle, topic: toggle, invoke: {{identifier: Toggle, device: hall-lamp-1}}}}
  - {{name: set, topic: set, invoke: {{identifier: Set, device: hall-lamp-1, args: {{brightness: "${{payload}}"}}}}}}
"""


def test_the_thing_model_tells_which_reply_comes(empty_home: Home, config: Path):
    empty_home.bridge.set_rules(MODELLED)
    toggle = explain_json(config, "toggle")
    assert (toggle["service"], toggle["reply"]["status"]) == ("sync", "ok")
    assert toggle["reply"]["result"]["code"] == 200
    light = explain_json(config, "set", "5")
    assert (light["service"], light["reply"]["status"]) == ("async", "accepted")
    assert "the service is synchronous" in explain(config, "toggle").stdout
    assert "the call is asynchronous" in explain(config, "set", "5").stdout


def test_without_a_thing_model_both_replies_are_shown(config: Path):
    report = explain_json(config, TOPIC, '{"text": 1}')
    assert (report["service"], report["reply"]["status"]) == ("unknown", "accepted")
    assert report["reply_if_sync"]["status"] == "ok"
    text = explain(config, TOPIC, '{"text": 1}').stdout
    assert '"status": "accepted"' in text and '"status": "ok"' in text


def test_the_reason_of_a_rejection_stands_beside_the_outcome(config: Path):
    lines = explain(config, TOPIC, "{}").stdout.splitlines()
    (outcome,) = [number for number, line in enumerate(lines) if "it is rejected" in line]
    assert "member_missing" in lines[outcome + 1] and "${payload.text}" in lines[outcome + 1]


def test_of_several_platforms_the_one_is_named(empty_home: Home, config: Path):
    platform = json.loads(json.dumps(empty_home.bridge.settings["platform"]))
    del empty_home.bridge.settings["platform"]
    empty_home.bridge.configure(platforms={"east": platform, "west": {**platform, "access_key_id": "other"}})
    empty_home.bridge.set_rules(RULES.replace("topic: many", "topic: many\n    platform: west"))
    (request,) = explain_json(config, "many", '["a"]')["requests"]
    assert (request["platform"], request["parameters"]["AccessKeyId"]) == ("west", "other")
    assert "platform              west" in explain(config, "many", '["a"]').stdout


def test_mapping_files_can_be_explained_without_a_configuration(tmp_path: Path):
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    done = run_cli("explain", "--mapping", file, "--json", TOPIC, '{"text": 1}')
    assert (done.returncode, done.stderr) == (0, "")
    (request,) = json.loads(done.stdout)["requests"]
    assert request["parameters"]["DeviceName"] == "hall-lamp-1" and "url" not in request
    assert "not signed" in run_cli("explain", "-m", file, TOPIC, '{"text": 1}').stdout
    done = run_cli("explain", "-m", file, "--curl", TOPIC, '{"text": 1}')
    assert (done.returncode, done.stdout) == (64, "")
    assert "-c" in done.stderr


def test_a_mapping_file_stands_in_place_of_the_configuration_s(empty_home: Home, config: Path, tmp_path: Path):
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.replace("topic: many", "topic: all"))
    report = explain_json(config, "-m", str(file), "all", '["a"]')
    assert report["requests"][0]["url"] == empty_home.platform.url
    assert explain_json(config, "-m", str(file), "many", '["a"]', code=1)["outcome"] == "no_rule"


def test_the_curl_command_works_in_any_folder(empty_home: Home, config: Path, tmp_path: Path):
    empty_home.bridge.configure(platform={"tls": {"ca_file": os.path.relpath(empty_home.platform.ca_file)}})
    (request,) = explain_json(config, "--curl", TOPIC, '{"text": 1}')["requests"]
    assert run_in_shell(f"cd {tmp_path}; {request['curl']}")["Success"] is True


def test_a_payload_may_begin_with_a_dash(config: Path):
    report = explain_json(config, TOPIC, "--", "-5", code=1)
    assert report["outcome"] == "rejected"


def test_a_rejection_is_shown_with_its_reply_and_exit_code_1(config: Path):
    report = explain_json(config, TOPIC, '{"$id": 7}', code=1)
    assert report["outcome"] == "rejected"
    assert report["reply"]["status"] == "rejected"
    assert (report["reply"]["id"], report["reply"]["error"]["code"]) == (7, "member_missing")
    assert "requests" not in report
    done = explain(config, TOPIC, '{"$id": 7}')
    assert done.returncode == 1
    assert "it is rejected; nothing is sent" in done.stdout and "member_missing" in done.stdout


def test_a_message_without_a_rule_is_exit_code_1_and_says_why(config: Path):
    report = explain_json(config, "home/door/any", "{}", code=1)
    assert report["outcome"] == "no_rule"
    assert report["passed_over"] == [
        {"name": "any", "topic": "home/{device}/any", "capture": "device", "value": "door", "globs": ["hall-lamp-*"]}]
    done = explain(config, "home/door/any", "{}")
    assert done.returncode == 1
    assert '`where` does not: device is "door", wanted is hall-lamp-*' in done.stdout


def test_a_payload_beyond_the_rules_limit_is_shown_as_rejected(config: Path):
    report = explain_json(config, TOPIC, "-", stdin='{"text": "' + "x" * 300_000 + '"}', code=1)
    assert report["reply"]["error"]["code"] == "payload_too_large"


def test_standard_input_is_bounded(config: Path):
    done = explain(config, TOPIC, "-", stdin="x" * 2_000_000)
    assert (done.returncode, done.stdout) == (65, "")
    assert "1048576" in done.stderr


def test_what_a_terminal_would_obey_is_not_printed(config: Path):
    done = explain(config, TOPIC, '{"text": "\\u001b[2J"}')
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    for options in ([], ["--json"], ["--curl"]):
        done = explain(config, *options, TOPIC, '{"text": "\x9b\u202e"}')
        assert done.returncode == 0 and not set("\x9b\u202e") & set(done.stdout)


def test_a_path_that_would_turn_the_curl_command_around_is_written_out(empty_home: Home, config: Path):
    ca_file = empty_home.folder / "a\u202eb.pem"
    ca_file.write_bytes(Path(empty_home.platform.ca_file).read_bytes())
    empty_home.bridge.configure(platform={"tls": {"ca_file": str(ca_file)}})
    assert "\u202e" not in explain(config, "--curl", TOPIC, '{"text": 1}').stdout
    (request,) = explain_json(config, "--curl", TOPIC, '{"text": 1}')["requests"]
    assert run_in_shell(request["curl"])["Success"] is True


def test_a_password_in_the_endpoint_is_not_shown(empty_home: Home, config: Path):
    empty_home.bridge.configure(platform={"endpoint": "https://me:hidden@localhost/"})
    done = explain(config, TOPIC, '{"text": 1}')
    assert done.returncode == 78
    assert "hidden" not in done.stdout + done.stderr


def test_errors_in_the_configuration_are_exit_code_78(empty_home: Home, config: Path, tmp_path: Path):
    assert explain(tmp_path / "none.yaml", TOPIC).returncode == 78
    empty_home.bridge.set_rules(RULES.replace("identifier", "identifer"))
    done = explain(config, TOPIC)
    assert done.returncode == 78
    assert "rules.yaml:8:7: error: " in done.stderr
    done = explain(config, "--json", TOPIC)
    assert done.returncode == 78
    assert json.loads(done.stdout)["problems"][0]["line"] == 8


@pytest.mark.parametrize(
    "arguments,words",
    [
        ([], "the topic is missing"),
        (["home/+/any"], "no topic on which"),
        ([""], "no topic on which"),
        (["a", "b", "c"], "one topic and one payload"),
        (["--property", "x", "a"], "NAME=VALUE"),
        (["--response-topic", "a/#", "a"], "without + and #"),
        (["--what", "a"], "--what"),
    ],
)
def test_wrong_usage_is_exit_code_64(arguments: list[str], words: str):
    done = run_cli("explain", *arguments)
    assert (done.returncode, done.stdout) == (64, "")
    assert words in done.stderr


def test_help_shows_examples_first():
    done = run_cli("explain", "-h")
    assert done.returncode == 0
    assert done.stdout.startswith("  thingbridge explain ")
