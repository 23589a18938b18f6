"""Calls to the database and to the disk that fail, one after the other."""

from __future__ import annotations

import errno
import io
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

__all__ = ["Faults", "When", "each_fault", "failing_database", "failing_disk"]

When = Literal["before", "after"]
"""Whether a call fails before it has done anything, or when it has: its answer is lost."""
_MOST: Final = 2000


class Faults:
    """Lets one of many calls fail.

    Parameters
    ----------
    at : which, counted from 1; 0 for none.
    count : how many there were.
    failed : what failed; "" where nothing did.
    """

    def __init__(self, at: int = 0, when: When = "before") -> None:
        self.at, self.when = at, when
        self.count = 0
        self.failed = ""

    def call(self, what: str, do: Callable[[], Any], fail: Callable[[], Exception]) -> Any:
        """Do what a call does, or not."""
        self.count += 1
        if self.count != self.at:
            return do()
        self.failed = what
        if self.when == "after":
            found = do()
            if what == "open":  # nobody else can close it
                os.close(found) if isinstance(found, int) else found.close()
        raise fail()


def each_fault(attempt: Callable[[Faults], None], when: When = "before") -> int:
    """Let one call after the other fail until an attempt comes through; how many there are.

    A run with little time (`PROOF_FAULTS=3`) lets every third one fail, the same ones each time,
    and counts up to two more than there are.
    """
    for at in range(1, _MOST, int(os.environ.get("PROOF_FAULTS", "1"))):
        faults = Faults(at, when)
        attempt(faults)
        if not faults.failed:
            return at - 1
    raise AssertionError(f"more than {_MOST} calls: does it ever end?")


# ---------------------------------------------------------------------------------------- Database


@contextmanager
def failing_database(faults: Faults) -> Iterator[None]:
    """Every statement, every fetch of all rows and every commit of either driver is a call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3.dbapi2, "connect", _sqlite(faults))
        for name in ("execute", "executemany", "fetchall"):
            patch.setattr(psycopg.Cursor, name, _postgresql(faults, psycopg.Cursor, name))
        patch.setattr(
            psycopg.Connection, "commit", _postgresql(faults, psycopg.Connection, "commit")
        )
        try:
            yield
        finally:
            faults.at = 0  # connections that were made meanwhile go on


class _Cursor(sqlite3.Cursor):
    faults: Faults

    def execute(self, *given: Any) -> Any:
        text = str(given[0])
        if text.startswith(("PRAGMA", "BEGIN", "ROLLBACK")):
            return super().execute(*given)
        return self.faults.call(text, lambda: super(_Cursor, self).execute(*given), _disk_error)

    def executemany(self, *given: Any) -> Any:
        do = super().executemany
        return self.faults.call(str(given[0]), lambda: do(*given), _disk_error)

    def fetchall(self) -> Any:
        return self.faults.call("fetchall", super().fetchall, self._cut_short)

    def _cut_short(self) -> Exception:
        self.close()  # as SQLite does itself
        return _disk_error()


class _Connection(sqlite3.Connection):
    faults: Faults

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or type("Cursor", (_Cursor,), {"faults": self.faults}))

    def commit(self) -> None:
        if self.in_transaction:
            self.faults.call("commit", super().commit, _disk_error)


def _disk_error() -> Exception:
    return sqlite3.OperationalError("disk I/O error")


def _sqlite(faults: Faults) -> Callable[..., Any]:
    true = sqlite3.connect
    kind = type("Connection", (_Connection,), {"faults": faults})

    def connect(*given: Any, **options: Any) -> Any:
        return true(*given, **{**options, "factory": kind})

    return connect


def _postgresql(faults: Faults, kind: type, name: str) -> Callable[..., Any]:
    true = getattr(kind, name)

    def called(self: Any, *given: Any, **options: Any) -> Any:
        connection = self if isinstance(self, psycopg.Connection) else self.connection

        def fail() -> Exception:
            _end(connection)
            return psycopg.OperationalError("server closed the connection unexpectedly")

        what = str(given[0]) if given else name
        return faults.call(what, lambda: true(self, *given, **options), fail)

    return called


def _end(connection: psycopg.Connection[Any]) -> None:
    """Close a connection, and wait until the server has let go of what it held: of locks, too."""
    pid = connection.info.backend_pid
    server = make_conninfo(**connection.info.get_parameters(), password=connection.info.password)
    connection.close()
    with psycopg.connect(server, autocommit=True) as other:
        while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone():
            time.sleep(0.005)


# -------------------------------------------------------------------------------------------- Disk

_CALLS: Final = ("fsync", "link", "mkdir", "rename", "replace", "rmdir", "unlink", "open")


@contextmanager
def failing_disk(faults: Faults) -> Iterator[None]:
    """Every call that changes the disk by way of `os`, every opened file and every write fails."""

    def failing(true: Callable[..., Any], what: str) -> Callable[..., Any]:
        def called(*given: Any, **options: Any) -> Any:
            return faults.call(what, lambda: true(*given, **options), _full)

        return called

    def opened(file: Any, mode: str = "r", *given: Any, **options: Any) -> Any:
        if not set(mode) & set("wax+"):
            return true_open(file, mode, *given, **options)
        found = faults.call("open", lambda: true_open(file, mode, *given, **options), _full)
        found.write = failing(found.write, "write")
        return found

    true_open = io.open
    with pytest.MonkeyPatch.context() as patch:
        for name in _CALLS:
            patch.setattr(os, name, failing(getattr(os, name), name))
        patch.setattr(io, "open", opened)
        yield


def _full() -> Exception:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
