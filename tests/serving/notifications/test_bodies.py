"""What bodies include: what was asked for alone, the same each time, and of nobody who is out."""

from __future__ import annotations

import asyncio
import json
from itertools import combinations

import pytest
import sqlalchemy as sa

from features.store.privacy import Privacy
from features.store.schema import deliveries, identities, scores
from serving.notifications.bodies import INCLUDES, body_of, sample
from serving.notifications.endpoints import Endpoints
from tests.serving.notifications.receiver import (
    SECOND,
    START,
    Clock,
    Reply,
    announce,
    deliver_due,
    notice,
    receiving,
    sending,
)

SCORE = {
    "lead_id": "lead-1",
    "ladder": "b2b",
    "as_of": START,
    "step": "value",
    "position": 1,
    "priority": 0.5,
    "bundle": "x",
    "scored_at": START,
    "offer_id": "demo",
    "gain": 0.25,
    "rep_minutes": 30.0,
    "traits": json.dumps(
        {"size": 12.0, "email": "a@example.com", "note": "call +49 170 1234567", "kind": "shop"}
    ),
    "reasons": json.dumps(
        {
            "reasons": [
                {"signal": "seen", "text": "saw the prices", "points": 1},
                {"signal": "wrote", "text": "wrote from a@example.com", "points": 1},
                {"signal": "other", "text": "all others", "points": 0},
            ]
        }
    ),
}
MEMBERS = {
    "ids": ["lead-1", "visitor-1"],
    "traits": {"size": 12.0, "kind": "shop"},
    "offer": {"id": "demo", "gain": 0.25, "rep_minutes": 30.0},
    "reasons": [{"signal": "seen", "text": "saw the prices"}],
}
PLAIN = b'{"type":"step.completed","timestamp":"2026-09-21T14:13:20Z","data":{"lead_id": "lead-1"}}'
EVERY = [list(some) for count in range(5) for some in combinations(INCLUDES, count)]


def tell(database) -> None:
    """A lead with three ids, one of them an address, and a score."""
    with database.writing() as connection:
        connection.execute(sa.insert(scores).values(SCORE))
        for id_ in ("lead-1", "visitor-1", "a@example.com"):
            row = {"id": id_, "lead_id": "lead-1", "joined_at": START}
            connection.execute(sa.insert(identities).values(row))


def rounds(database, include, *steps, reply=lambda _: Reply()):
    """Announce, deliver round after round with a step before each; what arrived, and the lists."""
    clock = Clock()
    kept = Endpoints(database, clock)

    async def run():
        async with receiving(reply) as receiver, sending(database, clock) as sender:
            endpoint, _ = kept.add(receiver.url(path="/hook"), "", [], include)
            announce(database, [notice("a", clock())])
            await deliver_due(sender)
            for step in steps:
                step()
                clock.at += 3600 * SECOND
                await deliver_due(sender)
            return [one.body for one in receiver.got], kept.deliveries(endpoint.id, 9)

    return asyncio.run(run())


@pytest.mark.parametrize("include", EVERY, ids="-".join)
def test_what_is_included(database, include):
    """Each member is there where it was asked for, and no other; without any nothing changes."""
    tell(database)
    (body,), (delivery,) = rounds(database, include)
    if not include:
        assert body == PLAIN
    told = {"lead_id": "lead-1"} | {name: MEMBERS[name] for name in include}
    assert json.loads(body)["data"] == told
    shown = body_of(
        delivery.type, delivery.lead_id, delivery.created_at, delivery.data, delivery.extra
    )
    assert shown == body
    assert b"example.com" not in body


def test_the_offer_of_a_decision_is_the_one_that_was_decided(database):
    """What is suggested by now, or was when it was scored last, is another thing."""
    tell(database)
    clock = Clock()
    kept = Endpoints(database, clock)
    decided = {"offer_id": "worksheet", "gain": 0.5, "rep_minutes": 4.0}

    async def run():
        async with receiving(lambda _: Reply()) as receiver, sending(database, clock) as sender:
            kept.add(receiver.url(path="/hook"), "", [], ["offer"])
            told = {"decision_id": "d", "lead_id": "lead-1", **decided}
            announce(database, [notice("a", clock())._replace(data=json.dumps(told))])
            await deliver_due(sender)
            return [json.loads(one.body)["data"] for one in receiver.got]

    (data,) = asyncio.run(run())
    assert data["offer"] == {"id": data["offer_id"], "gain": 0.5, "rep_minutes": 4.0}


def test_lead_without_a_score(database):
    """Of a lead that nothing is known of the members are there, and empty."""
    (body,), _ = rounds(database, INCLUDES)
    data = json.loads(body)["data"]
    assert data == {
        "lead_id": "lead-1",
        "ids": ["lead-1"],
        "traits": {},
        "offer": None,
        "reasons": [],
    }


