"""Small questions see every commit, and wait for nobody."""

from __future__ import annotations

import sqlalchemy as sa

from features.store.arrivals import Event
from features.store.database import Prepared
from features.store.events import EventStore
from features.store.schema import events


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
