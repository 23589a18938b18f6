"""The log of what a store holds: events by lead in time order, with the columns a ladder reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import sqlalchemy as sa

from features.events.columns import numbers_of, text_array, texts_of
from features.events.log import EventLog, LogColumns
from features.events.table import EventTable, concat
from features.ladder.ladder import Ladder
from features.signals.table import ladder_columns
from features.store.database import in_parts, tuples_of
from features.store.identities.members import Members
from features.store.privacy.opt_outs import opted_out_ids
from features.store.schema import events

__all__ = ["dated_after", "log_of_all", "log_of_some", "objects_of"]

_BATCH: Final = 10_000


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
    wanted = _log_rows()
    if known_until is not None:
        wanted = wanted.where(events.c.known_at <= known_until)
    if now is not None:
        wanted = wanted.where(~dated_after(now))
    out = frozenset() if everybody else opted_out_ids(connection)
    members = Members.read(connection)
    log = _log([wanted], connection, LogColumns(*ladder_columns(ladder)), members, out)
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
    wanted = [
        _log_rows().where(events.c.lead_id.in_(part))
        for part in in_parts(sorted({*asked, *members.lead}))
    ]
    return _log(wanted, connection, LogColumns(*ladder_columns(ladder)), members)


_LogRows = sa.Select[tuple[str, str, int, int, str]]
_Found = tuple[str, str, int, int, str]


def _log_rows() -> _LogRows:
    columns = events.c
    return sa.select(
        columns.lead_id, columns.name, columns.occurred_at, columns.known_at, columns.properties
    )


def _log(
    wanted: Sequence[_LogRows],
    connection: sa.Connection,
    columns: LogColumns,
    members: Members,
    left_out: frozenset[str] = frozenset(),
) -> EventLog:
    """The log of all rows that the statements find."""
    tables = [_table(rows, columns, members) for rows in _batches(wanted, connection, left_out)]
    return concat([EventTable.empty(), *tables]).log(columns)


def _batches(
    wanted: Sequence[_LogRows], connection: sa.Connection, left_out: frozenset[str]
) -> Iterator[Sequence[_Found]]:
    for statement in wanted:
        for rows in tuples_of(connection, statement, _BATCH):
            kept = [row for row in rows if row[0] not in left_out] if left_out else rows
            if kept:
                yield kept


def _table(rows: Sequence[_Found], columns: LogColumns, members: Members) -> EventTable:
    sent_ids, names, occurred, known, texts = zip(*rows, strict=True)
    leads = [members.lead.get(one, one) for one in sent_ids] if members.lead else sent_ids
    known_at = np.array(known, dtype=np.int64)
    if members.since:
        known_at = np.maximum(known_at, [members.since.get(one, 0) for one in sent_ids])
    found = _columns(objects_of(texts), {*columns.numbers, *columns.texts})
    return EventTable(
        pa.nulls(len(rows), pa.string()),
        pa.array(leads, pa.string()),
        pa.array(names, pa.string()),
        np.array(occurred, dtype=np.int64),
        known_at,
        {name: _finite(numbers_of(found[name])[0]) for name in columns.numbers if name in found},
        {name: text_array(texts_of(found[name])) for name in columns.texts if name in found},
    )


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
