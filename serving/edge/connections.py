"""What a connection may ask of us before there is a request: a head in time and of a bounded size.

uvicorn waits for a head for ever and keeps whatever comes of it, before anybody is asked for a key.
`rung serve` uses this protocol; uvicorn itself takes it as
`--http serving.edge.connections:BoundedProtocol`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import uuid
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, cast

from httptools import HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from serving.edge.logs import log

__all__ = ["MOST_HEAD_BYTES", "BoundedProtocol"]

MOST_HEAD_BYTES: Final = 64 * 1024
_HEAD_SECONDS: Final = 20.0
"""From the opening of a connection, or the first byte of a later head, to a head's end."""
_BODY_SECONDS: Final = 30.0
_LEAST_BYTES_A_SECOND: Final = 500.0
"""A body may take half a minute, and a second more for each so many bytes."""
_LINGER_SECONDS: Final = 2.0
"""For so long a caller who was refused may still read why."""
_MOST_LINGER_BYTES: Final = 1024 * 1024
_TOO_LARGE: Final = (
    f"The address and the headers of a request may have {MOST_HEAD_BYTES // 1024} KiB together, and"
    " so may what stands between the parts of its body, or after them; send less."
)
_TOO_SLOW: Final = "The request did not come to its end in time; send it again, in one go."
_NO_REQUEST: Final = "This is no request as RFC 9112 has them, or one whose end is not clear."
_HOST: Final = re.compile(rb"[A-Za-z0-9\-._~%!$&'()*+,;=:\[\]]*")
_ONE_HOST: Final = (
    "A request has one Host header: the name of a host, and its port where that is another one than"
    " usual."
)
_OF_UPGRADES: Final = frozenset({b"upgrade", b"http2-settings"})
"""Headers, and words of the header `Connection`, by which another protocol is asked for."""


class _Parser(HttpRequestParser):
    """Reads requests. That another protocol is asked for, which nobody speaks here, ends none.

    After such a head the library reads nothing more, as if it went on in that protocol: not even
    the body. Java's own client asks so for HTTP/2 in every request.
    """

    def __init__(self, of: BoundedProtocol) -> None:
        super().__init__(of)
        self._of = of

    def feed_data(self, data: Any) -> None:
        """Read on; HttpParserError for what is no HTTP, HttpParserUpgrade for another protocol."""
        try:
            super().feed_data(data)
        except HttpParserUpgrade as ended:
            if not self._of.is_upgrade_declined:
                raise
            self._of.read_anew(data[ended.args[0] :])


class _Flow(FlowControl):
    """The pauses of a connection, that says when whoever serves it asks for more of a request."""

    def __init__(self, transport: asyncio.Transport, asks: Callable[[], None]) -> None:
        super().__init__(transport)
        self._asks = asks

    def resume_reading(self) -> None:
        """Read on, after a pause or without one."""
        self._asks()
        super().resume_reading()


