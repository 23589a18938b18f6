"""What a driver's error is: a store that is away, read-only or full for now, or a mistake of ours.

The one place that knows the errors of drivers. Whoever reads or writes a database does it within
`reachable`, and nobody else need know of them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa

from features.errors import StoreAway, without_password
from features.store.connecting.read_only import see_unchanged

__all__ = ["cause", "reachable", "shown"]

_READ_ONLY: Final = "25006"
"""What PostgreSQL calls an attempt to write to a server that only reads, such as a standby."""
_PRIMARY: Final = 0xFF
"""Of a code of SQLite, what is left without its finer distinctions."""
_OURS: Final = frozenset({"25P01", "25P02", "25001", "42P18"})
"""What it calls mistakes with transactions: no server ever mends them."""


@contextmanager
def reachable(engine: sa.Engine) -> Iterator[None]:
    """Errors of the driver, at connect, in a query or at commit, as StoreAway where it is that.

    What else a driver has to say is a mistake of ours and stays as it is.
    """
    try:
        yield
        see_unchanged(engine)
    except sa.exc.TimeoutError as error:
        raise StoreAway(f"{shown(engine.url)}: all connections are taken") from error
    except sa.exc.DBAPIError as error:
        if not (error.connection_invalidated or _is_outage(engine, error.orig)):
            raise
        _let_go(engine, error.orig)
        raise StoreAway(f"{shown(engine.url)}: {cause(error)}") from error
    except engine.dialect.loaded_dbapi.Error as error:
        if not _is_outage(engine, error):
            raise
        _let_go(engine, error)
        raise StoreAway(f"{shown(engine.url)}: {cause(error)}") from error


def _is_outage(engine: sa.Engine, error: BaseException | None) -> bool:
    """Whether an error of the driver says that the database cannot do it now."""
    driver = engine.dialect.loaded_dbapi
    if getattr(error, "sqlstate", None) in _OURS:
        return False
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return str(error).startswith("no such table")  # an empty file stands where the store was
    if isinstance(error, driver.OperationalError | driver.InterfaceError | driver.InternalError):
        return True
    return type(error) is driver.DatabaseError  # SQLite's word for a file that is damaged, or none


def _let_go(engine: sa.Engine, error: BaseException | None) -> None:
    """No connection to a server that only reads is used again: another one may write by now."""
    if getattr(error, "sqlstate", None) == _READ_ONLY:
        engine.dispose()


def shown(url: sa.URL) -> str:
    """A URL to show to people, without its password."""
    return without_password(url.render_as_string(hide_password=False))


def cause(error: BaseException) -> str:
    """What the database itself said, in one line; in our words of what a permission keeps away."""
    said = getattr(error, "orig", None) or error
    code = getattr(said, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        return "the file is no longer where it was"
    if code & _PRIMARY == sqlite3.SQLITE_READONLY:
        return (
            "it is read-only here: permit writing to the file and into its folder, or name another"
            " store"
        )
    if code & _PRIMARY == sqlite3.SQLITE_CANTOPEN:
        return (
            "its folder is not there or only reads, or nobody here may open the file or make one:"
            " permit that, or name another store"
        )
    if getattr(said, "sqlstate", None) == _READ_ONLY:
        return "the server is read-only now, as a standby is: name one that writes, or try again"
    lines = str(said).splitlines()
    return lines[0] if lines else type(error).__name__
