"""Access: who may ask for what, with a key, without one, and from where."""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import pytest
import sqlalchemy as sa
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel

from features.clock import now
from features.errors import StoreAway
from serving.app import create_app
from serving.edge import keys, middleware, problems
from serving.edge.access import (
    Access,
    Asker,
    CheckedRoute,
    check_key,
    needed,
    needs,
)
from serving.edge.keys import SCOPES
from serving.edge.parameters import is_personalizer
from serving.settings import Settings
from tests.serving.callers import Clock, bearer, client_of, make, running

OPEN = (
    *("/healthz", "/readyz", "/openapi.json", "/reference", "/static", "/login", "/logout"),
    *("/v1/connectors/", "/v1/m"),  # the signature is the credential; it keeps and tells nothing
)
"""Where paths begin that need no key."""
HTML = {"Accept": "text/html"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(tmp_path, clock) -> Iterator[FastAPI]:
    with running(tmp_path, clock) as found:
        yield found


def basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


# ------------------------------------------------------------------------------------- Every route


def guarded(app):
    """Path, method and needs of every route that is not open to all."""
    return [
        (path, method, needs_)
        for path, method, needs_ in needed(app.routes)
        if method != "HEAD" and not path.startswith(OPEN)
    ]


def ask(client, path, method, key=None, **more):
    """Ask as a browser would from a page of our own."""
    origin = str(client.base_url).rstrip("/")
    headers = {"Origin": origin, **(bearer(key) if key else {})}
    address = re.sub(r"{[^}]*}", "x", path)
    return client.request(method, address, headers={**headers, **more.pop("headers", {})}, **more)


def test_every_route_says_what_it_needs(app):
    """No route is there by oversight: each is open to all on purpose, or names a scope."""
    routes = guarded(app)
    assert {path for path, _, _ in routes} >= {"/", "/v1/queue", "/v1/scores:batch"}
    assert [f"{method} {path}" for path, method, needs_ in routes if not needs_] == []


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_does_what_its_scopes_say(app, scope):
    """Over all routes, a key is refused where its scope is not enough, and nowhere else."""
    key, client = make(app, scope), client_of(app)
    for path, method, needs_ in guarded(app):
        may = all(scope in (need.scope, "admin") for need in needs_)
        status = ask(client, path, method, key, json={}).status_code
        assert (status == 403) is not may, (method, path, status)
        assert status != 401, (method, path)


def test_without_a_key(app):
    """Once there is a key, no route answers without one, on this machine either."""
    make(app, "read")
    client = client_of(app)
    for path, method, needs_ in guarded(app):
        answer = ask(client, path, method, json={})
        if any(need.key_in_body for need in needs_):
            assert answer.status_code in (400, 401, 415, 422), (method, path)
        else:
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == 'Bearer realm="rung"'
            if is_personalizer(path):
                assert answer.json()["error"]["code"] == "401"
            else:
                assert answer.json()["type"] == "urn:problem-type:rung:key-needed"


NOT_ABOUT_A_LADDER = {
    r"/v1/(track|identify|page|screen|group|alias|batch|import|call|[tipsgabm])": "it sends events",
    r"/v1/(events|cloudevents)": "it sends events",
    r"/(batch|capture|i/v0/e|beacon/v1/batch)/?": "it sends events",
    r"/(v1/projects/{key}/settings|sourceConfig/)": "it tells how to send events, and nothing else",
    r"/v1/connectors/{name}": "it sends events",
    r"/v1/connectors/hubspot/actions": "the signature of HubSpot is its credential, and no key",
    r"/(login|logout)": "it is where whoever has a key of this ladder begins; others are told so",
    r"/(healthz|readyz|openapi.json|reference|static/{name})": "it is open to all, without a key",
}
"""Every route that answers whoever has a key for another ladder, and why it may."""


def test_a_key_for_another_ladder_is_refused_by_every_route(app):
    """Whoever may not ask about what is served is told nothing of it, whichever route is asked.

    A route that is not refused must stand in `NOT_ABOUT_A_LADDER`, with the reason.
    """
    key, client = make(app, "admin", ladder="other"), client_of(app)
    answered: set[str] = set()
    refused: set[str] = set()
    for path, method, _ in needed(app.routes):
        answer = ask(client, path, method, key, json={})
        is_refused = answer.status_code == 403 and "the ladder 'other' alone" in answer.text
        (refused if is_refused else answered).add(path)
    apart = re.compile("|".join(NOT_ABOUT_A_LADDER))
    assert sorted(path for path in answered if not apart.fullmatch(path)) == []
    assert sorted(path for path in refused if apart.fullmatch(path)) == []


def test_a_key_for_a_ladder_that_is_held_back(app, monkeypatch):
    """While another ladder's scores are in the store it is shown none of them; others see both."""
    key, any_ladder = make(app, "read", ladder="b2b"), make(app, "read")
    service, client = app.state.service, client_of(app)
    assert client.get("/v1/queue", headers=bearer(key)).status_code == 200
    monkeypatch.setattr(service, "held_back", service.ladder)
    answer = client.get("/v1/queue", headers=bearer(key))
    assert answer.status_code == 403
    assert "the ladder 'b2b' alone; another one is served here" in answer.json()["detail"]
    assert client.get("/v1/queue", headers=bearer(any_ladder)).status_code == 200


def test_a_key_for_the_ladder_that_is_served_is_refused_by_none(app):
    """A key that is for this ladder alone may ask all that one for any ladder may."""
    key, client = make(app, "admin", ladder="b2b"), client_of(app)
    for path, method, _ in guarded(app):
        assert ask(client, path, method, key, json={}).status_code != 403, (method, path)


def test_a_body_is_not_read_for_nobody(app):
    """Whoever has no key is refused before a body is read, so a broken one is not even seen."""
    make(app, "read")
    client = client_of(app)
    for path, method, needs_ in guarded(app):
        if method in ("POST", "PUT", "PATCH") and not any(need.key_in_body for need in needs_):
            headers = {"Content-Type": "application/json"}
            answer = ask(client, path, method, content=b"{", headers=headers)
            assert answer.status_code == 401, (method, path)


def test_open_routes(app):
    """What is open to all needs no key, though there are keys."""
    make(app, "read")
    client = client_of(app)
    for path in ("/healthz", "/openapi.json", "/login", "/static/rung.css"):
        assert client.get(path).status_code == 200
    assert client.get("/readyz").status_code == 503


def test_a_write_key_only_writes(app):
    """The key of a website cannot read a score, the queue, a lead or a page."""
    key, client = make(app, "ingest"), client_of(app)
    for path in ("/v1/queue", "/v1/leads/a/score", "/v1/decisions/a", "/", "/leads/a"):
        assert client.get(path, headers=bearer(key)).status_code == 403


def test_described(app):
    """The description says of each guarded route what a key needs, and how it is refused."""
    description = app.openapi()
    schemes = description["components"]["securitySchemes"]
    for path, method, needs_ in guarded(app):
        operation = description["paths"].get(path.replace(":path}", "}"), {}).get(method.lower())
        if operation is None:
            continue
        assert {"401", "403", "429"} <= set(operation["responses"]), path
        named = {name for way in operation["security"] for name in way}
        assert named <= set(schemes)
        assert {"bearer", "basic"} <= named
        assert ("subscription" in named) is path.startswith("/personalizer/")
        scopes = {scope for way in operation["security"] for of in way.values() for scope in of}
        assert scopes == {need.scope for need in needs_}
    assert "security" not in description["paths"]["/healthz"]["get"]


# ------------------------------------------------------------------------------- How a key is shown


def test_ways_to_show_a_key(app):
    """A key is taken as a bearer token and as a user name; a password is not looked at."""
    key, client = make(app, "read"), client_of(app)
    for headers in (
        bearer(key),
        {"Authorization": f"bearer  {key} "},
        basic(f"{key}:"),
        basic(f"{key}:anything:else"),
    ):
        assert client.get("/v1/queue", headers=headers).status_code == 200, headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "{key}"},
        {"Authorization": "Token {key}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer {key}x"},
        {"Authorization": "Bearer {key} {key}"},
        {"Authorization": "Bearer rung_{id}_"},
        {"Authorization": "Bearer rung_{id}"},
        {"Authorization": "Bearer rung__"},
        {"Authorization": "Basic {key}:"},
        {"Authorization": "Basic !!!"},
        {"Authorization": b"Bearer \xff\xfe"},
        {"Ocp-Apim-Subscription-Key": "{key}"},
        {"X-Api-Key": "{key}"},
        {"Cookie": "rung_session={key}"},
    ],
)
def test_what_is_no_key(app, headers):
    """Anything else is no key, and a 401 without a trace of what was sent."""
    key = make(app, "read")
    sent = {
        name: value
        if isinstance(value, bytes)
        else value.replace("{key}", key).replace("{id}", key.split("_")[1])
        for name, value in headers.items()
    }
    answer = client_of(app).get("/v1/queue", headers=sent)
    assert answer.status_code == 401
    assert key.split("_", 2)[2] not in answer.text


