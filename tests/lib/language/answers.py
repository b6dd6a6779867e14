"""What the sender is told of the platform's answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence
from xml.etree import ElementTree

from .values import MISSING, Number, Value, read_json, write_json

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
    fields = read_body(body if isinstance(body, str) else write_json(body))
    status = int(answer["status"].text) if "status" in answer else 200
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
    return STATUSES.get(status, REQUEST if status < 500 else MAY_HAVE_RUN)


def of_result(result: Value, ids: Mapping[str, Value]) -> Told:
    if result is None or isinstance(result, str) and not result.strip(WHITE):
        return Told("accepted", **ids)
    if isinstance(result, str):
        parsed, faults = read_json(result)
        result = result if faults else parsed
    ended = ("failed", "device_error") if is_device_error(result) else ("ok",)
    return Told(*ended, result=result, **ids)


def is_device_error(result: Value) -> bool:
    if not isinstance(result, dict) or not ("data" in result or "message" in result):
        return False
    code = result.get("code")
    return isinstance(code, Number) and code.is_integer_text and code.text != "200"


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


def cut(text: str, count: int) -> str:
    return text.encode()[:count].decode(errors="ignore")


# ---- bodies


def lower_names(members: Mapping[str, Value]) -> dict[str, Value]:
    return {name.lower(): value for name, value in members.items()}


def read_body(text: str) -> Fields | None:
    """The members of an answer in JSON or XML; None if it cannot be read."""
    if text.lstrip(WHITE).startswith("<"):
        return read_xml(text.strip(WHITE))
    value, faults = read_json(text)
    return lower_names(value) if isinstance(value, dict) and not faults else None


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
