"""What a driver says of a store that is away is one error; a mistake of ours stays one."""

from __future__ import annotations

import shutil
import threading
import time

import pytest
import sqlalchemy as sa

from features.errors import StoreAway
from features.store.database import Database, Prepared
from features.store.kept.meta import set_meta, why_not_writable
from features.store.migrations import open_database
from features.store.schema import meta
from tests.databases import opened

READ = sa.select(sa.func.count()).select_from(meta)


def write(database: Database) -> None:
    with database.writing() as connection:
        set_meta(connection, "key", "value")


def read(database: Database) -> None:
    with database.reading() as connection:
        connection.scalar(READ)


def ask(database: Database) -> None:
    Prepared.of(READ, database.engine).all(database)


ALL = [write, read, ask]


@pytest.mark.parametrize("use", ALL)
def test_a_folder_that_vanished(tmp_path, use):
    """Nothing is written to a file that is gone, and no empty one takes its place."""
    home = tmp_path / "home"
    home.mkdir()
    database = opened(home / "rung.db")
    use(database)
    home.rename(tmp_path / "away")
    for _ in range(3):
        with pytest.raises(StoreAway):
            use(database)
    home.mkdir()
    with pytest.raises(
        StoreAway, match="its folder is not there or only reads, or nobody here may open"
    ):
        use(database)
    assert list(home.iterdir()) == []
    home.rmdir()
    (tmp_path / "away").rename(home)
    use(database)
    database.close()


def test_a_file_that_another_one_replaced(tmp_path):
    """As when a copy is put back: the new one is read, not the one that is no longer there."""
    database = opened(tmp_path / "rung.db")
    write(database)
    other = opened(tmp_path / "other.db")
    with other.writing() as connection:
        set_meta(connection, "key", "of the copy")
    other.close()
    for name in ("rung.db-wal", "rung.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "other.db").replace(tmp_path / "rung.db")
    with database.reading() as connection:
        found = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "key"))
    assert found == "of the copy"
    database.close()


def test_a_file_that_goes_while_it_is_written(tmp_path):
    """What was committed to it is not promised to anybody."""
    database = opened(tmp_path / "rung.db")
    shutil.copy(tmp_path / "rung.db", tmp_path / "copy.db")
    with pytest.raises(StoreAway, match="is gone, and what was written"), database.writing():
        (tmp_path / "copy.db").replace(tmp_path / "rung.db")
    database.close()


@pytest.mark.parametrize("content", [b"no database at all, but some text" * 99, b""])
def test_a_file_that_is_none(tmp_path, content):
    """A file that was overwritten is a store that is away, in a query too."""
    database = opened(tmp_path / "rung.db")
    (tmp_path / "new").write_bytes(content)
    (tmp_path / "new").replace(tmp_path / "rung.db")
    with pytest.raises(StoreAway):
        read(database)
    database.close()


def test_read_only(database):
    """A database that only reads refuses to be written, says so, and reads."""
    mode = (
        "PRAGMA query_only = 1" if database.is_sqlite else "SET default_transaction_read_only = on"
    )

    def read_only(connection: object, *_: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute(mode)
        if not database.is_sqlite:
            connection.commit()  # type: ignore[attr-defined]

    sa.event.listen(database.engine, "connect", read_only)
    database.engine.dispose()
    told = "it is read-only here: permit" if database.is_sqlite else "the server is read-only now"
    with pytest.raises(StoreAway, match=told) as said:
        write(database)
    assert "attempt" not in str(said.value)
    assert "transaction" not in str(said.value)
    read(database)
    assert "read" in why_not_writable(database)
    sa.event.remove(database.engine, "connect", read_only)
    database.engine.dispose()
    assert why_not_writable(database) == ""
    assert database.trouble == ""
    write(database)


def test_connections_that_are_cut(postgresql_url):
    """In a query, and while idle: the next use finds a new one."""
    database = open_database(postgresql_url)
    for use in ALL:
        use(database)
        _cut(postgresql_url)
        use(database)  # one that was idle is looked at first
    cutting = threading.Thread(target=_cut_asleep, args=[postgresql_url])
    cutting.start()
    with pytest.raises(StoreAway), database.reading() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(60)")
    cutting.join()
    read(database)
    database.close()


def _cut(url: str) -> None:
    with Database.open(url) as other, other.reading() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _cut_asleep(url: str) -> None:
    """Cut whoever is in the middle of a query, as soon as there is one."""
    asleep = (
        "SELECT 1 FROM pg_stat_activity"
        " WHERE wait_event = 'PgSleep' AND datname = current_database()"
    )
    with Database.open(url) as other, other.reading() as connection:
        while connection.exec_driver_sql(asleep).first() is None:
            time.sleep(0.01)
            connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
    _cut(url)


def test_no_server_there():
    """An address where nobody listens is a store that is away."""
    with pytest.raises(StoreAway):
        Database.open("postgresql://nobody@127.0.0.1:1/none")


def test_all_connections_taken(tmp_path):
    """Whoever waits too long for a connection may come again."""
    database = Database(
        sa.create_engine(
            f"sqlite:///{tmp_path}/s",
            pool_size=1,
            max_overflow=0,
            poolclass=sa.QueuePool,
            pool_timeout=0.01,
        )
    )
    with database.reading(), pytest.raises(StoreAway, match="all connections are taken"):
        read(database)
    database.close()


def test_mistakes_stay_mistakes(database):
    """A statement that no database understands is nobody's outage."""
    for wrong in ("SELEC 1", "INSERT INTO rung_meta (key, value) VALUES ('a', 'b'), ('a', 'c')"):
        with pytest.raises(sa.exc.DBAPIError), database.writing() as connection:
            connection.exec_driver_sql(wrong)
    assert database.trouble == ""
