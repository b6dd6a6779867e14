"""HTTP/1.1 as bytes: reads one request from a buffer, writes the head of an answer. No I/O.

Only what API clients send: GET and POST, bodies with a Content-Length, connections that stay open. Everything
has a maximum; what is beyond or malformed is a WireError, after which the connection cannot go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Mapping

MAX_HEAD_BYTES = 128 * 1024
MAX_BODY_BYTES = 1024 * 1024
MAX_HEADERS = 64
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class WireError(Exception):
    """A request that cannot be read; `status` is the answer's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


def _read_headers(lines: list[str]) -> dict[str, str]:
    if len(lines) > MAX_HEADERS:
        raise WireError(431, f"more than {MAX_HEADERS} headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise WireError(400, "a header line is malformed")
        name = name.lower()
        if name in headers and name in ("content-length", "host"):
            raise WireError(400, f"the header {name} is repeated")
        headers[name] = value.strip()
    return headers


def _body_len(headers: Mapping[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise WireError(411, "a body needs a Content-Length")
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise WireError(400, "Content-Length is not a number")
    if len(text) > 9 or int(text) > MAX_BODY_BYTES:
        raise WireError(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
    return int(text)


def _split_target(target: str) -> tuple[str, str]:
    """Origin form, as every client sends it that does not take us for a proxy."""
    if not target.startswith("/"):
        raise WireError(400, "the request target does not begin with /")
    path, _, query = target.partition("?")
    return path, query


def take_request(buffer: bytearray) -> Request | None:
    """Takes one whole request out of the buffer; None while it is not whole yet. Raises WireError."""
    head_end = buffer.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
    if head_end < 0:
        if len(buffer) >= MAX_HEAD_BYTES:
            raise WireError(414, f"the head of a request is longer than {MAX_HEAD_BYTES} bytes")
        return None
    lines = buffer[:head_end].decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise WireError(400, "the request line is malformed")
    headers = _read_headers(lines[1:])
    if parts[2] == "HTTP/1.1" and "host" not in headers:
        raise WireError(400, "the header Host is missing")
    path, query = _split_target(parts[1])
    body_end = head_end + 4 + _body_len(headers)
    if len(buffer) < body_end:
        return None
    body = bytes(buffer[head_end + 4 : body_end])
    del buffer[:body_end]
    keep_alive = parts[2] == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return Request(parts[0], path, query, headers, body, keep_alive)


def answer_head(status: int, date: str, content_type: str, body_len: int, extra: Mapping[str, str], close: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}",
        f"Date: {date}",
        f"Content-Type: {content_type}",
        f"Content-Length: {body_len}",
        f"Connection: {'close' if close else 'keep-alive'}",
    ]
    lines += [f"{name}: {value}" for name, value in extra.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
