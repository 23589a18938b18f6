"""Endpoints: what is kept of them, who may have what, and sending again."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from features.store.kept.notifications import Notice
from features.store.schema import deliveries, endpoints, notifications
from serving.notifications.endpoints import Endpoints
from serving.notifications.errors import EndpointDisabled, UnknownEndpoint
from serving.notifications.outcomes import purge
from tests.serving.notifications.receiver import (
    HOUR,
    SECOND,
    START,
    Clock,
    announce,
    delivery,
    fail,
    notice,
    settle,
)

DAY = 24 * HOUR
URL = "https://hooks.example.com/rung?token=T0KEN"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kept(database, clock):
    return Endpoints(database, clock)


def deliver(database, notification_id, endpoint_id):
    settle(database, notification_id, endpoint_id, due_at=None, attempts=1, delivered_at=START)


def states(kept, endpoint_id):
    return {one.notification_id: one.state for one in kept.deliveries(endpoint_id, 200)}


def secrets_of(database, endpoint_id):
    wanted = sa.select(
        endpoints.c.secret, endpoints.c.former_secret, endpoints.c.former_until
    ).where(endpoints.c.id == endpoint_id)
    with database.reading() as connection:
        return tuple(connection.execute(wanted).one())


def test_added(kept, database, clock):
    """What was added is found, alone and among all, in the order of its making."""
    first, secret = kept.add(URL, "CRM", ["step.completed"])
    clock.later(1)
    kept.add(URL, "", [])
    assert kept.one(first.id) == first
    assert kept.all()[0] == first
    assert (first.url, first.description, first.types) == (URL, "CRM", ("step.completed",))
    assert (first.created_at, first.disabled_at) == (START, None)
    assert secrets_of(database, first.id) == (secret, None, None)
    assert len({one.id for one in kept.all()}) == 2


def test_shows_no_secret(kept):
    """Neither the secret nor the URL is in what is printed of an endpoint."""
    made, secret = kept.add(URL, "", [])
    assert secret not in repr(made)
    assert "T0KEN" not in repr(made)


def test_unknown(kept):
    """An endpoint that there is none of is an error of every call."""
    for call in (
        kept.one,
        kept.change,
        kept.remove,
        kept.rotate,
        kept.test,
        lambda id_: kept.deliveries(id_, 5),
        lambda id_: kept.replay(id_, ["a"]),
        lambda id_: kept.replay_since(id_, 0),
    ):
        with pytest.raises(UnknownEndpoint, match="no endpoint 'nobody'"):
            call("nobody")


def test_changed(kept):
    """What is given changes, all else stays."""
    made, _ = kept.add(URL, "CRM", ["step.completed"])
    assert kept.change(made.id).types == ("step.completed",)
    changed = kept.change(made.id, url="https://example.com/", types=[])
    assert (changed.url, changed.description, changed.types) == ("https://example.com/", "CRM", ())
    assert kept.one(made.id) == changed


def test_disabled_and_enabled(kept, database, clock):
    """A disabled endpoint loses what waits and gets nothing new, until it is enabled."""
    made, _ = kept.add(URL, "", [])
    announce(database, [notice("a"), notice("b")])
    deliver(database, "b", made.id)
    clock.later(5)
    off = kept.change(made.id, enabled=False)
    assert (off.disabled_at, off.disabled_why) == (START + 5 * SECOND, "on request")
    announce(database, [notice("c")])
    assert states(kept, made.id) == {"a": "failed", "b": "delivered"}
    assert delivery(database, "a", made.id)["error"] == "the endpoint was disabled: on request"
    assert kept.change(made.id, enabled=False).disabled_at == off.disabled_at
    on = kept.change(made.id, enabled=True)
    assert (on.disabled_at, on.disabled_why) == (None, None)
    announce(database, [notice("d")])
    assert states(kept, made.id) == {"a": "failed", "b": "delivered", "d": "waiting"}


def test_removed(kept, database):
    """With an endpoint its deliveries go, and nobody else's."""
    gone, stays = (kept.add(URL, "", [])[0] for _ in range(2))
    announce(database, [notice("a")])
    kept.remove(gone.id)
    assert kept.all() == [stays]
    assert states(kept, stays.id) == {"a": "waiting"}
    with database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(deliveries)) == 1


