"""Databases: durable, read and written by threads at once, and what is none of ours."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from features.errors import StoreError
from features.store.arrivals import Event
from features.store.database import Prepared, in_parts, insert_of_many, is_storable, tuples_of
from features.store.events import EventStore
from features.store.schema import rep_minutes


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
        (
            "{folder}/no/store.db",
            "cannot be opened: its folder is not there or only reads, or nobody",
        ),
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


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 127, 511, 512, 513, 1500])
def test_many_rows_of_few_statements(database, count):
    """Rows that go in together are those that were given, each value in its column."""
    insert = insert_of_many(database.engine, rep_minutes).on_conflict_do_nothing()
    put = Prepared.of(insert, database.engine, ("minutes", "day"))
    rows = [(at / 2, at) for at in range(count)]
    with database.writing() as connection:
        assert put.together(connection, rows) == count
        assert put.together(connection, [*rows, (0.5, 9999)]) == 1
    wanted = sa.select(rep_minutes.c.minutes, rep_minutes.c.day).order_by(rep_minutes.c.day)
    with database.reading() as connection:
        assert [tuple(row) for row in connection.execute(wanted)] == [*rows, (0.5, 9999)]


def test_the_driver_has_all_sizes_of_a_statement_at_hand(tmp_path):
    """However many rows there are, few statements insert them: the driver makes each once."""
    with EventStore.open(tmp_path / "store.db") as store:
        texts: list[int] = []

        def note(_, __, statement, ___, ____, _____):
            if statement.startswith("INSERT OR FAIL INTO events"):
                texts.append(statement.count("(?, "))

        sa.event.listen(store.database.engine, "before_cursor_execute", note)
        for count in range(1, 1300, 7):
            rows = [Event(f"{count}-{at}", "ann", "view", 1, 1) for at in range(count)]
            assert store.append_events(rows).accepted == count
    assert sum(texts) == sum(range(1, 1300, 7))
    assert set(texts) <= {*range(1, 65), 128, 256, 512}
    assert len(texts) < 8 * len(range(1, 1300, 7))
