"""The hot path answers every byte as the framework's routes do: both are asked the same."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import Scope

from features.store.database import Database
from features.store.schema import events
from serving.app import create_app
from serving.edge.rate_limit import RateLimit
from serving.process.service import Service
from serving.routes.scores.hot import HotPath, score_told
from serving.settings import Settings
from tests.serving import world
from tests.serving.callers import bearer, make
from tests.serving.conftest import copy_of, service_of


@dataclass(frozen=True)
class Ask:
    """A request, and what is to be told of it where a test fails."""

    method: str
    path: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | None = None


class Both:
    """Two services over the same leads: one with the hot path, one with the routes alone."""

    def __init__(self, hot: TestClient, routes: TestClient) -> None:
        self.hot, self.routes = hot, routes
        self.apps = [cast(FastAPI, one.app) for one in (hot, routes)]
        self.keys: dict[str, tuple[str, ...]] = {}

    def asked(self, ask: Ask, key: str | None = None) -> tuple[Any, Any]:
        return self._one(self.hot, ask, key, 0), self._one(self.routes, ask, key, 1)

    def _one(self, client: TestClient, ask: Ask, key: str | None, which: int) -> Any:
        headers = [*ask.headers, ("X-Request-Id", "one-and-the-same")]
        if key is not None:
            headers += bearer(self.keys[key][which]).items()
        answer = client.request(ask.method, ask.path, headers=headers, content=ask.body)
        return answer.status_code, answer.headers.multi_items(), answer.content

    def keep_keys(self) -> None:
        """Make keys on both sides."""
        for name, scopes in {"read": ["read"], "ingest": ["ingest"], "all": ["admin"]}.items():
            self.keys[name] = tuple(make(app, *scopes) for app in self.apps)
        self.keys["elsewhere"] = tuple(make(app, "admin", ladder="other") for app in self.apps)
        self.keys["wrong"] = ("rung_abcdefghijkm_" + "A" * 43,) * 2


def without_hot_path(app: Any) -> None:
    """Let the framework answer everything."""
    layer = app.middleware_stack
    while not isinstance(layer, HotPath):
        layer = layer.app
    layer._route = nothing  # type: ignore[method-assign]


def nothing(scope: Scope) -> None:
    """The route that is served past the framework."""


@pytest.fixture
def both(folder, tmp_path):
    now = world.now()
    clients = []
    for name in ("hot", "routes"):
        (tmp_path / name).mkdir()
        settings = Settings(
            database_url=copy_of(folder, tmp_path / name),
            bundle=folder / "fitted",
            scoring="elsewhere",
        )
        app = create_app(settings, clock=lambda: now)
        clients.append(
            TestClient(
                app, "http://127.0.0.1", raise_server_exceptions=False, client=("127.0.0.1", 50000)
            )
        )
    with clients[0], clients[1]:
        without_hot_path(clients[1].app)
        yield Both(*clients)


def same(both: Both, asks: list[Ask], key: str | None = None) -> list[int]:
    """Ask both all of it, in turn; the statuses, in which they agree as in all else."""
    statuses = []
    for ask in asks:
        hot, routes = both.asked(ask, key)
        assert hot == routes, ask
        statuses.append(hot[0])
    return statuses


SCORE = "/v1/leads/lead-0001/score"
SCORES = [
    *(Ask("GET", f"/v1/leads{rest}") for rest in ("/score", "//score", "/score/score", "score")),
    *(Ask("GET", f"/v1/leads/lead-0001{rest}") for rest in ("%2Fscore", "%2fscore", "%2F/score")),
    *(Ask("GET", f"/v1/leads/{rest}") for rest in ("a%2Fb/scor%65", "a%2Fb%2Fscore/score")),
    *(Ask(method, SCORE) for method in ("GET", "GET", "HEAD", "OPTIONS", "PUT", "POST", "QUERY")),
    *(
        Ask("GET", f"/v1/leads/{lead}/score")
        for lead in (
            *("lead%2D0002", "LEAD-0001", "customer", "dormant", "nobody", "", "a/b", "a%2Fb"),
            *("%00", "a%0Ab", "a%0A", "%ff%fe", "%C3%BC", "%3Cscript%3E", "x%2Fscore", "score"),
            *("lead-0001%20", "+", "%2B", "..", "x" * 1024, "x" * 4000, "{lead_id}", "x%3Fy"),
        )
    ),
    *(
        Ask("GET", SCORE + rest)
        for rest in (
            *("/", "%0A", "?", "?as_of=2026-03-01T12:00:00Z", "?as_of=never", "?as_of=", "?as_of"),
            *("?ladder=b2b", "?ladder=other", "?ladder=", "?unknown=1", "?as_of=1&as_of=2", "#x"),
            *("?writeKey=x", "?%61s_of=2026-03-01T12:00:00Z", "?&", "?=", "/score", "s"),
        )
    ),
    *(
        Ask("GET", SCORE, headers)
        for headers in (
            [("If-None-Match", "*")],
            [("If-None-Match", "")],
            [("If-None-Match", 'W/"no", "neither"')],
            [("If-None-Match", '"no"'), ("If-None-Match", "*")],
            [("If-None-Match", "*"), ("If-None-Match", '"no"')],
            [("Accept", "text/html")],
            [("Accept", "text/html"), ("Cookie", "rung_session=x")],
            [("Origin", "https://elsewhere.example")],
            [("Origin", "http://127.0.0.1")],
            [("Origin", "null")],
            [("Host", "elsewhere.example")],
            [("X-Forwarded-For", "192.0.2.1")],
            [("X-Request-Id", "another")],
            [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")],
            [("Ocp-Apim-Subscription-Key", "x")],
            [("Authorization", "Bearer")],
            [("Authorization", "Basic x")],
            [("Authorization", "Bearer x"), ("Authorization", "Bearer y")],
            [("Content-Type", "application/json"), ("Content-Length", "2")],
        )
    ),
]


def test_scores_are_the_same(both):
    """Whatever is asked of a score, and however oddly, both answer alike while there is no key."""
    asks = [
        Ask("POST", "/v1/leads/lead-0004/opt-out", [("Content-Type", "application/json")], b"{}"),
        Ask("GET", "/v1/leads/lead-0004/score"),
        *SCORES,
    ]
    statuses = same(both, asks)
    assert {200, 304, 403, 404, 405, 422} <= set(statuses), sorted(set(statuses))


@pytest.mark.parametrize("key", [None, "read", "ingest", "all", "wrong", "elsewhere"])
def test_scores_are_the_same_by_key(both, key):
    """Nor do keys make a difference: none, good ones, of another scope or ladder, a wrong one."""
    both.keep_keys()
    statuses = set(same(both, SCORES, key))
    assert (200 in statuses) == (key in ("read", "all"))


def test_what_is_no_score_goes_by_the_routes(both):
    """The address of the lead `score` ends as that of a score does."""
    hot, _ = both.asked(Ask("GET", "/v1/leads/score"))
    assert b"lead 'score'" in hot[2]
    hot, _ = both.asked(Ask("GET", "/v1/leads/score/score"))
    assert b"lead 'score'" in hot[2]


def test_an_answer_that_is_there_is_the_same(both):
    """By its ETag both say that an answer is there already."""
    (_, headers, _), _ = both.asked(Ask("GET", SCORE))
    etag = dict(headers)["etag"]
    forms = (etag, etag.removeprefix("W/"), f'"x", {etag}')
    assert same(both, [Ask("GET", SCORE, [("If-None-Match", one)]) for one in forms]) == [304] * 3


def call(**more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "userId": "reader-1",
        "event": "page_viewed",
        "messageId": "one",
        "timestamp": "2026-03-01T12:00:00Z",
        "properties": {"section": "pricing", "seconds": 48},
        **more,
    }


DEEP = b'{"a":' * 40 + b"1" + b"}" * 40
SAID: tuple[Any, ...] = (
    call(),
    call(),
    call(messageId="two", properties={"section": "team", "gaps": [1]}),
    call(messageId="three", sentAt="not a time"),
    call(messageId="four", userId=7),
    call(messageId="five", userId="null", anonymousId="a-1"),
    call(userId="undefined"),
    call(userId=None),
    call(type="page", name="Home"),
    call(type="nothing"),
    call(event=""),
    call(timestamp=7),
    call(properties={"seconds": -1}),
    call(properties={"x": "y" * 40_000}),
    call(writeKey="rung_x_y"),
    *({}, [], None, 7, "x", {"batch": 7}, {"batch": []}, {"batch": [7, {}]}),
    {"batch": [call(), call(messageId="six"), call(messageId="six"), call(event="")]},
    {"batch": [call(messageId=f"many-{at}") for at in range(3)], "writeKey": "rung_x_y"},
    {"batch": [call(messageId="seven")], "context": 7},
    {"batch": [call(messageId="eight")], "sentAt": "never"},
    {"batch": [{}] * 2501},
)
BODIES: list[bytes] = [
    *(json.dumps(one).encode() for one in SAID),
    *(b"", b"{", b"nothing", b"\xff", b'{"a":NaN}', b'{"userId":"\\ud800"}', DEEP, b"[" * 5000),
    b'{"type":"track","userId":"r","event":"page_viewed","userId":"s","messageId":"twice"}',
    b" " * 40_000,
    b" " * 600_000,
    gzip.compress(json.dumps(call(messageId="packed")).encode()),
]
ADDRESSES = ("/v1/track", "/v1/batch", "/v1/call", "/v1/i")
POSTS = [
    *(Ask("POST", address, [], body) for address in ADDRESSES for body in BODIES),
    *(
        Ask("POST", address, headers, json.dumps(call(messageId=f"odd-{at}")).encode())
        for at, headers in enumerate(
            (
                [("Content-Encoding", "gzip")],
                [("Content-Encoding", "br")],
                [("Content-Type", "text/plain")],
                [("Prefer", "handling=strict")],
                [("Origin", "https://elsewhere.example")],
                [("Accept", "text/html")],
                [("X-Forwarded-For", "192.0.2.1")],
            )
        )
        for address in ("/v1/track", "/v1/batch")
    ),
    *(
        Ask("POST", "/v1/batch", headers, body)
        for headers in ([("Content-Encoding", "gzip")], [("Prefer", "handling=strict")])
        for body in (BODIES[-1], BODIES[0], json.dumps({"batch": [call(), {}]}).encode())
    ),
    *(
        Ask(method, path)
        for method in ("GET", "HEAD", "OPTIONS", "DELETE")
        for path in ("/v1/track", "/v1/batch")
    ),
    *(
        Ask("POST", path, [], json.dumps(call()).encode())
        for path in (
            "/v1/track/",
            "/v1/tracks",
            "/v1/track?writeKey=x",
            "/v1/track?x=y",
            "/v1/b%61tch",
        )
    ),
]


def rows(client: TestClient) -> list[tuple[Any, ...]]:
    """All that is stored."""
    database: Database = service_of(client).store.database
    with database.reading() as connection:
        return sorted(tuple(row) for row in connection.execute(events.select()))


def counted(client: TestClient) -> list[str]:
    """What was counted of requests and events."""
    lines = client.get("/metrics").text.splitlines()
    names = "rung_request_seconds_count", "rung_events"
    return [line for line in lines if line.startswith(names) and "/metrics" not in line]


@pytest.mark.parametrize("key", [None, "ingest", "read"])
def test_calls_are_the_same(both, key):
    """Good and bad calls and batches: the same answers, the same rows, the same counts."""
    before = len(rows(both.hot))
    if key is not None:
        both.keep_keys()
    same(both, POSTS, key)
    assert rows(both.hot) == rows(both.routes)
    assert (len(rows(both.hot)) > before + 10) == (key != "read")
    if key is None:
        same(both, SCORES)
        assert counted(both.hot) == counted(both.routes)


def test_limits_are_the_same(both):
    """A request counts once by a key, on both ways, and too many are refused alike."""
    both.keep_keys()
    for client in (both.hot, both.routes):
        client.app.state.access._limit = RateLimit(1.0, 5.0, lambda: 0.0)
    asks = [Ask("GET", SCORE), Ask("GET", "/v1/leads/nobody/score")] * 4
    assert same(both, asks, "read") == [200, 404, 200, 404, 200, 429, 429, 429]
    posts = [Ask("POST", "/v1/track", [], json.dumps(call()).encode())] * 7
    assert same(both, posts, "ingest") == [200] * 5 + [429] * 2


def test_a_trace_goes_by_the_routes(both):
    """Who traces is told of routes by the framework."""
    asked = []
    layer: Any = both.hot.app.middleware_stack
    while not isinstance(layer, HotPath):
        layer = layer.app
    scope = {"type": "http", "method": "GET", "path": SCORE, "query_string": b"", "headers": []}
    for more in ({}, {"fastapi.telemetry": object()}, {"root_path": "/rung"}):
        asked.append(layer._route({**scope, **more}) is not None)
    assert asked == [True, False, False]


@pytest.mark.parametrize("is_sqlite", [True, False])
def test_nobody_waits_for_a_server_that_another_waits_for(is_sqlite):
    """A frozen server keeps the score of a lead, and the process goes on to answer others."""
    goes_on = threading.Event()

    def of(*_: object) -> str:
        return "waited for" if goes_on.wait(0 if is_sqlite else 10) else "at once"

    store = SimpleNamespace(database=SimpleNamespace(is_sqlite=is_sqlite))
    kept = SimpleNamespace(of=of)
    service = cast(Service, SimpleNamespace(store=store, kept_scores=kept, scorer=None))

    async def both() -> object:
        asked = asyncio.create_task(score_told(service, "ann"))
        await asyncio.sleep(0)
        goes_on.set()
        return await asked

    assert asyncio.run(both()) == ("at once" if is_sqlite else "waited for")
