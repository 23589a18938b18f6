"""How connections to a database are opened, and how their transactions begin.

SQLite in its write-ahead mode, and PostgreSQL.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from features.errors import StoreError, without_password
from features.store.connecting.outages import shown
from features.store.connecting.read_only import ONLY_READS, OnlyReads, way_of

__all__ = [
    "STATEMENTS_AT_HAND",
    "WRITES",
    "execute_when_free",
    "file_of",
    "new_engine",
    "parsed_url",
    "written_back",
]

WRITES: Final = "rung_writes"
"""The execution option of connections that are going to write: since when, by `time.monotonic`."""
STATEMENTS_AT_HAND: Final = 256
"""How many statements the driver keeps for each connection to SQLite."""
_CHECKPOINT_PAGES: Final = 16_384
"""Pages of 4 KiB that gather before SQLite moves them: a batch of many leads touches many pages of
indexes, and most are touched again soon."""
_LOG_BYTES: Final = 2 * 4096 * _CHECKPOINT_PAGES
"""So much of SQLite's log stays once all of it was moved. It would keep for as long as the service
runs what the largest transaction took, or what came while somebody read for long."""
_BUSY_SECONDS: Final = 30
"""For so long whoever writes is waited for."""
_LOOK_SECONDS: Final = 0.001
"""So often whoever waits to write looks whether the lock is free."""
_PRIMARY: Final = 0xFF
"""What of a code of SQLite says what kind of error it is."""
_DRIVER: Final = "postgresql+psycopg"
_PATIENCE_SECONDS: Final = 10
_NOT_FOR_EVER: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""libpq waits for ever for a machine that is gone without a word, unless it is told not to."""


def parsed_url(url: str | Path) -> sa.URL:
    """A URL, or that of the SQLite file at a path."""
    if isinstance(url, Path) or "://" not in url:
        return sa.URL.create("sqlite", database=str(url))
    if not url.startswith("sqlite") and url.partition("?")[0].count("@") > 1:
        # Whatever comes after the first one would be taken for the server, and be named by it.
        raise StoreError(f"{without_password(url)}: write %40 for an @ in a password or a name")
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise StoreError(
            f"{without_password(url)!r} is no store; write a path, sqlite:///events.db or"
            " postgresql://user@host/database"
        ) from error
    if parsed.drivername in ("postgresql", "postgres"):
        return parsed.set(drivername=_DRIVER)
    return parsed


def new_engine(url: str | Path, *, may_only_read: bool = False) -> sa.Engine:
    """An engine whose commits are on the disk when they return. It writes nothing yet.

    Parameters
    ----------
    may_only_read : whether a file of SQLite will do beside which nothing can be written.
    """
    parsed = parsed_url(url)
    try:
        if parsed.get_backend_name() == "postgresql":
            return _of_server(parsed)
        if parsed.get_backend_name() != "sqlite":
            raise StoreError(f"{shown(parsed)}: a store is SQLite or PostgreSQL")
        if parsed.database in (None, "", ":memory:"):
            engine = _in_memory(parsed)
        else:
            reads = way_of(Path(str(parsed.database))) if may_only_read else None
            engine = sa.create_engine(
                parsed,
                connect_args={"timeout": _BUSY_SECONDS, "cached_statements": STATEMENTS_AT_HAND},
                execution_options={ONLY_READS: reads} if reads else {},
            )
            _stay_with_file(engine, reads)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise StoreError(f"{shown(parsed)}: no such kind of database: {error}") from error
    sa.event.listen(engine, "connect", _make_durable)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _of_server(url: sa.URL) -> sa.Engine:
    from features.store.connecting.silence import watch  # and the driver: SQLite needs neither

    engine = sa.create_engine(
        url,
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=20,
        pool_timeout=_PATIENCE_SECONDS,
        connect_args=_NOT_FOR_EVER,
    )
    watch(engine)
    return engine


def file_of(engine: sa.Engine) -> tuple[int, int] | None:
    """Which file on the disk an SQLite database is; None where there is none."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or path is None or path in ("", ":memory:"):
        return None
    try:
        found = os.stat(path)  # noqa: PTH116 a Path takes four times as long
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _stay_with_file(engine: sa.Engine, reads: OnlyReads | None) -> None:
    """Never write to a file that was deleted or moved away, nor make a new one in its place.

    SQLite would do both without a word: what is written to an open file whose folder is gone is
    lost with it.
    """
    made = threading.Event()

    def connect(_: sa.Dialect, __: ConnectionPoolEntry, given: list[Any], options: Any) -> None:
        if reads is not None:
            given[0], options["uri"] = reads.uri, True
        elif made.is_set():
            given[0] = f"file:{quote(str(engine.url.database))}?mode=rw"
            options["uri"] = True

    def connected(_: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        made.set()
        entry.info["file"] = file_of(engine)

    def checked_out(_: DBAPIConnection, entry: ConnectionPoolEntry, __: object) -> None:
        if entry.info.get("file") != file_of(engine):
            raise sa.exc.DisconnectionError("the file is gone, or another one")

    sa.event.listen(engine, "do_connect", connect)
    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "checkout", checked_out)


def _in_memory(url: sa.URL) -> sa.Engine:
    """An engine with the one connection that there can be; threads wait for it."""
    return sa.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"check_same_thread": False},
    )


def _make_durable(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin below, not when the driver thinks so
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA cache_size=-65536")  # KiB
    cursor.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    cursor.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    since = connection.get_execution_options().get(WRITES)
    if since is not None:
        driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        execute_when_free(driver, "BEGIN IMMEDIATE", since)
    else:
        connection.exec_driver_sql("BEGIN")


def execute_when_free(
    connection: sqlite3.Connection, statement: str, since: float | None = None
) -> None:
    """Have a statement done that takes a lock of SQLite, as soon as nobody else has it.

    SQLite itself would look again after 1, 2, 5, ... up to 100 ms: whoever writes often would find
    the lock free, and others would wait for seconds. And where a journal is changed it does not
    wait at all.

    Parameters
    ----------
    since : when it was to be done, by `time.monotonic`; now, where it is None. However
        long ago that was, it is tried.
    """
    until = (time.monotonic() if since is None else since) + _BUSY_SECONDS
    connection.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                connection.execute(statement).fetchall()
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > until:
                    raise
                time.sleep(_LOOK_SECONDS)
            else:
                return
    finally:
        connection.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")


def written_back(connection: sqlite3.Connection) -> bool:
    """Whether all of SQLite's log could be moved into the file, and the log be made empty, now."""
    connection.execute("PRAGMA busy_timeout=0")
    try:
        is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not is_busy
    except sqlite3.OperationalError:  # somebody writes, or the disk is full; it stays in the log
        return False
    finally:
        connection.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
