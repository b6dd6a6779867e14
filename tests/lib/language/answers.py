"""What the sender is told of the platform's answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping, Sequence
from xml.etree import ElementTree

from .values import MISSING, Number, Value, fits_64_bits, read_json, write_json

# Stands in made-up answers where the platform echoes what nobody may read.
SECRET = "s3cr3t-s3cr3t"
ID_BYTES, CODE_BYTES = 256, 127
WHITE = " \t\r\n"
# What the sender may repeat without doing anything twice.
DID_NOT_RUN = ("failed", "expired")
# Prefixes of codes, and the status and code with which a command ends; None: the platform was fine.
MAY_HAVE_RUN = ("unknown", "platform_error")
THROTTLED, BUSY = ("expired", "throttled"), ("expired", "platform_busy")
REQUEST, DEVICE = ("failed", "request_refused"), ("failed", "device_refused")
CREDENTIALS, SIGNATURE = ("failed", "credentials_refused"), ("failed", "signature_mismatch")
CLOCK, OFFLINE, PUSH = ("failed", "clock_wrong"), ("failed", "device_offline"), ("unknown", "push_failed")
UNREAD = ("unknown", "result_unreadable")
UNREADABLE, REFUSED = ("unknown", "answer_unreadable"), ("failed", "platform_refused")
ROWS = {
    "SignatureDoesNotMatch": SIGNATURE, "IncompleteSignature": SIGNATURE,
    "InvalidAccessKeyId": CREDENTIALS, "MissingAccessKeyId": CREDENTIALS, "Forbidden": CREDENTIALS,
    "NoPermission": CREDENTIALS, "iot.common.RamActionPermissionDeny": CREDENTIALS,
    "iot.common.AuthActionPermissionDeny": CREDENTIALS,
    "SignatureNonceUsed": ("unknown", "nonce_used"),
    "InvalidTimeStamp.Expired": CLOCK, "IllegalTimestamp": CLOCK,
    "Throttling": THROTTLED, "iot.messagebroker.RateLimit": THROTTLED,
    "ServiceUnavailable": BUSY,
    "InternalError": MAY_HAVE_RUN, "UnknownError": MAY_HAVE_RUN, "iot.system.SystemException": MAY_HAVE_RUN,
    "MissingParameter": REQUEST, "InvalidParameter": REQUEST, "UnsupportedOperation": REQUEST,
    "NoSuchVersion": REQUEST, "InvalidAction": REQUEST, "iot.system.IllegalRequest": REQUEST,
    "iot.common.": REQUEST, "iot.check.": REQUEST, "iot.prod.": REQUEST,
    "iot.device.": DEVICE, "iot.device.InvokeThingServiceFailed": MAY_HAVE_RUN,
    "iot.messagebroker.OFFLINE": OFFLINE, "iot.messagebroker.HALFCONN": OFFLINE,
    "iot.messagebroker.TIMEOUT": ("unknown", "device_timeout"),
    "iot.messagebroker.Rrpc": PUSH, "iot.messagebroker.PublishMessage": PUSH,
}
STATUSES = {429: THROTTLED, 503: BUSY}
NOT_TAKEN, STRANGER = ("expired", "request_not_taken"), ("failed", "not_the_platform")
PAGES = ("<!doctype html", "<html", "<head", "<body", "<script")
BYTE_ORDER_MARK = "\ufeff"
VENDORS_TYPO, CORRECTED = "iot.messageborker.", "iot.messagebroker."
NO_ERRORS = ("", "200", "ok", "success")

Fields = Mapping[str, Value]  # names in lower case


@dataclass(frozen=True)
class Told:
    """What one call ends with."""

    status: str
    code: Value = None
    platform_code: Value = None
    message_id: Value = None
    request_id: Value = None
    result: Value = MISSING


def read_answer(answer: Mapping[str, Any]) -> Told:
    body = answer.get("body", "")
    text = body if isinstance(body, str) else write_json(body)
    status = int(answer["status"].text) if "status" in answer else 200
    if is_page(text):
        return Told(*of_page(status))
    fields = read_body(text)
    if fields is None:
        return Told(*of_status(status))
    data = fields.get("data")
    data = lower_names(data) if isinstance(data, dict) else {}
    ids = {
        "request_id": text_of_id(fields.get("requestid")),
        "message_id": text_of_id(data.get("messageid")) or text_of_id(fields.get("messageid")),
    }
    code = text_of_code(fields.get("code"))
    error = code if code.lower() not in NO_ERRORS else ""
    success = truth(fields.get("success"))
    if success and not error and 200 <= status < 300:
        return of_result(data.get("result"), ids)
    ended = of_error(status, error, success)
    return Told(*ended, cut(error, CODE_BYTES) or None, **ids)


def of_error(status: int, error: str, success: bool | None) -> tuple[str, str]:
    if success:
        return UNREADABLE
    if row := row_of(error):
        return row
    if status in STATUSES or status >= 500:
        return of_status(status)
    if error:
        return REFUSED
    return MAY_HAVE_RUN if success is False and 200 <= status < 300 else of_status(status)


def of_status(status: int) -> tuple[str, str]:
    """Of an answer that says nothing itself."""
    if 200 <= status < 300:
        return UNREADABLE
    if status == 408:
        return NOT_TAKEN
    if 300 <= status < 400:
        return STRANGER
    return STATUSES.get(status, REQUEST if status < 500 else MAY_HAVE_RUN)


def is_page(text: str) -> bool:
    """A web page, which the platform never sends."""
    return without_mark(text).lstrip(WHITE).lower().startswith(PAGES)


def of_page(status: int) -> tuple[str, str]:
    if 200 <= status < 300:
        return ("unknown", "not_the_platform")
    told = of_status(status)
    return STRANGER if told == REQUEST else told


# ---- results


def of_result(result: Value, ids: Mapping[str, Value]) -> Told:
    if isinstance(result, Number) and not fits_64_bits(result):
        result = result.text
    text = result if isinstance(result, str) else write_json(as_told(result))
    text = without_mark(text).lstrip(WHITE)
    if result is None or not text:
        return Told("accepted", **ids)
    parsed, faults = read_json(text)
    told = result if faults else parsed
    return Told(*verdict_of(text), result=told, **ids)


def as_told(value: Value) -> Value:
    """Numbers beyond 64 bits are told as text."""
    if isinstance(value, dict):
        return {name: as_told(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_told(item) for item in value]
    return value.text if isinstance(value, Number) and not fits_64_bits(value) else value


def verdict_of(text: str) -> tuple[str, ...]:
    """What a result says: fine, a device's error, or nothing that is certain."""
    if not text.startswith("{"):
        return ("ok",) if is_json(text) else UNREAD
    members, is_whole = outermost_members(text)
    codes = {code for name, value in members if name == "code" and (code := code_of(value)) is not None}
    is_reply = bool(codes) and any(name in ("data", "message") for name, _ in members)
    if is_reply and len(codes) == 1 and codes != {200}:
        return ("failed", "device_error")
    return UNREAD if not is_whole or is_reply and len(codes) > 1 else ("ok",)


