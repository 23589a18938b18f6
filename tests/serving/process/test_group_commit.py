"""Group commit: many requests, one commit, an answer to each after it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from features.errors import StoreError
from features.store.arrivals import Arrival
from features.store.events import EventStore
from serving.process.group_commit import GroupCommit


def arrival(message_id: str, sent_id: str = "ann") -> Arrival:
    return Arrival(message_id, sent_id, "page_viewed", 1, 2)


class Counting(EventStore):
    """A store that counts commits, and can be held up and made to fail."""

    commits = 0
    fails = False

    def __init__(self, database):
        super().__init__(database)
        self.gate = threading.Event()
        self.gate.set()

    def ingest(self, arrivals):
        self.gate.wait()
        if any(one.sent_id == "broken" for one in arrivals):
            raise ValueError("this one cannot be stored")
        if self.fails:
            raise StoreError("out of reach")
        self.commits += 1
        return super().ingest(arrivals)


@pytest.fixture
def counting(database):
    return Counting(database)


async def held(store, ingest, first):
    """The task of a first request whose commit is under way and waits."""
    store.gate.clear()
    task = asyncio.create_task(ingest.put(first))
    await asyncio.sleep(0.01)
    return task


def test_what_waits_shares_a_commit(counting):
    """Requests that come while a commit is under way share the next; each has its own answer."""

    async def run():
        ingest = GroupCommit(counting)
        first = await held(counting, ingest, [arrival("m-0")])
        others = [
            asyncio.create_task(ingest.put([arrival(f"m-{at}"), arrival("m-0")]))
            for at in range(1, 40)
        ]
        await asyncio.sleep(0)
        assert ingest.waiting == 79
        counting.gate.set()
        assert await first == [True]
        assert await asyncio.gather(*others) == [[True, False]] * 39
        await ingest.close()
        return ingest

    ingest = asyncio.run(run())
    assert counting.commits == 2
    assert (ingest.accepted, ingest.duplicates, ingest.waiting) == (40, 39, 0)
    assert counting.count() == 40


def test_one_bad_request_hurts_no_other(counting):
    """A request that cannot be stored fails alone, and those that shared its commit are stored."""

    async def run():
        ingest = GroupCommit(counting)
        first = await held(counting, ingest, [arrival("m-0")])
        good = asyncio.create_task(ingest.put([arrival("m-1")]))
        bad = asyncio.create_task(ingest.put([arrival("m-2", "broken")]))
        await asyncio.sleep(0)
        counting.gate.set()
        assert await first == await good == [True]
        with pytest.raises(ValueError, match="this one cannot be stored"):
            await bad
        await ingest.close()

    asyncio.run(run())
    assert counting.count() == 2


def test_a_store_out_of_reach(counting):
    """Nothing is acknowledged that was not stored, and it goes on when the store is back."""

    async def run():
        ingest = GroupCommit(counting)
        counting.fails = True
        for _ in range(2):
            with pytest.raises(StoreError, match="out of reach"):
                await ingest.put([arrival("m-1")])
        counting.fails = False
        assert await ingest.put([arrival("m-1")]) == [True]
        await ingest.close()

    asyncio.run(run())
    assert counting.count() == 1


def test_a_caller_that_goes_away(counting):
    """A caller that hangs up takes nothing along: its events are stored, others are answered."""

    async def run():
        ingest = GroupCommit(counting)
        first = await held(counting, ingest, [arrival("m-0")])
        gone = asyncio.create_task(ingest.put([arrival("m-1")]))
        stays = asyncio.create_task(ingest.put([arrival("m-2")]))
        await asyncio.sleep(0)
        gone.cancel()
        counting.gate.set()
        assert await first == await stays == [True]
        await ingest.close()

    asyncio.run(run())
    assert counting.count() == 3


def test_too_much_waits(counting, monkeypatch):
    """More than the store can take is refused at once, with what to do."""
    monkeypatch.setattr("serving.process.group_commit._MOST_WAITING", 2)

    async def run():
        ingest = GroupCommit(counting)
        first = await held(counting, ingest, [arrival(f"m-{at}") for at in range(3)])
        with pytest.raises(StoreError, match="3 events wait to be stored; send it later"):
            await ingest.put([arrival("m-9")])
        counting.gate.set()
        assert await first == [True] * 3
        await ingest.close()

    asyncio.run(run())


def test_closing_finishes_what_waits(counting):
    """Going down, what was taken is stored and answered, and nothing more is taken."""

    async def run():
        ingest = GroupCommit(counting)
        first = await held(counting, ingest, [arrival("m-0")])
        second = asyncio.create_task(ingest.put([arrival("m-1")]))
        await asyncio.sleep(0)
        counting.gate.set()
        await ingest.close()
        assert first.done()
        assert second.done()
        with pytest.raises(StoreError, match="going down"):
            await ingest.put([arrival("m-2")])

    asyncio.run(run())
    assert counting.count() == 2


def test_news(counting):
    """News is told when something new is durable, and not for what was there already."""

    async def run():
        ingest = GroupCommit(counting)
        await ingest.put([arrival("m-0")])
        assert ingest.news.is_set()
        ingest.news.clear()
        await ingest.put([arrival("m-0")])
        assert not ingest.news.is_set()
        assert await ingest.put([]) == []
        await ingest.close()

    asyncio.run(run())
