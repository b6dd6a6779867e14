"""The installer finds what is missing, and says clearly what it cannot do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[2] / "deploy/lib/install.sh"


def run_shell(script: str, folder: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs bash with the library loaded; `folder` stands first in PATH, for programs that play a part."""
    env = {**os.environ, "PATH": path or f"{folder}:{os.environ['PATH']}"}
    text = f"set -euo pipefail\n. {LIBRARY}\n{script}"
    return subprocess.run(
        ["/bin/bash", "-c", text, "deploy/demo"], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


def put_program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def pretend_missing(folder: Path, apt_get: str) -> None:
    put_program(folder, "dpkg-query", 'case "$*" in *cmake*) echo not-installed; exit 1;; *) echo installed;; esac')
    put_program(folder, "apt-get", apt_get)


def test_nothing_is_done_when_nothing_is_missing(tmp_path: Path):
    put_program(tmp_path, "dpkg-query", "echo installed")
    put_program(tmp_path, "apt-get", "echo called >&2; exit 1")
    done = run_shell("install_packages no build demo test", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_missing_is_named_and_installed_without_a_terminal_to_ask(tmp_path: Path):
    pretend_missing(tmp_path, f'echo "$DEBIAN_FRONTEND $*" >> {tmp_path}/calls')
    done = run_shell("install_packages no build", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "missing and will be installed:\n  cmake\n" in done.stdout
    update, install = (tmp_path / "calls").read_text().splitlines()
    assert update.endswith("update") and install.endswith("install -y --no-install-recommends cmake")
    assert install.startswith("noninteractive ")


def test_a_failed_update_is_said_with_what_to_do(tmp_path: Path):
    pretend_missing(tmp_path, "exit 100")
    done = run_shell("install_packages no build", tmp_path)
    assert done.returncode == 69
    assert "demo: apt-get update failed" in done.stderr


def test_a_package_that_cannot_be_installed_is_named(tmp_path: Path):
    pretend_missing(tmp_path, 'case "$*" in *install*) exit 100;; esac')
    done = run_shell("install_packages no build", tmp_path)
    assert done.returncode == 69
    assert "could not install cmake" in done.stderr


def test_another_system_is_told_where_the_list_is(tmp_path: Path):
    for name in ("awk", "basename", "dirname"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = run_shell("install_packages no build", tmp_path, path=str(tmp_path))
    assert done.returncode == 69
    assert "packages.txt" in done.stderr


def test_without_root_and_sudo_it_says_so(tmp_path: Path):
    pretend_missing(tmp_path, "exit 0")
    put_program(tmp_path, "id", "echo 1000")
    for name in ("awk", "basename", "dirname", "grep", "env"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = run_shell("install_packages no build", tmp_path, path=str(tmp_path))
    assert done.returncode == 77
    assert "needs root" in done.stderr


def test_a_package_list_line_names_a_group_and_a_package():
    lines = (LIBRARY.parent / "packages.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    assert all(len(row) == 2 and row[0] in ("build", "demo", "test", "npm", "brokers") for row in rows)
    assert len({tuple(row) for row in rows}) == len(rows)
