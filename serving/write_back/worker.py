"""Tells CRMs of scores: takes what is due, looks what the CRM has, writes, keeps what came of it.

A record is looked at right before it is written, so that what a person has taken over stays as it
is. A CRM that is out of reach, or that does not let us in, is left alone for a while.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, TypeVar

import httpx2

from features.clock import is_over
from features.errors import StoreError
from features.store.events import EventStore
from serving.edge.logs import log, log_failure
from serving.scoring.scorer import Scorer
from serving.write_back import calls
from serving.write_back.calls import CallFailed, CallRefused, Seen, Vendor, said
from serving.write_back.configuration import WriteBack
from serving.write_back.customerio import CUSTOMERIO
from serving.write_back.dynamics import DYNAMICS
from serving.write_back.hubspot import HUBSPOT
from serving.write_back.mautic import MAUTIC
from serving.write_back.outbox import LEASE, Outbox
from serving.write_back.rules import DAY, DELAYS, SECOND, Outcome, Record
from serving.write_back.salesforce import SALESFORCE

__all__ = ["Parts", "Pause", "Writes", "keep_writing", "write_batch"]

T = TypeVar("T")

VENDORS: Final[Mapping[str, Vendor]] = {
    "customerio": CUSTOMERIO,
    "dynamics": DYNAMICS,
    "hubspot": HUBSPOT,
    "mautic": MAUTIC,
    "salesforce": SALESFORCE,
}

_MOST_CALLS: Final = 16
"""Writes that one batch may take: so many find one bad record among two hundred."""
_NOT_TRIED: Final = "not tried: all calls of the turn went to others"
_LOCKED_OUT: Final = 900 * SECOND
_POLL_SECONDS: Final = 1.0
_MOST_LOOKS: Final = 600
_GRACE_SECONDS: Final = 5.0
_PAUSES: Final = DELAYS[:3]


@dataclass(slots=True)
class Pause:
    """How often in a row a CRM could not be asked, until when it is left alone, and for how long.

    Both in microseconds.
    """

    failures: int = 0
    until: int = 0
    wait: int = 0


@dataclass(slots=True)
class Parts:
    """What it takes to tell CRMs.

    Parameters
    ----------
    clock : the present, in microseconds since the epoch.
    pauses : by connector.
    """

    outbox: Outbox
    targets: Sequence[WriteBack]
    client: httpx2.AsyncClient
    clock: Callable[[], int]
    pauses: dict[str, Pause] = field(default_factory=dict)


class Writes(Protocol):
    """What `keep_writing` needs of a service."""

    @property
    def write_backs(self) -> Sequence[WriteBack]:
        """The CRMs that are told."""

    @property
    def store(self) -> EventStore:
        """Where the scores are."""

    @property
    def scorer(self) -> Scorer:
        """Knows the time."""

    @property
    def stopping(self) -> threading.Event:
        """Set when the process is to end."""


async def keep_writing(service: Writes) -> None:
    """Tell CRMs what is due, until cancelled; what is under way then is finished, or given back.

    Where nothing was scored for a day, as after a long rest, it waits for what is scored now: a CRM
    that was told of a band of months ago may have written to the lead before it knows better.
    """
    if not service.write_backs:
        return
    await _until_scored(service)
    async with calls.new_client(service.scorer.clock) as client:
        outbox = Outbox(service.store.database)
        parts = Parts(outbox, service.write_backs, client, service.scorer.clock)
        await asyncio.gather(
            *(_keep(parts, target, service.stopping) for target in service.write_backs)
        )


async def _until_scored(service: Writes) -> None:
    """Wait until all leads were scored within a day, or never were; ten minutes at most."""
    for _ in range(_MOST_LOOKS):
        if service.stopping.is_set() or not await asyncio.to_thread(_is_outdated, service):
            return
        await asyncio.sleep(_POLL_SECONDS)
    log("write-back begins with scores of long ago: nothing scores", logging.WARNING)


def _is_outdated(service: Writes) -> bool:
    try:
        run, _ = service.store.scores.full_run()
    except StoreError:
        return True  # it is away, and there is nothing to be told
    return run is not None and service.scorer.clock() - run["as_of"] > DAY


async def _keep(parts: Parts, target: WriteBack, stopping: threading.Event) -> None:
    while not stopping.is_set():
        if not await _finished(_try(parts, target)):
            await asyncio.sleep(_POLL_SECONDS)


async def _finished(work: Awaitable[T]) -> T:
    """The result of work, which has a few seconds to come to an end when it is cancelled."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_GRACE_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


async def _try(parts: Parts, target: WriteBack) -> int:
    try:
        return await write_batch(parts, target)
    except Exception as error:  # the edge of the process: nobody else would hear of it
        log_failure("write-back failed", error, connector=target.connector)
        return 0


async def write_batch(parts: Parts, target: WriteBack) -> int:
    """Tell one CRM of the records that wait longest; how many there were."""
    now = parts.clock()
    pause = parts.pauses.setdefault(target.connector, Pause())
    if not is_over(pause.until, now, pause.wait):
        return 0
    most = VENDORS[target.connector].most
    records = await asyncio.to_thread(parts.outbox.claim, target, most, now, now + LEASE)
    if not records:
        return 0
    told = await _Batch(parts, target, records).told()
    await asyncio.to_thread(parts.outbox.record, target, told, parts.clock())
    results = dict(Counter(outcome.kind for _, outcome in told))
    log("written back", connector=target.connector, results=results)
    return len(told)


