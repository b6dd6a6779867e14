"""The shapes of an answer.

Three shapes, as the platform's documents show them:

    success         HTTP 200      {"RequestId", "Success": true, "Data": ...}
    business error  HTTP 200      {"RequestId", "Success": false, "Code", "ErrorMessage"}
    gateway error   HTTP 4xx/5xx  {"RequestId", "HostId", "Code", "Message", "Recommend"}

each as JSON or, with Format=XML, as XML (root element <ACTIONResponse>, for gateway errors <Error>).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any, Mapping
from xml.sax.saxutils import escape

dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(slots=True)
class Answer:
    """An HTTP answer without Date, Content-Length and Connection, which the server adds."""

    status: int
    body: bytes
    content_type: str = "application/json;charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """A call that is refused: a gateway error, or with `business` one of the platform behind the gateway."""

    def __init__(
        self,
        code: str,
        message: str,
        http_status: int = 400,
        *,
        business: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = http_status
        self.business = business
        self.headers = dict(headers or {})


def business_error(code: str, message: str) -> Refusal:
    return Refusal(code, message, 200, business=True)


def new_request_id() -> str:
    text = os.urandom(16).hex().upper()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _xml(name: str, value: Any) -> str:
    if isinstance(value, dict):
        inner = "".join(_xml(key, member) for key, member in value.items())
    elif isinstance(value, list):
        return "".join(_xml(name, member) for member in value)
    elif isinstance(value, bool):
        inner = "true" if value else "false"
    else:
        inner = escape(str(value))
    return f"<{name}>{inner}</{name}>"


def render(fields: Mapping[str, Any], root: str, wants_xml: bool, status: int = 200) -> Answer:
    if wants_xml:
        text = '<?xml version="1.0" encoding="UTF-8"?>' + _xml(root, dict(fields))
        return Answer(status, text.encode(), "text/xml;charset=utf-8")
    return Answer(status, dump(fields).encode())


def refusal_answer(refusal: Refusal, request_id: str, host: str, action: str | None, wants_xml: bool) -> Answer:
    if refusal.business:
        fields = {"RequestId": request_id, "Success": False, "Code": refusal.code, "ErrorMessage": refusal.message}
        answer = render(fields, f"{action}Response", wants_xml, refusal.http_status)
    else:
        fields = {
            "RequestId": request_id,
            "HostId": host,
            "Code": refusal.code,
            "Message": refusal.message,
            "Recommend": f"https://api.aliyun.com/troubleshoot?q={refusal.code}",
        }
        answer = render(fields, "Error", wants_xml, refusal.http_status)
    answer.headers.update(refusal.headers)
    return answer
