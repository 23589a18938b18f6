"""Whoever wants to write is told at once that nobody else does any more, and why it cannot."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from features.errors import StoreAway, StoreError
from features.store.arrivals import Event
from features.store.connecting import engines
from features.store.database import Database
from features.store.events import EventStore
from features.store.kept.meta import set_meta

EVENT = Event("m", "ann", "view", 1, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    EventStore.open(tmp_path / "store.db").close()
    return tmp_path / "store.db"


@pytest.fixture
def other(path: Path) -> Iterator[sqlite3.Connection]:
    """A writer of another process, as it were."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    yield connection
    connection.close()


def timeout_of(store: EventStore) -> int:
    with store.database.writing() as connection:
        return int(connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one())


def test_the_lock_is_taken_as_soon_as_it_is_free(path, other, monkeypatch):
    """It is looked for each millisecond, and the first look that finds it free takes it."""
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 40:
            other.execute("COMMIT")

    monkeypatch.setattr("features.store.connecting.engines.time.sleep", nap)
    with EventStore.open(path) as store:
        other.execute("BEGIN IMMEDIATE")
        assert store.append_events([EVENT]).accepted == 1
        assert naps == [0.001] * 40
        assert timeout_of(store) == 30_000
    assert len(naps) == 40


def test_a_writer_that_takes_too_long(path, other, monkeypatch):
    """It is waited for, then said to be busy; the next one is waited for as long."""
    monkeypatch.setattr(engines, "_BUSY_SECONDS", 1)
    with EventStore.open(path) as store, ThreadPoolExecutor(1) as pool:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreAway, match="locked"):
            store.append_events([EVENT])
        monkeypatch.setattr(engines, "_BUSY_SECONDS", 30)
        waiting = pool.submit(store.append_events, [EVENT])
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        other.execute("COMMIT")
        assert waiting.result(10).accepted == 1
        assert timeout_of(store) == 30_000


class Clock:
    """A clock of seconds that goes where it is told to, and tells that it was asked."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.naps = 0
        self.asked = threading.Event()

    def __call__(self) -> float:
        self.asked.set()
        return self.at

    def nap(self, _: float) -> None:
        self.naps += 1
        self.at += 1

    def put(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("features.store.connecting.engines.time.monotonic", self)
        monkeypatch.setattr("features.store.connecting.engines.time.sleep", self.nap)


@pytest.mark.parametrize("is_free", [False, True])
def test_who_has_waited_for_a_turn_waits_no_longer_than_the_first(
    path, other, monkeypatch, is_free
):
    """Many write while another process holds the lock: each tries, none waits once more."""
    clock = Clock()
    with EventStore.open(path) as store, ThreadPoolExecutor(1) as pool:
        clock.put(monkeypatch)
        other.execute("BEGIN IMMEDIATE")
        with cast(threading.Lock, store.database._turn):
            second = pool.submit(store.append_events, [EVENT])
            assert clock.asked.wait(10)
            clock.at += 31  # so long the one who has the turn has waited in vain
            if is_free:
                other.execute("COMMIT")
        if is_free:
            assert second.result().accepted == 1
        else:
            with pytest.raises(StoreAway, match="locked"):
                second.result()
    assert clock.naps == 0


def test_after_a_wait_in_vain_nobody_waits_for_a_while(path, other, monkeypatch):
    """Who comes then tries, and is told at once; a little later the next one waits again."""
    clock = Clock()
    with EventStore.open(path) as store:
        clock.put(monkeypatch)
        other.execute("BEGIN IMMEDIATE")
        naps = []
        for later in (0, 0, 2, 4):
            clock.at += later
            with pytest.raises(StoreAway, match="locked"):
                store.append_events([EVENT])
            naps.append(clock.naps)
        assert naps == [31, 31, 31, 62]
        other.execute("COMMIT")
        assert store.append_events([EVENT]).accepted == 1
    assert clock.naps == 62


@pytest.mark.parametrize("begin", ["BEGIN", "BEGIN IMMEDIATE"])
def test_whoever_is_at_a_file_while_wal_is_switched_on_is_waited_for(tmp_path, begin):
    """Several start together on a new file; of a writer SQLite itself would say so at once."""
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE there (x)")
        other.execute(begin)
        other.execute("SELECT * FROM there").fetchall()
        with Database.open(path) as database, ThreadPoolExecutor(1) as pool:
            switching = pool.submit(database.write_ahead)
            with pytest.raises(TimeoutError):
                switching.result(0.2)
            other.execute("COMMIT")
            switching.result(10)
        with closing(sqlite3.connect(path)) as later:
            assert later.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_is_no_lock_is_told_at_once(path, monkeypatch):
    """A file that is no database any more is not waited for."""
    monkeypatch.setattr(
        "features.store.connecting.engines.time.sleep", lambda _: pytest.fail("it waits")
    )
    path.write_bytes(b"no database" * 1000)
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        engines.execute_when_free(connection, "BEGIN IMMEDIATE")
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (30_000,)
    connection.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://rung:hun@ter2@127.0.0.1:1/rung",
        "postgresql://rung:hun@ter2/x@127.0.0.1:1/rung",
        "postgresql://rung:hun@ter2:s@127.0.0.1:1/rung",
        "postgresql://rung:hunter2@127.0.0.1:1x/rung",
        "postgresql://rung@127.0.0.1:1/rung?password=hunter2",
        "postgresql://rung:hun%40ter2@127.0.0.1:1/rung",
        "mysql+none://rung:hunter2@127.0.0.1/rung",
    ],
)
def test_no_password_is_told(url):
    """However it stands in a URL, and whatever is wrong with that; what would be right is said."""
    with pytest.raises(StoreError) as raised:
        Database.open(url)
    said = str(raised.value)
    assert "***" in said
    assert "hun" not in said
    assert "ter2" not in said
    if "hun@" in url:
        assert "write %40 for an @ in a password" in said


def test_the_log_of_a_large_transaction_does_not_stay(tmp_path, monkeypatch):
    """Once all of it is moved into the file, the next transaction cuts it short."""
    monkeypatch.setattr(engines, "_LOG_BYTES", 50_000)
    path, log = tmp_path / "rung.db", tmp_path / "rung.db-wal"
    with EventStore.open(path) as store:
        with store.database.writing() as connection:
            set_meta(connection, "large", "x" * 1_000_000)
        assert log.stat().st_size > 1_000_000
        with store.database.reading() as connection:
            connection.exec_driver_sql("COMMIT")  # nothing is moved within a transaction
            moved = connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()
            assert moved[0] == 0
            connection.exec_driver_sql("BEGIN")
        with store.database.writing() as connection:
            set_meta(connection, "small", "z")
        assert log.stat().st_size <= 50_000
