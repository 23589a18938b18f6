"""What routes need: who may ask for what, by the scopes and the ladder of a key."""

from __future__ import annotations

import re
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel

from features.clock import now
from serving.edge import middleware, problems
from serving.edge.access.access import Access, Asker
from serving.edge.access.keys import SCOPES
from serving.edge.access.needs import CheckedRoute, check_key, needed, needs
from serving.edge.access.shown import is_personalizer
from tests.serving.callers import bearer, client_of, make
from tests.serving.edge.access.scene import ask, guarded


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
