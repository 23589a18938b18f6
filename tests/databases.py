"""Databases with all tables and nothing in them, without making the tables each time."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from features.store.database import Database
from features.store.migrations import open_database

__all__ = ["administered", "opened", "with_tables"]


@cache
def _tables() -> bytes:
    """An SQLite file as `open_database` makes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rung.db"
        open_database(path).close()
        return path.read_bytes()


def with_tables(path: Path) -> Path:
    """The path of an SQLite database that has its tables already."""
    path.write_bytes(_tables())
    return path


def opened(path: Path) -> Database:
    """That database, opened."""
    return open_database(with_tables(path))


def administered(server: str, *statements: str) -> None:
    """Run statements on a PostgreSQL server, each outside of a transaction."""
    engine = sa.create_engine(sa.make_url(server).set(drivername="postgresql+psycopg"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
