"""What the store keeps: each event once, in time order, with what belongs together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from features.store.arrivals import Event
from features.store.events import EventStore
from tests.databases import opened
from tests.features.store.identities.scene import arrival
from tests.features.store.scene import MADE, SHOWN, imported


def test_events_of(store, file):
    """A lead's events come in time order, with the properties as they were given."""
    imported(store, file)
    rows = store.events_of("ann")
    assert [(name, properties) for name, _, _, properties in rows] == [
        ("view", {"own_data": True}),
        ("view", {"own_data": True}),
        ("tool_used", {"minutes": 4.5}),
        ("call", {"minutes": "12", "note": "é"}),
    ]
    assert rows[-1][1:3] == (1_775_001_600_000_000, 1_774_915_200_000_000)
    assert store.events_of("nobody") == []


def test_event(store):
    """An event is found by its message id, as it was given, whatever that id is."""
    store.append_events([MADE, SHOWN])
    assert store.event("made") == MADE
    assert store.event("shown") == SHOWN
    for unknown in ("", "MADE", "made ", "made' OR '1'='1", "é"):
        assert store.event(unknown) is None


def test_append_new(store):
    """Events are added with the minutes they cost if the first is new; else nothing is."""
    assert store.append_new([MADE, SHOWN], 20_000, 30.0)
    assert (store.count(), store.rep_minutes(20_000), store.rep_minutes(19_999)) == (2, 30.0, 0.0)
    later = Event("later", "ann", "view", 9, 9)
    assert not store.append_new([MADE._replace(lead_id="bob"), later], 20_000, 30.0)
    assert (store.count(), store.rep_minutes(20_000), store.event("later")) == (2, 30.0, None)
    assert store.append_new([later], 20_000, 12.5)
    assert store.append_new([later._replace(message_id="free")])
    assert (store.count(), store.rep_minutes(20_000)) == (4, 42.5)


def test_append_new_beside_a_known_event(store):
    """An event that is there already keeps none of the others out, if it is not the first."""
    store.append_events([SHOWN._replace(properties='{"first":1}')])
    assert store.append_new([MADE, SHOWN])
    kept = store.event("shown")
    assert kept is not None
    assert kept.properties == '{"first":1}'


def test_append_new_is_all_or_nothing(store):
    """Where one event cannot be stored, none of them is, and no minutes are counted."""
    with pytest.raises(sa.exc.IntegrityError, match=r"(?i)not.null"):
        store.append_new([MADE, SHOWN._replace(name=None)], 20_000, 30.0)  # type: ignore[arg-type]
    assert (store.count(), store.rep_minutes(20_000)) == (0, 0.0)
    assert store.append_new([MADE])


def test_a_lead_of_many_ids_is_read_in_steps_of_their_number(tmp_path):
    """Its events, and their stamp: SQLite does not go through all ids for each of them."""
    store = EventStore(opened(tmp_path / "rung.db"))
    taken = []
    for ids in (range(300), range(300, 1800)):
        store.ingest([arrival(f"{at}", f"anon-{at}", at) for at in ids])
        store.ingest([arrival(f"c{at}", "user", at, f"anon-{at}") for at in ids])
        taken.append(
            [_steps(store, one) for one in (store._lead_rows._of_lead, store._lead_rows._stamp)]
        )
    assert len(store.events_of("user")) == 3600
    stamped = store.stamp("anon-7")
    assert stamped is not None
    assert stamped[:2] == ("user", 3600)
    (events, stamp), (more_events, more_stamps) = taken
    assert 300 < more_events < 10 * events
    assert 300 < more_stamps < 10 * stamp


def _steps(store, read):
    """How many steps SQLite's machine takes to read what is asked of a lead."""
    taken = 0

    def step():
        nonlocal taken
        taken += 1
        return 0

    with store.database.reading() as connection:
        driver = connection.connection.driver_connection
        driver.set_progress_handler(step, 1)
        read.within(connection, lead="user")
        driver.set_progress_handler(None, 0)
    return taken


def test_append_new_at_once(tmp_path):
    """Of many that add the same first event at the same time, from two stores, one succeeds."""
    path = tmp_path / "store.db"
    with EventStore.open(path) as one, EventStore.open(path) as other:

        def add(number: int) -> bool:
            events = [MADE._replace(message_id=f"made-{number // 8}")]
            events.append(Event(f"own-{number}", "ann", "view", 1, 1))
            return (one, other)[number % 2].append_new(events, 20_000, 1.0)

        with ThreadPoolExecutor(8) as pool:
            added = list(pool.map(add, range(80)))
        assert [sum(added[at : at + 8]) for at in range(0, 80, 8)] == [1] * 10
        assert (one.count(), one.rep_minutes(20_000)) == (20, 10.0)
