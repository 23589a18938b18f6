"""Events on SQLite with a number each, and noted by message id and by lead in tables beside them.

Two indexes stood in their place, and each event of a batch wrote a page of either, twice: see
`features.store.places`, which says what the tables are for. Numbers are a column, as SQLite may
give rows without one another place whenever it tidies a file up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from features.store.migrations.moving import moved_events

__all__ = ["NOTES", "note_events"]

_PART: Final = 50_000
"""Events that are moved at once: well under a second."""
_COLUMNS: Final = "lead_id, occurred_at, message_id, name, known_at, properties"
_BY_MESSAGE: Final = (
    "CREATE TABLE {} (message_id TEXT PRIMARY KEY NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID"
)
_BY_LEAD: Final = (
    "CREATE TABLE {} (lead_id TEXT NOT NULL, occurred_at BIGINT NOT NULL, known_at BIGINT NOT NULL,"
    " seq INTEGER NOT NULL, PRIMARY KEY (lead_id, occurred_at, seq)) WITHOUT ROWID"
)
_TABLES: Final = (
    "CREATE TABLE events_moved (seq INTEGER PRIMARY KEY, lead_id TEXT NOT NULL,"
    " occurred_at BIGINT NOT NULL, message_id TEXT NOT NULL, name TEXT NOT NULL,"
    " known_at BIGINT NOT NULL, properties TEXT NOT NULL)",
    *(_BY_MESSAGE.format(name) for name in ("events_by_message", "events_by_message_new")),
    *(_BY_LEAD.format(name) for name in ("events_by_lead", "events_by_lead_new")),
)
NOTES: Final = {
    "by message id": "INSERT INTO events_by_message SELECT message_id, rowid FROM events"
    " ORDER BY message_id",
    "by lead": "INSERT INTO events_by_lead SELECT lead_id, occurred_at, known_at, rowid FROM events"
    " ORDER BY lead_id, occurred_at, rowid",
}
"""What notes all events in the large tables, of a table whose rows have their numbers."""
_OF_LEAD: Final = "lead_id = OLD.lead_id AND occurred_at = OLD.occurred_at AND seq = OLD.seq"
_TRIGGERS: Final = (
    # Each message id once: an event whose id is noted is passed over, whoever inserts it.
    "CREATE TRIGGER events_once BEFORE INSERT ON events WHEN"
    " EXISTS (SELECT 1 FROM events_by_message_new WHERE message_id = NEW.message_id)"
    " OR EXISTS (SELECT 1 FROM events_by_message WHERE message_id = NEW.message_id)"
    " BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER events_noted AFTER INSERT ON events BEGIN"
    " INSERT INTO events_by_message_new (message_id, seq) VALUES (NEW.message_id, NEW.seq);"
    " INSERT INTO events_by_lead_new (lead_id, occurred_at, known_at, seq)"
    " VALUES (NEW.lead_id, NEW.occurred_at, NEW.known_at, NEW.seq); END",
    "CREATE TRIGGER events_gone AFTER DELETE ON events BEGIN"  # noqa: S608 names of ours
    " DELETE FROM events_by_message_new WHERE message_id = OLD.message_id;"
    " DELETE FROM events_by_message WHERE message_id = OLD.message_id;"
    f" DELETE FROM events_by_lead_new WHERE {_OF_LEAD};"
    f" DELETE FROM events_by_lead WHERE {_OF_LEAD}; END",
    "CREATE TRIGGER events_stay BEFORE UPDATE ON events"
    " BEGIN SELECT RAISE(ABORT, 'events are added and erased, never changed'); END",
)


def note_events(connection: sa.Connection) -> None:
    """Number and note the events of an SQLite store, as `moved_events` has it."""
    with moved_events(connection) as tell:
        for statement in _TABLES:
            connection.exec_driver_sql(statement)
        for moved in _numbered(connection):
            tell(f"{moved:,} of {tell.count:,} events are numbered")
        for which, statement in NOTES.items():  # in order, by the indexes that there still are
            tell(f"the index {which} of {tell.count:,} events is being made")
            connection.exec_driver_sql(statement)
    for statement in _TRIGGERS:
        connection.exec_driver_sql(statement)


def _numbered(connection: sa.Connection) -> Iterator[int]:
    """Copies the events with the number of their row, some at a time; how many by then."""
    last, total = -(2**63), 0
    while True:
        copied = connection.exec_driver_sql(
            f"INSERT INTO events_moved (seq, {_COLUMNS}) SELECT rowid, {_COLUMNS} FROM events"  # noqa: S608 names of ours
            f" WHERE rowid > ? ORDER BY rowid LIMIT {_PART}",
            (last,),
        ).rowcount
        total += copied
        yield total
        if copied < _PART:
            return
        last = connection.exec_driver_sql("SELECT max(seq) FROM events_moved").scalar_one()
