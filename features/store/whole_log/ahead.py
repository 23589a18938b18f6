"""The logs of many leads, some at a time: while one is looked at, another process reads the next.

Reading events is half of what a scoring of all leads takes, and Python does one thing at a time.
The process that reads ends with its input, so that it outlives nobody; where it is gone, the rest
is read here.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from typing import IO, Final, cast

from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.store.database import Database, file_of
from features.threads import processors

__all__ = ["logs_of"]

_WORTH_A_PROCESS: Final = 40_000
"""Leads of which so many are read before another process has been started and is of use."""
_READER: Final = "features.store.whole_log.reader"


def logs_of(
    read: Callable[[Sequence[str]], EventLog],
    database: Database,
    leads: Sequence[str],
    ladder: Ladder,
    size: int,
) -> Generator[EventLog]:
    """The logs of leads, in order, of `size` leads each.

    Parameters
    ----------
    read : reads the log of some leads here.
    """
    parts = (leads[at : at + size] for at in range(0, len(leads), size))
    is_shared = not database.is_sqlite or file_of(database.engine) is not None
    if len(leads) < _WORTH_A_PROCESS or processors() < 2 or not is_shared:
        yield from map(read, parts)
        return
    url = database.engine.url.render_as_string(hide_password=False)
    with subprocess.Popen(  # noqa: S603 our own
        [sys.executable, "-m", _READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        try:
            yield from _read_ahead(reader, (url, ladder), list(parts), read)
        finally:
            reader.kill()  # it only reads
            with suppress(BrokenPipeError):  # of what it did not take any more
                cast(IO[bytes], reader.stdin).close()


def _read_ahead(
    reader: subprocess.Popen[bytes],
    subject: tuple[str, Ladder],
    parts: Sequence[Sequence[str]],
    read: Callable[[Sequence[str]], EventLog],
) -> Iterator[EventLog]:
    """The log of each part; the reader has begun with the next before one is given."""
    is_there = _told(reader, (subject, parts[0]))
    for at, part in enumerate(parts):
        log = _answer(reader) if is_there else None
        if log is None:
            is_there = False
            yield read(part)
            continue
        if at + 1 < len(parts):
            is_there = _told(reader, (subject, parts[at + 1]))
        yield log


def _told(reader: subprocess.Popen[bytes], what: object) -> bool:
    """Whether the reader still takes what it is told."""
    given = cast(IO[bytes], reader.stdin)
    try:
        pickle.dump(what, given, pickle.HIGHEST_PROTOCOL)
        given.flush()
    except BrokenPipeError:
        return False
    return True


def _answer(reader: subprocess.Popen[bytes]) -> EventLog | None:
    """What the reader has read; None where it could not. Whoever reads here is told why."""
    try:
        return cast(EventLog | None, pickle.load(cast(IO[bytes], reader.stdout)))  # noqa: S301 ours
    except (EOFError, pickle.UnpicklingError):
        return None
