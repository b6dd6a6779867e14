"""The JSON Schemas are what the program writes, and judge a file as `check` does wherever a schema can."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import jsonschema
import pytest
import yaml

from harness.bridge import ROOT, run_cli

SCHEMAS = ROOT / "mappings" / "schema"
CORPUS = Path(__file__).resolve().parents[1] / "schema-corpus"
SHIPPED = sorted((ROOT / "mappings").glob("*.yaml"))
KINDS = ("config", "mapping")
# Words for the folders of the corpus: what `check` says and what the schema says.
VERDICTS = {"right": (True, True), "wrong": (False, False), "beyond": (False, True)}


class CoreLoader(yaml.SafeLoader):
    """Scalars by the core schema of YAML 1.2, as the bridge and editors read them; PyYAML's own are of YAML 1.1."""


CoreLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("null", r"^(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", list("-+.0123456789")),
):
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first)


def load(text: str) -> Any:
    return yaml.load(text, Loader=CoreLoader)


def schema(kind: str) -> dict[str, Any]:
    return json.loads((SCHEMAS / f"{kind}.schema.json").read_text())


VALIDATORS = {kind: jsonschema.Draft7Validator(schema(kind)) for kind in KINDS}


def schema_takes(kind: str, document: Any) -> bool:
    return VALIDATORS[kind].is_valid(document)


def check_takes(kind: str, file: Path) -> tuple[bool, str]:
    done = run_cli("check", "-c", file, cwd=CORPUS) if kind == "config" else run_cli("check", file)
    assert done.returncode in (0, 78), done.stdout + done.stderr
    return done.returncode == 0, done.stdout + done.stderr