def test_basic_needs_its_colon(app):
    """A user name without a colon after it is none."""
    key, client = make(app, "read"), client_of(app)
    assert client.get("/v1/queue", headers=basic(key)).status_code == 401


def test_key_of_personalizer(app):
    """Personalizer's header is a key on its routes alone."""
    key, client = make(app, "decide"), client_of(app)
    headers = {"Ocp-Apim-Subscription-Key": key}
    rank = client.post("/personalizer/v1.0/rank", json={}, headers=headers)
    assert rank.status_code == 400
    assert client.post("/v1/recommendations", json={}, headers=headers).status_code == 401


def test_a_key_is_compared_in_constant_time(app, monkeypatch):
    """A wrong secret and an unknown id go the same way through one comparison."""
    key = make(app, "read")
    compared = []

    def compare(given, kept):
        compared.append((len(given), len(kept)))
        return given == kept

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for text in (key, f"{key}x", "rung_nobody_secret", ""):
        app.state.access._known.asker(text)
    assert compared == [(32, 32)] * 4


# ------------------------------------------------------------------------------- When it is known


@contextmanager
def statements(app) -> Iterator[list[str]]:
    """The statements that ask the database for keys; work behind the scenes has others."""
    engine, asked = app.state.service.store.database.engine, []

    def note(_, __, statement, *___):
        if "api_keys" in statement:
            asked.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    yield asked
    sa.event.remove(engine, "before_cursor_execute", note)