def test_rotated(kept, database, clock):
    """The former secret is kept for a day; at the next rotation the one before that is not."""
    made, first = kept.add(URL, "", [])
    rotated, second = kept.rotate(made.id)
    assert secrets_of(database, made.id) == (second, first, START + DAY)
    assert rotated.former_until == START + DAY
    clock.later(60)
    _, third = kept.rotate(made.id)
    assert secrets_of(database, made.id) == (third, second, START + DAY + 60 * SECOND)
    assert len({first, second, third}) == 3


def test_test(kept):
    """A test goes to one endpoint alone, whatever it wants."""
    asked, other = kept.add(URL, "", ["step.completed"])[0], kept.add(URL, "", [])[0]
    id_ = kept.test(asked.id)
    assert states(kept, asked.id) == {id_: "waiting"}
    assert states(kept, other.id) == {}


def test_nothing_for_a_disabled_one(kept):
    """A disabled endpoint can have neither a test nor a replay; the error says why it is off."""
    made, _ = kept.add(URL, "", [])
    kept.change(made.id, enabled=False)
    for call in (
        kept.test,
        lambda id_: kept.replay(id_, ["a"]),
        lambda id_: kept.replay_since(id_, 0),
    ):
        with pytest.raises(EndpointDisabled, match=r"is disabled \(on request\); enable it"):
            call(made.id)


# --------------------------------------------------------------------------------------- Deliveries