class _Batch:
    """Some records on their way to one CRM."""

    def __init__(self, parts: Parts, target: WriteBack, records: Sequence[Record]) -> None:
        self._parts = parts
        self._target = target
        self._records = records
        self._vendor = VENDORS[target.connector]
        self._calls = 0
        self._ran_out = False
        self._failure: Outcome | None = None

    async def told(self) -> list[tuple[Record, Outcome]]:
        """Each record with what came of it, one and the same for all where we were not let in.

        An error of ours is a failure of all of them: uncounted, it would be made again without end.
        """
        try:
            return await self._told()
        except Exception as error:  # likewise
            log_failure("write-back failed", error, connector=self._target.connector)
            why = f"an error of Rung's own, {type(error).__name__}; see its log"
            failed = self._pause(CallFailed(why))
            return [(record, failed) for record in self._records]

    async def _told(self) -> list[tuple[Record, Outcome]]:
        try:
            seen = await self._seen()
        except (CallFailed, CallRefused) as failure:
            failed = self._pause(failure)
            return [(record, failed) for record in self._records]
        told, ready = [], []
        for record in self._records:
            found = seen.get(record.external_id)
            if found is not None and not found.is_overridden:
                ready.append((record, found))
            else:
                told.append((record, _left(found)))
        outcomes = await self._written(ready)
        if self._ran_out and not any(outcome.kind == "written" for outcome in outcomes):
            why = next((one.error for one in outcomes if one.kind == "failed"), _NOT_TRIED)
            self._wait("the CRM takes nothing of a batch, write-back waits", why)
        elif self._failure is None:
            self._parts.pauses[self._target.connector] = Pause()
        return [*told, *((record, outcomes[at]) for at, (record, _) in enumerate(ready))]

    async def _seen(self) -> Mapping[str, Seen]:
        """What the CRM has of the records."""
        try:
            return await _understood(
                self._vendor.read(self._parts.client, self._target, self._records)
            )
        except asyncio.CancelledError:
            self._parts.outbox.release(self._target, self._records)
            raise

    async def _written(self, ready: Sequence[tuple[Record, Seen]]) -> list[Outcome]:
        """What came of writing; a batch that is refused as a whole is halved to find out why.

        What there is no call left for is untried, and comes before those that were refused.
        """
        if not ready:
            return []
        if self._failure is not None or not self._may_call():
            return [self._untried()] * len(ready)
        try:
            errors = await _understood(self._vendor.write(self._parts.client, self._target, ready))
        except CallFailed as failure:
            return [self._pause(failure)] * len(ready)
        except CallRefused as refusal:
            if len(ready) == 1:
                return [Outcome("failed", str(refusal))]
            middle = len(ready) // 2
            return [*await self._written(ready[:middle]), *await self._written(ready[middle:])]
        return [Outcome("failed", error) if error else Outcome("written") for error in errors]

    def _may_call(self) -> bool:
        """Whether there is time for one more write before others may take the records."""
        self._calls += 1
        last = self._records[0].leased_until - round(2 * calls.SECONDS) * SECOND
        self._ran_out = self._calls > _MOST_CALLS or self._parts.clock() > last
        return not self._ran_out

    def _untried(self) -> Outcome:
        failure = self._failure or Outcome("untried", _NOT_TRIED)
        return replace(failure, kind="untried")

    def _pause(self, failure: CallFailed | CallRefused) -> Outcome:
        """Leave the CRM alone, and try no more of this batch; what came of what was tried."""
        wait = failure.wait if isinstance(failure, CallFailed) else 0
        if isinstance(failure, CallFailed) and failure.is_locked_out:
            wait = max(wait, _LOCKED_OUT)
            self._failure = Outcome("untried", str(failure), wait)
            event = "the CRM refuses us, write-back stops"
            self._wait(event, str(failure), wait, logging.ERROR)
        else:
            self._failure = Outcome("failed", str(failure), wait)
            self._wait("the CRM cannot be told now, write-back waits", str(failure), wait)
        return self._failure

    def _wait(self, event: str, why: str, least: int = 0, level: int = logging.WARNING) -> None:
        """Leave the CRM alone for at least so many microseconds, longer each time."""
        pause = self._parts.pauses[self._target.connector]
        pause.failures += 1
        wait = max(least, _PAUSES[min(pause.failures, len(_PAUSES)) - 1])
        pause.until, pause.wait = self._parts.clock() + wait, wait
        seconds = round(wait / SECOND, 3)
        log(event, level, connector=self._target.connector, why=why, seconds=seconds)


async def _understood(answer: Awaitable[T]) -> T:
    """What a CRM answers; CallFailed where that has not the form that it should have."""
    try:
        return await answer
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        why = f"an answer that is not understood: {type(error).__name__}: {said(error)}"
        raise CallFailed(why) from error


def _left(found: Seen | None) -> Outcome:
    """Why a record is left as it is."""
    if found is None:
        return Outcome("missing", "the CRM has no such record")
    return Outcome("overridden", "a person has taken the record over")
