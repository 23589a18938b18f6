"""Who was erased and must not come back: whatever brings events of them, none is kept."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event as Signal

import pytest
import sqlalchemy as sa

from features.errors import UnknownLead
from features.events.table import EventTable
from features.reading import read_table
from features.store.arrivals import Event
from features.store.events import Appended, EventStore
from features.store.people.hands import NOBODY
from features.store.privacy import Privacy
from features.store.schema import METADATA, events, meta, suppressions
from tests.features.store.privacy.scene import arrival, everything

IDS = ("ann", "old-ann", "visitor-1")


@pytest.fixture
def erased(merged: EventStore, privacy: Privacy) -> EventStore:
    """A store whose lead `ann` opted out, was erased and is suppressed."""
    privacy.opt_out(["ann"], opted_out_at=50)
    erasure = privacy.erase("visitor-1", 100, is_suppressed=True)
    assert (erasure.is_suppressed, erasure.as_dict()["suppressed"]) == (True, True)
    return merged


@pytest.mark.parametrize("id_", IDS)
def test_nothing_is_kept_of_them(erased, id_):
    """Events under any of the ids are dropped, whichever way they come, and link nothing."""
    before = everything(erased.database)
    assert erased.ingest([arrival(20, id_), arrival(21, id_, anonymous_id="new")]) == [None, None]
    rows = [Event("m22", id_, "page_viewed", 1, 1), Event("m23", "bob", "page_viewed", 1, 1)]
    assert erased.append_events(rows[:1]) == Appended(0, 0, 1)
    assert not erased.append_new(rows[:1])
    assert everything(erased.database) == before
    assert erased.append_events(rows) == Appended(1, 0, 1)


def test_others_beside_them(erased):
    """Who comes along with one of the ids is stored, and is not linked with it."""
    sent = [
        arrival(20, "carl", anonymous_id="visitor-1"),
        arrival(21, "dora", previous_id="ann"),
        arrival(22, "ann", anonymous_id="visitor-2"),
        arrival(23, "visitor-2"),
    ]
    assert erased.ingest(sent) == [True, True, None, True]
    assert [erased.ids_of(one) for one in ("carl", "dora", "visitor-2")] == [
        ["carl"],
        ["dora"],
        ["visitor-2"],
    ]
    with erased.database.reading() as connection:
        assert not connection.scalar(sa.select(events.c.name).where(events.c.lead_id.in_(IDS)))


def test_a_file(erased, tmp_path):
    """An import leaves their rows out, and says how many they were."""
    file = tmp_path / "events.jsonl"
    rows = [{"lead_id": one, "name": "view", "occurred_at": "2026-03-01T00:00:00Z"} for one in IDS]
    rows.append(rows[0] | {"lead_id": "bob"})
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table: EventTable = read_table(file)[0]
    assert erased.append(table) == Appended(1, 0, 3)
    assert erased.append(table) == Appended(0, 1, 3)


def test_it_names_nobody(erased):
    """What is kept is a hash for each id, which no other store's key gives."""
    with erased.database.reading() as connection:
        hashes = [row.hash for row in connection.execute(sa.select(suppressions))]
        text = " ".join(
            str(tuple(row))
            for table in METADATA.sorted_tables
            for row in connection.execute(sa.select(table))
        )
        key = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "suppression_key"))
    assert len(set(hashes)) == len(IDS)
    assert len(bytes.fromhex(key)) == 32
    assert not any(one in text for one in IDS)


@pytest.mark.parametrize("id_", IDS)
def test_taken_back(erased, privacy, id_):
    """By any of the ids all of them may come back, as somebody new."""
    assert privacy.unsuppress(id_) == len(IDS)
    assert all(erased.ingest([arrival(30 + at, one) for at, one in enumerate(IDS)]))
    assert not privacy.is_opted_out("ann")
    with pytest.raises(UnknownLead, match=f"lead '{id_}' is not suppressed"):
        privacy.unsuppress(id_)


@pytest.mark.usefixtures("erased")
@pytest.mark.parametrize("id_", ["bob", "", "a\0b", "\ud800", "ANN"])
def test_who_is_not_suppressed(privacy, id_):
    """Of others, and of what no database holds, there is nothing to take back."""
    with pytest.raises(UnknownLead, match="is not suppressed"):
        privacy.unsuppress(id_)


def test_without_being_asked_for(merged, privacy):
    """An erasure alone suppresses nobody: who comes back is new."""
    privacy.erase("ann", 100)
    assert merged.ingest([arrival(20, "ann")]) == [True]


@pytest.mark.usefixtures("erased")
def test_they_are_not_profiled_in_passing(privacy):
    """Who brings its own events is not scored either; that is how they count as opted out."""
    assert privacy.opted_out_of(["ann", "bob", "old-ann"]) == {"ann", "old-ann"}


def test_what_a_process_knows(erased):
    """A process knows of others' suppressions after seconds, and of its own at once."""
    known = erased.suppressions
    assert known.is_stale
    assert known.among(IDS) == set()
    known.refresh()
    assert not known.is_stale
    assert known.among([*IDS, "bob", "\ud800"]) == set(IDS)
    Privacy(erased.database).unsuppress("ann")
    known.forget()
    assert known.is_stale
    known.refresh()
    assert known.among(IDS) == set()


@pytest.mark.parametrize("is_suppressed", [True, False])
def test_events_that_are_on_their_way(merged, privacy, is_suppressed):
    """An erasure waits for those who store at this moment, and none of it is left behind.

    Nor do the two wait for each other: for what one keeps of a lead, and for whose turn it is.
    """
    claim = arrival(20, "ann", 40, name="lead_claimed", properties='{"by": "Bob"}')
    merged.ingest([claim._replace(message_id="before", occurred_at=39)])
    is_stored, go_on = Signal(), Signal()
    links = merged.identities.add

    def slowly(*told):
        is_stored.set()
        assert go_on.wait(20)
        return links(*told)

    merged.identities.add = slowly
    with ThreadPoolExecutor(2) as pool:
        stored = pool.submit(merged.ingest, [claim._replace(anonymous_id="visitor-9")])
        assert is_stored.wait(20)
        erasing = pool.submit(privacy.erase, "ann", 100, is_suppressed=is_suppressed)
        wait([erasing], 0.3)
        go_on.set()
        assert stored.result(20) == [True]
        assert erasing.result(20).ids == 4
    assert merged.events_of("ann") == merged.events_of("visitor-9") == []
    assert merged.hands.of("ann") == NOBODY


@pytest.mark.usefixtures("merged")
def test_is_suppressed(privacy):
    """Whether an id must not come back is known by any id that was erased with it, and no other."""
    assert not privacy.is_suppressed("ann")
    privacy.erase("ann", erased_at=60, is_suppressed=True)
    assert [privacy.is_suppressed(one) for one in ("ann", "visitor-1", "bob")] == [
        True,
        True,
        False,
    ]


@pytest.mark.usefixtures("erased")
def test_they_are_profiled_no_more(privacy):
    """One and several ids are told alike: whoever was erased for good is left alone."""
    asked = [*IDS, "carl", "bob", "a\0", "\ud800"]
    assert [one for one in asked if privacy.is_opted_out(one)] == [*IDS]
    assert privacy.opted_out_of(asked) == {*IDS}
    privacy.unsuppress("ann")
    assert not privacy.is_opted_out("ann")
