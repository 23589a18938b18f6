"""A store from before events were noted is brought up to date: all of it, or nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from features.errors import StoreError
from features.store.database import Database
from features.store.events import Appended, Event, EventStore
from features.store.migrations import append_only, moving, noted
from tests.features.store.migrations.older import Usage, held, is_noted, older, some_events
from tests.features.store.scene import sweep

REVISIONS = ["0015", "0016"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a", "A", "é", "\U0001f600"]), st.integers(-(2**63), 2**63 - 1)
        ),
        max_size=12,
    ),
    st.integers(1, 5),
    st.sampled_from(REVISIONS),
)
def test_each_row_is_moved(tmp_path_factory, told, part, revision):
    """Whatever ids and instants there are, and however many at once: every row, as it was."""
    path = tmp_path_factory.mktemp("moved") / "store.db"
    events = [Event(f"{lead}{at}", lead, "v", when, 1) for at, (lead, when) in enumerate(told)]
    rows = older(path, events, revision)
    with pytest.MonkeyPatch.context() as patch:
        for module in (append_only, noted):
            patch.setattr(module, "_PART", part)
        EventStore.open(path).close()
    assert is_noted(path)
    assert held(path) == rows


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_was_moved_is_found(tmp_path, revision):
    """After it a store answers as before, and still knows what it has."""
    path, events = tmp_path / "store.db", some_events(300)
    older(path, events, revision)
    with EventStore.open(path) as store:
        assert store.append_events(events) == Appended(0, 300)
        assert store.count() == 300
        assert store.event("m-00007") == next(one for one in events if one[0] == "m-00007")
        own = sorted(one[3:5] for one in events if one.lead_id == "lead-3")
        assert sorted(row[1:3] for row in store.events_of("lead-3")) == own


def test_numbers_with_gaps(tmp_path):
    """Rows that were erased left gaps, and one has a number below zero: each stays what it is."""
    path = tmp_path / "store.db"
    older(path, some_events(9), "0016")
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM events WHERE rowid IN (2, 5)")
        connection.execute("UPDATE events SET rowid = -7 WHERE rowid = 9")
    connection.close()
    rows = held(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noted, "_PART", 2)
        EventStore.open(path).close()
    assert is_noted(path)
    assert held(path) == rows
    connection = sqlite3.connect(path)
    assert [row[0] for row in connection.execute("SELECT seq FROM events ORDER BY seq")] == [
        *(-7, 1, 3, 4, 6, 7, 8)
    ]
    connection.close()


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_full_disk(tmp_path, monkeypatch, revision):
    """Without room for it nothing is begun, and it is said how much is needed."""
    path = tmp_path / "store.db"
    rows = older(path, some_events(50), revision)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1000, 1000, 1000))
    with pytest.raises(StoreError, match="takes 1 MB beside it for a while, and 0 MB are free"):
        EventStore.open(path)
    assert not is_noted(path)
    assert held(path) == rows


@pytest.mark.parametrize("revision", REVISIONS)
def test_no_more_room_is_taken_than_was_asked_for(tmp_path, monkeypatch, revision):
    """With just the room that it wants the log fits, and then the file; the log is given back."""
    path, log = tmp_path / "store.db", tmp_path / "store.db-wal"
    older(path, some_events(20_000), revision)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM")
    size = path.stat().st_size
    room = int(size * moving._TIMES) + 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(room, 0, room))
    logged, shorten = [], Database.shorten_log

    def noting(database):
        logged.append(log.stat().st_size)
        return shorten(database)

    monkeypatch.setattr(Database, "shorten_log", noting)
    with EventStore.open(path):
        assert log.stat().st_size == 0
        grown = path.stat().st_size - size
    assert len(logged) == 1
    assert logged[0] + grown < room


def test_who_still_reads_keeps_nobody_from_opening_it(tmp_path):
    """The log stays as long as it is, then, and what was moved is there."""
    path = tmp_path / "store.db"
    rows = older(path, some_events(50), "0016")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM events").fetchone() == (50,)
        with EventStore.open(path) as store:
            assert store.count() == 50
            assert not store.database.shorten_log()
            reader.execute("COMMIT")
            assert store.database.shorten_log()
    assert held(path) == rows


def test_a_long_one_says_how_far_it_is(tmp_path, monkeypatch, caplog):
    """Whoever waits for a large store is told what is being done."""
    path = tmp_path / "store.db"
    older(path, some_events(50), "0015")
    monkeypatch.setattr(moving, "_QUIET_SECONDS", 0.0)
    for module in (append_only, noted):
        monkeypatch.setattr(module, "_PART", 20)
    EventStore.open(path).close()
    told = [record.message.partition("up to date: ")[2] for record in caplog.records]
    assert told == [
        *(f"{count} of 50 events are moved" for count in (20, 40, 50)),
        "the index by message id of 50 events is being made",
        "the index by lead of 50 events is being made",
        *(f"{count} of 50 events are numbered" for count in (20, 40, 50)),
        "the index by message id of 50 events is being made",
        "the index by lead of 50 events is being made",
    ]


_DIES = """
import os, signal, sys
from pathlib import Path
from features.store.events import EventStore
from features.store.migrations import append_only, moving, noted
append_only._PART = noted._PART = 20
left = int(sys.argv[2])
def tell(self, words):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
moving.MovingProgress.__call__ = tell
EventStore.open(Path(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("revision", "steps"), [("0015", 1), ("0015", 4), ("0015", 7), ("0016", 3), ("0016", 5)]
)
def test_killed_on_the_way(tmp_path, revision, steps):
    """A process that dies while it moves events leaves them where they were."""
    path = tmp_path / "store.db"
    rows = older(path, some_events(50), revision)
    died = subprocess.run(
        [sys.executable, "-c", _DIES, str(path), str(steps)], env=os.environ, check=False
    )
    assert died.returncode == -signal.SIGKILL
    assert not is_noted(path)
    assert held(path) == rows
    EventStore.open(path).close()
    assert is_noted(path)
    assert held(path) == rows


# ---------------------------------------------------------------------- what the triggers see to


def test_each_once_whoever_inserts(tmp_path):
    """A message id is there once, be it noted lately or long ago, and whatever inserts it."""
    path, events = tmp_path / "store.db", some_events(6)
    with EventStore.open(path) as store:
        store.append_events(events[:3])
    file = sqlite3.connect(path, isolation_level=None)
    file.execute("INSERT INTO events_by_message SELECT * FROM events_by_message_new")
    file.execute("DELETE FROM events_by_message_new")
    columns = ", ".join(Event._fields)
    for verb in ("INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"):
        for one in [*events[:4], events[3]._replace(lead_id="another")]:
            file.execute(f"{verb} INTO events ({columns}) VALUES (?, ?, ?, ?, ?, ?)", one)
        assert file.execute("SELECT count(*) FROM events").fetchone() == (4,)
    file.close()
    assert is_noted(path)


def test_what_goes_is_let_go_of(tmp_path):
    """Deleted events are noted nowhere any more, be they of lately or of long ago."""
    path, events = tmp_path / "store.db", some_events(40)
    with EventStore.open(path) as store:
        store.append_events(events[:20])
        sweep(store, 5)
        store.append_events(events[20:])
        with store.database.writing() as connection:
            connection.exec_driver_sql("DELETE FROM events WHERE lead_id IN ('lead-1', 'lead-5')")
        assert store.event(events[1][0] or "") is None
        assert store.append_events(events) == Appended(11, 29)
    assert is_noted(path)


def test_events_are_never_changed(tmp_path):
    """What was noted of an event holds: nobody can change the event."""
    with EventStore.open(tmp_path / "store.db") as store:
        store.append_events(some_events(2))
        with (
            pytest.raises(sa.exc.IntegrityError, match="added and erased, never changed"),
            store.database.writing() as connection,
        ):
            connection.exec_driver_sql("UPDATE events SET lead_id = 'another'")


def test_a_file_that_is_tidied_up(tmp_path):
    """VACUUM gives rows no other numbers: what is noted is still found."""
    path, events = tmp_path / "store.db", some_events(60)
    with EventStore.open(path) as store:
        store.append_events(events)
        with store.database.writing() as connection:
            connection.exec_driver_sql("DELETE FROM events WHERE lead_id = 'lead-0'")
    file = sqlite3.connect(path, isolation_level=None)
    file.execute("VACUUM")
    file.close()
    assert is_noted(path)
    with EventStore.open(path) as store:
        assert store.event("m-00059") in events
