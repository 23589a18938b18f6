"""The events of a store as tables: without their message ids, with what a ladder reads of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import sqlalchemy as sa

from features.events.columns import numbers_of, text_array, texts_of
from features.events.log import LogColumns
from features.events.table import EventTable, concat
from features.store.database import in_parts, tuples_of
from features.store.places import NOTED, ROW, noted_under, sent_under
from features.store.schema import events

__all__ = ["events_where", "objects_of", "table_of", "table_of_ids"]

_BATCH: Final = 2_000
"""Rows at once: more of them are out of the cache of a processor when they are looked at again."""
_GROUPS_AT_ONCE: Final = 80
"""Ids at once: with 25 events each it is as many rows."""
_MANY: Final = 20_000
"""An id with more events is read by the event, so that they are not in memory as text."""
_IDS: Final[sa.BindParameter[Sequence[str]]] = sa.bindparam("ids", expanding=True)
_GROUPS: Final = {
    noted: sa.select(
        noted.c.lead_id,
        sa.func.count(),
        sa.func.json_group_array(events.c.name),
        sa.func.group_concat(events.c.occurred_at),
        sa.func.group_concat(events.c.known_at),
        sa.func.group_concat(events.c.properties),
    )
    .select_from(noted.join(events, noted.c.seq == ROW))
    .where(noted.c.lead_id.in_(_IDS))
    .group_by(noted.c.lead_id)
    for noted in NOTED
}
"""What finds the events that a table has noted."""

_Found = tuple[str, str, int, int, str]
_Group = tuple[str, int, str, str, str, str]
"""An id, how many events it has, and of each column their values as JSON, without its brackets but
for the names."""


def events_where(*which: sa.ColumnElement[bool]) -> sa.Select[_Found]:
    """The statement that `table_of` reads: of some events, or of all."""
    columns = events.c
    return sa.select(
        columns.lead_id, columns.name, columns.occurred_at, columns.known_at, columns.properties
    ).where(*which)


def table_of_ids(connection: sa.Connection, ids: Sequence[str], columns: LogColumns) -> EventTable:
    """The events that were sent under some ids, each given once, as `table_of` has them."""
    parts = in_parts(ids)
    if connection.dialect.name != "sqlite":
        found = [events_where(sent_under(connection.dialect.name, part)) for part in parts]
        return table_of(connection, found, columns)
    tables = (
        table
        for part in parts
        for noted in _GROUPS
        for table in _grouped(connection, noted, part, columns)
    )
    return concat([EventTable.empty(), *tables])


def _grouped(
    connection: sa.Connection, noted: sa.TableClause, ids: Sequence[str], columns: LogColumns
) -> list[EventTable]:
    """Those events of some ids that a table has noted, read as one row an id and not an event.

    To make an object of each value takes longer than to find it. An id with very many events is
    read by the event, and so are all where a text is longer than SQLite lets one be.
    """
    tables, many = [], list[str]()
    try:
        for rows in tuples_of(connection, _GROUPS[noted], _GROUPS_AT_ONCE, ids=ids):
            few = [row for row in rows if row[1] <= _MANY]
            many += [row[0] for row in rows if row[1] > _MANY]
            if few:
                tables.append(_table_of_groups(few, columns))
    except (sqlite3.DataError, sa.exc.DataError):
        tables, many = [], list(ids)
    if many:
        tables.append(table_of(connection, [events_where(noted_under(noted, many))], columns))
    return tables


def _table_of_groups(rows: Sequence[_Group], columns: LogColumns) -> EventTable:
    ids, counts, names, occurred, known, properties = zip(*rows, strict=True)
    at = np.repeat(np.arange(len(ids)), np.array(counts))
    return _table(
        pa.array(ids, pa.string()).take(pa.array(at)),
        objects_of(name[1:-1] for name in names),
        objects_of(occurred),
        objects_of(known),
        objects_of(properties),
        columns,
    )


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
            tables.append(_table_of_rows(kept, columns))
    return concat([EventTable.empty(), *tables])


def _table_of_rows(rows: Sequence[_Found], columns: LogColumns) -> EventTable:
    leads, names, occurred, known, properties = zip(*rows, strict=True)
    ids = pa.array(leads, pa.string())
    return _table(ids, names, occurred, known, objects_of(properties), columns)


def _table(
    ids: pa.Array,
    names: Sequence[str],
    occurred: Sequence[int],
    known: Sequence[int],
    objects: Sequence[dict[str, object]],
    columns: LogColumns,
) -> EventTable:
    found = _columns(objects, {*columns.numbers, *columns.texts})
    return EventTable(
        pa.nulls(len(ids), pa.string()),
        ids,
        pa.array(names, pa.string()),
        np.array(occurred, dtype=np.int64),
        np.array(known, dtype=np.int64),
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


def objects_of(texts: Iterable[str]) -> list[Any]:
    """What texts that the store wrote say as JSON, one after the other: one call of the parser."""
    objects: list[Any] = orjson.loads(f"[{','.join(texts)}]")
    return objects
