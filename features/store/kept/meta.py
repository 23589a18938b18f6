"""Values under keys, for what every process of a store must know and no table of its own holds."""

from __future__ import annotations

import os
import secrets
from functools import cache
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from features.errors import StoreAway
from features.store.database import Database, insert_for
from features.store.schema import meta

__all__ = ["held_meta", "meta_of", "set_meta", "why_not_writable"]

_PROBE: Final = "probe"
_PROBE_BYTES: Final = 65_536
"""More than there is room for in what the database has: its files must grow."""


def meta_of(connection: sa.Connection, key: str) -> str | None:
    """What is kept under a key; None where nothing is. It locks nothing, and may only read."""
    return connection.scalar(sa.select(meta.c.value).where(meta.c.key == key))


def held_meta(connection: sa.Connection, key: str) -> str | None:
    """What is kept under a key, for a transaction that may change it; None where nothing is."""
    return connection.scalar(sa.select(meta.c.value).where(meta.c.key == key).with_for_update())


def set_meta(connection: sa.Connection, key: str, value: str) -> None:
    """Keep a value under a key."""
    connection.execute(_keeping(connection.dialect.name), {"key": key, "value": value})


@cache
def _keeping(dialect: str) -> sa.Insert:
    """Made once for each kind of database: every transaction that scores keeps a value."""
    insert = insert_for(dialect, meta)
    return insert.on_conflict_do_update(
        index_elements=["key"], set_={"value": insert.excluded.value}
    )


def why_not_writable(database: Database) -> str:
    """Why nothing can be written now; "" where it can.

    After a transaction that could not be written one is tried that takes room: only a disk that
    was full, or a server that only read, makes itself felt no sooner.

    Raises
    ------
    StoreAway : the database is out of reach altogether.
    """
    if database.trouble:
        try:
            _write_much(database)
        except StoreAway as error:
            return str(error)
        database.trouble = ""
    path = database.engine.url.database or ""
    if database.is_sqlite:
        is_file = path not in ("", ":memory:")
        return (
            "nobody may write to the file, or into its folder"
            if is_file and not _may_write(Path(path))
            else ""
        )
    with database.reading() as connection:
        setting = connection.exec_driver_sql("SHOW transaction_read_only").scalar()
    if setting != "on":
        return ""
    database.engine.dispose()  # a connection may only read for as long as it lasts
    return "the server only reads now"


def _write_much(database: Database) -> None:
    """Write what does not fit into the pages that there are, and take it away again."""
    much = secrets.token_hex(_PROBE_BYTES)
    if not database.is_sqlite and _fills_new_table(database, much):
        return
    for value in (much, ""):
        with database.writing() as connection:
            set_meta(connection, _PROBE, value)


def _fills_new_table(database: Database, much: str) -> bool:
    """Whether a new table could be filled: it has no page yet, and none that others have left."""
    name = f"rung_probe_{secrets.token_hex(8)}"
    table = sa.Table(name, sa.MetaData(), sa.Column("value", sa.Text))
    with database.writing() as connection:
        may_make = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
        if not connection.exec_driver_sql(may_make).scalar():
            return False
        table.create(connection)
        connection.execute(sa.insert(table).values(value=much))
        table.drop(connection)
    return True


def _may_write(file: Path) -> bool:
    return all(os.access(one, os.W_OK) for one in (file, file.parent))