def test_a_known_key_asks_no_database(app, clock):
    """Within five seconds keys are looked up in memory, after that they are loaded once."""
    key, client = make(app, "decide"), client_of(app)
    with statements(app) as asked:
        for _ in range(5):
            client.get("/v1/queue", headers=bearer(key))
        assert asked == []
        clock.now += 5.0
        for _ in range(5):
            client.get("/v1/queue", headers=bearer(key))
        assert len(asked) == 1


def test_unknown_keys_do_not_reach_the_database(app):
    """However many keys somebody makes up, the database is asked once a second at most."""
    make(app, "read")
    client = client_of(app)
    with statements(app) as asked:
        for number in range(50):
            headers = bearer(f"rung_{number}_secret")
            assert client.get("/v1/queue", headers=headers).status_code == 401
    assert asked == []
    assert len(app.state.access._known.askers) == 1


def test_a_revoked_key(app, clock):
    """A revoked key is refused after five seconds; revoking the last one opens nothing."""
    key, client = make(app, "read"), client_of(app)
    app.state.access.keys.revoke(key.split("_")[1], as_of=2)
    clock.now += 4.9
    assert client.get("/v1/queue", headers=bearer(key)).status_code == 200
    clock.now += 0.2
    assert client.get("/v1/queue", headers=bearer(key)).status_code == 401
    assert client.get("/v1/queue").status_code == 401


def test_a_new_key(app, clock):
    """A key that was made elsewhere holds after a second; the first one closes within five."""
    make(app, "ingest")
    client = client_of(app)
    _, key = app.state.access.keys.create("late", ["read"], as_of=1)
    clock.now += 1.1
    assert client.get("/v1/queue", headers=bearer(key)).status_code == 200


def test_the_first_key_closes(app, clock):
    """With the first key the service stops answering without one, within five seconds."""
    client = client_of(app)
    assert client.get("/v1/queue").status_code == 200
    app.state.access.keys.create("first", ["read"], as_of=1)
    clock.now += 5.1
    assert client.get("/v1/queue").status_code == 401


def test_a_store_out_of_reach(app, clock, monkeypatch):
    """Keys that were known hold for ten minutes; of others nothing can be said meanwhile."""
    key, client = make(app, "read"), client_of(app)
    assert client.get("/v1/queue", headers=bearer(key)).status_code == 200
    loads = []

    def fail():
        loads.append(clock.now)
        raise StoreAway("gone")

    monkeypatch.setattr(app.state.access.keys, "all", fail)
    clock.now += 10.0
    for wait in (0.0, 0.0, 580.0):
        clock.now += wait
        assert client.get("/v1/queue", headers=bearer(key)).status_code == 200
        unknown = client.get("/v1/queue", headers=bearer(f"{key}x"))
        assert (unknown.status_code, "Retry-After" in unknown.headers) == (503, True)
    assert len(loads) == 2  # nobody waits for it at every request
    clock.now += 20.0
    answer = client.get("/v1/queue", headers=bearer(key))
    assert answer.json()["type"] == "urn:problem-type:rung:store-unavailable"
    assert answer.status_code == 503


