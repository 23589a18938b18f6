"""Whose leads the queue has: nobody is to be called who is put aside, or whom others work with."""

from __future__ import annotations

import json
from threading import get_ident

import pytest
import sqlalchemy as sa

from features.clock import rfc3339
from features.store.events import Event, EventStore
from features.store.people.actions import Actions
from serving.process.queue_views import TABS, Desk, QueueView
from serving.scoring.queue import part_to_work
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.shapes import is_problem

DAY_US = 86_400_000_000
HERE = "this machine"
"""Whoever asks while there is no key."""


@pytest.fixture
def own(start, url, folder):
    with start(url, folder / "rates") as client:
        yield client


def queued(client, **query):
    """Ids of all leads of the queue, with who works with each, and how long the pages were."""
    found: dict[str, str | None] = {}
    lengths: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.get("/v1/queue", params={**query, **cursor})
        body = answer.json()
        found |= {item["lead_id"]: item["claimed_by"] for item in body["data"]}
        lengths.append(len(body["data"]))
        if body["next_cursor"] is None:
            return found, lengths
        if "hands" in query:
            assert f"hands={query['hands']}" in answer.headers["link"]
        cursor = {"cursor": body["next_cursor"]}


def say(store: EventStore, lead, name, **properties):
    now = world.now()
    text = json.dumps(properties)
    store.append_events([Event(f"{lead}-{name}-{properties}", lead, name, now, now, text)])


def test_who_is_put_aside_is_not_to_be_called(own):
    """Until a time that is to come, or until the lead is back; whose time is over is there."""
    before, _ = queued(own, limit=200)
    first, second, third, *_ = before
    store = service_of(own).store
    say(store, first, "lead_snoozed", until=rfc3339(world.now() + DAY_US))
    say(store, second, "lead_snoozed", until_back=True)
    say(store, third, "lead_snoozed", until=rfc3339(world.now() - 1))
    for limit in (1, 2, 7, 200):
        after, lengths = queued(own, limit=limit)
        assert list(after) == [lead for lead in before if lead not in (first, second)]
        assert {*lengths[:-1]} <= {limit}, "pages are as long as was asked"


def test_who_works_with_a_lead_is_said(own):
    """With `hands=free` only those are there that the page shows to whoever asks."""
    before, _ = queued(own, limit=200)
    assert {*before.values()} == {None}
    first, second, third, *_ = before
    store = service_of(own).store
    say(store, first, "lead_claimed", by="Ann")
    say(store, second, "lead_claimed", by=HERE)
    say(store, third, "lead_claimed", by="Ann", until=rfc3339(world.now() - 1))
    after, _ = queued(own, limit=3)
    assert [*after] == [*before]
    assert {lead: name for lead, name in after.items() if name} == {first: "Ann", second: HERE}
    free, _ = queued(own, limit=3, hands="free")
    assert [*free] == [lead for lead in before if lead != first]


def test_it_agrees_with_the_page(own):
    """Whom the page shows to somebody in its tabs, the route has under the same name."""
    service = service_of(own)
    leads = [*queued(own, limit=200)[0]]
    for at, lead in enumerate(leads[:12]):
        who = ("Ann", HERE)[at % 2]
        say(service.store, lead, "lead_claimed", by=who)
        if at % 3 == 0:
            say(service.store, lead, "lead_snoozed", until_back=True)
    desk = Desk.of(service.store, HERE, service.clock())
    tabs = [one for one in TABS if one != "mine"]
    shown = {one.lead_id for tab in tabs for one in desk.part(QueueView(tab), 500).scores}
    assert {*queued(own, limit=5, hands="free")[0]} == shown


def test_what_was_done_a_moment_ago_counts(own):
    """Also while it can still be undone, and is in no log yet."""
    first, *_ = queued(own, limit=200)[0]
    actions: Actions = service_of(own).store.actions
    event = ("lead_snoozed", {"until_back": True})
    said = (first, "b2b", "later", "Later", [event])
    done = actions.do(*said, by="k", name="Ann", now=world.now())
    assert first not in queued(own, limit=200)[0]
    actions.undo(done.id, name="Ann", now=world.now())
    assert first in queued(own, limit=200)[0]


def test_under_another_id_of_the_lead(own):
    """A lead is put aside under whichever of its ids that was said."""
    first, *_ = queued(own, limit=200)[0]
    alias = {"type": "alias", "previousId": "another", "userId": first}
    assert own.post("/v1/alias", json=alias).is_success
    store = service_of(own).store
    say(store, "another", "lead_snoozed", until_back=True)
    assert store.lead_of("another") == store.lead_of(first)
    found = {store.lead_of(one) for one in queued(own, limit=200)[0]}
    assert store.lead_of(first) not in found


def test_however_many_leads_a_page_has_they_are_looked_up_at_once(own):
    """A page costs as many questions to the store whether it has one lead or all."""
    service, here = service_of(own), get_ident()
    counts = []
    for limit in (1, 50):
        asked: list[str] = []

        def note(_connection, _cursor, statement, *_more, asked=asked):
            if get_ident() == here:  # and not what the service does meanwhile
                asked.append(statement)

        engine = service.store.database.engine
        sa.event.listen(engine, "before_cursor_execute", note)
        part = part_to_work(service.store, limit, now=service.clock())
        sa.event.remove(engine, "before_cursor_execute", note)
        assert len(part.scores) == limit
        counts.append(len([one for one in asked if "hands" in one or "actions" in one]))
    assert counts == [2, 2]


def test_no_such_choice(own):
    answer = own.get("/v1/queue", params={"hands": "mine"})
    assert answer.status_code == 422
    assert "'any' or 'free'" in answer.json()["errors"][0]["detail"]


def test_no_such_step(own):
    """Who asks for another is told all steps that there are, close to one or not."""
    steps = [goal.id for goal in service_of(own).ladder.goals]
    for asked in ("nope", steps[1][:-1]):
        answer = own.get("/v1/queue", params={"step": asked})
        (fault,) = is_problem(answer, 422)["errors"]
        assert (fault["pointer"], fault["allowed"]) == ("/query/step", steps)
    (fault,) = own.get("/v1/queue", params={"cursor": "x"}).json()["errors"]
    assert "allowed" not in fault
