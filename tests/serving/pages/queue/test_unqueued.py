"""A question is seen also of those who have opted out of profiling, and is answered."""

from __future__ import annotations

import pytest

from features.events.log import DAY_US
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.pages.scene import ACTS, HTML, act, page

OUT: dict[str, object] = {"name": "Bea Out", "email": "bea@x.example"}
TALKED = {"lead": "bea", "do": "action:talked", "next": "/"}


@pytest.fixture(params=["alone", "beside"])
def asking(start, folder, tmp_path, request):
    """Somebody who has opted out asks; alone, or beside somebody in the queue who does."""
    until = world.now()
    asked: dict[str, object] = {"text": "Where is the invoice?"}
    events = [
        *world.climber("bea", until, 3),
        world.event("bea", "identify", until - 9, OUT),
        world.event("bea", "lead_asked", until - 2 * world.HOUR_US, asked),
        *world.climber("dan", until, 2),
        world.event("dan", "lead_asked", until - 300 * DAY_US, asked),  # nobody waits so long
        world.event("eve", "page_viewed", until - DAY_US),
    ]
    if request.param == "beside":
        events += [
            *world.climber("ann", until, 2),
            world.event("ann", "lead_asked", until - world.HOUR_US, {"text": "How?"}),
        ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        for lead in ("bea", "dan", "eve"):
            client.post(f"/v1/leads/{lead}/opt-out", json={"reason": "letter"})
        yield client, 1 + (request.param == "beside")


def test_they_are_counted_and_shown(asking):
    """The headline, the tab and the first screen know of them; the tab has what to do."""
    client, waiting = asking
    first = page(client, "/").text
    verb = "waits" if waiting == 1 else "wait"
    assert f"{waiting} {verb} for a reply" in first
    assert "1 of those who wait for a reply has opted out of profiling" in first
    assert "Where is the invoice?" not in first
    reply = page(client, "/?tab=reply")
    assert "1 waits and has opted out of profiling" in reply.text
    assert "Asked : “ Where is the invoice? ” waits 2 hours" in reply.text
    assert "mailto:bea@x.example" in reply.values("href")
    assert ("1 in the queue" in reply.text) == (waiting == 2)
    assert "Nobody waits" not in reply.text
    assert {one["lead_id"] for one in client.get("/v1/queue").json()["data"]} <= {"ann"}


def test_they_are_answered(asking):
    """That is all that can be done with them; they wait no more then, and are in nobody's hands."""
    client, waiting = asking
    html = client.get("/?tab=reply", headers=HTML).text.partition('id="rows"')[0]
    assert html.count('value="action:') == 1
    assert "action:talked" in html
    assert "claim" not in html
    assert "later:" not in html
    act(client, "bea", "claim", status=409)
    act(client, "bea", "action:no-answer", status=409)
    act(client, "bea", "action:talked")
    assert "Undo" in page(client, "/?tab=reply").text
    service = service_of(client)
    (kept,) = service.store.actions.open()["bea"]
    assert [name for name, _ in kept.events] == ["business_replied"]
    until = service.clock()
    service.store.append_events([world.event("bea", "business_replied", until)])
    assert "opted out" not in page(client, "/?tab=reply").text
    assert f"{waiting - 1} wait" in page(client, "/?tab=marketing").text


def test_on_their_own_page(asking):
    """It says what they ask, how they are reached, and has the one button."""
    client, _ = asking
    lead = page(client, "/leads/bea")
    assert "They wait for a reply all the same: 2 hours. “ Where is the invoice? ”" in lead.text
    assert "mailto:bea@x.example" in lead.values("href")
    assert [one for one in lead.values("value") if (one or "").startswith("action:")] == [
        "action:talked"
    ]


def test_nobody_is_answered_who_is_not_known(client):
    """An id that opted out before anything was known of it gets no event by that."""
    client.post("/v1/leads/bea/opt-out", json={"reason": "letter"})
    answer = client.post("/act", data=TALKED, headers=HTML | ACTS)
    assert "opted out" in answer.text
    assert service_of(client).store.actions.open() == {}


def test_nobody_asks(client):
    """Where nobody who has opted out waits, nothing is said of it."""
    for path in ("/", "/?tab=reply"):
        assert "opted out" not in page(client, path).text
