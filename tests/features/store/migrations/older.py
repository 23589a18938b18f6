"""Stores as earlier revisions kept their events: what is there now, taken back."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from features.store.events import Event, EventStore

__all__ = ["Usage", "held", "is_noted", "older", "some_events", "take_back"]

_COLUMNS: Final = "lead_id, occurred_at, message_id, name, known_at, properties"
_EVENTS: Final = (
    "CREATE TABLE events (lead_id TEXT NOT NULL, occurred_at BIGINT NOT NULL,"
    " message_id TEXT NOT NULL, name TEXT NOT NULL, known_at BIGINT NOT NULL,"
    " properties TEXT NOT NULL"
)
_INDEXED: Final = (
    f"{_EVENTS})",
    f"INSERT INTO events SELECT {_COLUMNS} FROM moved ORDER BY seq",  # noqa: S608 names of ours
    "CREATE UNIQUE INDEX events_message ON events (message_id)",
    "CREATE INDEX events_lead ON events (lead_id, occurred_at, known_at)",
)
_CLUSTERED: Final = (
    f"{_EVENTS}, PRIMARY KEY (lead_id, occurred_at, message_id), UNIQUE (message_id))"
    " WITHOUT ROWID",
    f"INSERT INTO events SELECT {_COLUMNS} FROM moved",  # noqa: S608
)
_UNNOTED: Final = (
    *(f"DROP TRIGGER events_{name}" for name in ("once", "noted", "gone", "stay")),
    *(f"DROP TABLE events_by_{name}" for name in ("lead", "lead_new", "message", "message_new")),
    "ALTER TABLE events RENAME TO moved",
)
_ADDED: Final = (
    ("account_members", "named_id"),
    ("account_members", "named_at"),
    ("scores", "asked_at"),
    ("hands", "snoozed_by"),
)
_GONE: Final = "CREATE TABLE seen_requests (hash TEXT PRIMARY KEY, at BIGINT NOT NULL)"
_ALL: Final = f"SELECT {_COLUMNS} FROM events ORDER BY lead_id, occurred_at, message_id"  # noqa: S608


class Usage(NamedTuple):
    """What is left of a disk, as `shutil.disk_usage` says it."""

    total: int
    used: int
    free: int


def take_back(connection: sa.Connection, revision: str) -> None:
    """Keep events, companies, scores and hands as 0016 or 0015 did; what else is new stays."""
    for table, column in _ADDED:
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
    connection.exec_driver_sql(_GONE)
    if connection.dialect.name == "sqlite":
        layout = {"0016": _INDEXED, "0015": _CLUSTERED}[revision]
        for statement in (*_UNNOTED, *layout, "DROP TABLE moved"):
            connection.exec_driver_sql(statement)
    set_to = sa.text("UPDATE alembic_version SET version_num = :revision")
    connection.execute(set_to, {"revision": revision})


def older(path: Path, events: list[Event], revision: str) -> list[tuple[object, ...]]:
    """Make a store as a revision kept it; its rows."""
    with EventStore.open(path) as store:
        store.append_events(events)
        with store.database.writing() as connection:
            take_back(connection, revision)
    rows = held(path)
    assert len(rows) == len(events)
    return rows


def held(path: Path) -> list[tuple[object, ...]]:
    """The rows of a store, whatever its version."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(_ALL).fetchall()
    finally:
        connection.close()


def is_noted(path: Path) -> bool:
    """Whether the events of a store are numbered and noted, each of them."""
    connection = sqlite3.connect(path)
    try:
        triggers = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"
        if not connection.execute(triggers).fetchone()[0]:
            return False
        by_message, by_lead = (
            connection.execute(
                f"SELECT * FROM events_by_{of} UNION ALL SELECT * FROM events_by_{of}_new"  # noqa: S608
            ).fetchall()
            for of in ("message", "lead")
        )
        rows = connection.execute(
            "SELECT message_id, lead_id, occurred_at, known_at, seq FROM events"
        ).fetchall()
    finally:
        connection.close()
    assert sorted(by_message) == sorted((row[0], row[4]) for row in rows)
    assert sorted(by_lead) == sorted(row[1:] for row in rows)
    return True


def some_events(count: int) -> list[Event]:
    """As many events of seven leads, in an order that is that of neither leads nor ids."""
    return [
        Event(f"m-{at * 7919 % count:05}", f"lead-{at % 7}", "view", at // 3, at, f'{{"n":{at}}}')
        for at in range(count)
    ]
