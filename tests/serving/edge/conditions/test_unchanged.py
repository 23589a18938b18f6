"""Entity tags: what they follow from, how they are read, and when nothing is changed."""

from __future__ import annotations

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.edge import problems
from serving.edge.conditions.unchanged import IfMade, IfUnchanged, tag_of, tagged_answer
from serving.settings import Settings

THING = {"name": "é", "parts": [1, 2.5, None]}
TAG = tag_of(THING)


@pytest.fixture(scope="module")
def client():
    """An app with one thing, and one that is not there."""
    app = FastAPI()
    problems.install(app)

    @app.middleware("http")
    async def numbered(request: Request, call_next):
        request.state.request_id = "1"
        return await call_next(request)

    @app.get("/thing")
    async def look(request: Request):
        return tagged_answer(request, THING, {})

    @app.patch("/{name}")
    async def change(name: str, wanted: IfUnchanged):
        wanted.check(THING if name == "thing" else None)
        return wanted.asks

    @app.put("/{name}")
    async def put(name: str, wanted: IfMade):
        wanted.check(THING if name == "thing" else None)
        return wanted.asks

    return TestClient(app)


def test_a_tag_is_of_every_value():
    """Another value anywhere is another tag; a tag is strong."""
    assert TAG.startswith('"')
    assert tag_of({**THING, "parts": [1, 2.5, 0]}) != TAG
    assert tag_of(dict(THING)) == TAG


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        *((TAG, 304), (f"W/{TAG}", 304), (f'"a,b", {TAG}', 304), ("*", 304)),
        *(('"other"', 200), ("", 200), (TAG[1:-1], 200)),
    ],
)
def test_known(client, sent, status):
    """Who has it already is told so, whatever became of the tag on the way."""
    answer = client.get("/thing", headers={"If-None-Match": sent})
    assert (answer.status_code, answer.headers["etag"]) == (status, TAG)
    assert answer.content == b"" if status == 304 else answer.json() == THING


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize(
    ("name", "sent", "status"),
    [
        *(("thing", TAG, 200), ("thing", f'"x,y" ,, {TAG}', 200), ("thing", "*", 200)),
        *(("thing", '"x"', 412), ("thing", f"W/{TAG}", 412), ("thing", '""', 412)),
        *(("none", TAG, 412), ("none", "*", 412)),
        *(("thing", "x", 422), ("thing", "", 422), ("thing", f"{TAG}, *", 422)),
        ("thing", f"{TAG} {TAG}", 422),
    ],
)
def test_unchanged(client, method, name, sent, status):
    """Only the very same is changed; what is no tag is told as that."""
    answer = client.request(method, f"/{name}", headers={"If-Match": sent})
    assert answer.status_code == status
    if status == 200:
        assert answer.json() is True
    kind = {412: ":changed-meanwhile", 422: ":invalid-request"}.get(status, "")
    assert answer.json()["type"].endswith(kind) if kind else not kind


def test_several_lines(client):
    """They are one list."""
    lines = [("If-Match", '"x"'), ("If-Match", TAG)]
    assert client.patch("/thing", headers=lines).status_code == 200
    assert client.patch("/thing", headers=[*lines, ("If-Match", "x")]).status_code == 422


def test_only_new(client):
    """What must not be there yet is not made twice; a change takes no such condition."""
    new = {"If-None-Match": "*"}
    assert client.put("/thing", headers=new).status_code == 412
    assert client.put("/none", headers=new).json() is True
    assert client.put("/none", headers={"If-None-Match": TAG}).status_code == 422
    assert client.put("/none", headers={**new, "If-Match": "*"}).status_code == 422
    assert client.put("/thing").json() is client.patch("/none").json() is False


def test_whoever_changes_a_tagged_thing_may_say_which():
    """Each route that changes what has a strong tag takes it, by whatever path below it."""
    paths = create_app(Settings()).openapi()["paths"]
    tagged = {
        path
        for path, methods in paths.items()
        if "`If-Match`" in methods.get("get", {}).get("description", "")
    }
    assert len(tagged) == 2
    left_alone = {"/v1/webhooks/{endpoint_id}/test", "/v1/webhooks/{endpoint_id}/replay"}
    changing = {
        (method, path): {one["name"] for one in told.get("parameters", ())}
        for path, methods in paths.items()
        for method, told in methods.items()
        if method != "get"
        and path not in left_alone
        and any(path == one or path.startswith(f"{one}/") for one in tagged)
    }
    assert len(changing) == 5
    assert [one for one, takes in changing.items() if "If-Match" not in takes] == []
