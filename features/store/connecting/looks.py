"""Small questions to an SQLite file, at half of what a connection of a pool costs."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa

from features.store.connecting.engines import file_of
from features.store.connecting.read_only import ONLY_READS

__all__ = ["Looks"]

_LOOKS_CACHE_KIB: Final = 16_384


class Looks:
    """A connection to an SQLite file that reads and never writes, beside those of the pool.

    It answers small questions for half of what one of the pool costs, and says whether anything was
    committed, by whatever process, between two looks: SQLite counts the commits that others make,
    which is to be had for a tenth of what any question costs. PostgreSQL, a database in memory, and
    a file that can only be read, have none: nothing is said there.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._file: tuple[int, int] | None = None
        self._opened = 0
        self._connection: sqlite3.Connection | None = None
        self._turn = threading.Lock()

    def mark(self) -> tuple[int, int] | None:
        """What is another one after every commit; None where nothing is said, as of `rows`."""
        found = self.rows("PRAGMA data_version", ())
        return None if found is None else (self._opened, found[0][0])

    def rows(self, text: str, values: Any) -> list[Any] | None:
        """What a statement finds; None where nothing is said, or another thread looks just now.

        Nobody waits here: a lead with a million events takes seconds to read.
        """
        if not self._turn.acquire(blocking=False):
            return None
        try:
            return self._asked(text, values)
        finally:
            self._turn.release()

    def _asked(self, text: str, values: Any) -> list[Any] | None:
        found = file_of(self._engine)
        if found is None or ONLY_READS in self._engine.get_execution_options():
            self._let_go()
            return None
        try:
            if found != self._file or self._connection is None:
                self._open(found)
            if self._connection is None:
                return None
            return self._connection.execute(text, values).fetchall()
        except sqlite3.Error:  # whoever asks the database itself is told why
            self._let_go()
            return None

    def _open(self, found: tuple[int, int]) -> None:
        self._let_go()
        path = quote(str(self._engine.url.database))
        self._connection = sqlite3.connect(
            f"file:{path}?mode=rw", uri=True, check_same_thread=False
        )
        self._connection.execute(f"PRAGMA cache_size=-{_LOOKS_CACHE_KIB}")
        self._file, self._opened = found, self._opened + 1

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._let_go()

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