def test_keys_hold_while_the_store_stands_still(app, clock, monkeypatch):
    """A store that neither answers nor ends is waited for once, and not by every request."""
    key, held = make(app, "read"), app.state.access
    goes_on, loads = threading.Event(), []

    def stand_still():
        loads.append(clock.now)
        assert goes_on.wait(30)
        return []

    async def ask() -> float:
        began = time.monotonic()
        for _ in range(3):
            clock.now += 10.0
            assert await held.by_key(key) is not None
            with pytest.raises(StoreAway):
                await held.by_key(f"{key}x")
        seconds = time.monotonic() - began
        goes_on.set()
        return seconds

    monkeypatch.setattr(keys, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(held.keys, "all", stand_still)
    assert asyncio.run(ask()) < 10
    assert len(loads) == 1


def test_a_service_that_starts_waits_for_its_keys(app, monkeypatch, caplog):
    """A store that is slow then keeps no service from starting; what it told holds."""
    key = make(app, "read")
    monkeypatch.setattr(keys, "_PATIENCE_SECONDS", 0.0)
    held = Access(app.state.service.store.database, app.state.access.now)

    async def start() -> None:
        await held.announce("127.0.0.1")
        assert await held.by_key(key) is not None

    with caplog.at_level(logging.INFO):
        asyncio.run(start())
    assert "keys are needed" in caplog.text


# -------------------------------------------------------------------------- This machine alone


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "name", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]", "[::1]:8000", "LOCALHOST:1"]
)
def test_this_machine(app, host, name):
    """Without any key the service answers its own machine, under its own names."""
    answer = client_of(app, host=host).get("/v1/queue", headers={"Host": name})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("host", "headers", "words"),
    [
        ("192.0.2.1", {}, "its own machine alone"),
        ("0.0.0.0", {}, "its own machine alone"),  # noqa: S104 nothing listens
        ("::2", {}, "its own machine alone"),
        ("testclient", {}, "its own machine alone"),
        ("", {}, "its own machine alone"),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, "through a proxy"),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, "through a proxy"),
        ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}, "through a proxy"),
        ("127.0.0.1", {"Via": "1.1 proxy"}, "through a proxy"),
        ("127.0.0.1", {"Host": "rung.example"}, "not as 'rung.example'"),
        ("127.0.0.1", {"Host": "localhost.evil.example:8000"}, "not as 'localhost.evil"),
        ("127.0.0.1", {"Host": "127.0.0.1.evil.example"}, "not as '127.0.0.1.evil"),
        ("127.0.0.1", {"Host": "evil:localhost"}, "not as 'evil"),
        ("127.0.0.1", {"Host": ""}, "not as ''"),
        ("127.0.0.1", {"Origin": "http://evil.example"}, "no other site"),
        ("127.0.0.1", {"Origin": "null"}, "no other site"),
        ("127.0.0.1", {"Origin": "http://["}, "no other site"),
        ("127.0.0.1", {"Host": "localhost:8000", "Origin": "http://localhost:3000"}, "no other"),
    ],
)
def test_elsewhere(app, host, headers, words):
    """Others get a 403 that says how to make a key: other machines, proxies, names, sites."""
    client = client_of(app, host=host)
    for path, method, _ in guarded(app):
        answer = ask(client, path, method, json={}, headers=headers)
        assert answer.status_code == 403, (method, path)
        body = answer.json()
        said = body["error"]["message"] if is_personalizer(path) else body["detail"]
        assert words in said
        assert "rung key create" in said
    assert client.get("/healthz", headers=headers).status_code == 200


def test_own_origin(app):
    """A page of this machine's service may post to it."""
    headers = {"Host": "localhost:8000", "Origin": "http://localhost:8000"}
    assert client_of(app).post("/v1/scores:batch", json={}, headers=headers).status_code == 422


