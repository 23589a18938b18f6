"""Several writes in one request, as OData has it: multipart/mixed, each part one request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from email.message import Message
from email.parser import BytesParser
from typing import Final, NamedTuple

import httpx2

__all__ = ["CONTENT_TYPE", "PartAnswer", "PartRequest", "answers", "body"]

_BOUNDARY: Final = "batch_rung"
CONTENT_TYPE: Final = f"multipart/mixed; boundary={_BOUNDARY}"
_STATUS: Final = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})[^\r\n]*\r?\n")


class PartRequest(NamedTuple):
    """One write; `path` begins with a slash and is quoted as addresses are."""

    method: str
    path: str
    headers: Mapping[str, str]
    values: Mapping[str, object]


class PartAnswer(NamedTuple):
    """What came of one write."""

    status: int
    headers: httpx2.Headers
    text: str


def body(requests: Sequence[PartRequest]) -> bytes:
    """The body that makes these requests, in order.

    JSON has no line breaks, so nothing ends a part but its boundary.
    """
    lines = []
    for request in requests:
        lines += [
            f"--{_BOUNDARY}",
            "Content-Type: application/http",
            "Content-Transfer-Encoding: binary",
            "",
            f"{request.method} {request.path} HTTP/1.1",
            "Content-Type: application/json; charset=utf-8",
            *(f"{name}: {value}" for name, value in request.headers.items()),
            "",
            json.dumps(request.values),
        ]
    return "\r\n".join([*lines, f"--{_BOUNDARY}--", ""]).encode("ascii")


def answers(answer: httpx2.Response, count: int) -> list[PartAnswer]:
    """What came of each request, in order; it was answered when the whole says it was.

    Raises
    ------
    ValueError : the answer does not have as many parts, or they are no answers.
    """
    head = f"Content-Type: {answer.headers.get('content-type', '')}\r\n\r\n".encode("latin-1")
    parts = BytesParser().parsebytes(head + answer.content)
    found = parts.get_payload() if parts.is_multipart() else []
    date = {"Date": answer.headers["date"]} if "date" in answer.headers else {}
    told = [_told(part, date) for part in found if isinstance(part, Message)]
    if len(told) != count:
        raise ValueError(f"{len(told)} answers to {count} writes")
    return told


def _told(part: Message, usual: Mapping[str, str]) -> PartAnswer:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    status = _STATUS.match(content)
    if status is None:
        raise ValueError("a part that is no answer")
    inner = BytesParser().parsebytes(content[status.end() :])
    text = inner.get_payload(decode=True)
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else ""
    headers = httpx2.Headers([(name, str(value)) for name, value in inner.items()])
    for name, value in usual.items():
        headers.setdefault(name, value)
    return PartAnswer(int(status[1]), headers, said)
