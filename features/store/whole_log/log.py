"""The log of what a store holds: events by lead in time order, with the columns a ladder reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import sqlalchemy as sa

from features.events.columns import numbers_of, text_array, texts_of
from features.events.log import EventLog, LogColumns, encode
from features.events.table import EventTable, concat
from features.ladder.ladder import Ladder
from features.signals.fold import NONE
from features.signals.table import ladder_columns
from features.store.database import in_parts, tuples_of
from features.store.identities.members import Members
from features.store.privacy.opt_outs import opted_out_ids
from features.store.schema import events

__all__ = [
    "dated_after",
    "events_where",
    "log_by_lead",
    "log_of_all",
    "log_of_some",
    "objects_of",
    "of_ids",
    "table_of",
]

_BATCH: Final = 2_000
"""Rows at once: more of them are out of the cache of a processor when they are looked at again."""


def log_of_all(
    connection: sa.Connection,
    ladder: Ladder,
    known_until: int | None = None,
    now: int | None = None,
    *,
    everybody: bool = False,
) -> EventLog:
    """All events known by `known_until`, in microseconds since the epoch, or ever.

    Leads that opted out of profiling are left out, unless `everybody` is only to be counted, and so
    are events dated after `now`.
    """
    wanted = events_where()
    if known_until is not None:
        wanted = wanted.where(events.c.known_at <= known_until)
    if now is not None:
        wanted = wanted.where(~dated_after(now))
    out = frozenset() if everybody else opted_out_ids(connection)
    columns = LogColumns(*ladder_columns(ladder))
    members = Members.read(connection)
    log = log_by_lead(table_of(connection, [wanted], columns, out), members, columns)
    return log if known_until is None else log.known_by(known_until)


def dated_after(now: int) -> sa.ColumnElement[bool]:
    """Whether an event happens, or becomes known, only after an instant."""
    return (events.c.occurred_at > now) | (events.c.known_at > now)


def log_of_some(connection: sa.Connection, lead_ids: Sequence[str], ladder: Ladder) -> EventLog:
    """The events of some leads.

    Whichever of its ids a lead is asked for by, the log has it under the one it is called by.
    """
    asked = sorted(set(lead_ids))
    members = Members.read_some(connection, asked)
    columns = LogColumns(*ladder_columns(ladder))
    table = table_of(connection, of_ids(sorted({*asked, *members.lead})), columns)
    return log_by_lead(table, members, columns)


_Found = tuple[str, str, int, int, str]


def events_where(*which: sa.ColumnElement[bool]) -> sa.Select[_Found]:
    """The statement that `table_of` reads: of some events, or of all."""
    columns = events.c
    return sa.select(
        columns.lead_id, columns.name, columns.occurred_at, columns.known_at, columns.properties
    ).where(*which)


def of_ids(ids: Sequence[str]) -> list[sa.Select[_Found]]:
    """The statements that find the events of some ids."""
    return [events_where(events.c.lead_id.in_(part)) for part in in_parts(ids)]


def table_of(
    connection: sa.Connection,
    wanted: Iterable[sa.Select[_Found]],
    columns: LogColumns,
    left_out: frozenset[str] = frozenset(),
) -> EventTable:
    """The events that some statements find, by the id that each was sent under.

    Without their message ids; of their properties those that a log holds.
    """
    batches = (rows for one in wanted for rows in tuples_of(connection, one, _BATCH))
    tables = []
    for rows in batches:
        kept = [row for row in rows if row[0] not in left_out] if left_out else rows
        if kept:
            tables.append(_table(kept, columns))
    return concat([EventTable.empty(), *tables])


def _table(rows: Sequence[_Found], columns: LogColumns) -> EventTable:
    found = _columns(objects_of([row[4] for row in rows]), {*columns.numbers, *columns.texts})
    return EventTable(
        pa.nulls(len(rows), pa.string()),
        pa.array([row[0] for row in rows], pa.string()),
        pa.array([row[1] for row in rows], pa.string()),
        np.array([row[2] for row in rows], dtype=np.int64),
        np.array([row[3] for row in rows], dtype=np.int64),
        {name: _finite(numbers_of(found[name])[0]) for name in columns.numbers if name in found},
        {name: text_array(texts_of(found[name])) for name in columns.texts if name in found},
    )


def log_by_lead(table: EventTable, members: Members, columns: LogColumns) -> EventLog:
    """The log of events that were read by id: ids that share a lead are one."""
    if members.lead and len(table):
        code, ids = encode(table.lead_id)
        leads = pa.array([members.lead.get(one, one) for one in ids], pa.string())
        since = np.array([members.since.get(one, NONE) for one in ids], dtype=np.int64)
        known_at = np.maximum(table.known_at, since[code])
        table = replace(table, lead_id=leads.take(pa.array(code)), known_at=known_at)
    return table.log(columns)


def _columns(objects: Sequence[dict[str, object]], wanted: set[str]) -> dict[str, list[object]]:
    """The members that are wanted, as columns; those that no object has are left out."""
    columns: dict[str, list[object]] = {}
    for at, held in enumerate(objects):
        for name, value in held.items():  # few of each event, of many that a ladder may read
            if name in wanted:
                if name not in columns:
                    columns[name] = [None] * len(objects)
                columns[name][at] = value
    return columns


def _finite(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(np.isfinite(numbers), numbers, np.nan)


def objects_of(texts: Iterable[str]) -> list[dict[str, object]]:
    """JSON objects from texts that the store wrote: one call of the parser for all."""
    objects: list[dict[str, object]] = orjson.loads(f"[{','.join(texts)}]")
    return objects
