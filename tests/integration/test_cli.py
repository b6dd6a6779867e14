"""The commands of the shell: check, sign, and run without or with a wrong configuration."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.bridge import ROOT, run_cli
from harness.home import Home

VECTORS = json.loads((ROOT / "tests/vectors/signature.json").read_text())
GOOD_CONFIG = """\
mqtt:
  url: mqtt://localhost:1883
platform:
  endpoint: https://si-example.tuyacloud.com:8686/
  access_key_id: xMr9wgwXQLhv5AUa
  access_key_secret: {file: secret}
mappings: [rules.yaml]
"""
GOOD_RULES = """\
version: 1
defaults: {product_key: k1ymv1DuLfE}
rules:
  - name: lamp-set
    topic: "home/{room}/{device}/set"
    invoke:
      identifier: Set
      device: "${room}-${device}"
      args:
        brightness: "${payload.level | int}"
"""


def check(folder: Path, config: str = GOOD_CONFIG, rules: str = GOOD_RULES, *more: str, **options: Any):
    (folder / "thingbridge.yaml").write_text(config)
    (folder / "rules.yaml").write_text(rules)
    return run_cli("check", "-c", "thingbridge.yaml", *more, cwd=folder, **options)


def caret_line(output: str) -> tuple[str, int]:
    """Of the first error: the source line that stands above the caret, and where the caret points."""
    lines = output.splitlines()
    error = next(index for index, line in enumerate(lines) if ": error: " in line)
    index = next(index for index in range(error, len(lines)) if lines[index].strip() == "^")
    return lines[index - 1], lines[index].index("^")


# ---- check


def test_check_says_that_all_is_well(tmp_path: Path):
    done = check(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 rule" in done.stdout


def test_check_reads_mapping_files_alone(tmp_path: Path):
    (tmp_path / "rules.yaml").write_text(GOOD_RULES)
    assert run_cli("check", tmp_path / "rules.yaml").returncode == 0


@pytest.mark.parametrize(
    "old,new,line,column,words",
    [
        ("  endpoint:", "  endpont:", 4, 3, ["endpont", "endpoint"]),
        ("mqtt:\n", "mqtt:\n  keepalive: soon\n", 2, 14, ["keepalive"]),
        ("mqtt:\n", "mqtt:\n  url: mqtt://other\n", 3, 3, ["url"]),
        ("{file: secret}", "plain-secret", 6, 22, ["access_key_secret"]),
        ("mqtt:\n", "mqtt:\n  version: 4\n", 2, 12, ["version", "3.1.1"]),
        ("mappings:", "outbox: {max_commands: 0}\nmappings:", 7, 24, ["max_commands"]),
    ],
)
def test_an_error_in_the_configuration_has_file_line_column_and_caret(
    tmp_path: Path, old: str, new: str, line: int, column: int, words: list[str]
):
    done = check(tmp_path, GOOD_CONFIG.replace(old, new, 1))
    assert done.returncode == 78
    output = done.stdout + done.stderr
    assert f"thingbridge.yaml:{line}:{column}: error: " in output
    for word in words:
        assert word in output
    assert "plain-secret" not in output.replace(new, "") or new != "plain-secret"


@pytest.mark.parametrize(
    "old,new,line,column,words",
    [
        ("    topic:", "    topci:", 5, 5, ["topci", "topic"]),
        ("identifier: Set", "identifer: Set", 7, 7, ["identifer", "identifier"]),
        ("${room}-", "${rooom}-", 8, 15, ["rooom", "room"]),
        ("| int}", "| itn}", 10, 21, ["itn", "int"]),
        ("{room}/{device}", "{room}/{room}", 5, 12, ["room"]),
        ("version: 1", "version: 2", 1, 10, ["version"]),
        ("    topic:", "    expire: 10\n    topic:", 5, 13, ["expire", "10"]),
        ("    topic:", "    idempotent: maybe\n    topic:", 5, 17, ["idempotent"]),
        ("    topic:", "    platform: elsewhere\n    topic:", 5, 15, ["elsewhere"]),
    ],
)
def test_an_error_in_a_mapping_has_file_line_column_and_caret(
    tmp_path: Path, old: str, new: str, line: int, column: int, words: list[str]
):
    done = check(tmp_path, GOOD_CONFIG, GOOD_RULES.replace(old, new, 1))
    assert done.returncode == 78
    output = done.stdout + done.stderr
    assert f"rules.yaml:{line}:{column}: error: " in output
    for word in words:
        assert word in output
    source = GOOD_RULES.replace(old, new, 1).splitlines()[line - 1]
    shown, position = caret_line(output)
    assert shown.strip() == source.strip()
    assert shown[position:] == source[column - 1 :]


def test_of_a_long_line_only_the_part_with_the_error_is_shown(tmp_path: Path):
    good = ", ".join(f"{{name: é{i}, topic: t{i}, invoke: {{identifier: Set, device: d}}}}" for i in range(100))
    done = check(tmp_path, GOOD_CONFIG, f"version: 1\ndefaults: {{product_key: k}}\nrules: [{good}, {{nam: x}}, {good}]\n")
    shown, position = caret_line(done.stdout)
    assert len(shown) < 200
    assert shown[position:].startswith("nam: x}")


def test_the_caret_stands_below_an_error_behind_other_letters(tmp_path: Path):
    done = check(tmp_path, GOOD_CONFIG, GOOD_RULES.replace("    topic:", "    where: {room: [é, ü], rom: x}\n    topic:"))
    shown, position = caret_line(done.stdout)
    assert shown[position:].startswith("rom: x}")


def test_all_errors_come_in_one_go(tmp_path: Path):
    done = check(tmp_path, GOOD_CONFIG.replace("endpoint", "endpont"), GOOD_RULES.replace("topic:", "topci:"))
    output = done.stdout + done.stderr
    assert "endpont" in output and "topci" in output


def test_check_tells_problems_as_json(tmp_path: Path):
    done = check(tmp_path, GOOD_CONFIG, GOOD_RULES.replace("topic:", "topci:"), "--json")
    assert done.returncode == 78
    report = json.loads(done.stdout)
    assert report["errors"] >= 1
    problem = report["problems"][0]
    assert (problem["file"], problem["line"], problem["severity"]) == ("rules.yaml", 5, "error")


@pytest.mark.parametrize(
    "text", ["", "\t- a", "rules: {a: [", "a: 1\na: 2\n", "&a [*a]", "\x00", "- \xff", "{" * 100_000, "rules: 7"]
)
def test_what_is_no_mapping_is_refused_and_does_no_harm(tmp_path: Path, text: str):
    (tmp_path / "rules.yaml").write_bytes(text.encode("latin-1"))
    done = run_cli("check", tmp_path / "rules.yaml")
    assert done.returncode == 78
    assert "rules.yaml" in done.stdout + done.stderr


def test_a_folder_in_place_of_a_file_is_said(tmp_path: Path):
    assert run_cli("check", "-c", tmp_path).returncode == 78


def test_a_mapping_pattern_without_a_file_is_said(tmp_path: Path):
    done = check(tmp_path, GOOD_CONFIG.replace("rules.yaml", "nothing/*.yaml"))
    assert done.returncode == 78
    assert "nothing/*.yaml" in done.stdout + done.stderr


def test_colour_is_only_for_terminals(tmp_path: Path):
    done = check(tmp_path, GOOD_CONFIG.replace("endpoint", "endpont"))
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "name,value,code,word",
    [
        ("THINGBRIDGE_LOG__LEVEL", "debug", 0, "rule"),
        ("THINGBRIDGE_LOG__LEVEL", "loud", 78, "THINGBRIDGE_LOG__LEVEL"),
        ("THINGBRIDGE_PLATFORM__ENDPONT", "https://x", 78, "endpoint"),
        ("THINGBRIDGE_OUTBOX__MAX_BYTES", "64MB", 78, "THINGBRIDGE_OUTBOX__MAX_BYTES"),
    ],
)
def test_keys_are_set_by_environment(tmp_path: Path, name: str, value: str, code: int, word: str):
    done = check(tmp_path, env={name: value})
    assert done.returncode == code
    assert word in done.stdout + done.stderr


# ---- run


def test_without_any_configuration_it_says_what_is_missing(tmp_path: Path):
    done = run_cli("run", cwd=tmp_path)
    assert done.returncode == 78
    for word in ("platform", "endpoint", "access_key_id", "access_key_secret"):
        assert word in done.stderr


def test_a_missing_configuration_file_is_named(tmp_path: Path):
    done = run_cli("run", "-c", tmp_path / "nothing.yaml")
    assert done.returncode == 78
    assert "nothing.yaml" in done.stderr


def test_a_missing_secret_file_is_named(tmp_path: Path):
    (tmp_path / "rules.yaml").write_text(GOOD_RULES)
    (tmp_path / "c.yaml").write_text(GOOD_CONFIG + f"outbox: {{path: {tmp_path}/outbox.db}}\n")
    done = run_cli("run", "-c", "c.yaml", cwd=tmp_path)
    assert done.returncode in (77, 78)
    assert "secret" in done.stderr


def test_the_environment_wins_over_the_file(empty_home: Home):
    home = empty_home
    home.broker.start()
    home.make_bridge({"bridge": {"base_topic": "from-file"}})
    home.bridge.launch({"THINGBRIDGE_BRIDGE__BASE_TOPIC": "from-environment"})
    home.client.wait_payload("from-environment/bridge/state", "online")


def test_a_configuration_in_plain_yaml_works(empty_home: Home):
    home = empty_home
    home.broker.start()
    home.make_bridge()
    platform = home.platform
    home.bridge.config_file.write_text(
        f"mqtt: {{url: {home.broker.url}, client_id: bridge}}\n"
        f"platform:\n  endpoint: {platform.url}\n  access_key_id: {platform.access_key_id}\n"
        f"  access_key_secret: {{file: {platform.access_key_secret_file}}}\n  tls: {{ca_file: {platform.ca_file}}}\n"
        f"outbox: {{path: {home.bridge.outbox_file}}}\nmappings: rules.yaml\n"
    )
    home.bridge.set_rules(GOOD_RULES)
    home.bridge.launch()
    home.wait_online()
    assert home.client.command("home/hall/lamp-1/set", {"level": 5})["status"] == "accepted"


def test_logs_are_logfmt_with_the_commands_id(home: Home):
    home.client.command("home/offline-lamp/any", {"$id": "find me"})
    (line,) = [line for line in home.bridge.log.splitlines() if "event=command_ended" in line]
    assert 'id="find me"' in line and "rule=any" in line and "level=warn" in line


@pytest.mark.parametrize("arguments", [[], ["frobnicate"], ["run", "extra"], ["run", "--what"], ["sign", "noequals"]])
def test_wrong_usage_is_exit_code_64(arguments: list[str], tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("s")
    arguments = [*arguments, *(["--secret-file", str(secret)] if arguments[:1] == ["sign"] else [])]
    done = run_cli(*arguments)
    assert done.returncode == 64
    assert done.stderr and not done.stdout


@pytest.mark.parametrize("arguments", [["-h"], ["run", "-h"], ["check", "-h"], ["sign", "--help"]])
def test_help_shows_examples_first(arguments: list[str]):
    done = run_cli(*arguments)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].strip().startswith("thingbridge ")


# ---- sign


def sign(folder: Path, vector: dict[str, Any], *more: str) -> subprocess.CompletedProcess[str]:
    secret = folder / "secret"
    secret.write_text(vector.get("secret") or "any")
    secret.chmod(0o600)
    parameters = [f"{name}={value}" for name, value in vector["params"].items()]
    options = ["--method", vector["method"], "--algorithm", vector.get("algorithm") or "HMAC-SHA1"]
    return run_cli("sign", *options, "--secret-file", secret, *more, *parameters)


@pytest.mark.parametrize("vector", [v for v in VECTORS if v.get("params") and v["method"]], ids=lambda vector: vector["name"])
def test_sign_agrees_with_the_published_vectors(tmp_path: Path, vector: dict[str, Any]):
    done = sign(tmp_path, vector, "--exact", "--json")
    assert done.returncode == 0, done.stderr
    stages = json.loads(done.stdout)
    assert set(stages) == {"canonical_query", "string_to_sign", "signature"}
    assert stages["string_to_sign"] == vector["string_to_sign"]
    if vector.get("signature"):
        assert stages["signature"] == vector["signature"]


def test_sign_adds_what_every_call_carries(tmp_path: Path):
    vector = {"method": "GET", "params": {"Action": "Pub", "AccessKeyId": "testid"}}
    stages = json.loads(sign(tmp_path, vector, "--json").stdout)
    for name in ("SignatureMethod=HMAC-SHA1", "SignatureNonce=", "Timestamp="):
        assert name in stages["canonical_query"]


def test_sign_prints_its_stages_for_people(tmp_path: Path):
    vector = {"method": "POST", "params": {"Action": "Pub"}}
    done = sign(tmp_path, vector, "--exact")
    assert "string to sign:  POST&%2F&Action%3DPub\n" in done.stdout


def test_sign_never_shows_the_secret(tmp_path: Path):
    vector = {"method": "GET", "params": {"Action": "Pub"}, "secret": "verySecretText"}
    done = sign(tmp_path, vector)
    assert "verySecretText" not in done.stdout + done.stderr


def test_sign_without_a_readable_secret_is_exit_code_77(tmp_path: Path):
    done = run_cli("sign", "--secret-file", tmp_path / "none", "Action=Pub")
    assert done.returncode == 77
    assert "none" in done.stderr


def test_sign_takes_the_configurations_account(home: Home):
    done = run_cli("sign", "-c", home.bridge.config_file, "--json", "Action=Pub")
    assert done.returncode == 0, done.stderr
    assert f"AccessKeyId={home.platform.access_key_id}" in json.loads(done.stdout)["canonical_query"]
