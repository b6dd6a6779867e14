"""The gateway: who calls, is the request genuine, is it fresh, is it within the quota.

The order is the real gateway's: required parameters, key, algorithm, time, signature, nonce, quota. So a nonce is
used up only by a call with a right signature, and a throttled call has used its nonce.
"""

from __future__ import annotations

import hmac
import re
import time
from calendar import timegm
from typing import Container

from . import signature
from .answers import Refusal
from .calls import Call
from .clock import Clock
from .nonces import NonceMemory
from .quotas import Quotas, rate_limit_header
from .world import Account, World

REQUIRED = ("Action", "AccessKeyId", "SignatureMethod", "SignatureNonce", "Timestamp", "Signature")
TIMESTAMP_TOLERANCE_S = 15 * 60
MAX_NONCE_CHARS = 128
API_VERSIONS = ("2018-01-20",)
_TIMESTAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z\Z", re.ASCII)


def parse_timestamp(text: str) -> float | None:
    """Unix seconds of YYYY-MM-DDThh:mm:ssZ, the only form the platform takes; None if it is another."""
    match = _TIMESTAMP.match(text)
    if not match:
        return None
    try:
        return timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return None


class Gateway:
    def __init__(self, world: World, clock: Clock, quotas: Quotas) -> None:
        self._world = world
        self._clock = clock
        self._quotas = quotas
        self._nonces = NonceMemory()
        self._timestamp = ("", 0.0)

    def admit(self, call: Call, known_actions: Container[str]) -> None:
        """Returns if the call may go on to the platform; else raises its Refusal."""
        for name in REQUIRED:
            call.require(name)
        for name in self._world.required_parameters:
            call.require(name)
        account = self._find_account(call)
        self._check_common(call)
        self._check_time(call.require("Timestamp"))
        self._check_signature(call, account)
        self._check_account(account)
        self._check_nonce(call)
        if call.require("Action") not in known_actions:
            raise Refusal("InvalidAction.NotFound", "Specified api is not found, please check your url and method.", 404)
        self._check_quota(call, account)

    def _find_account(self, call: Call) -> Account:
        account = self._world.accounts.get(call.require("AccessKeyId"))
        if account is None:
            raise Refusal("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
        return account

    def _check_common(self, call: Call) -> None:
        if call.require("SignatureMethod") not in signature.ALGORITHMS:
            raise Refusal("InvalidParameter", 'The specified parameter "SignatureMethod" is not valid.')
        if (call.get("SignatureVersion") or "1.0") != "1.0":
            raise Refusal("InvalidParameter", 'The specified parameter "SignatureVersion" is not valid.')
        if (call.get("Format") or "JSON").upper() not in ("JSON", "XML"):
            raise Refusal("InvalidParameter", 'The specified parameter "Format" is not valid.')
        if (call.get("Version") or API_VERSIONS[0]) not in API_VERSIONS:
            raise Refusal("NoSuchVersion", "The specified version does not exist.")

    def _check_time(self, text: str) -> None:
        """Most calls of one second carry the same text, so the last one is kept."""
        if text != self._timestamp[0]:
            stamp = parse_timestamp(text)
            if stamp is None:
                raise Refusal("InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
            self._timestamp = (text, stamp)
        if abs(self._clock.now() - self._timestamp[1]) > TIMESTAMP_TOLERANCE_S:
            raise Refusal("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")

    def _check_signature(self, call: Call, account: Account) -> None:
        """The message echoes our string to sign, so that a client sees where its own differs."""
        text = signature.string_to_sign(call.http_method, call.parameters)
        expected = signature.sign(text, account.access_key_secret, call.require("SignatureMethod"))
        if not hmac.compare_digest(expected.encode(), call.require("Signature").encode()):
            raise Refusal(
                "SignatureDoesNotMatch",
                f"Specified signature is not matched with our calculation. server string to sign is:{text}",
            )

    def _check_account(self, account: Account) -> None:
        if account.state == "inactive":
            raise Refusal("InvalidAccessKeyId.Inactive", "Specified access key is disabled.")
        if account.state == "forbidden":
            raise Refusal("Forbidden.RAM", "User not authorized to operate on the specified resource.", 403)

    def _check_nonce(self, call: Call) -> None:
        nonce = call.require("SignatureNonce")
        if len(nonce) > MAX_NONCE_CHARS:
            raise Refusal("InvalidParameter", 'The specified parameter "SignatureNonce" is not valid.')
        if not self._nonces.use(call.require("AccessKeyId"), nonce, self._clock.now()):
            raise Refusal("SignatureNonceUsed", "Specified signature nonce was used already.")

    def _check_quota(self, call: Call, account: Account) -> None:
        """Source of the code, the status and the header: the gateway's "Throttling.User" (user flow control)."""
        action = call.require("Action")
        wait_s = self._quotas.take(account.access_key_id, action, time.monotonic())
        if wait_s > 0:
            limit = self._quotas.limits[action]
            header = rate_limit_header(limit, wait_s, self._clock.now())
            raise throttled(429, header)


def throttled(http_status: int, header: str) -> Refusal:
    return Refusal(
        "Throttling.User",
        "Request was denied due to user flow control.",
        http_status,
        headers={"X-RateLimit-User-API": header},
    )
