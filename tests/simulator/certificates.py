"""Certificates made on the spot with the openssl command: an authority, server and client certificates.

All keys are elliptic (P-256), because making one takes milliseconds. `openssl ca` is used for every certificate
but the authority's own, as it alone can set both ends of the validity and so make one that has expired.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
VALID = ("20200101000000Z", "20491231235959Z")
EXPIRED = ("20200101000000Z", "20200201000000Z")

_CA_CONFIG = """\
[ca]
default_ca = default
[default]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
email_in_dn = no
[any]
commonName = supplied
"""


class CertificateError(RuntimeError):
    """openssl is missing or failed; the message holds what it said."""


@dataclass(frozen=True)
class KeyPair:
    cert_file: Path
    key_file: Path


def _openssl(*arguments: str) -> None:
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise CertificateError("the openssl command is needed to make certificates and was not found") from None
    if done.returncode != 0:
        raise CertificateError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def _make_key(path: Path) -> None:
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(path))
    path.chmod(0o600)


def make_authority(folder: Path, name: str = "ca") -> KeyPair:
    """A certificate authority: folder/NAME.pem and folder/NAME.key."""
    folder.mkdir(parents=True, exist_ok=True)
    pair = KeyPair(folder / f"{name}.pem", folder / f"{name}.key")
    _make_key(pair.key_file)
    _openssl(
        *("req", "-x509", "-new", "-key", str(pair.key_file), "-out", str(pair.cert_file), "-days", "7300"),
        *("-subj", f"/CN=simulated authority {name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    return pair


def _extensions(hosts: Sequence[str], purpose: str) -> str:
    lines = ["basicConstraints = CA:FALSE", "keyUsage = digitalSignature", f"extendedKeyUsage = {purpose}"]
    if hosts:
        kinds = [f"IP:{host}" if host[0].isdigit() or ":" in host else f"DNS:{host}" for host in hosts]
        lines.append(f"subjectAltName = {', '.join(kinds)}")
    return "\n".join(lines) + "\n"


def _issue(
    authority: KeyPair, folder: Path, name: str, hosts: Sequence[str], purpose: str, validity: tuple[str, str]
) -> KeyPair:
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / f".{name}"
    work.mkdir(exist_ok=True)
    (work / "index.txt").write_text("")
    (work / "ca.cnf").write_text(_CA_CONFIG.format(folder=work))
    (work / "extensions.cnf").write_text(_extensions(hosts, purpose))
    pair = KeyPair(folder / f"{name}.pem", folder / f"{name}.key")
    _make_key(pair.key_file)
    request = work / "request.pem"
    _openssl("req", "-new", "-key", str(pair.key_file), "-subj", f"/CN={hosts[0] if hosts else name}", "-out", str(request))
    _openssl(
        *("ca", "-batch", "-notext", "-config", str(work / "ca.cnf"), "-extfile", str(work / "extensions.cnf")),
        *("-cert", str(authority.cert_file), "-keyfile", str(authority.key_file)),
        *("-startdate", validity[0], "-enddate", validity[1], "-in", str(request), "-out", str(pair.cert_file)),
    )
    return pair


def issue_server(
    authority: KeyPair, folder: Path, name: str = "server", hosts: Sequence[str] = LOCAL_HOSTS, expired: bool = False
) -> KeyPair:
    """A server certificate for these hosts: folder/NAME.pem and folder/NAME.key."""
    return _issue(authority, folder, name, hosts, "serverAuth", EXPIRED if expired else VALID)


def issue_client(authority: KeyPair, folder: Path, name: str = "client") -> KeyPair:
    return _issue(authority, folder, name, (), "clientAuth", VALID)


@dataclass(frozen=True)
class CertificateSet:
    """What tests of TLS need: one right server certificate and three wrong ones, and a client's."""

    authority: KeyPair
    other_authority: KeyPair
    server: KeyPair
    wrong_host: KeyPair
    expired: KeyPair
    from_other_authority: KeyPair
    client: KeyPair
    client_from_other_authority: KeyPair


def make_certificate_set(folder: Path) -> CertificateSet:
    authority, other = make_authority(folder), make_authority(folder, "other-ca")
    return CertificateSet(
        authority,
        other,
        issue_server(authority, folder),
        issue_server(authority, folder, "wrong-host", ("elsewhere.invalid",)),
        issue_server(authority, folder, "expired", expired=True),
        issue_server(other, folder, "from-other-ca"),
        issue_client(authority, folder),
        issue_client(other, folder, "client-from-other-ca"),
    )


def find_or_make_server(folder: Path) -> tuple[Path, KeyPair]:
    """The authority's file and a server certificate in `folder`; made only once, so that a restart keeps them."""
    ca_file, pair = folder / "ca.pem", KeyPair(folder / "server.pem", folder / "server.key")
    if not all(path.exists() for path in (ca_file, pair.cert_file, pair.key_file)):
        issue_server(make_authority(folder), folder)
    return ca_file, pair
