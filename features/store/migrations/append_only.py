"""Events on SQLite in the order in which they came: a batch appends pages and writes few anew.

They were kept in the order of leads, so that each event of a batch wrote a page of its own, twice.
Look-ups by lead and by message id go by two indexes instead. PostgreSQL has kept them so all along.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from features.store.migrations.moving import moved_events

__all__ = ["move_events"]

_PART: Final = 50_000
"""Events that are moved at once: well under a second."""
_COLUMNS: Final = "lead_id, occurred_at, message_id, name, known_at, properties"
_KEY: Final = "lead_id, occurred_at, message_id"
_INDEXES: Final = {
    "by message id": "CREATE UNIQUE INDEX events_message ON events_moved (message_id)",
    "by lead": "CREATE INDEX events_lead ON events_moved (lead_id, occurred_at, known_at)",
}


def move_events(connection: sa.Connection) -> None:
    """Move the events of an SQLite store, as `moved_events` has it."""
    with moved_events(connection) as tell:
        # Rows that are inserted into a table with indexes would jump to and fro in them.
        connection.exec_driver_sql(
            "CREATE TABLE events_moved (lead_id TEXT NOT NULL, occurred_at BIGINT NOT NULL,"
            " message_id TEXT NOT NULL, name TEXT NOT NULL, known_at BIGINT NOT NULL,"
            " properties TEXT NOT NULL)"
        )
        for moved in _moved(connection):
            tell(f"{moved:,} of {tell.count:,} events are moved")
        for which, statement in _INDEXES.items():
            tell(f"the index {which} of {tell.count:,} events is being made")
            connection.exec_driver_sql(statement)


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