def test_elsewhere_with_a_key(app):
    """With a key it does not matter where a request comes from."""
    key = make(app, "read")
    client = client_of(app, "https://rung.example", "192.0.2.1")
    headers = {**bearer(key), "X-Forwarded-For": "192.0.2.9"}
    assert client.get("/v1/queue", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("host", "level", "words"),
    [
        ("127.0.0.1", logging.INFO, "this machine alone"),
        ("localhost", logging.INFO, "this machine alone"),
        ("0.0.0.0", logging.WARNING, "refused, though it listens on 0.0.0.0"),  # noqa: S104
    ],
)
def test_announced_without_a_key(tmp_path, caplog, host, level, words):
    """The log says at the start whom the service answers, loudly where that may surprise."""
    settings = Settings(f"sqlite:///{tmp_path / 'b.db'}", tmp_path / "none", host=host)
    app = create_app(settings)
    with caplog.at_level(logging.INFO, "rung"), client_of(app):
        (line,) = [record for record in caplog.records if "no key" in record.getMessage()]
        assert (line.levelno, words in line.getMessage()) == (level, True)
        assert "rung key create" in line.values["remedy"]
        make(app, "read")
    caplog.clear()
    with caplog.at_level(logging.INFO, "rung"), client_of(create_app(settings)):
        assert "keys are needed" in [record.getMessage() for record in caplog.records]


def test_started_while_the_store_stands_still(tmp_path, caplog, monkeypatch):
    """A store that is slow at the start is asked again by those who come, and none is let in."""
    settings = Settings(f"sqlite:///{tmp_path / 'b.db'}", tmp_path / "none")
    app = create_app(settings)

    def fail(_):
        raise StoreAway("it does not answer")

    with monkeypatch.context() as away, caplog.at_level(logging.INFO, "rung"):
        away.setattr(keys.Keys, "all", fail)
        started = client_of(app)
        started.__enter__()
        assert "keys are not read yet" in [record.getMessage() for record in caplog.records]
        assert started.get("/v1/webhooks").status_code == 503
    try:
        make(app, "read")
        until = time.monotonic() + 20.0
        while (status := started.get("/v1/webhooks").status_code) == 503:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert status == 401
    finally:
        started.__exit__(None, None, None)


# ------------------------------------------------------------------------------------- Rate limits


def test_too_many_requests(app, clock):
    """Over the rate a key waits for as long as it is told, and others do not."""
    app.state.access = Access(app.state.service.store.database, now, 0.5, clock)
    key, other, client = make(app, "read"), make(app, "read"), client_of(app)
    assert client.get("/v1/queue", headers=bearer(key)).status_code == 200
    answer = client.get("/v1/queue", headers=bearer(key))
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == answer.headers["x-ratelimit-reset"] == "2"
    assert answer.json()["type"] == "urn:problem-type:rung:too-many-requests"
    assert answer.json()["retryable"] is True
    assert client.get("/v1/queue", headers=bearer(other)).status_code == 200
    clock.now += 2.0
    assert client.get("/v1/queue", headers=bearer(key)).status_code == 200


def test_the_limit_of_the_settings(tmp_path):
    """The rate is that of the settings."""
    settings = Settings(f"sqlite:///{tmp_path / 'c.db'}", tmp_path / "none", rate_limit=0.25)
    app = create_app(settings)
    with client_of(app) as client:
        key = make(app, "read")
        statuses = [client.get("/v1/queue", headers=bearer(key)).status_code for _ in range(2)]
    assert statuses == [200, 429]


# ---------------------------------------------------------------------------------- The dependency


class _Body(BaseModel):
    write_key: str | None = None


@pytest.fixture
def small(app) -> FastAPI:
    """An app of a few routes over the same keys."""
    router = APIRouter(dependencies=[Depends(needs("read"))], route_class=CheckedRoute)

    @router.get("/asker")
    async def asker(asker: Annotated[Asker, Depends(needs("read"))]) -> dict[str, str]:
        return {"key_id": asker.key_id, "name": asker.name, "source": asker.source}

    @router.get("/both", dependencies=[Depends(needs("decide"))])
    async def both() -> None:
        """Needs what the router needs, and more."""

    found = FastAPI()
    found.include_router(router)

    @found.post("/batch", dependencies=[Depends(needs("ingest", key_in_body=True))])
    async def batch(body: _Body, request: Request) -> dict[str, str]:
        asker = await check_key(request, body.write_key)
        return {"source": asker.source}

    problems.install(found)
    middleware.install(found)
    found.state.access = app.state.access
    return found


def test_a_route_learns_who_asks(small):
    """The dependency gives the one who asks, with the source of the key."""
    client = client_of(small)
    assert client.get("/asker").json() == {"key_id": "", "name": "this machine", "source": ""}
    key = make(small, "read", source="web")
    found = client.get("/asker", headers=bearer(key)).json()
    assert found == {"key_id": key.split("_")[1], "name": "test", "source": "web"}


