"""Bodies of requests and of answers: how one is read and checked, and how JSON is written.

One checker for all routes: what it is labelled as, how long it is, how it is packed, whether it is
JSON that a database takes.
"""

from __future__ import annotations

import gc
import json
import zlib
from contextlib import suppress
from typing import Any, Final

import orjson
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

__all__ = [
    "FEATURES_BYTES",
    "IDS_BYTES",
    "MARK",
    "MOST_BODY_BYTES",
    "ONE_BYTES",
    "JsonBody",
    "JsonRequest",
    "decompressed",
    "json_answer",
    "json_body",
    "media_type",
    "read_body",
    "read_json",
    "sent_body",
    "to_value",
]

ONE_BYTES: Final = 64 * 1024
"""What a route takes that is about one thing, as all limits as it is sent, and unpacked. To find
out that junk is junk takes up to a tenth of a second for each MiB, in which nobody is answered;
events have limits of their own (`serving.ingestion`)."""
IDS_BYTES: Final = 256 * 1024
"""Of a route that takes lists of up to a thousand ids."""
FEATURES_BYTES: Final = 1024 * 1024
"""Of a route that takes actions with whatever describes them."""
MOST_BODY_BYTES: Final = 16 * 1024 * 1024
"""Of a route that takes leads with their events; no other takes as much."""
_LARGE: Final = 256 * 1024
"""Of a larger body the collector is kept away while it is read: it would look through what there is
of it again and again, for two thirds of the time in which nobody else is answered, and JSON has no
circles."""
MARK: Final = b"\xef\xbb\xbf"
"""What some editors and libraries write before a text in UTF-8; it says nothing."""


async def read_json(request: Request, most: int, *, any_label: bool = False) -> Any:
    """The JSON value of a body with up to `most` bytes; HTTPException 400, 413 or 415.

    Parameters
    ----------
    any_label : whatever it is labelled as: pages send JSON as text, and one client as a form.
    """
    if not any_label:
        _check_label(request)
    return to_value(await read_body(request, most))


def media_type(request: Request) -> str:
    """What the body is labelled as, in lower case and without parameters; "" for nothing."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def to_value(body: bytes) -> Any:
    """What a body says; HTTPException 400 where it is no JSON, NaN and half characters included."""
    is_collecting = len(body) > _LARGE and gc.isenabled()
    if is_collecting:
        gc.disable()
    try:
        return orjson.loads(body.removeprefix(MARK))
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"The body is not JSON: {_no_text(body) or error}.") from error
    finally:
        if is_collecting:
            gc.enable()


def _no_text(body: bytes) -> str:
    """Where a body is no UTF-8, which the reader of JSON tells in words of its own; "" if it is."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"it is no UTF-8 from its byte {error.start + 1} on"
    return ""


async def read_body(request: Request, most: int) -> bytes:
    """A body, decompressed, that is read no further than `most` bytes; HTTPException beyond."""
    encoding = request.headers.get("content-encoding", "")
    is_zipped = _is_zipped(encoding)
    sent = await sent_body(request, most)
    return _unzipped(sent, most) if is_zipped else sent


def decompressed(sent: bytes, encoding: str, most: int) -> bytes:
    """A body as it was sent, decompressed as its Content-Encoding says; HTTPException likewise."""
    return _unzipped(sent, most) if _is_zipped(encoding) else sent


def _is_zipped(encoding: str) -> bool:
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise HTTPException(
            415, "The only Content-Encoding is gzip.", {"Accept-Encoding": "gzip, identity"}
        )
    return encoding not in ("", "identity")


async def sent_body(request: Request, most: int) -> bytes:
    """A body as it was sent, that is read no further than `most` bytes; HTTPException beyond."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        chunks.append(chunk)
    return b"".join(chunks)


def _unzipped(sent: bytes, most: int) -> bytes:
    inflating = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        body = inflating.decompress(sent, most + 1)
    except zlib.error as error:
        raise HTTPException(400, "The body is not gzip, as its Content-Encoding says.") from error
    if len(body) > most:
        raise _too_large(most)
    if not inflating.eof or inflating.unused_data:
        raise HTTPException(400, "The body is more or less than one whole gzip member.")
    return body


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"A body may have {most // 1024} KiB here, decompressed.")


class JsonBody:
    """What a route takes: JSON of up to `most` bytes, `dependencies=[Depends(JsonBody(most))]`.

    A `serving.edge.access.needs.CheckedRoute` reads no more.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    async def __call__(self, request: Request) -> None:
        """HTTPException 415 unless the label of the body says JSON."""
        _check_label(request)


json_body: Final = JsonBody(ONE_BYTES)
"""What most routes take."""


def _check_label(request: Request) -> None:
    kind = media_type(request)
    if kind != "application/json" and not kind.endswith("+json"):
        raise HTTPException(415, "Send the body as Content-Type: application/json.")


class JsonRequest(Request):
    """A request of which the framework reads no other body than routes that read it themselves.

    Parameters
    ----------
    most : of how many bytes.
    """

    def __init__(self, request: Request, most: int) -> None:
        super().__init__(request.scope, request.receive, request._send)
        self._most = most

    async def body(self) -> bytes:
        """It, unpacked; HTTPException as of `read_body`."""
        if not hasattr(self, "_body"):
            self._body = await read_body(self, self._most)
        return self._body

    async def json(self) -> Any:
        """What it says; HTTPException as of `to_value`.

        It is 400 as well where a member stands in an object twice: readers of JSON take one of
        both, and not all the same one.
        """
        body = await self.body()
        value = to_value(body)
        if (place := _twice(body, value)) is not None:
            pointer = "".join(f"/{part}" for part in place)
            raise HTTPException(400, f"In the body {pointer} stands there twice; say it once.")
        return value


def _twice(body: bytes, value: Any) -> tuple[str | int, ...] | None:
    """Where a member stands that its object has twice; None where there is none.

    Each member has a colon, and so the text has as many as what was read of it, written anew: that
    is told in a tenth of the time that it takes to look at each member. A large body, with leads
    and their events, is not looked at.
    """
    is_plain = not any(one in body for one in _COLONS)
    if len(body) > _LARGE or (is_plain and body.count(b":") == orjson.dumps(value).count(b":")):
        return None
    with suppress(RecursionError):  # as deep as nobody means it
        sent = body.decode("utf-8-sig")
        read = json.loads(sent, object_pairs_hook=_Members, parse_int=str, parse_float=str)
        return _place_of_twice(read)
    return None


class _Members:
    """An object as it was written."""

    def __init__(self, members: list[tuple[str, Any]]) -> None:
        self.members = members


def _place_of_twice(read: Any) -> tuple[str | int, ...] | None:
    named = read.members if isinstance(read, _Members) else ()
    seen: set[str] = set()
    for name, _ in named:
        if name in seen:
            return (name,)
        seen.add(name)
    listed = enumerate(read) if isinstance(read, list) else ()
    for name, one in (*named, *listed):
        if (inner := _place_of_twice(one)) is not None:
            return (name, *inner)
    return None


_COLONS: Final = (b"\\u003a", b"\\u003A")
"""How a colon may be written too."""


def json_answer(
    value: object, headers: dict[str, str] | None = None, status: int = 200
) -> Response:
    """JSON as it is: what we made ourselves is not checked again on its way out."""
    body = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Response(body, status, headers, media_type="application/json")
