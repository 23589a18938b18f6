"""A lead with very many ids: answers are bounded, say how much there is, and go on."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from features.events.log import DAY_US
from features.ladder.file import read_ladder
from features.store.arrivals import Arrival
from features.store.events import EventStore
from serving.routes import lead_schemas
from serving.routes.timeline import timeline_page
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.live.process import eventually

IDS = 450


@pytest.fixture
def crowded(start, url, folder) -> Iterator[TestClient]:
    """A service of one's own whose lead `user` has 450 anonymous ids."""
    with start(url, folder / "fitted") as client:
        at = world.now() - DAY_US
        service_of(client).store.ingest(
            [
                Arrival(f"m{n:03}", "user", "page_viewed", at + n, at + n, "{}", f"anon-{n:03}")
                for n in range(IDS)
            ]
        )
        store = service_of(client).store
        eventually(lambda: store.marks.waiting()[0] == 0)  # else rows come and go between two pages
        yield client


def pages(client: TestClient, what: str, **query: int) -> list[dict[str, Any]]:
    """All pages of an answer, by its cursor; the header leads to the same ones."""
    address = f"/v1/leads/anon-007/{what}"
    found: list[dict[str, Any]] = []
    asked: dict[str, Any] = dict(query)
    while True:
        answer = client.get(address, params=asked)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        if found[-1]["next_cursor"] is None:
            assert "link" not in answer.headers
            return found
        assert f"cursor={quote(found[-1]['next_cursor'])}" in answer.links["next"]["url"]
        asked["cursor"] = found[-1]["next_cursor"]


@pytest.mark.parametrize("limit", [200, 64])
def test_identities(crowded, limit):
    """The pages of any size together are all ids and all links, each once."""
    found = pages(crowded, "identities", limit=limit)
    for page in found:
        lead_schemas.IdentitiesAnswer.model_validate(page)
        assert page["totals"] == {"subjects": IDS + 1, "links": IDS}
        assert max(len(page["subjects"]), len(page["links"])) <= limit
    ids = [one for page in found for one in page["subjects"]]
    assert ids == sorted([*(f"anon-{n:03}" for n in range(IDS)), "user"])
    assert [one["source"] for page in found for one in page["links"]] == ids[:-1]


def test_the_lead_itself(crowded):
    """Who it is is said in short, with how many ids there are and where the others are."""
    found = crowded.get("/v1/leads/user").json()
    assert (len(found["subjects"]), len(found["links"]), found["events"]) == (200, 200, IDS)
    assert found["totals"] == {"subjects": IDS + 1, "links": IDS}
    query = {"cursor": found["next_cursor"]}
    more = crowded.get("/v1/leads/user/identities", params=query).json()
    assert more["subjects"][0] == "anon-200"
    assert len(crowded.get("/leads/user").content) < 200_000


@pytest.mark.parametrize("limit", [10_000, 333, 100])
def test_export(crowded, limit):
    """An export in any number of documents holds what one document holds."""
    found = pages(crowded, "export", limit=limit)
    (whole,) = pages(crowded, "export")
    joined: dict[str, list[object]] = {}
    for page in found:
        lead_schemas.ExportAnswer.model_validate(page)
        lists = {name: value for name, value in page.items() if type(value) is list}
        assert sum(map(len, lists.values())) <= limit
        for name, rows in lists.items():
            joined.setdefault(name, []).extend(rows)
    assert joined == {name: value for name, value in whole.items() if type(value) is list}
    assert {name: len(rows) for name, rows in joined.items()} == whole["totals"]
    assert whole["totals"]["identities"] == whole["totals"]["subjects"] == IDS + 1


def test_timeline(crowded):
    """It says how many entries there are, and its pages have them all."""
    found = pages(crowded, "timeline", limit=200)
    assert sum(len(page["data"]) for page in found) == found[0]["total"] >= IDS
    events = [one for page in found for one in page["data"] if one["kind"] == "event"]
    assert len({one["id"] for one in events}) == IDS
    assert len(found) > 2


def cursor(place: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


@pytest.mark.parametrize("what", ["identities", "export", "timeline"])
@pytest.mark.parametrize(
    "place",
    [
        [],
        {},
        5,
        [None],
        [1, 2, 3],
        ["events", [1]],
        ["events", ["1", "a"]],
        ["nothing", []],
        [["a\0"], None],
        [["\ud800"], None],
        [2**63, 0, "a"],
        [[], {}],
        [[1], None],
        ["subjects", ["a\0"]],
    ],
)
def test_cursors_that_are_none(client, what, place):
    """A place that no page ends at is refused, with a pointer to it."""
    answer = client.get(f"/v1/leads/lead-0001/{what}", params={"cursor": cursor(place)})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/cursor"


def test_completed_steps_are_those_of_the_ladder(tmp_path):
    """Reading that adds up in beats completes a step, and so does another round of the ladder."""
    ladder, start = read_ladder("b2b"), world.now() - 30 * DAY_US
    beat = {"content": "guide", "seconds": 120}
    deeds = [
        *(("content_read", start + at * 60_000_000, beat) for at in range(4)),
        ("contract_ended", start + DAY_US, {}),
        ("content_read", start + 2 * DAY_US, {"content": "guide", "seconds": 400}),
        ("content_read", start + 3 * DAY_US, {"content": "guide", "seconds": 400}),
    ]
    url = world.filled(tmp_path, [world.event("ann", *deed) for deed in deeds])
    with EventStore.open(url) as store:
        page = timeline_page(store.database, ladder, "ann", 50, None)
    told = [[one["id"] for one in item.get("completes") or []] for item in page.items[::-1]]
    assert told == [[], [], ["content"], [], [], ["content"], []]
