"""The edge of a request: callers that leave, and what they are counted as."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import struct
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from serving.edge.access.needs import needed
from serving.edge.bodies import MOST_BODY_BYTES
from serving.edge.middleware import Edge, Head
from tests.databases import with_tables
from tests.serving.callers import Clock, client_of, running
from tests.serving.live import process as live

WITH_BODIES = (
    *("/v1/batch", "/v1/track", "/v1/events", "/v1/cloudevents", "/v1/scores:batch"),
    *("/v1/recommendations", "/v1/webhooks", "/personalizer/v1.0/rank", "/login"),
)


def scope_of(path: str, kind: str = "application/json") -> dict[str, Any]:
    return {
        **{"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}},
        **{"http_version": "1.1", "method": "POST", "scheme": "http", "path": path},
        **{"raw_path": path.encode(), "query_string": b"", "root_path": ""},
        **{"client": ("127.0.0.1", 5000), "server": ("127.0.0.1", 80), "state": {}},
        "app": SimpleNamespace(state=SimpleNamespace(problem_page=None)),
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"content-type", kind.encode()),
            (b"content-length", b"1000"),
            (b"origin", b"http://127.0.0.1"),
            (b"sec-fetch-site", b"same-origin"),
        ],
    }


def told(app: Any, scope: dict[str, Any], *messages: Message) -> list[Message]:
    """What an app answers to a caller who sends these messages."""
    remaining, sent = list(messages), []

    async def receive() -> Message:
        return remaining.pop(0) if remaining else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def half(body: bytes = b'{"batch": [') -> Message:
    return {"type": "http.request", "body": body, "more_body": True}


def counted(app: Any) -> set[str]:
    """The classes of status that requests were measured as, but for scrapes."""
    lines = client_of(app).get("/metrics").text.splitlines()
    ours = [one for one in lines if one.startswith("rung_request_seconds_count")]
    return {one.partition('status="')[2].partition('"')[0] for one in ours}


@pytest.mark.parametrize("path", WITH_BODIES)
@pytest.mark.parametrize("before", [(), (half(),), (half(), half(b""))])
def test_a_caller_that_leaves_is_no_error_of_ours(tmp_path, caplog, path, before):
    """Whoever goes away before or in mid-body leaves no error in the log and no 5xx."""
    kind = "application/x-www-form-urlencoded" if path == "/login" else "application/json"
    with running(tmp_path, Clock()) as app, caplog.at_level(logging.INFO, "rung"):
        told(app, scope_of(path, kind), *before)
        assert counted(app) == {"none"}
    (line,) = [one for one in caplog.records if one.getMessage() == "request"]
    values: dict[str, object] = line.__dict__["values"]
    assert (values["path"], values["status"]) == (path, None)
    assert [one for one in caplog.records if one.levelno > logging.INFO] == []


def test_an_answer_that_nobody_takes(caplog):
    """A server that says so by an error of its own (ASGI 2.4) is understood alike."""

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise BrokenPipeError

    measured: list[int | None] = []
    edge = Edge(app, lambda _scope, status, _seconds: measured.append(status))
    asyncio.run(edge(scope_of("/"), None, send))  # type: ignore[arg-type]  # it reads nothing
    assert measured == [None]
    assert [one for one in caplog.records if one.levelno > logging.INFO] == []


def test_who_stays_is_counted_as_ever(caplog):
    """An error of ours is one, and a caller who leaves after the answer had it."""

    async def breaks(_scope, _receive, _send):
        raise ZeroDivisionError

    async def lingers(_scope, receive, send):
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await receive()

    measured: list[int | None] = []
    for app in (breaks, lingers):
        told(Edge(app, lambda _scope, status, _seconds: measured.append(status)), scope_of("/"))
    assert measured == [500, 201]
    wrong = [one.message for one in caplog.records if one.levelno > logging.INFO]
    assert wrong == ["unexpected error"]


def test_head_is_answered_wherever_get_is(tmp_path):
    """With the same status and headers, and without a body: monitors ask so, and load balancers."""
    with running(tmp_path, Clock()) as app:
        client = client_of(app)
        asked = {re.sub("{.*?}", "x", path) for path, way, _ in needed(app.routes) if way == "GET"}
        assert asked >= {"/", "/healthz", "/readyz", "/v1/scores", "/v1/leads/x/score", "/metrics"}
        for path in sorted(asked):
            for more in ({}, {"Accept": "text/html"}):
                # Pages hold ids of their own, which are as long each time, but not once compressed.
                headers = {"X-Request-Id": "the-same", "Accept-Encoding": "identity", **more}
                head, got = (client.request(way, path, headers=headers) for way in ("HEAD", "GET"))
                assert (head.status_code, head.content) == (got.status_code, b""), path
                varies = {"content-length"} if path in ("/metrics", "/settings/checks") else set()
                told = [
                    {name: value for name, value in one.headers.items() if name not in varies}
                    for one in (head, got)
                ]
                assert told[0] == told[1], path
        refused = client.head("/v1/track")
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
        assert client.post("/healthz").headers["allow"] == "GET, HEAD"


def test_a_slash_too_many_leads_to_no_other_host(tmp_path):
    """Nor to another scheme, as it would behind a proxy that speaks TLS: a key is sent along."""
    with running(tmp_path, Clock()) as app:
        client = client_of(app)
        for way, path, right in (
            ("GET", "/v1/scores/?limit=2&step=a%2Fb", "/v1/scores?limit=2&step=a%2Fb"),
            ("POST", "/v1/events/", "/v1/events"),
            ("POST", "/batch", "/batch/"),
            ("GET", "/v1/webhooks/a%20b/", "/v1/webhooks/a%20b"),
        ):
            answer = client.request(way, path, headers={"Host": "elsewhere.example"})
            assert (answer.status_code, answer.headers["location"]) == (307, right)
        assert client.get("//elsewhere.example/").headers.get("location") is None


@pytest.mark.parametrize("path", ["//elsewhere.example", "//elsewhere.example/%2e%2e?a=b"])
def test_a_path_that_is_a_host_by_itself_stays_one_of_ours(path):
    """Whatever the framework says of it: without ours before it a browser would go there."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        headers = [(b"location", b"http://ours" + path.encode())]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body"})

    sent = told(Edge(app), scope_of("/"))
    assert dict(sent[0]["headers"])[b"location"].startswith(b"http://ours/")


