"""The process: its start and end, its files, its certificates, and the worlds that it refuses."""

from __future__ import annotations

import json
import os
import resource
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from simulator import world
from simulator.certificates import CertificateSet, KeyPair
from simulator.client import HERE, SimulatorError, SimulatorProcess, exchange, connect, tls_context, wait_until
from simulator.conftest import TOGGLE

ACCOUNT = {"access_key_id": "me", "access_key_secret": "hidden"}


def paths(pair: KeyPair) -> tuple[str, str]:
    return str(pair.cert_file), str(pair.key_file)


def run_simulator(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(HERE), *options], capture_output=True, text=True, timeout=120)


def write_world(folder: Path, **changes: object) -> Path:
    text = {"accounts": [ACCOUNT], "products": [], **changes}
    path = folder / "world.json"
    path.write_text(json.dumps(text))
    return path


def test_ready_file_names_everything_a_client_needs(process: SimulatorProcess) -> None:
    assert set(process.ready) == {
        "url", "port", "pid", "ca_file", "journal", "access_key_id", "access_key_secret_file",
    }
    assert process.url == f"https://localhost:{process.port}/"
    assert stat.S_IMODE(os.stat(process.access_key_secret_file).st_mode) == 0o600
    assert not [path for path in process.directory.iterdir() if path.name.startswith(".ready")]


def test_start_prints_one_line_and_sigterm_ends_it_with_0(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE), "--dir", str(tmp_path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until((tmp_path / "ready.json").exists, 20, "ready.json")
    child.terminate()
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out.count("\n"), err) == (0, 1, "")
    assert json.loads((tmp_path / "ready.json").read_text())["url"] in out


def test_journal_that_cannot_be_written_ends_it_with_1_and_no_answer(tmp_path: Path) -> None:
    simulator = SimulatorProcess(tmp_path, plain=True).start()
    room = len(json.dumps(TOGGLE))
    resource.prlimit(simulator.pid, resource.RLIMIT_FSIZE, (room, room))
    with pytest.raises(OSError):
        simulator.call("InvokeThingService", TOGGLE)
    wait_until(simulator.has_ended, 10, "the simulator's end")
    assert simulator.stop() == 1
    assert "event=failed" in (tmp_path / "stderr.log").read_text()
    assert simulator.journal() == []


def test_open_connections_do_not_hold_up_the_end(tmp_path: Path) -> None:
    simulator = SimulatorProcess(tmp_path).start()
    idle = simulator.open()
    assert exchange(idle, "GET", "/_control/stats", None, {}).status == 200
    simulator.fault("hang")
    simulator.control("GET", "stats")
    assert simulator.stop() == 0


def test_simulator_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE), "--dir", str(tmp_path), "--plain", "--until-stdin-closes"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    wait_until((tmp_path / "ready.json").exists, 20, "ready.json")
    assert child.poll() is None and child.stdin
    child.stdin.close()
    assert child.wait(10) == 0


def test_restart_keeps_port_certificates_and_journal(tmp_path: Path) -> None:
    with SimulatorProcess(tmp_path) as simulator:
        port, authority = simulator.port, Path(simulator.ca_file or "").read_bytes()
        simulator.call("InvokeThingService", TOGGLE)
        simulator.restart()
        assert (simulator.port, Path(simulator.ca_file or "").read_bytes()) == (port, authority)
        assert simulator.call("InvokeThingService", TOGGLE).fields["Success"] is True
        assert simulator.executed("hall-lamp-1") == 2


def test_taken_port_is_exit_code_2_with_a_message(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_simulator("--dir", str(tmp_path), "--plain", "--listen", address)
    assert done.returncode == 2
    assert address in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "ready.json").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--listen", "nonsense"],
        ["--listen", "127.0.0.1:99999"],
        ["--quota", "InvokeThingService=many"],
        ["--cert", "only.pem"],
        ["--world", "/nonexistent/world.json"],
        ["--plain", "--client-ca", "ca.pem"],
        ["--client-ca", "/nonexistent/ca.pem"],
    ],
)
def test_wrong_option_is_exit_code_2_with_a_message(tmp_path: Path, options: list[str]) -> None:
    done = run_simulator("--dir", str(tmp_path), *options)
    assert done.returncode == 2
    assert done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"accounts": []}, "no account"),
        ({"accounts": [{"access_key_id": "me"}]}, "access_key_secret"),
        ({"accounts": [{**ACCOUNT, "state": "asleep"}]}, "asleep"),
        ({"products": [{"product_key": "a b"}]}, "product key"),
        ({"products": [{"product_key": "a", "models": ["nothing.json"]}]}, "nothing.json"),
        ({"products": [{"product_key": "a", "devices": ["x y"]}]}, "x y"),
        ({"products": [{"product_key": "a", "devices": ["x", "x"]}]}, "twice"),
        ({"products": [{"product_key": "a", "devices": [{"name": "x", "state": "asleep"}]}]}, "asleep"),
        ({"products": [{"product_key": "a", "devices": [{"state": "online"}]}]}, "name"),
        ({"products": [{"product_key": "a", "devices": ["x-{9..1}"]}]}, "range"),
        ({"products": [{"product_key": "a", "services": {"Run": {}}}]}, "Run"),
        ({"products": 5}, "world.json"),
    ],
)
def test_wrong_world_is_refused_with_a_reason(tmp_path: Path, changes: dict, words: str) -> None:
    with pytest.raises(world.WorldError, match=words):
        world.load(write_world(tmp_path, **changes))


