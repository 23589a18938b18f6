"""Many leads looked at in parts: some here, and meanwhile some by another process.

Python does one thing at a time, and most of what a scoring of all leads takes is Python. So what
looks at a part of the leads is handed to a process of its own as well, once, with all that it
needs; each process reads the events of its parts, looks at them, and what it found is all that goes
from one to the other. The process ends with its input, so that it outlives nobody; where it is
gone, the rest is looked at here.
"""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Final, Generic, NamedTuple, TypeVar, cast

from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.store.connecting.engines import file_of
from features.store.database import Database
from features.threads import processors

__all__ = ["Looked", "Subject", "found_of"]

_WORTH_A_PROCESS: Final = 40_000
"""Leads of which so many are read before another process has been started and is of use."""
_ASKED: Final = 2
"""So many parts the process is asked for at once: it goes on with one while the other is told."""
_READER: Final = "features.store.whole_log.reader"
_LOGGER: Final = logging.getLogger("rung.store")

T = TypeVar("T")


class Subject(NamedTuple):
    """What the other process is told first.

    Parameters
    ----------
    url : of the store.
    look : is called with the log of a part; what it returns can be pickled as well.
    """

    url: str
    ladder: Ladder
    look: Callable[[EventLog], Any]


@dataclass(frozen=True, slots=True)
class Looked(Generic[T]):
    """What was found in a part, None included."""

    value: T


def found_of(
    read: Callable[[Sequence[str]], EventLog],
    look: Callable[[EventLog], T],
    database: Database,
    ladder: Ladder,
    leads: Sequence[str],
    size: int,
) -> Generator[T]:
    """What is found in the logs of all of some leads, `size` of them each, as it is found.

    Parameters
    ----------
    read : reads the log of some leads here, by the ladder.
    look : what is found in a log. Where it fails in the other process it is asked again here.
    """

    def found_here(some: Sequence[str]) -> T:
        return look(read(some))

    parts = (leads[at : at + size] for at in range(0, len(leads), size))
    is_shared = not database.is_sqlite or file_of(database.engine) is not None
    is_worth_it = len(leads) >= _WORTH_A_PROCESS and processors() > 1 and is_shared
    subject = _handed_over(database, ladder, look) if is_worth_it else None
    if subject is None:
        yield from map(found_here, parts)
        return
    started = subprocess.Popen(  # noqa: S603 our own
        [sys.executable, "-m", _READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with started as reader, ThreadPoolExecutor(1) as asking:
        try:
            asking.submit(_tell, reader, subject)
            ask = partial(_ask, reader)
            yield from _by_two(partial(asking.submit, ask), deque(parts), found_here)
        finally:
            reader.kill()  # it only reads; whoever waits for its answer has one then
            asking.shutdown(cancel_futures=True)
            with suppress(BrokenPipeError):  # of what it did not take any more
                cast(IO[bytes], reader.stdin).close()


def _handed_over(
    database: Database, ladder: Ladder, look: Callable[[EventLog], Any]
) -> bytes | None:
    """What the reader is told; None where it cannot be told to another process, which is said."""
    url = database.engine.url.render_as_string(hide_password=False)
    try:
        return pickle.dumps(Subject(url, ladder, look), pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:  # as pickle has them
        _LOGGER.warning("all leads are looked at by one process, which takes longer: %s", error)
        return None


def _by_two(
    ask: Callable[[Sequence[str]], Future[Looked[T] | None]],
    parts: deque[Sequence[str]],
    found_here: Callable[[Sequence[str]], T],
) -> Iterator[T]:
    """Each part once: as the reader has it, or found here while the reader is at another one."""
    asked: deque[tuple[Sequence[str], Future[Looked[T] | None]]] = deque()
    most = _ASKED
    while parts or asked:
        while parts and len(asked) < most:
            part = parts.popleft()
            asked.append((part, ask(part)))
        if not asked or (parts and not asked[0][1].done()):
            yield found_here(parts.popleft())
            continue
        part, answer = asked.popleft()
        found = answer.result()
        if found is None:  # it is asked nothing more
            most = 0
            yield found_here(part)
        else:
            yield found.value


def _tell(reader: subprocess.Popen[bytes], subject: bytes) -> None:
    """Tell the reader what it is for; that it is gone is seen by whoever asks it."""
    given = cast(IO[bytes], reader.stdin)
    with suppress(BrokenPipeError):
        given.write(subject)
        given.flush()


def _ask(reader: subprocess.Popen[bytes], part: Sequence[str]) -> Looked[Any] | None:
    """What the reader found; None where it cannot say. Whoever looks here is told why."""
    given, told = cast(IO[bytes], reader.stdin), cast(IO[bytes], reader.stdout)
    try:
        pickle.dump(part, given, pickle.HIGHEST_PROTOCOL)
        given.flush()
        return cast(Looked[Any] | None, pickle.load(told))  # noqa: S301 ours
    except (BrokenPipeError, EOFError, pickle.UnpicklingError):
        return None
