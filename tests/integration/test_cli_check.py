"""How check tells what is wrong: all in one go, each once, at its place, with its line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from harness.bridge import run_cli

HEAD = "version: 1\ndefaults: {product_key: k1ymv1DuLfE}\nrules:\n"


def rule(name: str, topic: str, more: str = "", invoke: str = "{identifier: Set, device: lamp}") -> str:
    return f'  - {{name: {name}, topic: "{topic}", invoke: {invoke}{", " if more else ""}{more}}}\n'


def check(folder: Path, text: str | bytes, *more: str):
    (folder / "rules.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return run_cli("check", *more, "rules.yaml", cwd=folder)


def problems(folder: Path, text: str | bytes) -> list[tuple[str, int, int, str]]:
    """Severity, line, column and text of all that check tells."""
    done = check(folder, text, "--json")
    report = json.loads(done.stdout)
    assert done.returncode == (78 if report["errors"] else 0)
    return [(p["severity"], p["line"], p["column"], p["text"]) for p in report["problems"]]


# ---- places and lines


@pytest.mark.parametrize(
    "text,line,caret",
    [
        ("version: 1\nrules: [\n", "rules: [", "["),
        ("version: 1\nversion: 1\n", "version: 1", "version: 1"),
        ("version: 1\nrules: *all\n", "rules: *all", "*all"),
        ("version: 1\nrules: !all []\n", "rules: !all []", "!all []"),
        ("version: 1\ngroups: {<<: 1}\n", "groups: {<<: 1}", "<<: 1}"),
        ('version: 1\n"a\\0b": 1\n', '"a\\0b": 1', '"a\\0b": 1'),
    ],
)
def test_what_yaml_refuses_is_shown_with_its_line(tmp_path: Path, text: str, line: str, caret: str):
    shown, below = check(tmp_path, text).stdout.splitlines()[1:3]
    assert shown.strip() == line
    assert shown[below.index("^") :] == caret


@pytest.mark.parametrize("before,width", [("ä: 1, ", 6), ("温度: 1, ", 9), ("e\u0301: 1, ", 6), ("\t", None)])
def test_the_caret_stands_under_its_character(tmp_path: Path, before: str, width: int | None):
    shown, below = check(tmp_path, f"version: 1\ngroups: {{{before}wrong key: [a]}}\n").stdout.splitlines()[-2:]
    assert shown.strip() == f"groups: {{{before}wrong key: [a]}}"
    assert below == "    " + " " * len("groups: {") + (" " * width if width else before) + "^"


def test_a_long_line_is_cut_around_the_caret(tmp_path: Path):
    long = "x" * 9000
    done = check(tmp_path, f"version: 1\ngroups: {{a: [{long}], wrong key: [b]}} # {long}\n")
    shown, below = done.stdout.splitlines()[-2:]
    assert shown.startswith("    ...x") and shown.endswith("x...") and len(shown) < 200
    assert shown[below.index("^") :].startswith("wrong key: [b]")


def test_control_characters_never_reach_the_terminal(tmp_path: Path):
    for text in [b"version: 1\nrules: \x1b[31m\n", b'version: 1\n"x\\e[31m": 1\n"x\\e[31m": 2\n', b"version: \xff\x1b\n"]:
        assert "\x1b" not in check(tmp_path, text).stdout


def test_what_turns_the_direction_of_writing_never_reaches_the_terminal(tmp_path: Path):
    turn = "\u202e"
    text = (
        f'version: 1\ndefaults: {{"product{turn}_key": x}}\nrules:\n'
        f'- {{name: "a{turn}b", topic: "x/{{d{turn}}}", where: {{"q{turn}": "z"}}, invoke: {{identifier: "S{turn}t", device: d}}}}\n'
        f'- {{name: "a{turn}b", topic: "x/{{d}}{turn}", "odd{turn}": 1, expire: "5{turn}s", invoke: {{identifier: S, device: d}}}}\n'
    )
    done = check(tmp_path, text)
    assert "error" in done.stdout and turn not in done.stdout + done.stderr
    assert 'not "d???"' in done.stdout


def test_the_first_byte_that_is_no_utf8_is_shown(tmp_path: Path):
    done = check(tmp_path, "version: 1\n# Küche und Töpfe\n".encode("latin-1"))
    assert "rules.yaml:2:4: error: " in done.stdout
    assert done.stdout.splitlines()[1:3] == ["    # K?che und T?pfe", "       ^"]


def test_problems_come_from_the_top_of_a_file_to_its_end(tmp_path: Path):
    text = HEAD + rule("a", "x", "expire: 5") + rule("b", "y", "expire: 6") + "groups: {a b: [c]}\nversio: 1\n"
    assert [line for _, line, _, _ in problems(tmp_path, text)] == [4, 5, 6, 7]


def test_two_thousand_errors_at_the_end_of_a_large_file_are_told(tmp_path: Path):
    text = "version: 1\n" + ("# " + "x" * 70 + "\n") * 200_000 + "".join(f"wrong{i}: 1\n" for i in range(2000))
    done = check(tmp_path, text)
    assert "and 1000 more errors" in done.stdout and "2000 errors" in done.stderr


def many_warnings_and_one_error() -> str:
    """Each rule's device comes from a capture that is held to nothing, which is warned of."""
    odd = "".join(rule(f"r{i}", f"t{i}/{{x}}", invoke="{identifier: Set, device: '${x}'}") for i in range(3000))
    return HEAD + odd + rule("last", "z", "expire: 5")


