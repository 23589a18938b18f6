"""One HTTP call to a CRM: what it answers, or why there is no answer to go by."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx2
from starlette.exceptions import HTTPException

from features.clock import when
from features.errors import Refused, Unusable
from serving.edge.bodies import decompressed
from serving.edge.retry_after import retry_after
from serving.write_back.configuration import WriteBack
from serving.write_back.rules import SECOND, Record

__all__ = [
    "CallFailed",
    "CallRefused",
    "Seen",
    "Vendor",
    "answered",
    "ask",
    "bearer",
    "found_by",
    "instant_text",
    "is_set",
    "new_client",
    "parts_within",
    "said",
]

SECONDS: Final = 20.0
"""How long a call may take in all."""
_MOST_BYTES: Final = 16 * 1024 * 1024
"""Of an answer, unpacked: many times what a CRM says of a thousand records."""
_LONGEST: Final = 500
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
_UNSET: Final = frozenset({"", "0", "false", "no"})
_LONGEST_QUERY: Final = 6000
"""Bytes of an address that every server takes."""


class CallFailed(Unusable):
    """A call that told us nothing of single records; it may have been carried out all the same.

    Parameters
    ----------
    wait : microseconds that the CRM asks us to wait; 0 where it does not say.
    is_locked_out : we were refused, whatever the call is (credentials, a limit of the day), so
        nothing was carried out.
    status : of the answer; 0 where there is none.
    """

    def __init__(
        self, why: str, wait: int = 0, is_locked_out: bool = False, status: int = 0
    ) -> None:
        self.wait = wait
        self.is_locked_out = is_locked_out
        self.status = status
        super().__init__(why)


class CallRefused(Refused):
    """The CRM takes none of the call as it stands; nothing was carried out."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A record that the CRM has.

    Parameters
    ----------
    key : what the record is called in a write.
    is_overridden : a person has taken it over.
    """

    key: str
    is_overridden: bool


Read = Callable[[httpx2.AsyncClient, WriteBack, Sequence[Record]], Awaitable[Mapping[str, Seen]]]
Write = Callable[
    [httpx2.AsyncClient, WriteBack, Sequence[tuple[Record, Seen]]], Awaitable[list[str]]
]


class Vendor(NamedTuple):
    """A CRM's API.

    Parameters
    ----------
    most : records of one write.
    read : those records, by external id, that the CRM has.
    write : what is wrong with each record, in order; "" where it was accepted. Both raise
        CallFailed and CallRefused.
    """

    most: int
    read: Read
    write: Write


def new_client(clock: Callable[[], int], **more: Any) -> httpx2.AsyncClient:
    """A client for CRMs. An answer that says no time of its own has that at which it came.

    A date in `Retry-After` is one of the clock of whoever answers.

    Parameters
    ----------
    clock : the present, in microseconds since the epoch.
    """

    async def dated(answer: httpx2.Response) -> None:
        if "date" not in answer.headers:
            answer.headers["Date"] = format_datetime(when(clock()), usegmt=True)

    return httpx2.AsyncClient(timeout=SECONDS, event_hooks={"response": [dated]}, **more)


async def ask(client: httpx2.AsyncClient, method: str, url: str, **more: Any) -> Any:
    """The JSON that a CRM answers, as `answered`; None where the body is empty."""
    answer = await answered(client, method, url, **more)
    try:
        return answer.json() if answer.content else None
    except (ValueError, RecursionError) as error:
        raise CallFailed(f"{answer.status_code}, and what is no JSON") from error


async def answered(
    client: httpx2.AsyncClient, method: str, url: str, **more: Any
) -> httpx2.Response:
    """The success that a CRM answers.

    Raises
    ------
    CallFailed : no answer, one that is far too long, or that says to come again, or that we are
        not let in.
    CallRefused : any other answer that is no success.
    """
    try:
        async with asyncio.timeout(SECONDS):
            answer = await _read(client, method, url, **more)
    except TimeoutError as error:
        raise CallFailed(f"no answer within {SECONDS:g} seconds") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise CallFailed(f"out of reach: {said(error) or type(error).__name__}") from error
    status = answer.status_code
    if status in (401, 403):
        raise CallFailed(f"{status}: {_words(answer)}", _wait(answer), True, status)
    if status in (408, 429) or status >= 500 or 300 <= status < 400:
        raise CallFailed(f"{status}: {_words(answer)}", _wait(answer), status=status)
    if status >= 400:
        raise CallRefused(f"{status}: {_words(answer)}")
    return answer


async def _read(
    client: httpx2.AsyncClient,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> httpx2.Response:
    """What is answered, unpacked, and read no further than it may be long.

    The client would read all there is, and unpack it as often as the answer says: a small part can
    become more than there is memory for, and nobody else is answered meanwhile.
    """
    asked = {"Accept-Encoding": "gzip", **(headers or {})}
    async with client.stream(method, url, headers=asked, **more) as answer:
        parts, size = [], 0
        async for part in answer.aiter_raw():
            parts.append(part)
            size += len(part)
            if size > _MOST_BYTES:
                raise CallFailed(f"{answer.status_code}, and more than {_MOST_BYTES} bytes")
    encoding = answer.headers.pop("content-encoding", "")
    try:
        content = decompressed(b"".join(parts), encoding, _MOST_BYTES)
    except HTTPException as error:
        raise CallFailed(f"{answer.status_code}, and {encoding} that cannot be unpacked") from error
    return httpx2.Response(answer.status_code, headers=answer.headers, content=content)


def _words(answer: httpx2.Response) -> str:
    """What an answer says to people, whatever it claims to be written in."""
    return said(answer.content[: 4 * _LONGEST].decode("utf-8", "replace"))


def _wait(answer: httpx2.Response) -> int:
    """The microseconds that a CRM asks us to wait; 0 where it does not say."""
    return round((retry_after(answer.headers) or 0.0) * SECOND)


def said(what: object) -> str:
    """What a CRM said, on one line and not too long."""
    return _CONTROL.sub(" ", str(what)).strip()[:_LONGEST]


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


def is_set(value: object) -> bool:
    """Whether a property says yes, or anything at all: CRMs write truth values in many ways."""
    return value is not None and str(value).strip().lower() not in _UNSET


def found_by(pairs: Sequence[tuple[object, Seen]], records: Sequence[Record]) -> dict[str, Seen]:
    """What the CRM has, by the external ids we asked with.

    It may write an id in other letters than we do. Where it has several records of one id, the
    first is taken, and is overridden if any of them is.
    """
    by_id: dict[str, Seen] = {}
    for external_id, seen in pairs:
        former = by_id.setdefault(str(external_id).casefold(), seen)
        if seen.is_overridden and not former.is_overridden:
            by_id[str(external_id).casefold()] = Seen(former.key, True)
    ids = (record.external_id for record in records)
    return {each: by_id[each.casefold()] for each in ids if each.casefold() in by_id}


def parts_within(texts: Sequence[str], longest: int = _LONGEST_QUERY) -> Iterator[list[str]]:
    """Texts in parts that fit into an address, each at least one."""
    part: list[str] = []
    length = 0
    for text in texts:
        size = len(quote(text, safe="")) + 12
        if part and length + size > longest:
            yield part
            part, length = [], 0
        part.append(text)
        length += size
    if part:
        yield part


def instant_text(microseconds: int) -> str:
    """An instant to a millisecond, as all CRMs read it: 2026-11-22T13:25:03.085Z."""
    return when(microseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
