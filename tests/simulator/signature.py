"""The request signature of the platform's RPC API family.

Source: Alibaba Cloud, "Request signatures" of the RPC style (the same for ECS, IoT Platform and the private
instances at tuyacloud.com). Three stages, each keeping its text, so that a mismatch shows where it is:

    canonical query   all parameters but Signature, sorted by raw name, enc(name)=enc(value), joined by &
    string to sign    METHOD & %2F & enc(canonical query)
    signature         base64(HMAC(secret + "&", string to sign))

The host, the path, the headers and the order of the parameters in the URL are not signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Callable, Mapping
from urllib.parse import quote

ALGORITHMS: dict[str, Callable] = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}


def encode(text: str) -> str:
    """Percent-encoding of RFC 3986: A-Z a-z 0-9 - _ . ~ stay, every other byte of the UTF-8 text is %XX."""
    return quote(text, safe="")


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Sorted by code point, which for UTF-8 is byte order: DeviceName.10 stands before DeviceName.2."""
    return "&".join(
        [f"{encode(name)}={encode(value)}" for name, value in sorted(parameters.items()) if name != "Signature"]
    )


def string_to_sign(method: str, parameters: Mapping[str, str]) -> str:
    return f"{method}&%2F&{encode(canonical_query(parameters))}"


def keyed_hash(key: str, text: str, algorithm: str) -> str:
    """The last stage alone, with the key as it is (the published test vectors use it both ways)."""
    digest = hmac.digest(key.encode(), text.encode(), ALGORITHMS[algorithm])
    return base64.b64encode(digest).decode("ascii")


def sign(text: str, secret: str, algorithm: str = "HMAC-SHA1") -> str:
    return keyed_hash(secret + "&", text, algorithm)


def signed(method: str, parameters: Mapping[str, str], secret: str) -> dict[str, str]:
    """The parameters with their Signature, for a client; the algorithm is the one that they name."""
    algorithm = parameters.get("SignatureMethod", "HMAC-SHA1")
    return {**parameters, "Signature": sign(string_to_sign(method, parameters), secret, algorithm)}
