"""Rules that name a thing model, and `generate`, which writes such rules."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.bridge import ROOT, binary, clean_environment, run_cli
from harness.home import PRODUCT, Home, rule

MODELS = ROOT / "tests/simulator/models"
LAMP, OTA = MODELS / "lamp.json", MODELS / "lamp-ota.json"
RULES = [
    rule("any-service", "home/{device}/do/{service}", "${service}", args="${payload}", model=[str(LAMP), str(OTA)]),
]


def rejected(reply: dict, code: str) -> str:
    assert (reply["status"], reply["error"]["code"]) == ("rejected", code)
    return reply["error"]["detail"]


@pytest.fixture
def modelled(empty_home: Home) -> Home:
    return empty_home.start(rules=RULES)


@pytest.mark.parametrize(
    "service,args,words",
    [
        ("Set", {"brightness": 101}, ["brightness is integer 101", "from 0 to 100"]),
        ("Set", {"brightnes": 5}, ["brightnes", "did you mean `brightness`"]),
        ("Set", {"color": 5}, ["color is integer 5", "text of up to 32 bytes"]),
        ("Calibrate", {}, ["gain is missing", "from 0.1 to 10"]),
        ("Scene", {"mode": 9}, ["mode is integer 9", "0 (reading)"]),
        ("Scene", {"mode": 1, "fade": {"seconds": "x"}}, ["fade.seconds"]),
        ("ota:Start", {"version": 7}, ["version is integer 7"]),
    ],
)
def test_a_wrong_argument_is_rejected_before_anything_is_sent(modelled: Home, service: str, args: dict, words: list[str]):
    detail = rejected(modelled.client.command(f"home/hall-lamp-1/do/{service}", args), "argument_invalid")
    for word in words:
        assert word in detail
    assert modelled.platform.calls() == []


def test_an_unknown_service_is_rejected_with_the_nearest_one(modelled: Home):
    detail = rejected(modelled.client.command("home/hall-lamp-1/do/Togle", {}), "name_invalid")
    assert "did you mean `Toggle`" in detail
    assert modelled.platform.calls() == []


@pytest.mark.parametrize(
    "service,payload,sent",
    [
        ("Calibrate", '{"gain":2}', '{"gain":2.0}'),
        ("Calibrate", '{"gain":1.10}', '{"gain":1.10}'),
        ("Set", '{"brightness":50.0}', '{"brightness":50}'),
        ("Scene", '{"mode":1.0,"repeat":true,"start":1795262400000,"factor":1,"levels":[1.0]}',
         '{"mode":1,"repeat":1,"start":"1795262400000","factor":1.0,"levels":[1]}'),
        ("ota:Start", '{"version":"1.0"}', '{"version":"1.0"}'),
    ],
)
def test_numbers_are_written_as_the_model_wants_them_and_the_platform_takes_them(
    modelled: Home, service: str, payload: str, sent: str
):
    topic = f"home/hall-lamp-1/do/{service}"
    modelled.client.publish(topic, payload.encode())
    (message,) = modelled.client.wait_message(lambda message: message.topic == f"{topic}/reply")
    assert message.json["status"] == "accepted", message.json
    assert modelled.platform.call()["args"] == sent


# ---- check


def test_check_tells_what_the_model_refuses_at_its_line(tmp_path: Path):
    (tmp_path / "lamp.json").write_text(LAMP.read_text())
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "version: 1\n"
        "defaults: {product_key: k1ymv1DuLfE, model: lamp.json}\n"
        "rules:\n"
        "  - name: set\n"
        "    topic: lamp/set\n"
        "    invoke:\n"
        "      identifier: Set\n"
        "      device: lamp\n"
        "      args:\n"
        "        brightness: 101\n"
        "        colour: red\n"
        "  - {name: toggle, topic: lamp/toggle, invoke: {identifier: Togle, device: lamp}}\n"
        "  - name: level\n"
        "    topic: lamp/level\n"
        "    batch: {window: 50ms}\n"
        "    invoke: {identifier: GetLevel, device: lamp}\n"
    )
    done = run_cli("check", "rules.yaml", cwd=tmp_path)
    assert done.returncode == 78
    for place in ("rules.yaml:10:21: error: ", "rules.yaml:11:9: error: ", "rules.yaml:12:", "rules.yaml:15:12: error: "):
        assert place in done.stdout, done.stdout
    for words in ("from 0 to 100", "did you mean `color`", "did you mean `Toggle`", "synchronous"):
        assert words in done.stdout


# ---- generate


def test_generate_writes_a_mapping_that_passes_check_and_runs(empty_home: Home, tmp_path: Path):
    (tmp_path / "lamp.json").write_text(LAMP.read_text())
    file = tmp_path / "lamps.yaml"
    made = run_cli("generate", "lamp.json", "--topic", "home/{device}/{service}", "--output", "lamps.yaml", cwd=tmp_path)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert 'model: "lamp.json"\n' in file.read_text(), "relative, so that both can be moved together"
    done = run_cli("check", file)
    assert done.returncode == 0 and "warning" not in done.stdout + done.stderr, done.stdout
    assert "7 rules" in done.stdout
    home = empty_home.start(rules=file)
    assert home.client.command("home/hall-lamp-1/Set", {"brightness": 5.0})["status"] == "accepted"
    assert json.loads(home.platform.call()["args"]) == {"brightness": 5}
    assert home.client.command("home/hall-lamp-1/Calibrate", {"gain": 3})["status"] == "accepted"
    assert home.platform.call(identifier="Calibrate")["args"] == '{"gain":3.0}'
    home.client.publish("home/hall-lamp-1/Toggle", b"")
    (message,) = home.client.wait_message(lambda message: message.topic == "home/hall-lamp-1/Toggle/reply")
    assert message.json["status"] == "ok"
    rejected(home.client.command("home/hall-lamp-1/Set", {"brightness": 101}), "argument_invalid")


@pytest.mark.parametrize("model", sorted(MODELS.glob("*.json")), ids=lambda path: path.name)
def test_generate_to_standard_output_passes_check_wherever_it_is_put(model: Path, tmp_path: Path):
    made = run_cli("generate", model.name, cwd=MODELS)
    assert (made.returncode, made.stderr) == (0, "")
    (tmp_path / "rules.yaml").write_text(made.stdout)
    done = run_cli("check", "rules.yaml", cwd=tmp_path)
    assert done.returncode == 0 and "warning" not in done.stdout + done.stderr, done.stdout


def field(identifier: str, kind: str, required: bool = True, name: str = "", specs: Any = None) -> dict[str, Any]:
    data_type = {"type": kind, "specs": specs or {}}
    return {"identifier": identifier, "name": name, "required": required, "dataType": data_type}


def service(identifier: str, *inputs: dict[str, Any], call_type: str = "async", name: str = "") -> dict[str, Any]:
    return {"identifier": identifier, "name": name, "callType": call_type, "inputData": list(inputs), "outputData": []}


YAML_WORDS = ["on", "null", "Yes", "n", "1e3", "0x1F", "007", "1_000", "_", "true", "inf", "payload", "topic", "a" * 64]
ODD_TEXTS = [
    'it\'s "quoted" \\ back', "two\nlines: x", "${payload.x} $${", "a: b # c", "- list", "日本語 🙂", "\u2028\u0085\ufeff",
    "%TAG", "*alias &anchor !tag @at `tick`", '{"a": [', "x" * 3000, "", "\u001b[31m", "---", "'",
]
INTEGERS = {"size": "1", "item": {"type": "int"}}
EVERY_TYPE = [
    field("whole", "int", specs={"min": "-5", "max": "10", "unit": "%"}),
    field("part", "float", specs={"min": "0.5", "max": "1e10"}),
    field("tiny", "double", False, specs={"min": "-1.5", "max": "-0.5"}),
    field("choice", "enum", specs={"3": "x", "7": "y"}),
    field("switch", "bool", specs={"0": "off", "1": "on"}),
    field("text", "text", specs={"length": "2"}),
    field("day", "date", False),
    field("list", "array", specs={"size": "3", "item": {"type": "struct", "specs": [field("x", "int")]}}),
    field("object", "struct", specs=[field("inner", "struct", specs=[field("deep", "array", specs=INTEGERS)])]),
]
ODD_MODELS = {
    "every type": [service("All", *EVERY_TYPE), service("AllSync", *EVERY_TYPE, call_type="sync")],
    "words of YAML": [service(word, *[field(other, "int") for other in YAML_WORDS]) for word in YAML_WORDS],
    "odd texts": [
        service(f"S{number}", field("a", "enum", name=text, specs={"1": text or "x"}), name=text)
        for number, text in enumerate(ODD_TEXTS)
    ],
    "no arguments": [service("Only", call_type="sync")],
    "fifty arguments": [service("Many", *[field(f"arg{number}", "int", number % 2 == 0) for number in range(50)])],
    "a thousand services": [service(f"Service{number}", field("a", "text")) for number in range(1000)],
}


@pytest.mark.parametrize("module", ["", "null"], ids=["default module", "custom module"])
@pytest.mark.parametrize("name", ODD_MODELS)
def test_what_is_generated_from_odd_models_passes_check_and_test(tmp_path: Path, name: str, module: str):
    model = {"profile": {"productKey": "a1Odd"}, "services": ODD_MODELS[name], "functionBlockId": module}
    (tmp_path / "odd.json").write_text(json.dumps(model))
    made = run_cli("generate", "odd.json", "-o", "odd.yaml", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    done = run_cli("check", "odd.yaml", cwd=tmp_path)
    assert done.returncode == 0 and "warning" not in done.stdout + done.stderr, done.stdout
    done = run_cli("test", "--json", "odd.yaml", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["passed"] >= len(ODD_MODELS[name]), done.stdout[-2000:]


def test_generate_names_the_model_relative_to_the_file_that_the_shell_has_opened(tmp_path: Path):
    (tmp_path / "lamp.json").write_bytes(LAMP.read_bytes())
    with open(tmp_path / "lamps.yaml", "w") as output:
        made = subprocess.run(
            [str(binary()), "generate", "lamp.json"], cwd=tmp_path, env=clean_environment(), stdout=output, timeout=60)
    assert made.returncode == 0
    assert 'model: "lamp.json"\n' in (tmp_path / "lamps.yaml").read_text()
    assert run_cli("test", tmp_path / "lamps.yaml").returncode == 0


def test_generate_takes_the_models_of_several_modules_and_another_product_key(tmp_path: Path):
    made = run_cli("generate", LAMP, OTA, "--product-key", PRODUCT, "-o", tmp_path / "rules.yaml")
    assert made.returncode == 0, made.stderr
    assert "8 rules" in run_cli("check", tmp_path / "rules.yaml").stdout


def test_generate_reads_an_answer_of_the_platform(tmp_path: Path):
    answer = {"RequestId": "1", "Success": True, "Data": {"TslStr": LAMP.read_text(), "TslUri": ""}}
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    made = run_cli("generate", "answer.json", cwd=tmp_path)
    assert made.returncode == 0 and "name: Set\n" in made.stdout


def test_generate_overwrites_nothing(tmp_path: Path):
    (tmp_path / "rules.yaml").write_text("mine")
    made = run_cli("generate", LAMP, "--output", tmp_path / "rules.yaml")
    assert made.returncode == 74 and "exists" in made.stderr
    assert (tmp_path / "rules.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments,code,words",
    [
        ([], 64, "thingbridge generate"),
        ([LAMP, "--what"], 64, "--what"),
        ([LAMP, "--topic", "home/{service}"], 64, "{device}"),
        ([LAMP, "--topic", "home/{device}"], 64, "{service}"),
        ([LAMP, "--product-key", "a b"], 64, "product key"),
        ([LAMP, "--topic", "home/{device}/{service}/#"], 65, "--topic"),
        (["/nowhere.json"], 74, "/nowhere.json"),
        (["/"], 74, "directory"),
        ([ROOT / "mappings/README.md"], 65, "it cannot be read: JSON, byte 1"),
        ([ROOT / "tests/vectors/signature.json"], 65, "no thing model"),
    ],
)
def test_what_generate_cannot_do_is_told(arguments: list[str | Path], code: int, words: str):
    made = run_cli("generate", *arguments)
    assert made.returncode == code, made.stderr
    assert words in made.stderr and made.stdout == ""
