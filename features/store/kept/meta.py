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

__all__ = ["held_meta", "set_meta", "why_not_writable"]

_PROBE: Final = "probe"


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

    After a transaction that could not be written one is tried: only a disk that was full, or a
    server that only read, makes itself felt no sooner.

    Raises
    ------
    StoreAway : the database is out of reach altogether.
    """
    if database.trouble:
        try:
            with database.writing() as connection:
                set_meta(connection, _PROBE, secrets.token_hex(8))
        except StoreAway as error:
            return str(error)
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


def _may_write(file: Path) -> bool:
    return all(os.access(one, os.W_OK) for one in (file, file.parent))
