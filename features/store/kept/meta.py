"""Values under keys, for what every process of a store must know and no table of its own holds."""

from __future__ import annotations

import sqlalchemy as sa

from features.store.database import insert_into
from features.store.schema import meta

__all__ = ["held_meta", "set_meta"]


def held_meta(connection: sa.Connection, key: str) -> str | None:
    """What is kept under a key, for a transaction that may change it; None where nothing is."""
    return connection.scalar(sa.select(meta.c.value).where(meta.c.key == key).with_for_update())


def set_meta(connection: sa.Connection, key: str, value: str) -> None:
    """Keep a value under a key."""
    insert = insert_into(connection.engine, meta).values(key=key, value=value)
    connection.execute(
        insert.on_conflict_do_update(index_elements=["key"], set_={"value": insert.excluded.value})
    )