@pytest.mark.parametrize(
    "command", [["check", "rules.yaml"], ["test", "rules.yaml"], ["explain", "--mapping", "rules.yaml", "t1/x", "{}"]]
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_thousands_of_warnings_do_not_hide_the_one_error(tmp_path: Path, command: list[str], form: list[str]):
    (tmp_path / "rules.yaml").write_text(many_warnings_and_one_error())
    done = run_cli(command[0], *form, *command[1:], cwd=tmp_path)
    assert done.returncode == 78
    if form:
        report = json.loads(done.stdout)
        assert [p["line"] for p in report["problems"] if p["severity"] == "error"] == [3004]
        assert report["problems"][0]["severity"] == "error"
        assert (report["errors"], report["warnings"], report["omitted"]) == (1, 3000, 2900)
    else:
        text = done.stdout + done.stderr
        assert text.startswith("rules.yaml:3004:") and ": error: " in text.splitlines()[0]
        assert "and 2900 more warnings" in text


def test_thousands_of_warnings_do_not_hide_the_error_that_stops_the_start(tmp_path: Path):
    (tmp_path / "rules.yaml").write_text(many_warnings_and_one_error())
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | {"mappings": [str(tmp_path / "rules.yaml")]}))
    done = run_cli("run", "-c", "config.json", cwd=tmp_path)
    assert done.returncode == 78
    assert ": error: " in done.stderr.splitlines()[0] and "and 2900 more warnings" in done.stderr


def test_a_thousand_errors_in_one_line_of_many_megabytes_are_told(tmp_path: Path):
    rules = ", ".join(f"{{name: a{i}, wrong{i}: 1}}" for i in range(1000))
    done = check(tmp_path, f"version: 1\nrules: [{rules}] # {'x' * 14_000_000}\n")
    assert done.returncode == 78
    assert len(done.stdout) < 1_000_000


# ---- all in one go, each once


def test_errors_in_yaml_do_not_hide_errors_in_the_rules(tmp_path: Path):
    told = problems(tmp_path, HEAD + rule("a", "x", "expire: 5, expire: 6s") + rule("b", "y", "rate: 5"))
    assert [line for _, line, _, _ in told] == [4, 4, 5]


def test_an_error_in_the_defaults_is_told_once(tmp_path: Path):
    text = HEAD.replace("}", ", id_from: '${nothing}'}") + rule("a", "x") + rule("b", "y")
    ((_, line, _, words),) = problems(tmp_path, text)
    assert line == 2 and "{nothing}" in words


def test_an_error_behind_an_alias_is_told_once(tmp_path: Path):
    invoke = "{identifier: Set, device: 'a b'}"
    text = HEAD + rule("a", "x", invoke=f"&same {invoke}") + rule("b", "y", invoke="*same")
    assert len(problems(tmp_path, text)) == 1


