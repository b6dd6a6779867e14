"""How an answer reaches the client: when, and what a fault makes of it on the way."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, replace
from enum import Enum

from .answers import Answer, Refusal, dump, refusal_answer
from .calls import Call
from .faults import DEFAULT_HUGE_BYTES, Fault

_PROXY_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n"
    "<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n"
)
_PROXY_TITLES = {200: "Welcome", 408: "408 Request Time-out", 429: "429 Too Many Requests", 502: "502 Bad Gateway", 504: "504 Gateway Time-out"}
_GARBAGE = b"\x00\xff\xfe{]\x80\xc3\x28 not an answer \x1b[0m"
DEFAULT_LOCATION = "https://redirected.invalid/"


class Manner(Enum):
    WHOLE = "whole"
    RESET = "reset"
    HANG = "hang"
    CUT = "cut"
    SLOW = "slow"


@dataclass(slots=True)
class Delivery:
    """`answer` is None where nothing is sent. `spread_s` belongs to SLOW, and to HANG (None: for ever)."""

    answer: Answer | None
    code: str | None = None
    wait_s: float = 0.0
    manner: Manner = Manner.WHOLE
    spread_s: float | None = None


def _proxy_error(status: int) -> Answer:
    return Answer(status, _PROXY_PAGE.format(_PROXY_TITLES[status]).encode(), "text/html")


def injected_refusal(fault: Fault) -> Refusal:
    """The error that a fault asks for; a gateway error unless its HTTP status is 200."""
    asked = fault.options.get("code")
    if asked is None:
        return Refusal("InternalError", "The request processing has failed due to some unknown error.", 500)
    status = asked.get("http_status", 500 if fault.kind.name == "xml_error" else 200)
    message = asked.get("message", f"injected by the fault {fault.kind.name}")
    return Refusal(asked["code"], message, status, business=status == 200)


def _refused(refusal: Refusal, call: Call) -> Delivery:
    answer = refusal_answer(refusal, call.request_id, call.host, call.action, call.wants_xml)
    return Delivery(answer, refusal.code)


def _with_retry_after(delivery: Delivery, fault: Fault) -> Delivery:
    if "retry_after" in fault.options and delivery.answer:
        delivery.answer.headers["Retry-After"] = str(fault.options["retry_after"])
    return delivery


def edge_delivery(fault: Fault, call: Call) -> Delivery:
    """What a client gets when the platform never saw its call."""
    name = fault.kind.name
    if name == "reset_before":
        return Delivery(None, manner=Manner.RESET)
    if name == "hang":
        return Delivery(None, manner=Manner.HANG, spread_s=fault.seconds)
    if name == "redirect":
        location = fault.options.get("location", DEFAULT_LOCATION)
        return Delivery(Answer(302, b"", "text/html", {"Location": location}))
    if name == "page":
        return Delivery(_proxy_error(200))
    if name == "status_503":
        refusal = Refusal("ServiceUnavailable", "The request has failed due to a temporary failure of the server.", 503)
        return _with_retry_after(_refused(refusal, call), fault)
    return _with_retry_after(Delivery(_proxy_error(int(name.removeprefix("status_")))), fault)


def _padded(answer: Answer, size: int) -> Answer:
    """Still valid JSON (or XML), as white space may stand at its end."""
    return replace(answer, body=answer.body + b" " * (size - len(answer.body)))


def _compressed(answer: Answer) -> Answer:
    return replace(answer, body=gzip.compress(answer.body), headers={**answer.headers, "Content-Encoding": "gzip"})


def _with_big_numbers(answer: Answer) -> Answer:
    more = b',"Counter":18446744073709551616,"Load":[-1e999]}'
    return replace(answer, body=answer.body[:-1] + more) if answer.body.endswith(b"}") else answer


def _oddly_spelled(answer: Answer) -> Answer:
    """The documents spell names both ways, and a MessageId can come as a bare number beyond 2^53."""
    try:
        fields = json.loads(answer.body)
    except ValueError:
        return answer
    odd = {"requestID": fields.pop("RequestId", None), "success": "true" if fields.pop("Success", False) else "false"}
    data = fields.pop("Data", None)
    if isinstance(data, dict):
        message_id = data.pop("MessageId", "0")
        odd["data"] = {**{name.lower(): value for name, value in data.items()}, "messageID": int(message_id)}
    odd |= {name[0].lower() + name[1:]: value for name, value in fields.items()}
    return replace(answer, body=dump(odd).encode())


def spoil(delivery: Delivery, fault: Fault, call: Call) -> Delivery:
    """The delivery of a call that was carried out, as the fault leaves it. `code` is what the client is told."""
    name, answer, wait_s = fault.kind.name, delivery.answer, delivery.wait_s
    assert answer is not None
    if name == "reset_after":
        return Delivery(None, wait_s=wait_s, manner=Manner.RESET)
    if name == "hang_after":
        return Delivery(None, wait_s=wait_s, manner=Manner.HANG, spread_s=fault.seconds)
    if name in ("status_500_after", "code_after"):
        return replace(_refused(injected_refusal(fault), call), wait_s=wait_s)
    if name in ("status_502_after", "status_504_after"):
        return Delivery(_proxy_error(int(name[7:10])), wait_s=wait_s)
    if name == "delay_after":
        return replace(delivery, wait_s=wait_s + (fault.seconds or 0.0))
    if name == "cut":
        return replace(delivery, manner=Manner.CUT)
    if name == "slow_body":
        return replace(delivery, manner=Manner.SLOW, spread_s=fault.seconds)
    bodies = {
        "garbage": lambda: replace(answer, body=_GARBAGE),
        "empty": lambda: replace(answer, body=b""),
        "huge_body": lambda: _padded(answer, fault.options.get("bytes", DEFAULT_HUGE_BYTES)),
        "gzip": lambda: _compressed(answer),
        "big_numbers": lambda: _with_big_numbers(answer),
        "odd_spelling": lambda: _oddly_spelled(answer),
    }
    code = None if name in ("garbage", "empty") else delivery.code
    return Delivery(bodies[name](), code, wait_s)
