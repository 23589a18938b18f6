"""Marks and other work: one takes it, until its lease ends or it is given back."""

from __future__ import annotations

from contextlib import suppress

import pytest
import sqlalchemy as sa

from features.store.arrivals import Arrival
from features.store.kept.leases import Mark, ScoresWith
from features.store.privacy.opt_outs import NO_NEWS
from features.store.schema import identities, leases

SECOND = 1_000_000


def put(store, since, mark="m"):
    with store.database.writing() as connection:
        store.marks.put(connection, since, mark)


def test_marks_are_taken_by_lease(store):
    """The oldest first, each by one at a time; another may when the lease has ended."""
    put(store, {"ann": 30, "bob": 10, "cid": 20})
    assert store.marks.waiting() == (3, 10)
    assert store.marks.take(2, 100, SECOND) == [Mark("bob", "m", 10), Mark("cid", "m", 20)]
    assert store.marks.take(9, 100, SECOND) == [Mark("ann", "m", 30)]
    assert store.marks.take(9, 100, SECOND) == []
    assert len(store.marks.take(9, 100 + SECOND, SECOND)) == 3


@pytest.mark.parametrize("ahead", [3600 * SECOND, 86_400 * SECOND, 10**15])
def test_leases_of_a_clock_that_was_ahead(store, ahead):
    """What was taken until an instant that no lease reaches is free; others are respected."""
    put(store, {"ann": 1})
    assert store.marks.take(9, 100 + ahead, SECOND)
    assert store.marks.take(9, 100, SECOND) == [Mark("ann", "m", 1)]
    assert store.marks.take(9, 100, SECOND) == []
    assert store.leases.take("full run", "one", 100 + ahead, SECOND)
    assert store.leases.take("full run", "two", 100, SECOND)
    assert not store.leases.take("full run", "one", 100, SECOND)


def test_leases_of_a_clock_that_is_a_little_ahead(store):
    """A machine whose clock is half a minute ahead keeps what it has taken."""
    put(store, {"ann": 1})
    assert store.marks.take(9, 30 * SECOND, SECOND)
    assert store.marks.take(9, 100, SECOND) == []
    assert store.leases.take("full run", "one", 30 * SECOND, SECOND)
    assert not store.leases.take("full run", "two", 100, SECOND)


def test_marks_that_are_given_back(store):
    """What was taken and not served is free at once."""
    put(store, {"ann": 1, "bob": 2})
    taken = store.marks.take(9, 100, SECOND)
    store.marks.give_back(taken[:1])
    assert store.marks.take(9, 100, SECOND) == taken[:1]


def test_many_marks_new_and_put_again(store):
    """Those that are there get the new mark and keep all else; whatever ids look like."""
    former = {f"lead '{at}' \U0001f98a\n": at for at in range(700)}
    put(store, former)
    taken = store.marks.take(300, 1000, SECOND)
    put(store, dict.fromkeys(former, 5000) | {f"new-{at}": 6000 for at in range(600)}, "later")
    rest = store.marks.take(9999, 1000, SECOND)
    assert {one.sent_id: one.since for one in rest} == {
        one: since for one, since in former.items() if since >= 300
    } | {f"new-{at}": 6000 for at in range(600)}
    assert {one.mark for one in rest} == {"later"}
    with store.database.writing() as connection:
        store.marks.remove(connection, taken)  # put again: free, and served by nobody
    assert [one._replace(mark="m") for one in store.marks.take(9999, 1000, SECOND)] == taken


def test_a_mark_that_is_put_again_stays(store):
    """Served marks go, but for news that came meanwhile; its waiting counts from the first news."""
    put(store, {"ann": 1, "bob": 2})
    taken = store.marks.take(9, 100, SECOND)
    put(store, {"ann": 50}, "later")
    with store.database.writing() as connection:
        store.marks.remove(connection, taken)
    assert store.marks.take(9, 100, SECOND) == [Mark("ann", "later", 1)]


def test_one_works_on_a_lead_at_a_time(store):
    """News of a lead that somebody scores waits until that is stored, or its lease has ended.

    Else two would store scores of it, and the one that has read less may be the last.
    """
    put(store, {"ann": 1})
    taken = store.marks.take(9, 100, SECOND)
    put(store, {"ann": 50}, "later")
    assert store.marks.take(9, 101, SECOND) == []
    assert store.marks.take(9, 100 + SECOND, SECOND) == [Mark("ann", "later", 1)]
    store.marks.give_back(taken)
    assert store.marks.take(9, 101, SECOND) == [Mark("ann", "later", 1)]


def test_leads_with_marks(store):
    """A lead has a mark if news came under any of its ids."""
    put(store, {"ann": 1})
    with store.database.reading() as connection:
        assert store.marks.among(connection, ["ann", "bob"]) == {"ann"}


def test_leads_whose_news_is_of_some_names(store):
    """By what came since the mark, whatever came before; under the name that the lead has."""
    at = iter(range(10, 100))
    for sent_id, name in (("ann", "order"), ("bob", "order"), ("bob-phone", "view")):
        now = next(at)
        store.ingest([Arrival(f"m{now}", sent_id, name, now, now, "{}")])
    done = store.marks.take(9, 100, SECOND)
    with store.database.writing() as connection:
        store.marks.remove(connection, [one for one in done if one.sent_id != "ann"])
        alias = {"id": "bob-phone", "lead_id": "bob", "joined_at": 1}
        connection.execute(sa.insert(identities).values(alias))
        assert store.marks.of_events(connection, {"order"}) == {"ann"}
    store.ingest([Arrival("m50", "bob-phone", "order", 50, 50, "{}")])
    with store.database.reading() as connection:
        assert store.marks.of_events(connection, {"order", "other"}) == {"ann", "bob"}
        assert store.marks.of_events(connection, {"view"}) == set()
        assert store.marks.of_events(connection, ()) == set()


