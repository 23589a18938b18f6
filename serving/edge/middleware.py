"""The edge of every request: its id, its limits, the headers of its answer, its line in the log."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import RungError
from serving.edge.access.access import Asker
from serving.edge.bodies import MOST_BODY_BYTES
from serving.edge.logs import REQUEST_ID, log
from serving.edge.problems import respond, unexpected

__all__ = ["Edge", "Head", "install"]

Measure = Callable[[Scope, int | None, float], None]
"""Counts a request: its scope, the status of its answer, the seconds that it took."""

_REQUEST_ID: Final = re.compile(r"(?!rung_|whsec_)[A-Za-z0-9._-]{1,64}")
"""Ids go into the log: what looks like a key of ours is none."""
_SECURITY: Final = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
        b" form-action 'self'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_TLS_ONLY: Final = ((b"strict-transport-security", b"max-age=31536000"),)
_SECURITY_NAMES: Final = frozenset(name for name, _ in _SECURITY + _TLS_ONLY)
_ELSEWHERE: Final = 307
"""What the framework answers where an address has a slash at its end that the route has not."""
_QUIET: Final = ("/healthz", "/readyz", "/metrics", "/static/")


def install(app: FastAPI, measure: Measure | None = None) -> None:
    """Put the edge around an app; `measure` counts its requests."""
    app.add_middleware(Head)
    app.add_middleware(Edge, measure=measure)


class Edge:
    """Gives each request an id, and catches what nobody else has caught."""

    def __init__(self, app: ASGIApp, measure: Measure | None = None) -> None:
        self.app = app
        self._measure = measure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope["headers"])
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        token = REQUEST_ID.set(request_id)
        answer = _Answer(send, scope)
        body = _Body(receive, answer)
        started = time.perf_counter()
        try:
            await self.app(scope, body.receive, answer.send)
        except ClientDisconnect:
            body.is_abandoned = True  # the caller's own affair: nothing went wrong here
        except Exception as error:  # the edge of the process
            if answer.status is not None and isinstance(error.__cause__, RungError):
                # Who reads sees that the end is missing; this is why.
                log("answer cut off", logging.WARNING, reason=str(error.__cause__))
                return
            log("unexpected error", logging.ERROR, error=True, request_id=request_id)
            if answer.status is None:
                await respond(Request(scope), unexpected())(scope, receive, answer.send)
        finally:
            if body.is_abandoned:
                answer.status = None  # nobody was there to take one
            seconds = time.perf_counter() - started
            if self._measure is not None:
                self._measure(scope, answer.status, seconds)
            level = logging.DEBUG if scope["path"].startswith(_QUIET) else logging.INFO
            log(
                "request",
                level,
                request_id=request_id,
                key=_key_id(state),
                method=scope["method"],
                path=scope["path"],
                status=answer.status,
                milliseconds=round(seconds * 1000, 2),
            )
            REQUEST_ID.reset(token)


class Head:
    """Answers HEAD wherever GET is, with the same headers: what answers that makes no body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        # The server's own scope stays: it sees there that there is to be no body.
        inner = {**scope, "method": "GET"}

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                return
            await send({"type": "http.response.body"})
            if message.get("more_body"):
                raise _HeadIsAll

        try:
            await self.app(inner, receive, send_head)
        except _HeadIsAll:
            pass
        finally:
            scope.update({name: inner[name] for name in inner.keys() - scope.keys()})


class _HeadIsAll(Exception):
    """Nobody has asked for more than is sent: the rest need not be made."""


class _Answer:
    """Sends an answer on, with our headers; `status` is None until it has begun."""

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send = send
        self._state = scope["state"]
        self._headers = _SECURITY if scope["scheme"] == "http" else _SECURITY + _TLS_ONLY
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            if self.status == _ELSEWHERE:
                headers = [(name, _here(name, value)) for name, value in headers]
            said = {name for name, _ in headers}  # a page says itself what it may load
            headers.append((b"x-request-id", self._state["request_id"].encode()))
            if said.isdisjoint(_SECURITY_NAMES):
                headers += self._headers
            else:
                headers += [one for one in self._headers if one[0] not in said]
            if "asker" in self._state and b"cache-control" not in said:
                headers.append((b"cache-control", b"no-store"))  # it was for one caller alone
            message["headers"] = headers
        try:
            await self._send(message)
        except OSError as error:  # so servers say, by ASGI 2.4, that nobody is there any more
            raise ClientDisconnect from error


class _Body:
    """The body of a request, up to its limit; HTTPException 413 beyond.

    `is_abandoned` once the caller has left before an answer to it had begun.
    """

    def __init__(self, receive: Receive, answer: _Answer) -> None:
        self._receive = receive
        self._answer = answer
        self._received = 0
        self.is_abandoned = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and self._answer.status is None:
            self.is_abandoned = True
        self._received += len(message.get("body", b""))
        if self._received > MOST_BODY_BYTES:
            limit = MOST_BODY_BYTES // 1024 // 1024
            raise HTTPException(413, f"A body may have {limit} MiB; send it in parts.")
        return message


def _here(name: bytes, value: bytes) -> bytes:
    """The value of a header; of `Location` without the scheme and the host.

    The framework takes them from the request. Behind a proxy that speaks TLS the scheme is another
    one, and whoever followed would send his key unencrypted.
    """
    if name != b"location":
        return value
    parts = urlsplit(value)
    if parts.path.startswith(b"//"):  # by itself it would be the name of a host
        return value
    return urlunsplit((b"", b"", *parts[2:]))


def _key_id(state: dict[str, Any]) -> str | None:
    """Whose key it was; None where there was none."""
    asker: Asker | None = state.get("asker")
    return (asker.key_id or None) if asker else None


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id that the caller gave, where it is a plain one; otherwise a new one."""
    for name, value in headers:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
    return secrets.token_hex(16)