def test_what_is_not_asked_for_is_not_made(caplog):
    """Of a long answer that is streamed HEAD takes the head alone."""
    made = []

    def parts() -> Iterator[bytes]:
        for at in range(1000):
            made.append(at)
            yield b"a line\n"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["method"] == "GET"
        await StreamingResponse(parts(), headers={"A": "b"})(scope, receive, send)

    asgi = {"version": "3.0", "spec_version": "2.4"}
    scope = scope_of("/v1/scores") | {"method": "HEAD", "asgi": asgi}
    with caplog.at_level(logging.INFO, "rung"):
        start, end = told(Edge(Head(app)), scope)
    assert (b"a", b"b") in start["headers"]
    assert not end.get("body")
    assert not end.get("more_body")
    assert len(made) < 5
    (line,) = [one for one in caplog.records if one.getMessage() == "request"]
    assert (line.values["method"], line.values["status"]) == ("HEAD", 200)
    assert scope["method"] == "HEAD", "servers look there for whether there may be a body"


def test_a_body_beyond_its_limit():
    """A body is read no further than its limit, whatever its label says."""

    async def reads(_scope, receive, _send):
        while True:
            await receive()

    parts = [half(b"x" * (MOST_BODY_BYTES // 2))] * 3
    with pytest.raises(HTTPException, match="A body may have 16 MiB"):
        told(lambda *given: _unguarded(reads, *given), scope_of("/"), *parts)


async def _unguarded(app, scope, receive, send):
    """The edge's own receive, without what catches its errors."""
    failures: list[Exception] = []

    async def keeps(scope, receive, send):
        try:
            await app(scope, receive, send)
        except HTTPException as error:
            failures.append(error)

    await Edge(keeps)(scope, receive, send)
    raise failures[0]


@pytest.mark.slow
def test_three_hundred_that_leave(tmp_path):
    """A real server that 300 callers leave in mid-body logs no error and counts no 5xx."""
    store = f"sqlite:///{with_tables(tmp_path / 'left.db')}"
    with live.running(store, tmp_path / "none", tmp_path, RUNG_LOG_LEVEL="info") as process:
        for at in range(300):
            _leave(process.port, WITH_BODIES[at % len(WITH_BODIES)], at % 2 == 0)
        live.eventually(lambda: process.said().count('"event":"request"') >= 300)
        scraped = httpx2.get(f"{process.url}/metrics").text
        lines = [json.loads(one) for one in process.said().splitlines() if one.startswith("{")]
    assert [one for one in lines if one["level"] == "error"] == []
    assert 'status="5xx"' not in scraped
    assert scraped.count('status="none"') > 0


def _leave(port: int, path: str, is_rude: bool) -> None:
    """Send half a request and go away, at once (a reset) or politely."""
    with socket.create_connection(("127.0.0.1", port)) as caller:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        caller.sendall(f'{head}Content-Length: 1000\r\n\r\n{{"batch": ['.encode())
        if is_rude:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