def test_marks_of_one_instant(store):
    """They are taken by their ids, so that it is the same ones everywhere."""
    put(store, {"cid": 10, "ann": 10, "bob": 10, "zoe": 9})
    taken = [[one.sent_id for one in store.marks.take(2, 100, SECOND)] for _ in range(2)]
    assert taken == [["zoe", "ann"], ["bob", "cid"]]


def test_what_is_no_news(store):
    """A lead that is only to be scored once more has a mark, and nothing new; under all its ids."""
    once_more = f"{NO_NEWS}1"
    put(store, {"ann": 1, "bob": 2}, once_more)
    with store.database.writing() as connection:
        connection.execute(sa.insert(identities).values(id="ann@mail", lead_id="ann", joined_at=1))
    marks = store.marks
    with store.database.reading() as connection:
        assert marks.among(connection, ["ann", "bob"]) == set()
        assert marks.of(connection, ["ann", "cid"]) == {"ann": {("ann", once_more)}}
    put(store, {"ann@mail": 3})
    with store.database.reading() as connection:
        assert marks.among(connection, ["ann", "bob", "ann@mail"]) == {"ann"}
        both = {("ann", once_more), ("ann@mail", "m")}
        assert marks.of(connection, ["ann", "bob"]) == {"ann": both, "bob": {("bob", once_more)}}
    assert [one.is_news for one in marks.take(9, 100, SECOND)] == [False, False, True]


def test_news_of_a_lead_that_is_to_be_scored_once_more(store):
    """It is news, and its mark still says that what came before it is none."""
    put(store, {"ann": 1, "bob": 2}, f"{NO_NEWS}1")
    for mark in ("m", "n"):
        put(store, {"ann": 3, "cid": 4}, mark)
    with store.database.reading() as connection:
        assert store.marks.among(connection, ["ann", "bob", "cid"]) == {"ann", "cid"}
        assert store.marks.again(connection) == ["ann", "bob"]
    taken = store.marks.take(9, 100, SECOND)
    assert [(one.is_news, one.is_again) for one in taken] == [
        (True, True),
        (False, True),
        (True, False),
    ]
    with store.database.writing() as connection:
        store.marks.remove(connection, taken)
    put(store, {"ann": 5}, "o")
    assert store.marks.take(9, 100, SECOND) == [Mark("ann", "o", 5)]


def test_who_scores(store):
    """Leases of scorers alone, each until it ends; those that have ended are cleared away."""
    one, two = ScoresWith("b2b", "1"), ScoresWith("b2b", "2")
    scorers = store.scorers
    assert store.leases.take("all scores now", "somebody", 0, 900 * SECOND)
    assert scorers.take(one, "a", 0)
    assert scorers.take(two, "a 2", 20 * SECOND)
    assert scorers.take(two, "a", 25 * SECOND)
    assert scorers.others("a", 29 * SECOND) == [two]
    assert not scorers.take(ScoresWith("b2c", "1"), "b", 49 * SECOND)
    scorers.release("a")
    assert scorers.others("", 49 * SECOND) == [two]
    assert scorers.others("", 50 * SECOND) == []
    assert scorers.take(ScoresWith("b2c", "1"), "b", 50 * SECOND)
    with store.database.reading() as connection:
        names = connection.scalars(sa.select(leases.c.name).order_by(leases.c.name)).all()
    assert names == ["all scores now", "scores b"]
    assert not scorers.take(one, "c", 79 * SECOND)
    assert scorers.take(one, "b", 79 * SECOND), "its own former ladder is in nobody's way"


def test_a_lease_has_one_holder(store):
    """Work is one holder's until its lease has ended or was given back."""
    leases = store.leases
    assert leases.take("full run", "one", 0, 10)
    assert not leases.take("full run", "two", 5, 10)
    assert leases.take("full run", "one", 5, 10)
    assert leases.take("full run", "two", 15, 10)
    leases.release("full run", "one")
    assert not leases.take("full run", "one", 16, 10)
    leases.release("full run", "two")
    assert leases.take("full run", "one", 16, 10)


def test_work_that_is_held(store):
    """It is the holder's once it has asked, whenever it asks again, and until the block ends."""
    leases, now = store.leases, [0]
    with leases.held("full run", "one", lambda: now[0], 10) as is_ours:
        assert leases.take("full run", "two", 0, 10)
        assert not is_ours()
        now[0] = 10
        assert is_ours()
        now[0] = 19
        assert is_ours()
        assert not leases.take("full run", "two", 28, 10)
    assert leases.take("full run", "two", 28, 10)


def test_work_that_another_holds(store):
    """Who never had it, or lost it meanwhile, takes it from nobody at the end; errors pass."""
    leases = store.leases
    assert leases.take("full run", "two", 0, 10)
    with leases.held("full run", "one", lambda: 5, 10) as is_ours:
        assert not is_ours()
    assert not leases.take("full run", "one", 6, 10)
    with suppress(ZeroDivisionError), leases.held("full run", "one", lambda: 11, 10) as is_ours:
        assert is_ours()
        assert leases.take("full run", "two", 21, 10)
        raise ZeroDivisionError
    assert not leases.take("full run", "one", 22, 10)
