"""Events kept in memory are those that the store holds, whatever happens to it meanwhile."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import UnknownLead, UnknownLink
from features.ladder.file import read_ladder
from features.store.arrivals import Arrival, Event
from features.store.events import EventStore
from features.store.privacy.erasures import erase, wipe
from features.store.schema import events
from features.store.whole_log import tables
from features.store.whole_log.log import log_of_some
from features.store.whole_log.recent import RecentEvents
from tests.features.store.scene import LADDER, assert_same_log, imported, sweep
from tests.profiles import examples

_IDS = ["ann", "bob", "cyd", "é", "web-1"]


@st.composite
def _steps(draw):
    """What may happen to a store, each step with the leads that are asked for after it."""
    one = st.sampled_from(_IDS)
    happens = st.one_of(
        st.tuples(st.just("arrive"), st.lists(st.tuples(one, one, st.integers(0, 9)), max_size=9)),
        st.tuples(st.just("append"), st.lists(st.tuples(one, st.integers(0, 9)), max_size=9)),
        st.tuples(st.just("erase"), one),
        st.tuples(st.just("delete"), one),
        st.tuples(st.just("undo"), st.tuples(one, one)),
        st.tuples(st.just("wipe"), st.none()),
        st.tuples(st.just("sweep"), st.integers(0, 3)),
    )
    return draw(st.lists(st.tuples(happens, st.lists(one, max_size=4)), max_size=12))


@settings(max_examples=examples(60), deadline=None)
@given(_steps(), st.sampled_from([0, 400, 1 << 20]))
def test_as_read_anew(tmp_path_factory, steps, most_bytes):
    """Whatever arrives, is joined, erased, deleted or renumbered, and however little is kept."""
    with EventStore.open(tmp_path_factory.mktemp("store") / "events.db") as store:
        recent = RecentEvents(store.database, most_bytes)
        for at, (happens, asked) in enumerate(steps):
            _do(store, happens, 1_000_000_000 * at)
            assert_as_read(store, recent, asked)
        assert_as_read(store, recent, _IDS)


def assert_as_read(store, recent, asked, ladder=LADDER):
    with store.database.reading() as connection:
        expected = log_of_some(connection, asked, ladder)
    assert_same_log(recent.log_of(asked, ladder), expected)


def _do(store, happens, now):
    what, about = happens
    if what == "arrive":
        store.ingest([_arrival(one, now + place) for place, one in enumerate(about)])
    elif what == "append":
        store.append_events(
            Event(f"{now}-{place}", lead, "view", when, now + place, _said(when))
            for place, (lead, when) in enumerate(about)
        )
    elif what == "delete":  # as whoever keeps events for a time only may do by hand
        with store.database.writing() as connection:
            connection.execute(sa.delete(events).where(events.c.lead_id == about))
    elif what == "wipe":
        wipe(store.database)
    elif what == "sweep":
        sweep(store, about)
    elif what == "undo":
        _undone(store, about[0], about[1], now)
    else:
        _erased(store, about, now)


def _arrival(told, when):
    lead, other, value = told
    anonymous = other if other != lead else None
    occurred = when - value * 1_000
    return Arrival(f"m{when}", lead, "view", occurred, when, _said(value), anonymous_id=anonymous)


def _said(value):
    return json.dumps({"minutes": value, "section": f"part {value}"} if value % 3 else {})


def _erased(store, lead, now):
    with store.database.writing() as connection:
        try:
            erase(connection, lead, now, None)
        except UnknownLead:
            return


def _undone(store, source, target, now):
    try:
        store.undo_link("claim", source, target, now)
    except UnknownLink:
        return


def test_what_is_held_is_not_read_again(store, file, monkeypatch):
    """Of a lead that was asked for before, only what is new is read, on SQLite."""
    imported(store, file)
    recent = RecentEvents(store.database)
    assert_as_read(store, recent, ["ann", "bob"])
    sweep(store, 3)  # what is moved meanwhile is no news
    store.append_events([Event("new", "ann", "view", 9, 9, '{"minutes":3}')])
    read = _rows_read(monkeypatch)
    assert_as_read(store, recent, ["ann", "bob"])
    # The store is read once more by what it is compared with: five events and the new one.
    assert sum(read) == (6 + 1 if store.database.is_sqlite else 6 + 6)


def _rows_read(monkeypatch):
    read, table = [], tables._table

    def counted(ids, *rest):
        read.append(len(ids))
        return table(ids, *rest)

    monkeypatch.setattr(tables, "_table", counted)
    return read


def test_another_ladder_reads_other_columns(store, file):
    """What a model reads that begins to serve is read from the database."""
    imported(store, file)
    store.append_events([Event("of-b2c", "ann", "view", 9, 9, '{"device":"phone","day":3}')])
    recent = RecentEvents(store.database)
    for ladder in (LADDER, read_ladder("b2c"), LADDER):
        assert_as_read(store, recent, ["ann"], ladder)


def test_others_in_the_place_of_those_that_went(store):
    """As many events with the numbers of those that were deleted are not taken for them."""
    recent = RecentEvents(store.database)
    for round_ in range(3):
        with store.database.writing() as connection:
            connection.execute(sa.delete(events).where(events.c.lead_id == "ann"))
        store.append_events(
            Event(f"{round_}-{at}", "ann", "view", round_ % 2, round_ + at, "{}") for at in range(3)
        )
        assert_as_read(store, recent, ["ann"])


def test_it_is_bounded(store):
    """More than was allowed is let go of, what was asked for last stays; nothing of PostgreSQL."""
    leads = [f"lead-{at}" for at in range(100)]
    store.append_events(
        Event(f"{lead}-{at}", lead, "view", at, at, _said(at)) for lead in leads for at in range(20)
    )
    recent = RecentEvents(store.database, 30_000)
    for start in range(0, 100, 10):
        assert_as_read(store, recent, [*leads[start : start + 10], "lead-0"])
        assert (0 < recent.bytes <= 30_000) == store.database.is_sqlite
        if start > 30 and store.database.is_sqlite:
            assert {"lead-0", leads[start]} <= set(recent._held.number_of)
            assert "lead-10" not in recent._held.number_of


@pytest.mark.parametrize("look", ["another", "nobody"])
def test_an_erased_lead_is_out_of_memory(store, look):
    """After an erasure the next look leaves nothing of the lead, also where nobody is asked for."""
    store.append_events([Event(f"m-{one}", one, "view", 1, 1, "{}") for one in _IDS])
    recent = RecentEvents(store.database)
    recent.log_of(_IDS, LADDER)
    recent.let_go_of_erased()
    assert ("ann" in recent._held.number_of) == store.database.is_sqlite
    _erased(store, "ann", 5)
    if look == "another":
        recent.log_of(["bob"], LADDER)
    else:
        recent.let_go_of_erased()
    assert "ann" not in recent._held.number_of
    assert all("ann" not in part.table.lead_id.to_pylist() for part in recent._held.parts)
