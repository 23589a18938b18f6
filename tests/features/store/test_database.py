"""Databases: durable, read and written by threads at once, and what is none of ours."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from features.errors import StoreError
from features.store.arrivals import Event
from features.store.database import Prepared, in_parts, is_storable, tuples_of
from features.store.events import EventStore
from features.store.schema import events, rep_minutes


def test_threads(store):
    """Threads write and read at once without losing an event."""

    def work(number: int) -> int:
        for at in range(20):
            store.append_events([Event(f"{number}-{at}", f"lead{number}", "view", at, at)])
        return len(store.events_of(f"lead{number}"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [20] * 8
    assert store.count() == 160


def test_durable(tmp_path):
    """Readers go on beside a writer, a commit is on the disk, and what was stored stays."""
    path = tmp_path / "store.db"
    with EventStore.open(path) as store:
        store.append_events([Event("m", "ann", "view", 1, 1)])
        with store.database.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    with EventStore.existing(f"sqlite:///{path}") as store:
        assert store.count() == 1


def test_in_memory():
    """A store in memory is one store, whichever thread asks."""
    with EventStore.open(":memory:") as store, ThreadPoolExecutor(1) as pool:
        store.append_events([Event("m", "ann", "view", 1, 1)])
        assert pool.submit(store.count).result() == 1


def test_a_database_of_others(tmp_path):
    """A database that holds something else is refused, and left as it was."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"other.db: not a store of Rung; it holds customers"):
        EventStore.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("{folder}/text.db", "cannot be opened: file is not a database"),
        ("{folder}/no/store.db", "cannot be opened: unable to open database file"),
        ("sqlite:////{folder}/no/store.db", "cannot be opened"),
        ("nonsense://host/x", "a store is SQLite or PostgreSQL"),
        ("://", "is no store; write a path, sqlite:///events.db or postgresql://"),
    ],
)
def test_what_cannot_be_opened(tmp_path, url, message):
    """A place that is no database says so."""
    (tmp_path / "text.db").write_text("no database at all, only text " * 20)
    with pytest.raises(StoreError, match=message):
        EventStore.open(url.format(folder=tmp_path))


def test_no_store_yet(tmp_path):
    """Reading asks for a store that exists, and makes none."""
    with pytest.raises(StoreError, match=r"there is no such store; import events into it first"):
        EventStore.existing(tmp_path / "store.db")
    assert not (tmp_path / "store.db").exists()


@pytest.mark.parametrize("text", ["", "ann", "Ä 🙂", "a'; DROP TABLE events; --", "\U0010ffff"])
def test_texts_that_databases_take(text, store):
    """What is said to be storable is found again as it was."""
    assert is_storable(text)
    store.append_events([Event("m", text, "view", 1, 1)])
    assert store.lead_ids() == [text]


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x\udfff"])
def test_texts_that_no_database_takes(text):
    """A NUL or half of a surrogate pair is known before a database is asked."""
    assert not is_storable(text)


@pytest.mark.parametrize("count", [0, 1, 500, 501, 1500])
def test_parts(count):
    """Ids come in parts of no more than a statement names, in order and each once."""
    ids = [str(at) for at in range(count)]
    parts = in_parts(ids)
    assert [one for part in parts for one in part] == ids
    assert all(0 < len(part) <= 500 for part in parts)


def test_rows_as_tuples(database):
    """All rows come, some at a time, also where the connection streams whatever it reads."""
    rows = [{"day": day, "minutes": 0.5} for day in range(7)]
    with database.writing() as connection:
        connection.execute(sa.insert(rep_minutes), rows)
    wanted = sa.select(rep_minutes.c.day, rep_minutes.c.minutes).order_by(rep_minutes.c.day)
    with database.reading() as connection:
        connection.execution_options(stream_results=True)
        parts = [[tuple(row) for row in part] for part in tuples_of(connection, wanted, 3)]
    assert [len(part) for part in parts] == [3, 3, 1]
    assert [row for part in parts for row in part] == [(day, 0.5) for day in range(7)]


def test_every_commit_is_seen(tmp_path):
    """A mark stays where nothing was committed, and is another one after whoever has written."""
    path = tmp_path / "store.db"
    with EventStore.open(path) as store, EventStore.open(path) as other:
        seen = [store.database.looks.mark()]
        assert store.count() == 0
        assert store.database.looks.mark() == seen[0] is not None
        for writer in (store, other, store):
            with writer.database.reading() as connection:
                connection.execute(sa.select(1)).all()
            assert store.database.looks.mark() == seen[-1]
            writer.append_events([Event(f"m-{len(seen)}", "ann", "view", 1, 1)])
            seen.append(store.database.looks.mark())
        with store.database.writing() as connection:
            connection.execute(events.delete())
            connection.rollback()
        assert store.database.looks.mark() == seen[-1]
        assert len(set(seen)) == 4


def test_another_file_has_other_commits(tmp_path):
    """Of a file that is gone nothing is said; one that takes its place is another one."""
    path, former = tmp_path / "store.db", tmp_path / "former.db"
    with EventStore.open(path) as store:
        first = store.database.looks.mark()
        path.rename(former)
        assert store.database.looks.mark() is None
        with EventStore.open(path):
            second = store.database.looks.mark()
            assert second is not None
            assert second != first
        path.unlink()
        former.rename(path)
        assert store.database.looks.mark() not in (None, first, second)


def test_what_counts_no_commits_says_so(tmp_path):
    """A database in memory, and a file that is no database, have no mark, and raise nothing."""
    with EventStore.open(":memory:") as store:
        assert store.database.looks.mark() is None
    path = tmp_path / "store.db"
    with EventStore.open(path) as store:
        assert store.database.looks.mark() is not None
        store.database.looks.close()
        path.unlink()
        path.write_bytes(b"no database" * 1000)
        assert store.database.looks.mark() is None


def test_a_question_while_another_is_asked(store):
    """Whoever finds the one connection taken asks by one of the pool; nobody waits."""
    number = sa.bindparam("number", type_=sa.BigInteger)
    question = Prepared.of(sa.select(number), store.database.engine)
    looks = store.database.looks
    assert looks.rows("SELECT 7", ()) == ([(7,)] if store.database.is_sqlite else None)
    with looks._turn:
        assert looks.rows("SELECT 7", ()) is None
        assert looks.mark() is None
        assert [tuple(row) for row in question.all(store.database, number=7)] == [(7,)]


def test_a_look_sees_what_was_committed_just_now(store):
    """The connection that looks holds no older state of the store."""
    for at in range(3):
        store.append_events([Event(f"m{at}", "ann", "view", at, at, "{}")])
        assert len(store.events_of("ann")) == at + 1
        assert store.event(f"m{at}") is not None