class BoundedProtocol(HttpToolsProtocol):
    """A connection whose heads are bounded, and whose heads and bodies have to come to an end."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.is_upgrade_declined = False
        """Whether the head that was read last asks for a protocol that nobody speaks here."""
        self.parser = self._new_parser()
        self._host = b""  # as the head that was read last has it
        self._unused = 0  # bytes since the last ones that made a head, a body or an end
        self._is_whole = False  # whether no message is under way
        self._has_head = False
        self._has_spoken = False
        self._is_refused = False
        self._owes_go_on = False
        self._began = self.loop.time()
        self._body_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def _serving(self) -> RequestResponseCycle | None:
        """The request that is served, or was last; None before the first."""
        return cast("RequestResponseCycle | None", self.cycle)  # uvicorn says that it always is

    # ------------------------------------------------------------------------------- the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head, and not for ever."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self._on_asked)
        self._timer = self.loop.call_later(_HEAD_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Read on, as long as something comes of what was sent."""
        self._has_spoken = True
        self._unused += len(data)
        if self._is_refused:
            if self._unused > _MOST_LINGER_BYTES:
                self.transport.abort()
            return
        super().data_received(data)
        if self._unused > MOST_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE)
        elif self._timer is None and (self._unused or not self._is_whole):
            self._begin()
            self._timer = self.loop.call_later(_HEAD_SECONDS, self._look)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 it says less than we do
        """Refuse what is no HTTP, unless it was refused already."""
        if not self._is_refused:
            self._refuse(HTTPStatus.BAD_REQUEST, _NO_REQUEST)

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to another protocol."""
        self._is_whole, self._unused = True, 0
        super().handle_websocket_upgrade()

    def _new_parser(self) -> _Parser:
        parser = _Parser(self)
        with contextlib.suppress(AttributeError):  # httptools before 0.6.3, as in uvicorn
            parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def read_anew(self, rest: bytes) -> None:
        """Read the last head again as one that asks for no other protocol, and what follows it."""
        version, method = self.parser.get_http_version().encode(), self.parser.get_method()
        lines = [b"%s %s HTTP/%s" % (method, self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                words = [word.strip() for word in value.split(b",")]
                value = b", ".join(one for one in words if one.lower() not in _OF_UPGRADES)
            if name not in _OF_UPGRADES:
                lines.append(b"%s: %s" % (name, value))
        self.is_upgrade_declined = False
        self.parser = self._new_parser()
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))
        self.parser.feed_data(rest)

    # ---------------------------------------------------------------------------------- the parser

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._is_whole = self._has_head = False
        self._begin()

    def on_headers_complete(self) -> None:
        """A head has ended: serve it, if it is none too large, and for one host."""
        if self._is_refused:
            return
        self._unused = 0
        self._begin()
        size, hosts = len(self.url), 0
        for name, value in self.headers:
            size += len(name) + len(value) + 4
            if name == b"host":
                hosts, self._host = hosts + 1, value
        if size > MOST_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE)
        elif not self._is_for_one_host(hosts):
            self._refuse(HTTPStatus.BAD_REQUEST, _ONE_HOST)
        elif self.parser.should_upgrade() and self._is_upgrade_to_decline():
            self.is_upgrade_declined = True  # it comes again, without that
        else:
            self._has_head = True
            super().on_headers_complete()
            self._owes_go_on = self.expect_100_continue
            if not self.parser.should_upgrade():
                self.headers = []  # what stands behind a body counts for none: no proxy looks there

    def _is_for_one_host(self, hosts: int) -> bool:
        """Whether it is said once, and as it may be, whose request it is (RFC 9112, 3.2)."""
        if hosts == 1:
            return _is_host(self._host)
        return not hosts and self.parser.get_http_version() != "1.1"

    def _is_upgrade_to_decline(self) -> bool:
        return self.parser.get_method() != b"CONNECT" and not self._should_upgrade()

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        if not self._is_refused:
            self._unused = 0
            self._body_bytes += len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A message has ended; the next one may take its time."""
        if not self._is_refused and not self.is_upgrade_declined:
            self._is_whole, self._unused = True, 0
            super().on_message_complete()

    # --------------------------------------------------------------------------------------- waits

    def on_response_complete(self) -> None:
        """What was sent ahead of an answer has its time from then on."""
        self._begin()
        super().on_response_complete()
        if not self._is_whole or self._unused:
            self._unset_keepalive_if_required()  # that is for connections with nothing on them

    def _on_asked(self) -> None:
        """A caller who could send nothing until now has its time from now on."""
        if self._owes_go_on or self.flow.read_paused:
            self._owes_go_on = False
            self._begin()

    def _begin(self) -> None:
        self._began, self._body_bytes = self.loop.time(), 0

    def _look(self) -> None:
        """Whether what is waited for is late: then it is waited for no more."""
        self._timer = None
        if self.transport.is_closing() or (self._is_whole and not self._unused):
            return
        if self._waits_for_us():
            self._begin()
        left = self._began + self._patience() - self.loop.time()
        if left > 0:
            self._timer = self.loop.call_later(left, self._look)
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, _TOO_SLOW)

    def _patience(self) -> float:
        if self._has_head and not self._is_whole:
            return _BODY_SECONDS + self._body_bytes / _LEAST_BYTES_A_SECOND
        return _HEAD_SECONDS

    def _waits_for_us(self) -> bool:
        """Whether the caller can send nothing, or need not, before we have done something."""
        serving = self._serving
        if serving is None or serving.response_complete:
            return False
        is_behind = self._is_whole or not self._has_head  # it is the head of a later request
        return is_behind or self.flow.read_paused or serving.waiting_for_100_continue

    # ------------------------------------------------------------------------------------- refusal

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Say why, where nothing else was said, and end the connection."""
        if self.transport.is_closing():
            return
        self._is_refused = True
        if self._may_answer():
            log("connection refused", logging.INFO, status=status.value)
            self.transport.write(_answer(status, detail))
            if self.transport.can_write_eof():
                # To close at once would take back what was written: there is more to be read.
                self.transport.write_eof()
                self.loop.call_later(_LINGER_SECONDS, self.transport.abort)
                self.flow.resume_reading()
                self._abandon()
                return
        elif self._is_behind():
            self.cycle.keep_alive = False  # it is answered, and the connection ends after that
            return
        self.transport.close()

    def _is_behind(self) -> bool:
        """Whether what is refused stands behind a request that has its answer yet to come."""
        serving = self._serving
        is_served = serving is not None and not serving.response_complete
        return is_served and (self._is_whole or not self._has_head)

    def _may_answer(self) -> bool:
        serving = self._serving
        if serving is None:
            return self._has_spoken  # browsers open connections to have them, and say nothing
        if self._has_head and not self._is_whole:
            return not serving.response_started
        return serving.response_complete

    def _abandon(self) -> None:
        """Tell who serves the request that nobody waits for the answer."""
        serving = self._serving
        if serving is not None and not serving.response_complete:
            serving.disconnected = True
            serving.waiting_for_100_continue = False  # else it would be told to go on
            serving.message_event.set()


@lru_cache(64)
def _is_host(text: bytes) -> bool:
    return _HOST.fullmatch(text) is not None


def _answer(status: HTTPStatus, detail: str) -> bytes:
    """A problem, as `serving.edge.problems` writes it, of a request that never came to be."""
    problem = {
        "type": f"urn:problem-type:rung:{_KINDS[status]}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "instance": "",
        "request_id": uuid.uuid4().hex,
        "retryable": status is HTTPStatus.REQUEST_TIMEOUT,
    }
    body = json.dumps(problem)
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n"
        "Cache-Control: no-store\r\n"
        f"\r\n{body}"
    ).encode()


_KINDS: Final = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "head-too-large",
    HTTPStatus.REQUEST_TIMEOUT: "too-slow",
}
