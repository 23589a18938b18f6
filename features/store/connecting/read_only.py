"""SQLite files that stand where nothing can be written, and are read all the same.

A store is kept in SQLite's write-ahead mode, in which even a reader makes two files beside it. On a
disk that only reads, or in a folder of others, it can make none, and beside a file of others it
would leave some that these could not write to. Then the file is read as one that does not change,
where all that was written is in it, or beside whoever writes to it by now.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import sqlalchemy as sa

from features.errors import StoreAway, StoreError

__all__ = ["ONLY_READS", "OnlyReads", "see_unchanged", "way_of"]

ONLY_READS: Final = "rung_only_reads"
"""The execution option of engines of a file that can only be read: how it is."""
_Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class OnlyReads:
    """How a file is read beside which nothing can be written.

    Parameters
    ----------
    uri : what SQLite opens.
    stamp : what the file was when it was opened as one that does not change, so that SQLite looks
        at no lock; None where it does.
    """

    path: Path
    uri: str
    stamp: _Stamp | None = None

    def has_changed(self) -> bool:
        """Whether somebody else has written to it since it was opened."""
        return self.stamp is not None and (self.stamp != _stamp_of(self.path) or _log(self.path))


def way_of(path: Path) -> OnlyReads | None:
    """How a file of SQLite is read; None where it can be written to as well, or there is none.

    Raises
    ------
    StoreError : part of what it holds is in a log beside it that cannot be read there.
    """
    is_open = _is_writable(path.parent)
    if not path.is_file() or (is_open and _is_writable(path)):
        return None
    index, log = _beside(path, "-shm"), _beside(path, "-wal")
    uri = f"file:{quote(str(path))}?mode=ro"
    if _log(path):
        if index.exists():  # somebody writes to it, from elsewhere: SQLite reads it with them
            return None if _is_writable(index) else OnlyReads(path, uri)
        if is_open:
            return None
        raise StoreError(
            f"{path}: part of what it holds is in {log.name} beside it, and cannot be"
            " read in a folder in which nothing can be written: copy both files into another and"
            " read it there, or permit writing into this one"
        )
    if _beside(path, "-journal").exists():
        return OnlyReads(path, uri)  # SQLite sees for itself what of it is half written
    return OnlyReads(path, f"{uri}&immutable=1", _stamp_of(path))


def see_unchanged(engine: sa.Engine) -> None:
    """StoreAway where a file that was read as one that does not change did change meanwhile."""
    held = engine.get_execution_options().get(ONLY_READS)
    if isinstance(held, OnlyReads) and held.has_changed():
        raise StoreAway(f"{held.path}: was written to while it was read: read it again")


def _is_writable(place: Path) -> bool:
    return os.access(place, os.W_OK)


def _log(path: Path) -> bool:
    """Whether SQLite's log beside a file holds something."""
    try:
        return _beside(path, "-wal").stat().st_size > 0
    except OSError:
        return False


def _stamp_of(path: Path) -> _Stamp:
    """What is another one after a commit; zeros where the file is gone."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0, 0
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
