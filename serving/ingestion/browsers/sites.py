"""Which sites' pages may send events: what browsers ask before, and read on, each answer (CORS).

Only addresses that take events are open to pages of other sites, and only by a key that names the
site. A question beforehand shows no key, so it is answered for every site that any key names; the
request itself is refused where its own key does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import RungError, StoreAway
from serving.edge.access.access import Access, Asker
from serving.edge.errors import NotAllowed
from serving.edge.problems import of_error, respond

__all__ = ["Sites", "takes_events"]

_ADDRESSES: Final = frozenset(
    {
        *(f"/v1/{call}" for call in ("track", "identify", "page", "screen", "group", "alias")),
        *(f"/v1/{letter}" for letter in "tipsgabm"),
        *("/v1/batch", "/v1/import", "/v1/call", "/v1/events", "/v1/cloudevents"),
        *("/beacon/v1/batch", "/sourceConfig/", "/sourceConfig"),
        *("/batch/", "/capture/", "/i/v0/e/"),
    }
)
_OTHERS: Final = re.compile(r"/v1/projects/[^/]+/settings|/v1/connectors/[^/]+")

_METHODS: Final = b"GET, POST"
_EXPOSED: Final = b"Retry-After, X-Request-Id"
_HEADER_NAMES: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:\s*,\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*"
)
_REMEMBERED: Final = b"600"
"""Seconds for which a browser need not ask again; a key that is revoked is refused all the same."""


def takes_events(path: str) -> bool:
    """Whether pages of other sites may use an address: it takes events, and tells of nobody."""
    return path in _ADDRESSES or _OTHERS.fullmatch(path) is not None


class Sites:
    """Lets pages of other sites send events to some addresses.

    Parameters
    ----------
    is_open : whether an address takes events of pages.
    """

    def __init__(self, app: ASGIApp, is_open: Callable[[str], bool]) -> None:
        self.app = app
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not self._is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        asked = headers.get("access-control-request-headers", "")
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers and origin:
            await self._answer(scope, receive, send, origin, asked)
            return
        await self.app(scope, receive, _shared(scope, send, origin) if origin else send)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, origin: str, asked: str
    ) -> None:
        """Answer a question beforehand."""
        access: Access = scope["app"].state.access
        request = Request(scope)
        try:
            if not await access.is_allowed(origin):
                raise NotAllowed(
                    f"No key lets pages of {origin} send events; `rung key create NAME --scope"
                    f" ingest --origin {origin}` makes one."
                )
        except RungError as error:
            await respond(request, of_error(error))(scope, receive, send)
            return
        told = asked.encode("latin-1") if _HEADER_NAMES.fullmatch(asked.strip()) else b""
        allowed = [(b"access-control-allow-headers", told)] if told else []
        await send(
            {
                "type": "http.response.start",
                "status": 204,
                "headers": [
                    *_of(origin),
                    (b"access-control-allow-methods", _METHODS),
                    (b"access-control-max-age", _REMEMBERED),
                    *allowed,
                ],
            }
        )
        await send({"type": "http.response.body", "body": b""})


async def _may_read(scope: Scope, origin: str) -> bool:
    """Whether pages of a site may read an answer: by its key, or by any where none was found.

    An answer without a key, or refused before it counted, is to be read as well: it says when to
    come again, or what is wrong.
    """
    asker: Asker | None = scope.get("state", {}).get("asker")
    if asker is not None:
        return asker.may_be_of(origin)
    access: Access = scope["app"].state.access
    try:
        return await access.is_allowed(origin)
    except StoreAway:
        return False


def _shared(scope: Scope, send: Send, origin: str) -> Send:
    """Sends an answer on, so that pages of the site may read it."""

    async def shared(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: list[Any] = list(message.get("headers", ()))
            if await _may_read(scope, origin):
                headers += [*_of(origin), (b"access-control-expose-headers", _EXPOSED)]
                headers.append((b"cross-origin-resource-policy", b"cross-origin"))
            else:
                headers.append((b"vary", b"Origin"))
            message["headers"] = headers
        await send(message)

    return shared


def _of(origin: str) -> Iterable[tuple[bytes, bytes]]:
    return (
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"vary", b"Origin"),
    )