def fails(_):
    return Reply(500)


def test_every_attempt_has_the_same_body(database):
    """What becomes of the lead between two attempts changes nothing of what was sent first."""
    tell(database)

    def scored_anew():
        with database.writing() as connection:
            connection.execute(sa.update(scores).values(offer_id="call", traits="{}", reasons=""))

    bodies, _ = rounds(database, INCLUDES, scored_anew, scored_anew, reply=fails)
    assert len(bodies) == 3
    assert len(set(bodies)) == 1


def test_opted_out_between_attempts(database):
    """Who opts out is told no more of, not even by an attempt that comes again."""
    tell(database)
    out = lambda: Privacy(database).opt_out(["visitor-1"], START)  # noqa: E731
    (first, second), (delivery,) = rounds(database, INCLUDES, out, reply=fails)
    assert b"visitor-1" in first
    assert (second, delivery.extra) == (PLAIN, "{}")


def test_an_id_that_became_one_of_who_opted_out(database):
    """What was included before anybody knew comes again in no attempt, and is kept no more."""
    Privacy(database).opt_out(["ann"], START)

    def joined():
        with database.writing() as connection:
            rows = [{"id": one, "lead_id": "ann", "joined_at": START} for one in ("ann", "lead-1")]
            connection.execute(sa.insert(identities), rows)

    (first, *others), (delivery,) = rounds(database, INCLUDES, joined, lambda: None, reply=fails)
    assert b"reasons" in first
    assert (others, delivery.extra) == ([PLAIN, PLAIN], "{}")


def test_opted_out_before(database):
    """Of a lead that is out already nothing is included."""
    tell(database)
    Privacy(database).opt_out(["lead-1"], START)
    (body,), _ = rounds(database, INCLUDES)
    assert body == PLAIN


def test_erased(database):
    """An erasure takes what was included with it."""
    tell(database)
    erase = lambda: Privacy(database).erase("lead-1", START)  # noqa: E731
    bodies, left = rounds(database, INCLUDES, erase, reply=fails)
    assert (len(bodies), left) == (1, [])
    with database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(deliveries)) == 0


@pytest.mark.parametrize("include", EVERY, ids="-".join)
def test_sample(database, include):
    """A test has exactly the members that are asked for, so that others can build on it."""
    kept = Endpoints(database, Clock())
    endpoint, _ = kept.add("https://hooks.example.com", "", [], include)
    kept.test(endpoint.id)
    (one,) = kept.deliveries(endpoint.id, 9)
    body = json.loads(body_of(one.type, one.lead_id, one.created_at, one.data, one.extra))
    assert set(body["data"]) == {"endpoint_id", *include}
    assert (sample(include) is None) == (not include)


def test_changed(database):
    """What is included can be changed, and what is not given stays."""
    kept = Endpoints(database, Clock())
    endpoint, _ = kept.add("https://hooks.example.com", "", [], ["ids"])
    assert kept.change(endpoint.id, description="x").include == ("ids",)
    assert kept.change(endpoint.id, include=["offer"]).include == ("offer",)
    assert kept.change(endpoint.id, include=[]).include == ()


def test_too_long():
    """What is included is left out where the body would be too long; the rest stays."""
    extra = json.dumps({"ids": ["x" * 100] * 200})
    assert body_of("step.completed", "lead-1", START, '{"lead_id": "lead-1"}', extra) == PLAIN
    assert json.loads(body_of("a.b", None, START, "{}", '{"ids":[]}'))["data"] == {"ids": []}


def test_notifications_of_no_lead(database):
    """What tells of no lead includes nothing."""
    clock = Clock()
    kept = Endpoints(database, clock)

    async def run():
        async with receiving() as receiver, sending(database, clock) as sender:
            kept.add(receiver.url(), "", [], INCLUDES)
            announce(database, [notice("a", clock())._replace(lead_id=None, data='{"x":1}')])
            await deliver_due(sender)
            return [json.loads(one.body)["data"] for one in receiver.got]

    assert asyncio.run(run()) == [{"x": 1}]


def test_body():
    """The data stands in the body as it is kept."""
    body = body_of("step.completed", "ann", START, '{"text": "ä \\ud800"}')
    assert body == (
        b'{"type":"step.completed","timestamp":"2026-09-21T14:13:20Z",'
        b'"data":{"text": "\xc3\xa4 \\ud800"}}'
    )


@pytest.mark.parametrize("size", [19_000, 19_940, 20_000, 40_000])
def test_body_size(size):
    """A body is below 20 KB; too long data is left out, and the body says so."""
    data = json.dumps({"lead_id": "ann", "text": "x" * size})
    body = body_of("step.completed", "ann", START, data)
    assert len(body) < 20_000
    short = size < 19_900
    found = json.loads(body)["data"]
    assert found == (json.loads(data) if short else {"lead_id": "ann", "omitted": True})