def test_several_needs(small):
    """A route that needs two scopes needs both."""
    client = client_of(small)
    for scopes, status in ((["read"], 403), (["decide"], 403), (["read", "decide"], 200)):
        assert client.get("/both", headers=bearer(make(small, *scopes))).status_code == status
    assert client.get("/both", headers=bearer(make(small, "admin"))).status_code == 200


def test_a_request_counts_once(small, clock):
    """However many dependencies look at it, a request is one of those that the rate allows."""
    small.state.access = Access(small.state.access.keys._database, now, 1.0, clock)
    key, client = make(small, "read", "decide"), client_of(small)
    statuses = [client.get("/both", headers=bearer(key)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_unknown_scope():
    """A route cannot need what there is not."""
    with pytest.raises(ValueError, match="no scope 'reed'"):
        needs("reed")


def test_a_key_in_the_body(small):
    """Where a route takes it, a key in the body sends events, as one in the headers does."""
    client = client_of(small)
    assert client.post("/batch", json={}).json() == {"source": ""}
    key, reads = make(small, "ingest", source="web"), make(small, "read", source="other")
    for headers, body in ((bearer(key), {}), ({}, {"write_key": key})):
        answer = client.post("/batch", headers=headers, json=body)
        assert (answer.status_code, answer.json()) == (200, {"source": "web"})
    for wrong in ({}, {"write_key": ""}, {"write_key": key + "x"}):
        assert client.post("/batch", json=wrong).status_code == 401
    assert client.post("/batch", json={"write_key": reads}).status_code == 403


def test_the_header_counts(small):
    """A key in the headers counts, whatever the body holds; a wrong one is not made good by it."""
    key, other = make(small, "ingest", source="web"), make(small, "ingest", source="other")
    client, body = client_of(small), {"write_key": other}
    assert client.post("/batch", json=body, headers=bearer(key)).json() == {"source": "web"}
    assert client.post("/batch", json=body, headers=bearer("rung_a_b")).status_code == 401


def test_a_key_in_the_body_is_limited(small, clock):
    """A key in the body has the same rate as in the headers."""
    small.state.access = Access(small.state.access.keys._database, now, 1.0, clock)
    key, client = make(small, "ingest"), client_of(small)
    statuses = [client.post("/batch", json={"write_key": key}).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


# ------------------------------------------------------------------------------ Headers and the log


def test_headers(app):
    """Over TLS browsers are told to stay there; what one caller got is not kept for others."""
    key = make(app, "read")
    secure = client_of(app, "https://rung.example").get("/v1/queue", headers=bearer(key)).headers
    assert secure["strict-transport-security"] == "max-age=31536000"
    plain = client_of(app).get("/", headers={**bearer(key), **HTML}).headers
    assert "strict-transport-security" not in plain
    assert plain["cache-control"] == "no-store"
    for name in ("cross-origin-opener-policy", "cross-origin-resource-policy"):
        assert secure[name] == "same-origin"
    assert "no-store" in client_of(app).get("/v1/queue").headers["cache-control"]


def test_the_log_names_the_key(app, caplog):
    """A line of the log has the id of the key that asked, and its secret never."""
    key = make(app, "read")
    with caplog.at_level(logging.DEBUG, "rung"):
        client_of(app).get("/v1/queue", headers=bearer(key))
        client_of(app).get("/v1/queue", headers=bearer(key + "x"))
    lines = [record.values for record in caplog.records if record.getMessage() == "request"]
    assert [line["key"] for line in lines] == [key.split("_")[1], None]
    assert key.split("_", 2)[2] not in repr([record.__dict__ for record in caplog.records])


def test_forgotten_keys_are_read_anew(tmp_path):
    """After a key was made or revoked here the next request knows of it, without a wait."""
    with running(tmp_path, Clock()) as app:
        access = app.state.access
        caller = client_of(app)
        assert caller.get("/v1/queue").status_code != 401
        key, text = access.keys.create("test", ["read"], as_of=1)
        access.forget()
        assert caller.get("/v1/queue").status_code == 401
        assert caller.get("/v1/queue", headers=bearer(text)).status_code != 401
        access.keys.revoke(key.id, as_of=2)
        access.forget()
        assert caller.get("/v1/queue", headers=bearer(text)).status_code == 401