@pytest.mark.parametrize(
    "invoke",
    [
        "{<<: {identifier: Set}, device: lamp}",
        "{identifier: !name Set, device: lamp}",
        "\n      identifier: Set\n      device: lamp\n      args: {a: 1}\n    reply:\n      ack: ${topic | default( #",
        "{identifier: Set, device: lamp, [a]: b}",
    ],
)
def test_what_yaml_cannot_read_makes_no_further_errors(tmp_path: Path, invoke: str):
    assert len(problems(tmp_path, f"{HEAD}  - name: a\n    topic: x\n    invoke: {invoke}\n")) == 1


@pytest.mark.parametrize("groups", ["{a: [lamp}", "[a]", "{a: }", "{a: lamp}", "{a: ['no name']}"])
def test_a_group_that_is_wrong_is_not_missing_too(tmp_path: Path, groups: str):
    (tmp_path / "groups.yaml").write_text(f"version: 1\ngroups: {groups}\n")
    (tmp_path / "rules.yaml").write_text(HEAD + rule("a", "x", invoke="{identifier: Set, devices: '${group.a}'}"))
    done = run_cli("check", "--json", "groups.yaml", "rules.yaml", cwd=tmp_path)
    assert [problem["file"] for problem in json.loads(done.stdout)["problems"]] == ["groups.yaml"]


def test_a_large_group_is_shared_by_its_rules(tmp_path: Path):
    devices = ", ".join(f"device-{i}" for i in range(10_000))
    rules = "".join(rule(f"r{i}", f"t/{i}", invoke="{identifier: Set, devices: '${group.all}'}") for i in range(1000))
    done = check(tmp_path, f"{HEAD[:-7]}groups: {{all: [{devices}]}}\nrules:\n{rules}")
    assert done.returncode == 0
    assert "1000 rules" in done.stdout


# ---- the configuration

CONFIG = {
    "mqtt": {"url": "mqtt://localhost:1883"},
    "platform": {
        "endpoint": "https://si-example.tuyacloud.com:8686/",
        "access_key_id": "xMr9wgwXQLhv5AUa",
        "access_key_secret": {"file": "secret"},
    },
    "outbox": {"path": "outbox.db"},
    "mappings": ["rules.yaml"],
}


def check_config(folder: Path, text: str):
    (folder / "rules.yaml").write_text(HEAD + rule("a", "x"))
    if not (folder / "secret").exists():
        (folder / "secret").touch(0o600)
        (folder / "secret").write_text("quiet")
    (folder / "c.yaml").write_text(text)
    done = run_cli("check", "--json", "-c", "c.yaml", cwd=folder)
    report = json.loads(done.stdout)
    assert done.returncode == (78 if report["errors"] else 0)
    return report["problems"]


def config(**changes: Any) -> str:
    settings = json.loads(json.dumps(CONFIG))
    for path, value in changes.items():
        *groups, key = path.split("__")
        at = settings
        for group in groups:
            at = at.setdefault(group, {})
        at[key] = value
    return json.dumps(settings)


@pytest.mark.parametrize(
    "path,value,words",
    [
        ("mqtt__url", "tcp://localhost", "must begin with mqtt://"),
        ("mqtt__url", ["mqtt://a", "mqtt://b:70000"], "mqtt://b:70000: the port"),
        ("mqtt__url", [], "empty list"),
        ("mqtt__client_id", "", "is empty"),
        ("mqtt__client_id", "home-\ufdd0", "noncharacters"),
        ("mqtt__share", "a/b", "name of a group"),
        ("mqtt__share", "a\uffff", "name of a group"),
        ("mqtt__tls", {"cert_file": "/etc/hosts"}, "no `key_file`"),
        ("platform__endpoint", "http://si-example.tuyacloud.com/", "use https://"),
        ("platform__endpoint", "si-example.tuyacloud.com", "https://HOST"),
        ("platform__access_key_id", "", "is empty"),
        ("platform__parameters", {"action": "x"}, "set by the bridge"),
        ("platform__errors", {"iot.vendor.Busy": "bussy"}, "did you mean `busy`"),
        ("bridge__base_topic", "#", "base_topic"),
        ("bridge__base_topic", "$SYS", "base_topic"),
        ("bridge__base_topic", "a" + "/" * 100 + "b", "100 levels"),
        ("bridge__base_topic", "site-\ufdd0", "base_topic"),
        ("reply__allow", ["reply/#", "a/#/b"], "'#' can only be the last level"),
        ("reply__allow", ["<topic>/#"], "<command topic> or <base>"),
        ("mappings", ["rules.yaml", "none/*.yaml"], "no file fits none/*.yaml"),
        ("mappings", {}, "`mappings` must be text"),
    ],
)
def test_a_wrong_value_in_the_configuration_is_one_error_at_its_place(tmp_path: Path, path: str, value: Any, words: str):
    text = config(**{path: value})
    (problem,) = check_config(tmp_path, text)
    assert (problem["file"], problem["severity"]) == ("c.yaml", "error")
    assert words in problem["text"]
    name = path.split("__")[-1]
    assert problem["column"] > text.index(f'"{name}"')


