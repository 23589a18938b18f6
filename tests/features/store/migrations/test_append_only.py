"""A store whose events lie by lead, as before 0016, is moved: all of it, or nothing."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import StoreError
from features.store.events import Appended, Event, EventStore
from features.store.migrations import append_only

_CLUSTERED = """
ALTER TABLE events RENAME TO moved;
DROP INDEX events_message;
DROP INDEX events_lead;
CREATE TABLE events (lead_id TEXT NOT NULL, occurred_at BIGINT NOT NULL, message_id TEXT NOT NULL,
  name TEXT NOT NULL, known_at BIGINT NOT NULL, properties TEXT NOT NULL,
  PRIMARY KEY (lead_id, occurred_at, message_id), UNIQUE (message_id)) WITHOUT ROWID;
INSERT INTO events SELECT lead_id, occurred_at, message_id, name, known_at, properties FROM moved;
DROP TABLE moved;
UPDATE alembic_version SET version_num = '0015';
"""
_ALL = "SELECT * FROM events ORDER BY lead_id, occurred_at, message_id"


class Usage(NamedTuple):
    """What is left of a disk, as `shutil.disk_usage` says it."""

    total: int
    used: int
    free: int


def clustered(path: Path, events: list[Event]) -> list[tuple[object, ...]]:
    """Make a store as 0015 kept it; its rows."""
    with EventStore.open(path) as store:
        store.append_events(events)
    with sqlite3.connect(path) as connection:
        connection.executescript(_CLUSTERED)
        rows = connection.execute(_ALL).fetchall()
    connection.close()
    assert len(rows) == len(events)
    return rows


def held(path: Path) -> list[tuple[object, ...]]:
    """The rows of a store, whatever its version."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(_ALL).fetchall()
    finally:
        connection.close()


def some_events(count: int) -> list[Event]:
    return [
        Event(f"m-{at * 7919 % count:05}", f"lead-{at % 7}", "view", at // 3, at, f'{{"n":{at}}}')
        for at in range(count)
    ]


def is_moved(path: Path) -> bool:
    connection = sqlite3.connect(path)
    (text,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'events'").fetchone()
    connection.close()
    return "WITHOUT ROWID" not in text


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a", "A", "é", "\U0001f600"]), st.integers(-(2**63), 2**63 - 1)
        ),
        max_size=12,
    ),
    st.integers(1, 5),
)
def test_each_row_is_moved(tmp_path_factory, told, part):
    """Whatever ids and instants there are, and however many at once: every row, as it was."""
    path = tmp_path_factory.mktemp("moved") / "store.db"
    events = [Event(f"{lead}{at}", lead, "v", when, 1) for at, (lead, when) in enumerate(told)]
    rows = clustered(path, events)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(append_only, "_PART", part)
        EventStore.open(path).close()
    assert is_moved(path)
    assert held(path) == rows


def test_what_was_moved_is_found(tmp_path):
    """After it a store answers as before, and still knows what it has."""
    path, events = tmp_path / "store.db", some_events(300)
    clustered(path, events)
    with EventStore.existing(path) as store:
        assert store.append_events(events) == Appended(0, 300)
        assert store.count() == 300
        assert store.event("m-00007") == next(one for one in events if one[0] == "m-00007")
        own = sorted(one[3:5] for one in events if one.lead_id == "lead-3")
        assert sorted(row[1:3] for row in store.events_of("lead-3")) == own


def test_a_full_disk(tmp_path, monkeypatch):
    """Without room for it nothing is begun, and it is said how much is needed."""
    path = tmp_path / "store.db"
    rows = clustered(path, some_events(50))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1000, 1000, 1000))
    with pytest.raises(StoreError, match="takes 1 MB beside it for a while, and 0 MB are free"):
        EventStore.open(path)
    assert not is_moved(path)
    assert held(path) == rows


def test_a_long_one_says_how_far_it_is(tmp_path, monkeypatch, caplog):
    """Whoever waits for a large store is told what is being done."""
    path = tmp_path / "store.db"
    clustered(path, some_events(50))
    monkeypatch.setattr(append_only, "_QUIET_SECONDS", 0.0)
    monkeypatch.setattr(append_only, "_PART", 20)
    EventStore.open(path).close()
    told = [record.message.partition("up to date: ")[2] for record in caplog.records]
    assert told == [
        *(f"{count} of 50 events are moved" for count in (20, 40, 50)),
        "the index by message id of 50 events is being made",
        "the index by lead of 50 events is being made",
    ]


_DIES = """
import os, signal, sys
from pathlib import Path
from features.store.events import EventStore
from features.store.migrations import append_only as move
move._PART, move._QUIET_SECONDS = 20, 0.0
left = int(sys.argv[2])
def tell(self, words):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
move._Progress.__call__ = tell
EventStore.open(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("steps", [1, 3, 4, 5])
def test_killed_on_the_way(tmp_path, steps):
    """A process that dies while it moves events leaves them where they were."""
    path = tmp_path / "store.db"
    rows = clustered(path, some_events(50))
    died = subprocess.run(
        [sys.executable, "-c", _DIES, str(path), str(steps)], env=os.environ, check=False
    )
    assert died.returncode == -signal.SIGKILL
    assert not is_moved(path)
    assert held(path) == rows
    EventStore.open(path).close()
    assert is_moved(path)
    assert held(path) == rows