def test_wrong_world_file_is_exit_code_2_with_a_message(tmp_path: Path) -> None:
    (tmp_path / "world.json").write_text("{")
    with pytest.raises(SimulatorError, match="ended with 2: simulator: .*world.json"):
        SimulatorProcess(tmp_path / "dir", plain=True, world=tmp_path / "world.json").start()


def test_own_world_replaces_the_one_that_ships(tmp_path: Path) -> None:
    model = HERE / "models" / "pump.json"
    product = {"product_key": "mine", "models": [str(model)], "devices": ["p-{08..11}", {"name": "q", "iot_id": "q1"}]}
    path = write_world(tmp_path, products=[product], required_parameters=["Version"])
    with SimulatorProcess(tmp_path / "dir", plain=True, world=path) as simulator:
        assert simulator.access_key_id == "me" and simulator.access_key_secret == "hidden"
        run = {"ProductKey": "mine", "DeviceName": "p-10", "Identifier": "Run", "Args": '{"seconds":1}'}
        assert simulator.call("InvokeThingService", run).fields["Code"] == "MissingParameter"
        versioned = {**run, "Version": "2018-01-20"}
        assert simulator.call("InvokeThingService", versioned).fields["Success"] is True
        assert simulator.device("q", "mine")["iot_id"] == "q1"


def test_names_of_a_range_keep_their_width() -> None:
    assert world.expand_names("lamp-{08..11}-x") == ["lamp-08-x", "lamp-09-x", "lamp-10-x", "lamp-11-x"]


def test_plain_serves_http() -> None:
    with SimulatorProcess(plain=True) as simulator:
        assert simulator.url.startswith("http://") and simulator.ca_file is None
        assert simulator.call("InvokeThingService", TOGGLE).fields["Success"] is True


def test_server_certificate_is_good_for_name_and_address(process: SimulatorProcess) -> None:
    for host in ("localhost", "127.0.0.1"):
        connection = connect(f"https://{host}:{process.port}/", tls_context(process.ca_file), 10)
        assert exchange(connection, "GET", "/_control/stats", None, {}).status == 200


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrong_host", "Hostname mismatch"),
        ("expired", "certificate has expired"),
        ("from_other_authority", "unable to get local issuer certificate"),
    ],
)
def test_wrong_certificate_is_refused_by_a_client(certificate_set: CertificateSet, name: str, words: str) -> None:
    pair = getattr(certificate_set, name)
    with SimulatorProcess(certificate=paths(pair)) as simulator:
        simulator.stats()
        context = tls_context(str(certificate_set.authority.cert_file))
        with pytest.raises(ssl.SSLCertVerificationError, match=words):
            exchange(connect(simulator.url, context, 10), "GET", "/", None, {})


def test_client_certificate_is_required(certificate_set: CertificateSet) -> None:
    client = paths(certificate_set.client)
    options = {"client_ca": certificate_set.authority.cert_file, "client_certificate": client}
    with SimulatorProcess(certificate=paths(certificate_set.server), **options) as simulator:
        assert simulator.stats()["calls"] == 0
        authority = str(certificate_set.authority.cert_file)
        for shown in (None, paths(certificate_set.client_from_other_authority)):
            with pytest.raises(OSError):
                exchange(connect(simulator.url, tls_context(authority, shown), 10), "GET", "/", None, {})
        reply = exchange(connect(simulator.url, tls_context(authority, client), 10), "GET", "/", None, {})
        assert reply.fields["Code"] == "MissingParameter"


def test_command_line_call_tells_success_by_its_exit_code(process: SimulatorProcess) -> None:
    process.reset()
    pairs = [f"{name}={value}" for name, value in TOGGLE.items()]
    command = [sys.executable, str(HERE / "call.py"), "--ready", str(process.directory / "ready.json"), "--show"]
    done = subprocess.run([*command, "InvokeThingService", *pairs], capture_output=True, text=True, timeout=120)
    assert (done.returncode, json.loads(done.stdout)["Success"]) == (0, True)
    assert done.stderr.startswith("GET&%2F&AccessKeyId") and process.access_key_secret not in done.stderr
    command += ["--method", "POST", "--algorithm", "HMAC-SHA256", "Explode"]
    post = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (post.returncode, json.loads(post.stdout)["Code"]) == (1, "InvalidAction.NotFound")


def test_command_line_call_without_a_simulator_is_exit_code_2(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "call.py"), "--ready", str(tmp_path / "ready.json"), "Pub"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "Traceback" not in done.stderr
