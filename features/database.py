"""Databases: how they are opened, and what differs between them.

Everything else of the store is SQLAlchemy Core that any of them understands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.sql.compiler import SQLCompiler

from features.errors import StoreError

__all__ = ["Prepared", "cause", "insert_into", "new_engine", "parsed_url", "shown", "write_ahead"]


def parsed_url(url: str | Path) -> sa.URL:
    """A URL, or that of the SQLite file at a path."""
    if isinstance(url, Path) or "://" not in url:
        return sa.URL.create("sqlite", database=str(url))
    try:
        return sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreError(f"{url!r} is no store; write a path or sqlite:///events.db") from error


def new_engine(url: str | Path) -> sa.Engine:
    """An engine whose commits are on the disk when they return. It writes nothing yet."""
    parsed = parsed_url(url)
    try:
        if parsed.get_backend_name() != "sqlite":
            return sa.create_engine(parsed)
        if parsed.database in (None, "", ":memory:"):
            return _in_memory(parsed)
        engine = sa.create_engine(parsed, connect_args={"timeout": 30.0})
    except (sa.exc.ArgumentError, ImportError) as error:
        raise StoreError(f"{shown(parsed)}: no such kind of database: {error}") from error
    sa.event.listen(engine, "connect", _make_durable)
    return engine


def _in_memory(url: sa.URL) -> sa.Engine:
    """An engine with the one connection that there can be; threads wait for it."""
    return sa.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"check_same_thread": False},
    )


def _make_durable(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA cache_size=-65536")  # KiB
    cursor.close()


def write_ahead(engine: sa.Engine) -> None:
    """Let readers go on while there is a writer; the database remembers it."""
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")


def insert_into(engine: sa.Engine, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say what is to become of a row that is there already."""
    is_postgresql = engine.dialect.name == "postgresql"
    return postgresql.insert(table) if is_postgresql else sqlite.insert(table)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as the driver takes it: SQLAlchemy compiles it once, then is out of the way."""

    text: str
    order: tuple[str, ...] | None
    """The names of positional parameters, None where the driver takes them by name."""
    names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, statement: sa.sql.ClauseElement, engine: sa.Engine, names: tuple[str, ...] = ()
    ) -> Prepared:
        """The statement for the driver of `engine`; `names` are the columns that `many` fills."""
        compiled = cast(SQLCompiler, statement.compile(engine, column_keys=list(names) or None))
        order = tuple(compiled.positiontup or ()) if compiled.positional else None
        return cls(str(compiled), order, names)

    def all(self, engine: sa.Engine, **values: object) -> list[Any]:
        """All rows, as tuples."""
        given = values if self.order is None else tuple(values[name] for name in self.order)
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(self.text, given)
            return list(cursor.fetchall())
        finally:
            connection.close()  # back to the pool

    def many(self, connection: sa.Connection, rows: Sequence[tuple[object, ...]]) -> int:
        """Execute for each row; how many rows changed."""
        if self.order is None:
            given: list[Any] = [dict(zip(self.names, row, strict=True)) for row in rows]
        else:
            at = [self.names.index(name) for name in self.order]
            given = [tuple(row[place] for place in at) for row in rows]
        return connection.exec_driver_sql(self.text, given).rowcount


def shown(url: sa.URL) -> str:
    """A URL to show to people, without its password."""
    return url.render_as_string(hide_password=True)


def cause(error: sa.exc.SQLAlchemyError) -> str:
    """What the database itself said, in one line."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]