def is_json(text: str) -> bool:
    """Whatever the size of its numbers and its depth."""
    return read_json(text)[1] <= {"number_out_of_range", "payload_too_deep"}


def code_of(token: str) -> int | None:
    """Of an integer, or of a text of digits."""
    text = unquoted(token) if token.startswith('"') else token
    return int(text) if text is not None and re.fullmatch(r"-?[0-9]+", text, re.ASCII) else None


def unquoted(token: str) -> str | None:
    value, faults = read_json(token)
    return None if faults else value


TOKEN = re.compile(r'[ \t\r\n]*(?:("(?:[^"\\]|\\.)*")|([0-9A-Za-z+.-]+)(?=[^0-9A-Za-z+.-])|([][{},:]))', re.DOTALL)


class Broken(Exception):
    pass


def outermost_members(text: str) -> tuple[list[tuple[str, str]], bool]:
    """Names (in lower case) and first tokens of the members, up to where the text is no JSON; and if all of it is."""
    members: list[tuple[str, str]] = []
    try:
        end = read_object(text, 0, members)
    except Broken:
        return members, False
    return members, not text[end:].strip(WHITE)


def token_at(text: str, at: int) -> tuple[str, int]:
    found = TOKEN.match(text, at)
    if found is None:
        raise Broken
    return found.group().lstrip(WHITE), found.end()


