"""Many leads with their signals, in parts: while one is looked at, a process reads the next.

Reading events and working out signals is more than half of what a scoring of all leads takes, and
Python does one thing at a time. The process that reads ends with its input, so that it outlives
nobody; where it is gone, the rest is read here.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Final, NamedTuple, Self, cast

from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.signals.program import compile_ladder
from features.signals.snapshot import Snapshot, known_at
from features.store.database import Database, file_of
from features.threads import processors

__all__ = ["Seen", "Wanted", "seen_of"]

_WORTH_A_PROCESS: Final = 40_000
"""Leads of which so many are read before another process has been started and is of use."""
_READER: Final = "features.store.whole_log.reader"


@dataclass(frozen=True, slots=True)
class Seen:
    """Some leads, read once.

    Parameters
    ----------
    log : their events, without properties.
    known : at each of the instants that were asked for, those leads of which something was known.
    """

    log: EventLog
    known: tuple[Snapshot, ...]

    @classmethod
    def of(cls, log: EventLog, wanted: Wanted) -> Self:
        """What there is to see in a log with all that the ladder reads."""
        compiled = compile_ladder(wanted.ladder)
        known = tuple(known_at(log, compiled, at) for at in wanted.instants)
        return cls(log.without_properties(), known)


class Wanted(NamedTuple):
    """What is asked of leads: by which ladder, and at which instants in microseconds."""

    ladder: Ladder
    instants: tuple[int, ...]


def seen_of(
    read: Callable[[Sequence[str]], EventLog],
    database: Database,
    leads: Sequence[str],
    wanted: Wanted,
    size: int,
) -> Generator[Seen]:
    """All of some leads, in order, `size` of them each.

    Parameters
    ----------
    read : reads the log of some leads here.
    """

    def seen_here(some: Sequence[str]) -> Seen:
        return Seen.of(read(some), wanted)

    parts = (leads[at : at + size] for at in range(0, len(leads), size))
    is_shared = not database.is_sqlite or file_of(database.engine) is not None
    if len(leads) < _WORTH_A_PROCESS or processors() < 2 or not is_shared:
        yield from map(seen_here, parts)
        return
    url = database.engine.url.render_as_string(hide_password=False)
    with subprocess.Popen(  # noqa: S603 our own
        [sys.executable, "-m", _READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        try:
            yield from _read_ahead(reader, (url, wanted), list(parts), seen_here)
        finally:
            reader.kill()  # it only reads
            with suppress(BrokenPipeError):  # of what it did not take any more
                cast(IO[bytes], reader.stdin).close()


def _read_ahead(
    reader: subprocess.Popen[bytes],
    subject: tuple[str, Wanted],
    parts: Sequence[Sequence[str]],
    seen_here: Callable[[Sequence[str]], Seen],
) -> Iterator[Seen]:
    """Each part; the reader has begun with the next before one is given."""
    is_there = _told(reader, (subject, parts[0]))
    for at, part in enumerate(parts):
        seen = _answer(reader) if is_there else None
        if seen is None:
            is_there = False
            yield seen_here(part)
            continue
        if at + 1 < len(parts):
            is_there = _told(reader, (subject, parts[at + 1]))
        yield seen


def _told(reader: subprocess.Popen[bytes], what: object) -> bool:
    """Whether the reader still takes what it is told."""
    given = cast(IO[bytes], reader.stdin)
    try:
        pickle.dump(what, given, pickle.HIGHEST_PROTOCOL)
        given.flush()
    except BrokenPipeError:
        return False
    return True


def _answer(reader: subprocess.Popen[bytes]) -> Seen | None:
    """What the reader has read; None where it could not. Whoever reads here is told why."""
    try:
        return cast(Seen | None, pickle.load(cast(IO[bytes], reader.stdout)))  # noqa: S301 ours
    except (EOFError, pickle.UnpicklingError):
        return None
