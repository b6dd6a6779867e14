"""Puts the brokers of tests/brokers below build/brokers, beside the system and not into it: no service starts.

Debian's packages (the group `brokers` of deploy/lib/packages.txt) are fetched with what they need by `apt-get download`
and unpacked; aedes comes from npm, as tests/brokers/aedes/package-lock.json says. What cannot be had is told in
build/brokers/missing.json, and its tests are skipped. Ends with 0 all the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build/brokers"
DEBIAN = FOLDER / "debian"
AEDES = FOLDER / "aedes"
_MISSING = FOLDER / "missing.json"
_AEDES_SOURCE = ROOT / "tests/brokers/aedes"
_TIMEOUT_S = 300

# Taken whole, whatever the system has, so that a broker never meets two versions of one thing.
_TAKEN = re.compile(r"erlang-.*|lib.*-java|rabbitmq-server|ejabberd|activemq")
_JAVA = re.compile(r"openjdk-.*-jre-headless")


class Unavailable(Exception):
    """Says why."""


def run(*command: str, cwd: Path) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(f"{' '.join(command[:2])}: {said[-1] if said else done.returncode}")
    return done.stdout


def wanted_packages() -> list[str]:
    lines = (ROOT / "deploy/lib/packages.txt").read_text().splitlines()
    return [line.split()[1] for line in lines if line.split()[:1] == ["brokers"]]


def is_installed(package: str) -> bool:
    state = subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Status}", package], capture_output=True, text=True)
    return state.stdout == "installed"


def is_needed(package: str) -> bool:
    if _JAVA.fullmatch(package):
        return shutil.which("java") is None
    if _TAKEN.fullmatch(package):
        return True
    return package.startswith("lib") and not package.startswith("libc6") and not is_installed(package)


def packages_with_versions() -> list[str]:
    """NAME=VERSION of all that is wanted and needed, as if nothing were installed."""
    (FOLDER / "nothing").write_text("")
    told = run(
        "apt-get", "install", "-qq", "--print-uris", "--no-install-recommends", "-o", "Debug::NoLocking=1",
        "-o", f"Dir::State::status={FOLDER / 'nothing'}", *wanted_packages(), cwd=FOLDER,
    )  # fmt: skip
    found = []
    for line in told.splitlines():
        name, version, _ = line.split()[1].split("_", 2)
        if is_needed(name):
            found.append(f"{name}={version.replace('%3a', ':')}")
    return found


def is_done(folder: Path, wish: str) -> bool:
    stamp = folder / ".stamp"
    return stamp.exists() and stamp.read_text() == wish


def install_debian() -> None:
    wish = " ".join(wanted_packages())
    if is_done(DEBIAN, wish):
        return
    packages = packages_with_versions()
    shutil.rmtree(DEBIAN, ignore_errors=True)
    downloads = DEBIAN / "downloads"
    downloads.mkdir(parents=True)
    run("apt-get", "download", "-qq", *packages, cwd=downloads)
    for package in sorted(downloads.iterdir()):
        run("dpkg", "-x", package.name, str(DEBIAN), cwd=downloads)
    shutil.rmtree(downloads)
    turn_links_inward(DEBIAN)
    (DEBIAN / ".stamp").write_text(wish)


def turn_links_inward(folder: Path) -> None:
    """Links like /etc/java-17-openjdk are meant for the root folder, and these files are in another one."""
    for path in folder.rglob("*"):
        if path.is_symlink() and os.readlink(path).startswith("/"):
            inside = folder / os.readlink(path).lstrip("/")
            if inside.exists():
                path.unlink()
                path.symlink_to(os.path.relpath(inside, path.parent))


def aedes_wish() -> str:
    return hashlib.sha256((_AEDES_SOURCE / "package-lock.json").read_bytes()).hexdigest()


def install_aedes() -> None:
    wish = aedes_wish()
    if is_done(AEDES, wish):
        return
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise Unavailable("npm is not installed: apt-get install npm")
    shutil.rmtree(AEDES, ignore_errors=True)
    AEDES.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_AEDES_SOURCE / name, AEDES)
    run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=AEDES)
    (AEDES / ".stamp").write_text(wish)


def missing() -> dict[str, str]:
    """Why `debian` or `aedes` is not there, of the last attempt; empty before the first one."""
    return json.loads(_MISSING.read_text()) if _MISSING.exists() else {}


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    reasons = {}
    for name, told, install in (("debian", "RabbitMQ, ejabberd and ActiveMQ", install_debian), ("aedes", "aedes", install_aedes)):
        try:
            install()
        except Unavailable as reason:
            reasons[name] = str(reason)
            print(f"skipped: {told}: {reason} (is the network there, and has `apt-get update` run?)")
    _MISSING.write_text(json.dumps(reasons))
    return 0


if __name__ == "__main__":
    sys.exit(main())
