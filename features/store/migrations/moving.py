"""What moving all events of an SQLite store takes: room on the disk, and a word now and then."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from features.errors import StoreError

__all__ = ["MovingProgress", "moved_events", "see_that_there_is_room"]

_LOGGER: Final = logging.getLogger("rung.store")
_QUIET_SECONDS: Final = 5.0
"""A store that takes no longer says nothing, and others say so often how far they are."""
_TIMES: Final = 3.6
"""What is moved is written to the log of SQLite first, zeros over what it leaves behind as well,
and from there to the file while the log is still there: 3.0 to 3.4 times the file in all, moved
once or twice."""


@contextmanager
def moved_events(connection: sa.Connection) -> Iterator[MovingProgress]:
    """Let all events be copied to `events_moved`, which takes their place when the block ends.

    It is a part of the caller's transaction: all are moved, or none. Broken off, the store is as it
    was, and whoever opens it next begins again.
    """
    count = connection.scalar(sa.text("SELECT count(*) FROM events")) or 0
    yield MovingProgress(connection.engine.url.database or "", count)
    connection.exec_driver_sql("DROP TABLE events")
    connection.exec_driver_sql("ALTER TABLE events_moved RENAME TO events")


def see_that_there_is_room(connection: sa.Connection) -> None:
    """Look before the first of all moves whether they can be done, and written to the file.

    Raises
    ------
    StoreError : the disk has too little left; better now than halfway, with the disk full.
    """
    path = connection.engine.url.database
    if path in (None, "", ":memory:"):
        return
    size = connection.scalar(sa.text("PRAGMA page_count")) * connection.scalar(
        sa.text("PRAGMA page_size")
    )
    needed, free = int(size * _TIMES), shutil.disk_usage(Path(path).absolute().parent).free
    if free < needed:
        raise StoreError(
            f"{path}: its events are to be kept in another form, which takes"
            f" {needed / 1e6:,.0f} MB beside it for a while, and {free / 1e6:,.0f} MB are free;"
            " make room and start again. Nothing was changed"
        )


class MovingProgress:
    """Says how far it is, where that takes long.

    Parameters
    ----------
    count : how many events there are.
    """

    def __init__(self, path: str, count: int) -> None:
        self.count = count
        self._path = path
        self._told_at = time.monotonic()

    def __call__(self, words: str) -> None:
        """Tell, unless somebody was told a moment ago."""
        now = time.monotonic()
        if now - self._told_at >= _QUIET_SECONDS:
            self._told_at = now
            _LOGGER.warning("%s: the store is brought up to date: %s", self._path, words)