def read_object(text: str, at: int, members: list[tuple[str, str]]) -> int:
    """The end of the object that begins there."""
    _, at = token_at(text, at)
    token, end = token_at(text, at)
    if token == "}":
        return end
    while True:
        if not token.startswith('"'):
            raise Broken
        name = (unquoted(token) or "").lower()
        colon, at = token_at(text, end)
        if colon != ":":
            raise Broken
        members.append((name, ""))
        value, at = read_value(text, at)
        members[-1] = (name, value)
        token, end = token_at(text, at)
        if token == "}":
            return end
        if token != ",":
            raise Broken
        token, end = token_at(text, end)


def read_list(text: str, at: int) -> int:
    _, at = token_at(text, at)
    token, end = token_at(text, at)
    if token == "]":
        return end
    while True:
        _, at = read_value(text, at)
        token, at = token_at(text, at)
        if token == "]":
            return at
        if token != ",":
            raise Broken


def read_value(text: str, at: int) -> tuple[str, int]:
    token, end = token_at(text, at)
    if token == "{":
        return token, read_object(text, at, [])
    if token == "[":
        return token, read_list(text, at)
    if token in tuple("]},:"):
        raise Broken
    return token, end


def row_of(code: str) -> tuple[str, str] | None:
    """Of the longest prefix."""
    code = code.lower()
    if code.startswith(VENDORS_TYPO):
        code = CORRECTED + code.removeprefix(VENDORS_TYPO)
    fitting = [prefix for prefix in ROWS if code.startswith(prefix.lower())]
    return ROWS[max(fitting, key=len)] if fitting else None


def truth(value: Value) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def text_of_code(value: Value) -> str:
    return value.text if isinstance(value, Number) else value if isinstance(value, str) else ""


def text_of_id(value: Value) -> str | None:
    return cut(text_of_code(value), ID_BYTES) or None


def without_mark(text: str) -> str:
    return text.removeprefix(BYTE_ORDER_MARK)


def cut(text: str, count: int) -> str:
    return text.encode()[:count].decode(errors="ignore")


# ---- bodies


def lower_names(members: Mapping[str, Value]) -> dict[str, Value]:
    return {name.lower(): value for name, value in members.items()}


def read_body(text: str) -> Fields | None:
    """The members of an answer in JSON or XML; None if it cannot be read."""
    text = without_mark(text)
    if text.lstrip(WHITE).startswith("<"):
        return read_xml(text.strip(WHITE))
    value, faults = read_json(text)
    return lower_names(value) if isinstance(value, dict) and faults <= {"number_out_of_range"} else None


def read_xml(text: str) -> Fields | None:
    try:
        root = ElementTree.fromstring(text.encode())
    except ElementTree.ParseError:
        return None
    value = value_of(root)
    return lower_names(value) if isinstance(value, dict) else None


def value_of(element: ElementTree.Element) -> Value:
    if len(element) == 0:
        return element.text or ""
    return {child.tag.rpartition("}")[2]: value_of(child) for child in element}


# ---- commands


def reply_to(answers: Any, devices: Sequence[Sequence[str]]) -> dict[str, Value]:
    """Members of the reply to a command whose calls name these devices."""
    listed = answers if isinstance(answers, list) else [answers]
    told = [read_answer(listed[min(index, len(listed) - 1)]) for index in range(len(devices))]
    if len({one.status for one in told}) == 1:
        return members_of(told[0])
    failed = [name for one, names in zip(told, devices) for name in names if one.status in DID_NOT_RUN]
    return {"status": "partial", "failed_devices": failed}


def members_of(told: Told) -> dict[str, Value]:
    members = {name: value for name, value in vars(told).items() if name != "result"}
    return members | {"result": None if told.result is MISSING else write_json(told.result)}
