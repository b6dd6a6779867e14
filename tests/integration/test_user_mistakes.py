"""What people get wrong in rules and configurations: each mistake is told at its place, with what to do about it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, Mapping

import pytest

from harness.bridge import binary, clean_environment, run_cli

HEAD = "version: 1\ndefaults: {product_key: k1ymv1DuLfE}\nrules:\n"
CONFIG = """\
mqtt: {url: "mqtt://localhost:1883"}
platform:
  endpoint: https://si-example.tuyacloud.com:8686/
  access_key_id: id
  access_key_secret: {file: secret}
outbox: {path: outbox.db}
mappings: [rules.yaml]
"""


def rule(body: str, name: str = "a", topic: str = "x/{device}/set") -> str:
    """A rule in one line; `body` is what follows its name and topic."""
    return f'  - {{name: {name}, topic: "{topic}", where: {{device: lamp}}, {body}}}\n'


SOUND = HEAD + rule("invoke: {identifier: Set, device: lamp}")


def write(folder: Path, **files: str | bytes) -> None:
    for name, text in files.items():
        path = folder / name.replace("_yaml", ".yaml")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)


def told(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> list[tuple[str, str, str]]:
    """Severity, text, and what the caret points at, of all that check tells."""
    done = run_cli("check", *arguments, cwd=folder, env=env)
    lines, found = done.stdout.splitlines(), []
    for i, line in enumerate(lines):
        for severity in ("error", "warning"):
            place, mark, text = line.partition(f": {severity}: ")
            if mark:
                has_caret = i + 2 < len(lines) and lines[i + 2].strip() == "^"
                found.append((severity, text, lines[i + 1][lines[i + 2].index("^") :] if has_caret else place))
    assert done.returncode == (78 if any(severity == "error" for severity, _, _ in found) else 0), done.stderr
    return found


def told_of_rules(folder: Path, text: str | bytes) -> list[tuple[str, str, str]]:
    write(folder, rules_yaml=text)
    return told(folder, "rules.yaml")


def told_of_config(
    folder: Path, text: str, env: Mapping[str, str] | None = None, secret: str | bytes = "quiet"
) -> list[tuple[str, str, str]]:
    write(folder, config_yaml=text, secret=secret, rules_yaml=SOUND)
    return told(folder, "-c", "config.yaml", env=env)


# ---- keys at the wrong level


@pytest.mark.parametrize(
    "body,key,where",
    [
        ("invoke: {identifier: Set, device: lamp, expire: 5s}", "expire", "one level up: a rule key"),
        ("invoke: {identifier: Set, device: lamp, reply: none}", "reply", "one level up: a rule key"),
        ("invoke: {identifier: Set, device: lamp}, args: {a: 1}", "args", "in `invoke`"),
        ("invoke: {identifier: Set, device: lamp}, result: x/y", "result", "in `reply`"),
        ("invoke: {identifier: Set, device: lamp}, window: 1s", "window", "in `batch`"),
        ("invoke: {identifier: Set, device: lamp, parameters: {}}", "parameters", "in `call`"),
        ("invoke: {identifier: Set, device: lamp}, reply: {idempotent: true}", "idempotent", "one level up"),
        ("invoke: {identifier: Set, device: lamp}, groups: {a: [b]}", "groups", "at the top of the file"),
    ],
)
def test_a_rule_key_at_the_wrong_level_is_told_where_it_belongs(tmp_path: Path, body: str, key: str, where: str):
    ((severity, text, at),) = told_of_rules(tmp_path, HEAD + rule(body))
    assert severity == "error" and at.startswith(key)
    assert text.startswith(f"unknown key `{key}`; it belongs {where}")


def test_a_rule_key_at_the_top_of_a_file_belongs_in_a_rule(tmp_path: Path):
    ((_, text, at),) = told_of_rules(tmp_path, SOUND + "idempotent: true\n")
    assert text == "unknown key `idempotent`; it belongs in `defaults` or in a rule"
    assert at == "idempotent: true"


@pytest.mark.parametrize(
    "before,after,key,where",
    [
        ("1883\"}", '1883", ca_file: /etc/hosts}', "ca_file", "in `mqtt.tls`"),
        ("  access_key_id", "  ca_file: /etc/hosts\n  access_key_id", "ca_file", "in `tls`"),
        ("outbox:", "client_id: me\noutbox:", "client_id", "in `mqtt`"),
        ("outbox.db}", "outbox.db, keepalive: 5s}", "keepalive", "in `mqtt`"),
        ("outbox.db}", "outbox.db, limits: {}}", "limits", "at the top of the file"),
        ("1883\"}", '1883", tls: {username: me}}', "username", "one level up, in `mqtt`"),
    ],
)
def test_a_key_of_the_configuration_is_told_where_it_belongs(
    tmp_path: Path, before: str, after: str, key: str, where: str
):
    ((severity, text, at),) = told_of_config(tmp_path, CONFIG.replace(before, after))
    assert severity == "error" and at.startswith(key)
    assert text.startswith(f"unknown key `{key}`; it belongs {where}")


@pytest.mark.parametrize(
    "text,keys",
    [
        ("  - {name: a, topic: x, identifier: Set, device: lamp}\n", ["identifier", "device"]),
        ("  - {name: a, topic: x, device: lamp, invoke: {identifier: Set}}\n", ["device"]),
        ("  - {name: a, topic: x, identifier: Set, invoke: {device: lamp}}\n", ["identifier"]),
        ("  - {name: a, invoke: {topic: x, identifier: Set, device: lamp}}\n", ["topic"]),
    ],
)
def test_a_required_key_at_the_wrong_level_is_not_missing_too(tmp_path: Path, text: str, keys: list[str]):
    assert [at.split(":")[0] for _, _, at in told_of_rules(tmp_path, HEAD + text)] == keys


def test_keys_of_the_platform_at_the_top_are_not_missing_too(tmp_path: Path):
    lines = CONFIG.replace("platform:\n", "").replace("\n  ", "\n")
    found = told_of_config(tmp_path, lines)
    assert [at.split(":")[0] for _, _, at in found] == ["endpoint", "access_key_id", "access_key_secret"]
    assert all("it belongs in `platform`" in text for _, text, _ in found)


def test_the_product_key_can_be_in_invoke(tmp_path: Path):
    tests = "tests:\n  - {name: t, topic: x/lamp/set, payload: {}, expect: {ProductKey: a1Other}}\n"
    text = HEAD + rule("invoke: {identifier: Set, device: lamp, product_key: a1Other}")
    assert told_of_rules(tmp_path, text + tests) == []
    assert run_cli("test", "rules.yaml", cwd=tmp_path).returncode == 0
    assert told_of_rules(tmp_path, text.replace("defaults: {product_key: k1ymv1DuLfE}\n", "")) == []


@pytest.mark.parametrize(
    "body,words,caret",
    [
        ("product_key: a1, invoke: {identifier: Set, device: lamp, product_key: a2}", "is in the rule already", "a2"),
        ("invoke: {identifier: Set, device: lamp, product_key: a-b}", "not one that the platform allows", "a-b"),
        ("invoke: {identifier: Set, device: lamp, product_key: [a]}", "must be text", "[a]"),
    ],
)
def test_a_wrong_product_key_in_invoke_is_told_there(tmp_path: Path, body: str, words: str, caret: str):
    ((severity, text, at),) = told_of_rules(tmp_path, HEAD + rule(body))
    assert severity == "error" and words in text and at.startswith(caret)


# ---- the wrong file


def test_a_mapping_file_given_as_configuration_is_one_error(tmp_path: Path):
    write(tmp_path, rules_yaml=SOUND)
    for command in (["check"], ["run"], ["test"], ["explain"]):
        more = ["x/lamp/set", "{}"] if command == ["explain"] else []
        done = run_cli(*command, "-c", "rules.yaml", *more, cwd=tmp_path)
        assert done.returncode == 78
        assert (done.stdout + done.stderr).count(": error: this is a mapping file and no configuration") == 1


def test_a_configuration_given_as_mapping_file_is_one_error(tmp_path: Path):
    write(tmp_path, config_yaml=CONFIG)
    ((severity, text, at),) = told(tmp_path, "config.yaml")
    assert severity == "error" and text.startswith("this is a configuration and no mapping file: give it with -c")
    assert at.startswith("mqtt:")


@pytest.mark.parametrize("ending", ["yml", "json"])
def test_files_with_another_ending_beside_an_empty_glob_are_named(tmp_path: Path, ending: str):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / f"rules.{ending}").write_text(SOUND)
    ((severity, text, at),) = told_of_config(tmp_path, CONFIG.replace("[rules.yaml]", "[m/*.yaml]"))
    assert severity == "error" and at.startswith("m/*.yaml")
    assert text == f"`mappings`: no file fits m/*.yaml; m/*.{ending} fits some: name that"


# ---- the environment


@pytest.mark.parametrize(
    "name,meant",
    [
        ("THINGBRIDGE_PLATFORM_ENDPOINT", "THINGBRIDGE_PLATFORM__ENDPOINT"),
        ("THINGBRIDGE_MQTT_CLIENT_ID", "THINGBRIDGE_MQTT__CLIENT_ID"),
        ("THINGBRIDGE_MQTT__TLS_CA_FILE", "THINGBRIDGE_MQTT__TLS__CA_FILE"),
        ("THINGBRIDGE_PLATFORM_ACCESS_KEY_SECRET_FILE", "THINGBRIDGE_PLATFORM__ACCESS_KEY_SECRET__FILE"),
    ],
)
def test_one_underscore_between_levels_is_told_with_the_right_name(tmp_path: Path, name: str, meant: str):
    ((severity, text, at),) = told_of_config(tmp_path, CONFIG, {name: "x"})
    assert severity == "error" and at == f"environment {name}"
    assert text == f"two underscores stand between the levels of a key: call it {meant}"


def test_a_secret_of_the_environment_wins_over_that_of_the_file(tmp_path: Path):
    env = {"THINGBRIDGE_PLATFORM__ACCESS_KEY_SECRET__ENV": "MY_SECRET", "MY_SECRET": "quiet"}
    assert told_of_config(tmp_path, CONFIG.replace("file: secret", "file: nowhere"), env) == []


def test_a_secret_as_the_value_of_a_setting_is_refused_and_never_shown(tmp_path: Path):
    env = {"THINGBRIDGE_PLATFORM__ACCESS_KEY_SECRET": "hunter2"}
    ((_, text, at),) = told_of_config(tmp_path, CONFIG, env)
    assert at == "environment THINGBRIDGE_PLATFORM__ACCESS_KEY_SECRET"
    assert "__FILE" in text and "hunter2" not in text


def test_two_places_of_one_secret_are_refused(tmp_path: Path):
    ((_, text, _),) = told_of_config(tmp_path, CONFIG.replace("file: secret", "file: secret, env: S"))
    assert "say by one key where it is read from: {file: /path/to/file}, {env: NAME} or {credential: NAME}" in text


# ---- versions


def test_a_version_in_quotes_is_told_to_lose_them(tmp_path: Path):
    ((severity, text, at),) = told_of_rules(tmp_path, SOUND.replace("version: 1", 'version: "1"'))
    assert severity == "error" and at == '"1"'
    assert text.endswith("in quotes, which is text: remove the quotes")


# ---- names that look like numbers


@pytest.mark.parametrize("written", ["007", "0x1F", "0o17", "1e3", "1.50", "-0", "True", "12345678901234567890123"])
def test_names_under_call_keep_the_spelling_of_numbers(tmp_path: Path, written: str):
    names = f"ProductKey: a1, DeviceName: {written}, Other: 1.50"
    text = HEAD + rule(f"call: {{action: SetDeviceProperty, parameters: {{{names}}}}}")
    text += f'tests:\n  - {{name: t, topic: x/lamp/set, payload: {{}}, expect: {{DeviceName: "{written}"}}}}\n'
    assert told_of_rules(tmp_path, text) == []
    done = run_cli("test", "rules.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("written,names", [("+5", "DeviceName"), ("1.5", "ProductKey"), ("[a1, +5]", "DeviceName")])
def test_a_number_that_is_no_name_is_told_as_it_is_written(tmp_path: Path, written: str, names: str):
    text = HEAD + rule(f"call: {{action: SetDeviceProperty, parameters: {{{names}: {written}}}}}")
    ((severity, told_text, at),) = told_of_rules(tmp_path, text)
    number = written.strip("[]").split(", ")[-1]
    assert severity == "error" and f'"{number}"' in told_text and at.startswith(number)


# ---- secrets and folders


@pytest.mark.parametrize(
    "secret,severity,words",
    [
        (b"\xef\xbb\xbfquiet", "error", "begins with a byte order mark: save the file as UTF-8 without one"),
        (b'"quiet"\n', "warning", "the secret is in quotes, which are part of it"),
        (b"'quiet'", "warning", "the secret is in quotes, which are part of it"),
        (b" quiet\n", "warning", "a blank stands before or behind the secret"),
        (b"quiet \n", "warning", "a blank stands before or behind the secret"),
    ],
)
def test_a_secret_with_what_editors_and_shells_add_is_told(tmp_path: Path, secret: bytes, severity: str, words: str):
    ((told_severity, text, at),) = told_of_config(tmp_path, CONFIG, secret=secret)
    assert told_severity == severity and words in text and "quiet" not in text
    assert at.startswith("{file: secret}")


def test_the_outbox_s_folder_is_looked_at(tmp_path: Path):
    ((severity, text, at),) = told_of_config(tmp_path, CONFIG.replace("outbox.db", "nowhere/outbox.db"))
    assert severity == "warning" and at.startswith("nowhere/outbox.db")
    assert text == "`outbox.path`: the folder nowhere does not exist: create it, for the user that runs the bridge"


def test_a_folder_as_outbox_is_an_error(tmp_path: Path):
    (tmp_path / "outbox.db").mkdir()
    ((severity, text, _),) = told_of_config(tmp_path, CONFIG)
    assert (severity, text) == ("error", "`outbox.path`: outbox.db is a folder: name a file in it")


NOBODY = 65534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user can enter, with a program that each can run."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a program as another user")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(binary(), folder / "thingbridge")
        write(folder, config_yaml=CONFIG, secret="quiet", rules_yaml=SOUND)
        for path in ("config.yaml", "rules.yaml", "thingbridge"):
            (folder / path).chmod(0o755)
        yield folder


def check_as_nobody(folder: Path) -> str:
    return subprocess.run(
        [folder / "thingbridge", "check", "-c", "config.yaml"], env=clean_environment(None), cwd=folder, user=NOBODY,
        group=NOBODY, extra_groups=[], text=True, capture_output=True, timeout=60,
    ).stdout


def test_what_only_root_can_use_is_told_to_another_user_with_the_cure(open_folder: Path):
    text = check_as_nobody(open_folder)
    assert "warning: cannot read the secret in secret: secret belongs to root and has mode 600" in text
    assert "cannot read it: run the bridge as root, or chown it" in text
    assert "warning: `outbox.path`: . belongs to root and has mode 755" in text and "cannot write it" in text


def test_a_closed_folder_on_the_way_is_named(open_folder: Path):
    (open_folder / "closed").mkdir(0o700)
    (open_folder / "closed" / "secret").write_text("quiet")
    (open_folder / "config.yaml").write_text(CONFIG.replace("file: secret", f"file: {open_folder}/closed/secret"))
    assert f"{open_folder}/closed belongs to root and has mode 700" in check_as_nobody(open_folder)


def test_root_is_told_of_a_secret_that_the_bridge_s_user_cannot_read(open_folder: Path):
    (open_folder / "state").mkdir(0o700)
    os.chown(open_folder / "state", NOBODY, NOBODY)
    (open_folder / "config.yaml").write_text(CONFIG.replace("outbox.db", "state/outbox.db"))
    ((severity, text, at),) = told(open_folder, "-c", "config.yaml")
    assert severity == "warning" and at.startswith("{file: secret}")
    assert text.startswith("the user nobody, to whom other files of the bridge belong, cannot read secret")
    os.chown(open_folder / "secret", NOBODY, NOBODY)
    assert told(open_folder, "-c", "config.yaml") == []


# ---- typography


@pytest.mark.parametrize("quotes", ["“”", "‘’", "„“", "«»"])
def test_typographic_quotes_around_a_text_are_told(tmp_path: Path, quotes: str):
    text = HEAD + rule(f"invoke: {{identifier: Set, device: lamp, args: {{color: {quotes[0]}white{quotes[1]}}}}}")
    ((severity, told_text, at),) = told_of_rules(tmp_path, text)
    assert severity == "warning" and at.startswith(f"{quotes[0]}white")
    assert told_text.startswith("these are typographic quotes, which YAML takes for a part of the text")


def test_typographic_quotes_inside_a_text_or_in_straight_ones_are_meant(tmp_path: Path):
    args = "{a: say “hello” to it, b: say “hello”, c: \"“white”\"}"
    assert told_of_rules(tmp_path, HEAD + rule(f"invoke: {{identifier: Set, device: lamp, args: {args}}}")) == []


def test_a_name_in_typographic_quotes_is_an_error_and_why(tmp_path: Path):
    found = told_of_rules(tmp_path, HEAD + rule("invoke: {identifier: Set, device: “lamp”}"))
    assert [severity for severity, _, _ in found] == ["error", "warning"]
    assert found[0][2] == found[1][2] and "typographic quotes" in found[1][1]


@pytest.mark.parametrize(
    "lines,at,words",
    [
        ("   \u00a0topic: x/set\n", "\u00a0topic: x/set", "U+00A0"),
        ("    topic:\u00a0x/set\n", "\u00a0x/set", "U+00A0"),
        ("    topic: x/set\n    expire:\u30005s\n", "\u30005s", "U+3000"),
    ],
)
def test_a_space_that_is_none_to_yaml_is_told_at_its_place(tmp_path: Path, lines: str, at: str, words: str):
    text = f"{HEAD}  - name: a\n{lines}    invoke: {{identifier: Set, device: lamp}}\n"
    ((severity, told_text, caret),) = told_of_rules(tmp_path, text)
    assert severity == "error" and words in told_text and "replace it by a space" in told_text
    # U+200B and its like are shown as they are, or as '?'.
    assert caret.endswith(at[1:])


def test_a_no_break_space_in_a_plain_text_is_told_at_its_place(tmp_path: Path):
    text = HEAD + rule("invoke: {identifier: Set, device: lamp, args: {a: 21\u00a0degrees, b: '21\u00a0degrees'}}")
    ((severity, told_text, at),) = told_of_rules(tmp_path, text)
    assert severity == "warning" and "U+00A0" in told_text
    assert at.startswith("\u00a0degrees, b")


def args_rule(value: str) -> str:
    return HEAD + rule(f"invoke: {{identifier: Set, device: lamp, args: {{a: '{value}'}}}}")


@pytest.mark.parametrize(
    "value,severity,words",
    [
        ("${payload.x | default(“white”)}", "error", 'typographic quotes are none here: write "'),
        ("${\u00a0payload.x}", "error", "U+00A0"),
        ("${payload.x\u00a0| int}", "warning", "takes it for a part of the name: replace it"),
        ("{payload.x}", "warning", "a value is written ${payload.x}"),
        ("{payload.x.y} m", "warning", "a value is written ${payload.x.y}"),
        ("{{payload.x}}", "warning", "a value is written ${payload.x}"),
        ("{{ payload.x }}", "warning", "a value is written ${payload.x}"),
        ("{{ value_json.x }}", "warning", "a value is written ${...}, as ${payload.level}"),
        ("${{payload.x}}", "error", "one pair of braces is enough"),
        ('${payload.x | default("${payload.y}")}', "warning", "is a constant: ${...} in it is plain text"),
        ("${payload.x | default(${payload.y})}", "error", "it is a constant: no ${...} can be in it"),
        ("${payload.x | map(a=${device})}", "error", "it is a constant: no ${...} can be in it"),
        ("${downstairs}", "error", "the group is written ${group.downstairs}"),
    ],
)
def test_a_template_that_is_written_as_elsewhere_is_told(tmp_path: Path, value: str, severity: str, words: str):
    text = args_rule(value).replace("rules:", "groups: {downstairs: [a, b]}\nrules:")
    ((told_severity, told_text, at),) = told_of_rules(tmp_path, text)
    assert told_severity == severity and words in told_text
    assert value.replace("\u00a0", "") in at.replace("\u00a0", "") or at.startswith("$")


@pytest.mark.parametrize("value", ['{"a": {"b": 1}}', "{}", "{{", "a}}b", "$${payload.x}", "{1}", "{{1}}"])
def test_braces_that_are_no_template_are_left_alone(tmp_path: Path, value: str):
    assert told_of_rules(tmp_path, args_rule(value)) == []


# ---- devices


@pytest.mark.parametrize(
    "invoke,severity,words",
    [
        ("devices: downstairs", "warning", 'the devices of the group are "${group.downstairs}"'),
        ("device: downstairs", "warning", 'the devices of the group are "${group.downstairs}", under `devices`'),
        ("devices: [c, group.downstairs]", "warning", 'the devices of the group are "${group.downstairs}"'),
        ("device: '${device | int}'", "error", "add | string"),
        ("devices: ['${device | int}']", "error", "add | string"),
        ("device: '${payload.n | map(a=1,b=2)}'", "error", "not integer 1: add | string"),
    ],
)
def test_what_gives_no_device_is_told(tmp_path: Path, invoke: str, severity: str, words: str):
    text = HEAD + rule(f"invoke: {{identifier: Set, {invoke}}}")
    text = text.replace("rules:", "groups: {downstairs: [a, b]}\nrules:").replace("device: lamp}", "device: '1?'}")
    ((told_severity, told_text, at),) = told_of_rules(tmp_path, text)
    assert told_severity == severity and words in told_text
    assert at.lstrip("[c, ").startswith(invoke.split(": ", 1)[1].lstrip("[c, "))


def test_a_number_as_a_device_s_name_is_rejected_with_the_cure(tmp_path: Path):
    write(tmp_path, rules_yaml=HEAD + rule("invoke: {identifier: Set, device: '${payload.n}'}"))
    done = run_cli("explain", "--mapping", "rules.yaml", "x/lamp/set", '{"n": 5}', cwd=tmp_path)
    assert "a device's name is text, not integer 5; the rule can make text of it by | string" in done.stdout


# ---- topics and tags


def test_a_rule_that_clearing_a_retained_message_would_run_is_told(tmp_path: Path):
    text = HEAD + rule("invoke: {identifier: Press, device: lamp}, retained: accept, empty: accept")
    ((severity, told_text, at),) = told_of_rules(tmp_path, text)
    assert severity == "warning" and at.startswith("accept}")
    assert told_text.startswith("a retained message is cleared by an empty one, and that runs this rule too")
    assert told_of_rules(tmp_path, text.replace("retained: accept, ", "")) == []


@pytest.mark.parametrize("topic,end", [("/x/{device}/set", "beginning"), ("x/{device}/set/", "end")])
def test_a_slash_at_a_topic_s_end_is_told(tmp_path: Path, topic: str, end: str):
    text = HEAD + rule("invoke: {identifier: Set, device: lamp}", topic=topic)
    ((severity, told_text, at),) = told_of_rules(tmp_path, text)
    assert severity == "warning" and at.startswith(f'"{topic}"')
    assert told_text.startswith(f"the `/` at the topic's {end} makes one more level, an empty one")


@pytest.mark.parametrize("tag", ["!secret", "!include", "!env_var"])
def test_a_tag_of_home_assistant_is_told(tmp_path: Path, tag: str):
    ((severity, text, _),) = told_of_config(tmp_path, CONFIG.replace("{file: secret}", f"{tag} tuya_key"))
    assert severity == "error" and "tuya_key" not in text
    assert text.startswith(f"{tag} is known to Home Assistant only") and "{file: /path/to/file}" in text
