"""Many leads with their signals, in parts: while one is looked at, a process reads another.

Reading events and working out signals is more than half of what a scoring of all leads takes, and
Python does one thing at a time. Where the process that reads is slower than whoever asks, some
parts are read here, so that both processors have work. It ends with its input, so that it outlives
nobody; where it is gone, the rest is read here.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, Final, NamedTuple, Self, cast

from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.signals.program import compile_ladder
from features.signals.snapshot import Snapshot, snapshot_of_known
from features.store.database import Database, file_of
from features.threads import processors

__all__ = ["SeenLeads", "Wanted", "seen_of"]

_WORTH_A_PROCESS: Final = 40_000
"""Leads of which so many are read before another process has been started and is of use."""
_ASKED: Final = 3
"""So many parts the reader is asked for at once: it goes on while another one is read here."""
_READER: Final = "features.store.whole_log.reader"


@dataclass(frozen=True, slots=True)
class SeenLeads:
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
        known = tuple(snapshot_of_known(log, compiled, at) for at in wanted.instants)
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
) -> Generator[SeenLeads]:
    """All of some leads, `size` of them each, in the order in which they are read.

    Parameters
    ----------
    read : reads the log of some leads here.
    """

    def seen_here(some: Sequence[str]) -> SeenLeads:
        return SeenLeads.of(read(some), wanted)

    parts = (leads[at : at + size] for at in range(0, len(leads), size))
    is_shared = not database.is_sqlite or file_of(database.engine) is not None
    if len(leads) < _WORTH_A_PROCESS or processors() < 2 or not is_shared:
        yield from map(seen_here, parts)
        return
    url = database.engine.url.render_as_string(hide_password=False)
    started = subprocess.Popen(  # noqa: S603 our own
        [sys.executable, "-m", _READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with started as reader, ThreadPoolExecutor(1) as asking:
        try:
            ask = partial(_ask, reader, (url, wanted))
            yield from _by_two(partial(asking.submit, ask), deque(parts), seen_here)
        finally:
            reader.kill()  # it only reads; whoever waits for its answer has one then
            asking.shutdown(cancel_futures=True)
            with suppress(BrokenPipeError):  # of what it did not take any more
                cast(IO[bytes], reader.stdin).close()


def _by_two(
    ask: Callable[[Sequence[str]], Future[SeenLeads | None]],
    parts: deque[Sequence[str]],
    seen_here: Callable[[Sequence[str]], SeenLeads],
) -> Iterator[SeenLeads]:
    """Each part once: as the reader has it, or seen here while the reader is at another one."""
    asked: deque[tuple[Sequence[str], Future[SeenLeads | None]]] = deque()
    most = _ASKED
    while parts or asked:
        while parts and len(asked) < most:
            part = parts.popleft()
            asked.append((part, ask(part)))
        if not asked or (parts and not asked[0][1].done()):
            yield seen_here(parts.popleft())
            continue
        part, answer = asked.popleft()
        seen = answer.result()
        if seen is None:  # it is asked nothing more
            most = 0
        yield seen or seen_here(part)


def _ask(
    reader: subprocess.Popen[bytes], subject: tuple[str, Wanted], part: Sequence[str]
) -> SeenLeads | None:
    """What the reader says; None where it cannot. Whoever reads here is told why."""
    given, told = cast(IO[bytes], reader.stdin), cast(IO[bytes], reader.stdout)
    try:
        pickle.dump((subject, part), given, pickle.HIGHEST_PROTOCOL)
        given.flush()
        return cast(SeenLeads | None, pickle.load(told))  # noqa: S301 ours
    except (BrokenPipeError, EOFError, pickle.UnpicklingError):
        return None
