"""What cannot be had is told and skipped, and what is unpacked finds itself."""

from __future__ import annotations

from pathlib import Path

import pytest

import install_brokers
from harness import real_brokers


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is unpacked yet, and apt-get and npm fail."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("apt-get", "npm", "node"):
        (programs / name).write_text("#!/bin/sh\necho 'E: no network' >&2\nexit 100\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    for name, path in (("FOLDER", ""), ("DEBIAN", "debian"), ("AEDES", "aedes"), ("_MISSING", "missing.json")):
        monkeypatch.setattr(install_brokers, name, tmp_path / path)
    monkeypatch.setattr(real_brokers, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(real_brokers, "AEDES", tmp_path / "aedes")
    return tmp_path


def test_what_cannot_be_had_is_a_line_and_no_failure(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert install_brokers.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [["skipped", "RabbitMQ, ejabberd and ActiveMQ"], ["skipped", "aedes"]]
    assert all("no network" in line for line in lines)
    for kind in real_brokers.ALL:
        assert "no network" in (kind.why_missing() or "")


def test_before_the_first_attempt_it_says_what_to_run(folder: Path):
    assert all("install_brokers.py has not run" in (kind.why_missing() or "") for kind in real_brokers.ALL)


def test_what_is_unpacked_already_asks_nobody(folder: Path, capsys: pytest.CaptureFixture[str]):
    for name, wish in (("debian", " ".join(install_brokers.wanted_packages())), ("aedes", install_brokers.aedes_wish())):
        (folder / name).mkdir()
        (folder / name / ".stamp").write_text(wish)
    assert install_brokers.main() == 0
    assert capsys.readouterr().out == ""
    assert all(kind.why_missing() is None for kind in real_brokers.ALL)


def test_a_link_to_the_root_folder_is_turned_to_where_its_files_are(tmp_path: Path):
    (tmp_path / "etc/java").mkdir(parents=True)
    (tmp_path / "etc/java/settings").write_text("x")
    (tmp_path / "usr/lib/java").mkdir(parents=True)
    (tmp_path / "usr/lib/java/conf").symlink_to("/etc/java")
    (tmp_path / "usr/lib/java/elsewhere").symlink_to("/nowhere/at/all")
    install_brokers.turn_links_inward(tmp_path)
    assert (tmp_path / "usr/lib/java/conf/settings").read_text() == "x"
    assert (tmp_path / "usr/lib/java/elsewhere").readlink() == Path("/nowhere/at/all")
