"""Brings the tables of a database up to date with Alembic; `scripts/versions`: a file a change."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from features.errors import StoreError
from features.store.connecting.locks import TABLES
from features.store.connecting.outages import cause, shown
from features.store.database import Database
from features.store.migrations.moving import see_that_there_is_room
from features.store.migrations.older import WhenOlder
from features.store.schema import meta

__all__ = ["LATEST", "migrate", "open_database", "version_of"]

LATEST: Final = "0019"
"""The revision that this version of Rung reads and writes."""
_MOVES: Final = "0017"
"""The last revision that moves all events of an SQLite store."""


def open_database(
    url: str | Path, *, may_only_read: bool = False, when_older: WhenOlder | None = None
) -> Database:
    """The database at a path or a URL with all its tables, made where there is none.

    Parameters
    ----------
    may_only_read : whether a file of SQLite will do beside which nothing can be written.
    when_older : as in `migrate`.

    Raises
    ------
    StoreError : no database there can be opened, or it holds something else.
    """
    database = Database.open(url, may_only_read=may_only_read)
    try:
        if migrate(database, when_older):
            database.shorten_log()
        database.write_ahead()
    except StoreError:
        database.close()
        raise
    except sa.exc.SQLAlchemyError as error:
        database.close()
        shown_url = shown(database.engine.url)
        raise StoreError(f"{shown_url}: cannot be opened: {cause(error)}") from error
    return database


def migrate(database: Database, when_older: WhenOlder | None = None) -> bool:
    """Make the tables in an empty database, or those that a store of an older version lacks.

    Processes that start together may all call it. Whether it found something to do.

    Parameters
    ----------
    when_older : asked before a store of an older version is brought up to date; None where nobody
        minds.

    Raises
    ------
    StoreError : it holds something else, or was written by a newer version.
    """
    try:
        with database.reading() as connection:
            version = version_of(connection)
            if version == LATEST:
                return False
            if when_older is not None and version is not None and version < LATEST:
                when_older(connection, _too_old(version))
        with database.writing() as connection:
            if not database.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(TABLES)))
            _upgrade(connection, when_older)
    except sa.exc.SQLAlchemyError as error:
        url = shown(database.engine.url)
        raise StoreError(f"{url}: its tables cannot be made: {cause(error)}") from error
    return True


def version_of(connection: sa.Connection) -> str | None:
    """The revision of a store; None of an empty database, "" of one that came before Alembic.

    Raises
    ------
    StoreError : the database holds something else.
    """
    tables = set(sa.inspect(connection).get_table_names())
    if not tables:
        return None
    if meta.name not in tables:
        found = ", ".join(sorted(tables)[:3])
        url = shown(connection.engine.url)
        raise StoreError(f"{url}: not a store of Rung; it holds {found}")
    if "alembic_version" not in tables:
        return ""
    return connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or ""


def _too_old(version: str) -> str:
    return f"has schema {version or 'before 0002'}, this version of Rung needs {LATEST}"


def _upgrade(connection: sa.Connection, when_older: WhenOlder | None) -> None:
    version = version_of(connection)
    if version == LATEST:  # another process was faster
        return
    if when_older is not None and version is not None and version < LATEST:
        when_older(connection, _too_old(version))
    if version is not None and version > LATEST:
        raise StoreError(
            f"{shown(connection.engine.url)}: has schema {version}, this version reads {LATEST};"
            " use the version of Rung that wrote it, or a newer one"
        )
    if connection.dialect.name == "sqlite" and version is not None and version < _MOVES:
        see_that_there_is_room(connection)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "scripts"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
