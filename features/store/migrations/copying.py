"""A store moved into another database: all that it holds, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa

from features.errors import StoreError
from features.store.connecting.outages import shown
from features.store.database import Database
from features.store.schema import METADATA, leases, meta

__all__ = ["copy_store"]

_ROWS: Final = 1000
"""So many are read and written at once."""
_NOT_COPIED: Final = frozenset({leases.name})
"""Who works on what there: nobody does so here."""
_MADE_WITH_TABLES: Final = frozenset({meta.name, *_NOT_COPIED})
"""What a database without anything in it holds as well."""


def copy_store(
    source: Database, target: Database, progress: Callable[[str], None]
) -> dict[str, int]:
    """Copy all of a store into one that holds nothing yet; how many rows, by table.

    It is done in one transaction: events, and who opted out or must not come back, appear together.
    What the source is told after it was begun is left behind.

    Raises
    ------
    StoreError : the target holds something.
    """
    copied: dict[str, int] = {}
    with source.reading_one_state() as old, target.writing() as new:
        _check_empty(target, new)
        for table in METADATA.sorted_tables:
            if table.name not in _NOT_COPIED:
                copied[table.name] = _copy(table, old, new)
                progress(f"{copied[table.name]:,} of {table.name}")
    return copied


def _check_empty(target: Database, connection: sa.Connection) -> None:
    for table in METADATA.sorted_tables:
        if table.name in _MADE_WITH_TABLES:
            continue
        if connection.execute(sa.select(*table.primary_key.columns).limit(1)).first() is not None:
            raise StoreError(
                f"{shown(target.engine.url)}: holds something already ({table.name}); a store is"
                " moved into one that is empty"
            )


def _copy(table: sa.Table, old: sa.Connection, new: sa.Connection) -> int:
    new.execute(sa.delete(table))  # what was made with the tables
    count = 0
    names = table.c.keys()
    rows = old.execute(sa.select(table), execution_options={"stream_results": True})
    for part in rows.partitions(_ROWS):
        new.execute(sa.insert(table), [dict(zip(names, row, strict=True)) for row in part])
        count += len(part)
    return count
