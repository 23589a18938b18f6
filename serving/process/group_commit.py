"""Makes what arrives durable: many requests share one commit, and each is answered after it.

A commit waits for the disk, which is most of its time. So while one is under way, what arrives
gathers, and the next takes all of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from features.errors import RungError, StoreError
from features.store.arrivals import Arrival
from features.store.events import EventStore

__all__ = ["SUPPRESSED", "GroupCommit"]

SUPPRESSED: Final = "suppressed"
"""Why an event is not kept whose lead was erased for good."""

_MOST_AT_ONCE: Final = 5000
"""Events of one commit: what waits for it must not wait long."""
_MOST_WAITING: Final = 100_000


class GroupCommit:
    """The one writer of arrivals in a process.

    Attributes
    ----------
    news : is set whenever something new is durable.
    accepted, duplicates, seconds : counted since the start; `seconds` were spent committing.
    rejected : events that are not kept, by the reason; whoever reads requests counts those that
        never come so far.
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._waiting: list[tuple[Sequence[Arrival], asyncio.Future[list[bool | None]]]] = []
        self._events_waiting = 0
        self._writer: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "ingest")
        self._is_closed = False
        self.news = asyncio.Event()
        self.accepted = 0
        self.duplicates = 0
        self.rejected: Counter[str] = Counter()
        self.commits = 0
        self.seconds = 0.0

    async def put(self, arrivals: Sequence[Arrival]) -> list[bool | None]:
        """Keep events; whether each was new. They are on the disk when it returns.

        None where one is refused, and counted so: its lead was erased for good.

        Raises
        ------
        StoreError : the store is out of reach, more is waiting for it than it can take, or the
            service is going down.
        """
        if not arrivals:
            return []
        if self._is_closed:
            raise StoreError("the service is going down; send it again")
        if self._events_waiting > _MOST_WAITING:
            raise StoreError(f"{self._events_waiting:,} events wait to be stored; send it later")
        kept: asyncio.Future[list[bool | None]] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrivals, kept))
        self._events_waiting += len(arrivals)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await kept

    async def close(self) -> None:
        """Take nothing more, and finish what waits."""
        self._is_closed = True
        if self._writer is not None:
            await self._writer
        self._thread.shutdown()

    @property
    def waiting(self) -> int:
        """How many events are not durable yet."""
        return self._events_waiting

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group = self._take()
            arrivals = [one for part, _ in group for one in part]
            started = time.perf_counter()
            try:
                is_new = await loop.run_in_executor(self._thread, self._store.ingest, arrivals)
            except RungError as error:
                _refuse(group, error)
            except Exception:  # it is one request's fault; the others must not suffer for it
                await self._one_by_one(group)
            else:
                self._answer(group, is_new)
            self.seconds += time.perf_counter() - started
            self.commits += 1
            self._events_waiting -= len(arrivals)

    def _take(self) -> list[tuple[Sequence[Arrival], asyncio.Future[list[bool | None]]]]:
        """The requests that share the next commit: the first, and those after it that fit."""
        count, events = 0, 0
        for part, _ in self._waiting:
            if count and events + len(part) > _MOST_AT_ONCE:
                break
            count, events = count + 1, events + len(part)
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    async def _one_by_one(
        self, group: Sequence[tuple[Sequence[Arrival], asyncio.Future[list[bool | None]]]]
    ) -> None:
        loop = asyncio.get_running_loop()
        for part, kept in group:
            try:
                is_new = await loop.run_in_executor(self._thread, self._store.ingest, part)
            except Exception as error:  # it reaches the one who asked
                _refuse([(part, kept)], error)
            else:
                self._answer([(part, kept)], is_new)

    def _answer(
        self,
        group: Sequence[tuple[Sequence[Arrival], asyncio.Future[list[bool | None]]]],
        is_new: Sequence[bool | None],
    ) -> None:
        at = 0
        for part, kept in group:
            mine = list(is_new[at : at + len(part)])
            at += len(part)
            if not kept.done():  # the caller may have gone away
                kept.set_result(mine)
        new, refused = is_new.count(True), is_new.count(None)
        self.accepted += new
        self.duplicates += len(is_new) - new - refused
        if refused:
            self.rejected[SUPPRESSED] += refused
        if new:
            self.news.set()


def _refuse(
    group: Sequence[tuple[Sequence[Arrival], asyncio.Future[list[bool | None]]]], error: Exception
) -> None:
    for _, kept in group:
        if not kept.done():
            kept.set_exception(error)
