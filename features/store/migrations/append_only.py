"""Events on SQLite in the order in which they came: a batch appends pages and writes few anew.

They were kept in the order of leads, so that each event of a batch wrote a page of its own, twice.
Look-ups by lead and by message id go by two indexes instead. PostgreSQL has kept them so all along.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from features.errors import StoreError

__all__ = ["move_events"]

_LOGGER: Final = logging.getLogger("rung.store")
_PART: Final = 50_000
"""Events that are moved at once: well under a second."""
_QUIET_SECONDS: Final = 5.0
"""A store that takes no longer says nothing, and others say so often how far they are."""
_TIMES: Final = 2.2
"""What is moved is written to the log of SQLite first, and from there to the file."""
_COLUMNS: Final = "lead_id, occurred_at, message_id, name, known_at, properties"
_KEY: Final = "lead_id, occurred_at, message_id"
_INDEXES: Final = {
    "by message id": "CREATE UNIQUE INDEX events_message ON events_moved (message_id)",
    "by lead": "CREATE INDEX events_lead ON events_moved (lead_id, occurred_at, known_at)",
}


def move_events(connection: sa.Connection) -> None:
    """Move the events of an SQLite store, as a part of the caller's transaction: all or none.

    Broken off, the store is as it was, and whoever opens it next begins again.

    Raises
    ------
    StoreError : the disk has no room for it.
    """
    count = connection.scalar(sa.text("SELECT count(*) FROM events"))
    _see_that_there_is_room(connection)
    tell = _Progress(connection.engine.url.database or "")
    # Rows that are inserted into a table with indexes would jump to and fro in them.
    connection.exec_driver_sql(
        "CREATE TABLE events_moved (lead_id TEXT NOT NULL, occurred_at BIGINT NOT NULL,"
        " message_id TEXT NOT NULL, name TEXT NOT NULL, known_at BIGINT NOT NULL,"
        " properties TEXT NOT NULL)"
    )
    for moved in _moved(connection):
        tell(f"{moved:,} of {count:,} events are moved")
    for which, statement in _INDEXES.items():
        tell(f"the index {which} of {count:,} events is being made")
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("DROP TABLE events")
    connection.exec_driver_sql("ALTER TABLE events_moved RENAME TO events")


def _moved(connection: sa.Connection) -> Iterator[int]:
    """Copies the events in their order, some at a time; how many there are by then."""
    beyond, total = "", 0
    last: tuple[object, ...] = ()
    while True:
        copied = connection.exec_driver_sql(
            f"INSERT INTO events_moved ({_COLUMNS}) SELECT {_COLUMNS} FROM events {beyond}"  # noqa: S608 no value is in it
            f" ORDER BY {_KEY} LIMIT {_PART}",
            last,
        ).rowcount
        total += copied
        yield total
        if copied < _PART:
            return
        newest = f"SELECT {_KEY} FROM events_moved ORDER BY rowid DESC LIMIT 1"  # noqa: S608
        beyond = f"WHERE ({_KEY}) > (?, ?, ?)"
        last = tuple(connection.exec_driver_sql(newest).one())


def _see_that_there_is_room(connection: sa.Connection) -> None:
    """StoreError where the disk has too little left: better than halfway, with the disk full."""
    path = connection.engine.url.database
    if path in (None, "", ":memory:"):
        return
    size = connection.scalar(sa.text("PRAGMA page_count")) * connection.scalar(
        sa.text("PRAGMA page_size")
    )
    needed, free = int(size * _TIMES), shutil.disk_usage(Path(path).absolute().parent).free
    if free < needed:
        raise StoreError(
            f"{path}: its events are to be kept in another order, which takes"
            f" {needed / 1e6:,.0f} MB beside it for a while, and {free / 1e6:,.0f} MB are free;"
            " make room and start again. Nothing was changed"
        )


class _Progress:
    """Says how far it is, where that takes long."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._told_at = time.monotonic()

    def __call__(self, words: str) -> None:
        now = time.monotonic()
        if now - self._told_at >= _QUIET_SECONDS:
            self._told_at = now
            _LOGGER.warning("%s: the store is brought up to date: %s", self._path, words)