def test_a_misspelt_key_is_one_error(tmp_path: Path):
    for key in ("platform", "mappings"):
        (problem,) = check_config(tmp_path, config().replace(f'"{key}"', f'"{key}z"'))
        assert f"did you mean `{key}`" in problem["text"]


def test_one_platform_under_platforms_is_one_error(tmp_path: Path):
    (problem,) = check_config(tmp_path, config().replace('"platform"', '"platforms"'))
    assert "`platform`" in problem["text"]


def test_a_login_in_a_url_is_refused_and_never_shown(tmp_path: Path):
    for path in ("mqtt__url", "platform__endpoint"):
        (tmp_path / "c.yaml").write_text(config(**{path: "https://me:hunter2@host/"}))
        done = run_cli("check", "-c", "c.yaml", cwd=tmp_path)
        assert done.returncode == 78
        assert "hunter2" not in done.stdout + done.stderr


def test_a_websocket_url_is_a_warning_each(tmp_path: Path):
    urls = ["mqtt://localhost", "ws://localhost/mqtt", "wss://localhost/mqtt"]
    problems = check_config(tmp_path, config(mqtt__url=urls))
    assert [problem["severity"] for problem in problems] == ["warning", "warning"]
    assert all("Paho" in problem["text"] and "mqtts://" in problem["text"] for problem in problems)


def test_the_line_of_a_misspelt_secret_is_not_shown(tmp_path: Path):
    (tmp_path / "c.yaml").write_text("mqtt:\n  urll: mqtt://b\nplatform:\n  acces_key_sercet: quiet\nlog: {level: odd}\n")
    shown = run_cli("check", "-c", "c.yaml", cwd=tmp_path).stdout
    assert "did you mean `access_key_secret`" in shown and "quiet" not in shown
    assert "log: {level: odd}" in shown


def test_a_secret_that_this_user_cannot_read_is_a_warning(tmp_path: Path):
    (problem,) = check_config(tmp_path, config(platform__access_key_secret={"file": "nowhere"}))
    assert problem["severity"] == "warning" and "nowhere" in problem["text"]


def test_a_secret_that_others_can_write_is_an_error(tmp_path: Path):
    (tmp_path / "secret").write_text("quiet")
    (tmp_path / "secret").chmod(0o666)
    (problem,) = check_config(tmp_path, config())
    assert problem["severity"] == "error" and "chmod 600" in problem["text"]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path):
    (tmp_path / "link.yaml").symlink_to("rules.yaml")
    assert check_config(tmp_path, config(mappings=["rules.yaml", "./rules.yaml", "link.yaml"])) == []


# ---- files that are none


def test_what_is_no_readable_file_is_said_and_nothing_waits(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "empty.yaml").touch()
    (tmp_path / "dangling.yaml").symlink_to("nowhere")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    with (tmp_path / "huge.yaml").open("wb") as huge:
        huge.truncate(100 * 1024 * 1024)
    done = run_cli("check", "--json", "*.yaml", "missing.yaml", "/dev/zero", cwd=tmp_path)
    told = {problem["file"]: problem["text"] for problem in json.loads(done.stdout)["problems"]}
    assert done.returncode == 78
    assert told == {
        "missing.yaml": "there is no such file, or its folder cannot be read",
        "/dev/zero": "is no regular file",
        "dangling.yaml": "No such file or directory",
        "empty.yaml": "the file is empty",
        "folder.yaml": "is a directory: name a file, or a pattern such as DIR/*.yaml for mappings",
        "huge.yaml": "the file is larger than 16 MiB",
        "loop.yaml": "Too many levels of symbolic links",
        "pipe.yaml": "is no regular file",
    }