# ---- the files that are committed


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_in_the_tree_is_what_the_program_writes(kind: str):
    done = run_cli("schema", kind)
    assert done.returncode == 0, done.stderr
    assert (SCHEMAS / f"{kind}.schema.json").read_text() == done.stdout, (
        f"run: thingbridge schema {kind} > mappings/schema/{kind}.schema.json"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_draft_07(kind: str):
    assert schema(kind)["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(schema(kind))


@pytest.mark.parametrize("arguments", [[], ["rules"], ["config", "mapping"]], ids=" ".join)
def test_a_schema_of_something_else_is_refused(arguments: list[str]):
    done = run_cli("schema", *arguments)
    assert (done.returncode, done.stdout) == (64, "")
    assert "thingbridge schema mapping" in done.stderr


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_a_shipped_mapping_names_the_schema_and_passes_it(file: Path):
    first, *_ = text = file.read_text().splitlines()
    assert first == "# yaml-language-server: $schema=schema/mapping.schema.json"
    VALIDATORS["mapping"].validate(load("\n".join(text)))


# ---- the corpus: files as people write them

FILES = sorted(CORPUS.glob("*/*/*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CORPUS)))
def test_schema_and_check_agree_on(file: Path):
    kind, verdict, _ = file.relative_to(CORPUS).parts
    taken, said = check_takes(kind, file)
    assert (taken, schema_takes(kind, load(file.read_text()))) == VERDICTS[verdict], said


# ---- every key with values of every kind

VALUES: list[Any] = [
    None, True, 0, 12, -1, 1.5, "", "word", "12", "10s", "5/s", "64KiB", "none", "${topic}", [], ["word"], [None], {},
    {"word": "word"}, {"file": "/x"}, {"file": ""},
]
# Only `check` knows: what refers to something else, templates, topics, and the value of a text with a unit.
ONLY_CHECK_SAYS = re.compile(
    "must be from|is an empty list|is missing|one that the platform allows|no capture|no mapping file"
    "|is a topic without|the topic|a capture is a|in a topic a capture|reply topic|`now` is a time"
    "|this is never one|never sent an empty|the broker's URL|the endpoint|name of a group|needs both|no file fits|there is no file"
)
ANSWER = {"status": 200, "body": {}}
CODE, TOPIC = "device_offline", "home/lamp/set"
RULE = {
    "name": "one", "topic": "home/{device}/set", "where": {"device": "lamp"}, "product_key": "k1", "platform": "default",
    "reply": {"ack": "none", "result": "${topic}/result", "progress": True}, "expire": "10s", "idempotent": True,
    "order": "rule", "latest_only": False, "batch": {"window": "50ms", "max": 10}, "rate": "5/s", "retained": "accept",
    "response_topic": "also", "id_from": "${payload.x}", "sent_at": "${payload.y}", "empty": "accept",
    "invoke": {"identifier": "Set", "device": "${device}", "args": {"a": 1}},
}
BARE = {"product_key": "k1"}
MAPPING = {
    "version": 1,
    "defaults": {key: RULE[key] for key in RULE if key not in ("name", "topic", "where", "invoke", "platform")},
    "groups": {"all": ["lamp"]},
    "rules": [
        RULE,
        BARE | {"name": "two", "topic": "two", "invoke": {"identifier": "Set", "devices": ["lamp"]}},
        BARE | {"name": "three", "topic": "three", "invoke": {"identifier": "Set", "iot_id": "abc"}},
        {"name": "four", "topic": "four", "call": {"action": "SetDeviceProperty", "parameters": {"Items": {"a": 1}}}},
    ],
    "tests": [
        {"name": "sent", "topic": TOPIC, "payload": {"x": 1}, "properties": {"p": "q"}, "now": "2026-01-01T00:00:00Z",
         "answer": ANSWER, "expect": {"rule": "one", "action": "InvokeThingService", "calls": 1, "ack_topic": "none",
                                      "result_topic": "none", "reply": {
                                          "status": "failed", "code": CODE, "platform_code": "x", "message_id": "1",
                                          "request_id": "2", "id": 1, "result": {}, "target": {},
                                          "failed_devices": ["lamp"]}}},
        {"topic": TOPIC, "expect": {"rejected": "payload_invalid"}},
        {"topic": TOPIC, "expect": {"expired": True}},
        {"topic": TOPIC, "expect": {"no_rule": True}},
    ],
}
TLS = {"ca_file": "/x", "cert_file": "/y", "key_file": "/z"}
PLATFORM = {
    "endpoint": "https://p/", "access_key_id": "k", "access_key_secret": {"env": "S"}, "method": "POST",
    "algorithm": "HMAC-SHA256", "parameters": {"Version": "2018-01-20"}, "timeout": "5s", "connections": 2,
    "limits": {"InvokeThingService": "5/s"}, "errors": {"iot.x": "busy"}, "proxy": "http://p", "tls": TLS,
}
CONFIG = {
    "mqtt": {"url": ["mqtt://h"], "client_id": "c", "version": "3.1.1", "username": "u", "password": {"file": "/p"},
             "session_expiry": "1m", "keepalive": "5s", "share": "g", "redelivery": "dup", "tls": TLS},
    "platform": PLATFORM,
    "outbox": {"path": "/o", "sync": "full", "max_commands": 5, "max_share": 0.5, "max_bytes": "2MiB", "dedupe_window": "1m",
               "dedupe_max": 5},
    "reply": {"allow": ["a/#"]}, "bridge": {"base_topic": "b", "control": "off"}, "admin": {"listen": "off"},
    "log": {"level": "warn", "format": "text"},
    "limits": {"payload": "1KiB", "json_depth": 4, "answer": "1MiB", "stop": "1s"},
    "mappings": "rules.yaml",
}
SMALL = {key: PLATFORM[key] for key in ("endpoint", "access_key_id", "access_key_secret")}
SEVERAL = {"platforms": {"a": SMALL}, "mappings": "rules.yaml"}


class Place(NamedTuple):
    kind: str
    document: Any
    path: tuple[Any, ...]

    def __str__(self) -> str:
        return ".".join(map(str, (self.kind, *self.path)))


def places(kind: str, document: Any, node: Any = None, path: tuple[Any, ...] = ()) -> Iterator[Place]:
    """All values inside `document`, outer ones first."""
    node = document if node is None else node
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield Place(kind, document, (*path, key))
        yield from places(kind, document, value, (*path, key))


def with_value(place: Place, value: Any) -> Any:
    document = node = copy.deepcopy(place.document)
    for key in place.path[:-1]:
        node = node[key]
    node[place.path[-1]] = value
    return document


def once(every: list[Place]) -> list[Place]:
    """Without places that differ from an earlier one only in their number in a list."""
    names = {(place.kind, *(key for key in place.path if isinstance(key, str))): place for place in reversed(every)}
    return [place for place in every if place in names.values()]


PLACES = once([*places("config", CONFIG), *places("config", SEVERAL), *places("mapping", MAPPING)])


def keys_of(part: dict[str, Any]) -> set[str]:
    """Names of all properties that a schema describes."""
    properties = part.get("properties", {})
    inner = [*properties.values(), *part.get("definitions", {}).values(), *part.get("anyOf", [])]
    return set(properties).union(*map(keys_of, inner))


def test_the_documents_here_have_every_key():
    here = {key for place in PLACES for key in place.path}
    missing = set().union(*(keys_of(schema(kind)) for kind in KINDS)) - here
    assert missing <= {"credential", "model"}


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_schema_and_check_agree_on_values_of(place: Place, tmp_path: Path):
    differ = []
    for value in VALUES:
        document = with_value(place, value)
        file = tmp_path / "file.yaml"
        file.write_text(json.dumps(document))
        taken, said = check_takes(place.kind, file)
        excused = not taken and all(ONLY_CHECK_SAYS.search(line) for line in said.splitlines() if " error: " in line)
        if taken != schema_takes(place.kind, document) and not excused:
            differ.append((value, said))
    assert not differ