def test_listed(kept, database):
    """Deliveries are listed by state, the latest first, and in pages that lose none."""
    made, _ = kept.add(URL, "", [])
    announce(database, [notice(f"n{at}", START + at // 2) for at in range(9)])
    for at in (0, 3, 6):
        fail(database, f"n{at}", made.id)
        deliver(database, f"n{at + 1}", made.id)
    every = kept.deliveries(made.id, 200)
    keys = [(-one.created_at, one.notification_id) for one in every]
    assert [key[0] for key in keys] == sorted(key[0] for key in keys)
    assert len(every) == 9
    for state, expected in (
        ("failed", {0, 3, 6}),
        ("delivered", {1, 4, 7}),
        ("waiting", {2, 5, 8}),
    ):
        found = kept.deliveries(made.id, 200, state)
        assert {one.notification_id for one in found} == {f"n{at}" for at in expected}
        assert {one.state for one in found} == {state}
    paged, after = [], None
    while page := kept.deliveries(made.id, 2, None, after):
        paged += page
        after = page[-1].created_at, page[-1].notification_id
    assert paged == every


def test_what_is_listed(kept, database):
    """A delivery says how far it came, and under which id the receiver knows it."""
    made, _ = kept.add(URL, "", [])
    announce(database, [notice("a.b")])
    fail(database, "a.b", made.id)
    (found,) = kept.deliveries(made.id, 5)
    assert (found.attempts, found.status, found.error, found.due_at) == (10, 500, "x", None)
    assert (found.type, found.lead_id, found.created_at) == ("step.completed", "lead-1", START)
    assert found.webhook_id.startswith("msg_")


def test_replayed(kept, database, clock):
    """Notifications are sent again, delivered, failed or missed; unknown ones are left out."""
    kept_, other = kept.add(URL, "", [])[0], kept.add(URL, "", [])[0]
    announce(database, [notice("a"), notice("b"), notice("c")])
    fail(database, "a", kept_.id)
    deliver(database, "b", kept_.id)
    kept.change(kept_.id, enabled=False)
    announce(database, [notice("missed")])
    kept.change(kept_.id, enabled=True)
    clock.later(60)
    assert kept.replay(kept_.id, ["missed", "b", "a", "a", "unknown"]) == ["a", "b", "missed"]
    for id_ in ("a", "b", "missed"):
        row = delivery(database, id_, kept_.id)
        assert (row["due_at"], row["attempts"], row["delivered_at"]) == (clock(), 0, None)
    assert states(kept, kept_.id)["c"] == "failed"
    assert {one.due_at for one in kept.deliveries(other.id, 9)} == {START}


def test_many_replayed(kept, database):
    """More ids than one statement takes are replayed all the same."""
    made, _ = kept.add(URL, "", [])
    ids = [f"n{at:04}" for at in range(1000)]
    announce(database, [notice(id_) for id_ in ids])
    assert kept.replay(made.id, [*ids, "unknown"]) == ids


def test_no_replay_of_what_is_being_sent(kept, database, clock):
    """A delivery that a process is at is left to it."""
    made, _ = kept.add(URL, "", [])
    announce(database, [notice("a")])
    settle(database, "a", made.id, leased_until=START + 60 * SECOND, attempts=3)
    kept.replay(made.id, ["a"])
    assert delivery(database, "a", made.id)["attempts"] == 3
    clock.later(61)
    kept.replay(made.id, ["a"])
    assert delivery(database, "a", made.id)["attempts"] == 0


def test_neither_tests_nor_its_own_end_are_sent_again(kept, database):
    """A test is asked for by itself; that an endpoint was disabled is told to the others."""
    gone, _ = kept.add(URL, "", [])
    other, _ = kept.add("https://example.com/other", "", [])
    fail(database, kept.test(gone.id), gone.id)
    kept.change(gone.id, enabled=False)
    body = json.dumps({"endpoint_id": gone.id, "why": "it is gone"})
    told = notice("ended", START + 1, "webhook.disabled")._replace(data=body)
    announce(database, [told, notice("news", START + 1)])
    kept.change(gone.id, enabled=True)
    assert kept.replay_since(gone.id, START) == 1
    assert states(kept, gone.id)["news"] == "waiting"
    assert {"ended", "news"} <= set(states(kept, other.id))


def test_replayed_since(kept, database, clock):
    """All that failed or was missed since an instant is sent again, and nothing else."""
    made, _ = kept.add(URL, "", ["step.completed"])
    announce(database, [notice(id_, START + at) for at, id_ in enumerate(["old", "new", "done"])])
    fail(database, "old", made.id)
    fail(database, "new", made.id)
    deliver(database, "done", made.id)
    announce(database, [notice("waits", START + 3)])
    late, _ = kept.add(URL, "", ["step.completed"])
    announce(database, [notice("other", START + 3, "model.promoted")])
    clock.later(60)
    kept.test(made.id)
    assert kept.replay_since(made.id, START + 1) == 1
    assert kept.replay_since(late.id, START + 1) == 3
    wants_all, _ = kept.add(URL, "", [])
    assert kept.replay_since(wants_all.id, START + 1) == 4
    found = states(kept, made.id)
    assert (found["old"], found["new"], found["done"]) == ("failed", "waiting", "delivered")
    assert set(states(kept, late.id)) == {"new", "done", "waits"}
    assert delivery(database, "waits", made.id)["due_at"] == START + 3


# -------------------------------------------------------------------------------------------- Purge


def test_purged(kept, database):
    """After 30 days a notification goes, if nothing of it is due; with it go its deliveries."""
    one, two = (kept.add(URL, "", [])[0] for _ in range(2))
    now = START + 30 * DAY
    announce(database, [notice("old", START - 1), notice("due", START - 1), notice("new", START)])
    for id_ in ("old", "new"):
        deliver(database, id_, one.id)
        fail(database, id_, two.id)
    deliver(database, "due", one.id)
    assert purge(database, now) == 1
    assert set(states(kept, one.id)) == set(states(kept, two.id)) == {"due", "new"}
    with database.reading() as connection:
        assert set(connection.scalars(sa.select(notifications.c.id))) == {"due", "new"}
        assert connection.scalar(sa.select(sa.func.count()).select_from(deliveries)) == 4
    fail(database, "due", two.id)
    assert purge(database, now) == 1


def test_many_purged(database, monkeypatch):
    """Old notifications go in batches, those without any delivery too."""
    monkeypatch.setattr("serving.notifications.outcomes._PURGED_AT_ONCE", 3)
    data = json.dumps({})
    announce(database, [Notice(f"n{at}", "x", None, START, data) for at in range(10)])
    assert purge(database, START + 31 * DAY) == 10
    assert purge(database, START + 31 * DAY) == 0
