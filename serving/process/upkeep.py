"""Work that a process of its own does now and then: what needs the whole log is not done here.

Of several workers on one store one has it done, by lease; a run ends with the worker that began it,
and where the lease is lost. A run that takes long is not begun again
before twenty times as long has passed. One that failed, or whose process died, is tried again after
a minute, and after twice as long each time until it is done.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import IO, Any, Final, NamedTuple, Self

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool

from features.errors import StoreAway
from features.store.kept.columns import KeptColumns
from features.store.kept.meta import held_meta, meta_of, set_meta
from features.store.schema import events, meta
from serving.edge.logs import log, log_failure
from serving.process.service import Service

__all__ = ["Chore", "do", "is_due", "keep_up", "seconds_until_again"]

_FIRST_SECONDS: Final = 30.0
"""A service that has just begun has better things to do."""
_LOOK_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.2
_LEASE_US: Final = 60_000_000
_RENEW_SECONDS: Final = 10.0
_UNRENEWED_SECONDS: Final = 40.0
"""For so long a lease that cannot be renewed is ours for sure: it takes as long to be told so."""
_LOST: Final = "another process may be at it by now: its lease could not be renewed in time"
_REST: Final = 20
"""Times as long as a run took it rests at least."""
_TAKEN_SECONDS: Final = 60.0
"""What an erasure took away is made again at once, and after this pause where others follow."""
_URGED_SECONDS: Final = 7 * 86_400.0
"""What urged it may do so still after it was done: what is trained anew need not be better."""
_RETRY_SECONDS: Final = 60.0
"""What failed is tried again so soon, and after twice as long each time that it fails again."""
_MOST_DOUBLED: Final = 20
"""Times; a chore that is due before that is tried then."""
_SAID: Final = 500
"""Characters of what a run that failed said last."""
_LONGEST_CHARACTER: Final = 4
"""Bytes that UTF-8 takes for one."""


@dataclass(frozen=True, slots=True)
class Chore:
    """A command that is run now and then beside a service.

    Parameters
    ----------
    every_seconds : at most so often.
    command : what is run, with the store and the bundle that serves in its environment. It is to
        end when its standard input does, which is so when this process was killed.
    needs_model : whether it has nothing to do before a bundle serves.
    keeps : the kind of `KeptColumns` that it makes, which erasures take away, or that of a report
        (`features.store.privacy.erasures.of_report`); "" for none.
    settings : variables of its environment beside the store, in place of the folder of the bundle
        that serves; None for that.
    is_told : whether the log has what it said last also where it went well.
    urged_by : what makes it due sooner, but at most once a week; None for nothing. One that is done
        every infinity of seconds is begun for that alone.
    """

    name: str
    every_seconds: float
    command: tuple[str, ...]
    needs_model: bool = True
    keeps: str = ""
    settings: Mapping[str, str] | None = None
    is_told: bool = False
    urged_by: Callable[[Service], bool] | None = None


async def keep_up(service: Service, chores: Sequence[Chore]) -> None:
    """Have the chores done, each when it is due, until cancelled."""
    await asyncio.sleep(_FIRST_SECONDS)
    while not service.stopping.is_set():
        for chore in chores:
            await run_in_threadpool(_attempt, service, chore)
        await asyncio.sleep(_LOOK_SECONDS)


def _attempt(service: Service, chore: Chore) -> None:
    try:
        if is_due(service, chore):
            do(service, chore)
    except Exception as error:  # the edge of the process: nobody else would hear of it
        service.failures[chore.name] = f"{chore.name} failed: {type(error).__name__}; see the log"
        log_failure("upkeep failed", error, work=chore.name)


def is_due(service: Service, chore: Chore) -> bool:
    """Whether there are events, and a model, and long enough passed since it was begun last.

    That is sooner where an erasure took away what it had made, or where something urges it.
    """
    if service.held_back is not None or (chore.needs_model and service.folder is None):
        return False
    with service.store.database.reading() as connection:
        held = meta_of(connection, _key(chore))
        if held is None and isfinite(chore.every_seconds):
            return connection.execute(sa.select(events.c.message_id).limit(1)).first() is not None
    if held is None:
        return _is_urged(service, chore)
    begun, took, undone = _Last.of(held)
    now = service.clock()
    pause = max(chore.every_seconds * 1e6, _REST * took)
    if undone:
        pause = min(pause, _pause_when_undone(undone))
    if now < begun or now - begun >= pause:
        return True
    if now - begun >= max(_URGED_SECONDS * 1e6, _REST * took) and _is_urged(service, chore):
        return True
    return now - begun >= _pause_when_taken(chore.every_seconds, took) and _is_taken(service, chore)


def _is_urged(service: Service, chore: Chore) -> bool:
    return chore.urged_by is not None and chore.urged_by(service)


def seconds_until_again(service: Service, name: str, every_seconds: float) -> float:
    """For how long, at most, what an erasure took away is not there: until it is made again.

    Parameters
    ----------
    name, every_seconds : those of the chore that makes it.
    """
    with service.store.database.reading() as connection:
        held = meta_of(connection, f"upkeep {name}")
    took = _Last.of(held).took if held else 0
    return (_pause_when_taken(every_seconds, took) + took) / 1e6 + _LOOK_SECONDS


def _pause_when_taken(every_seconds: float, took: int) -> float:
    """Microseconds from one beginning to the next, where what was made is gone."""
    return max(min(every_seconds, _TAKEN_SECONDS) * 1e6, _REST * took)


def _is_taken(service: Service, chore: Chore) -> bool:
    columns = KeptColumns(service.store.database)
    return bool(chore.keeps) and columns.taken_at(chore.keeps, service.ladder.name) is not None


class _Last(NamedTuple):
    """When a chore was begun last, and for how long it took, both in microseconds.

    Parameters
    ----------
    undone : how often it was begun since it was done last. It counts from its beginning: of a run
        whose process dies nobody else would say so.
    """

    begun: int
    took: int = 0
    undone: int = 0

    @classmethod
    def of(cls, held: str) -> Self:
        """What is kept: the count below zero, where others have the time that it took.

        So a former version can read it. That one kept 0 of a run that was under way, or had died.
        """
        begun, told = (int(part) for part in held.split())
        return cls(begun, max(told, 0), max(-told, 0) if told else 1)

    def __str__(self) -> str:
        """As it is kept."""
        return f"{self.begun} {-self.undone or self.took}"


def _pause_when_undone(undone: int) -> float:
    """Microseconds until it is tried again, where it was begun so often and not done."""
    return _RETRY_SECONDS * 1e6 * 2.0 ** min(undone - 1, _MOST_DOUBLED)


def _key(chore: Chore) -> str:
    return f"upkeep {chore.name}"


def do(service: Service, chore: Chore) -> bool:
    """Have a chore done, unless another process is at it; whether it was, and well."""
    held = service.store.leases.held(_key(chore), service.holder, service.clock, _LEASE_US)
    with held as is_ours:
        if not is_ours():
            return False
        begun, started = service.clock(), time.monotonic()
        former = _note_begun(service, chore, begun)
        lease = _Renewed(is_ours)
        code, said = _run(service, chore, lease)
        took = time.monotonic() - started
        is_broken_off = code != 0 and service.stopping.is_set()
        kept = _Last(begun, max(round(took * 1e6), 1))
        if code != 0:
            kept = _Last(service.clock(), undone=_undone(former))
        # What the end of the service broke off is due when there is a service again.
        if not lease.is_lost:  # else somebody else may have kept that it is at it
            _note(service, chore, former if is_broken_off else str(kept))
    if is_broken_off:
        log("upkeep broken off", work=chore.name)
        return False
    if code != 0:
        service.failures[chore.name] = f"{chore.name} failed; see the log"
        log("upkeep failed", logging.ERROR, work=chore.name, code=code, said=said)
        return False
    service.failures.pop(chore.name, None)
    told: dict[str, Any] = {"said": said} if chore.is_told else {}
    log("upkeep done", work=chore.name, seconds=round(took, 2), **told)
    return True


def _note_begun(service: Service, chore: Chore, begun: int) -> str | None:
    """Keep that a chore is begun, and not done yet; what was kept before, None for nothing."""
    with service.store.database.writing() as connection:
        former = held_meta(connection, _key(chore))
        set_meta(connection, _key(chore), str(_Last(begun, undone=_undone(former))))
    return former


def _undone(former: str | None) -> int:
    """How often a chore was begun, this run counted, by what was kept before it."""
    return 1 + (_Last.of(former).undone if former else 0)


def _note(service: Service, chore: Chore, said: str | None) -> None:
    """Keep when a chore was begun and how it went; None for never."""
    with service.store.database.writing() as connection:
        if said is None:
            connection.execute(sa.delete(meta).where(meta.c.key == _key(chore)))
        else:
            set_meta(connection, _key(chore), said)


class _Renewed:
    """A lease that keeps others from doing the same while a run lasts.

    Parameters
    ----------
    renew : takes it for longer; False where another one has it.

    Attributes
    ----------
    is_lost : whether another one may have it.
    """

    def __init__(self, renew: Callable[[], bool]) -> None:
        self._renew = renew
        self._renewed_at = self._asked_at = time.monotonic()
        self.is_lost = False

    def holds(self) -> bool:
        """Whether it is ours; it is renewed now and then. A store that is away may come back."""
        if time.monotonic() - self._asked_at > _RENEW_SECONDS:
            self._asked_at = time.monotonic()
            try:
                self.is_lost = not self._renew()
                self._renewed_at = self._asked_at
            except StoreAway:
                self.is_lost = time.monotonic() - self._renewed_at > _UNRENEWED_SECONDS
        return not self.is_lost


def _run(service: Service, chore: Chore, lease: _Renewed) -> tuple[int, str]:
    """Run a command to its end, that of the service or of its lease: its code, what it said last.

    Should this process be killed, the command's standard input ends.
    """
    url = service.settings.database_url
    environment = {
        **{key: text for key, text in os.environ.items() if not key.startswith("RUNG_")},
        "RUNG_DATABASE_URL": url if "://" in url else f"sqlite:///{url}",
        "RUNG_TRUSTED_TYPES": ", ".join(service.settings.trusted_types),
    }
    if chore.settings is not None:
        environment |= chore.settings
    elif service.folder is not None:
        environment["RUNG_BUNDLE"] = str(service.folder)
    # A file, since nobody reads meanwhile: a pipe that is full would stop who writes into it.
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen(  # noqa: S603 the command is ours
            chore.command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=told if chore.is_told else subprocess.DEVNULL,
            stderr=told,
        ) as process,
    ):
        while process.poll() is None:
            if service.stopping.wait(_POLL_SECONDS) or not lease.holds():
                process.terminate()
                process.wait()
                break
        said = _last_of(told)
        return process.returncode, _LOST if lease.is_lost else said


def _last_of(told: IO[bytes]) -> str:
    """The last characters of what was written to a file."""
    length = told.seek(0, os.SEEK_END)
    told.seek(max(length - _LONGEST_CHARACTER * _SAID, 0))
    return told.read().decode(errors="replace")[-_SAID:].strip()
