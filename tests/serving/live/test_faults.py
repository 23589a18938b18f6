"""Each call to the database fails once: nothing promised is lost, or done by half or twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from features.errors import StoreAway
from features.store.arrivals import Arrival
from features.store.events import EventStore
from features.store.schema import deliveries, events, identities, notifications, scores, stale
from models.bundle import load_bundle
from serving.notifications import claims, outcomes
from serving.notifications.attempt import Answer
from serving.notifications.endpoints import Endpoints
from serving.notifications.sender import Sender
from serving.process.group_commit import GroupCommit
from serving.scoring.batch.rescoring import freshen, rescore
from serving.scoring.scorer import Scorer
from tests.faults import Faults, each_fault, failing_database

pytestmark = pytest.mark.slow

NOW = 1_800_000_000_000_000
MINUTE = 60_000_000
VIDEO = '{"watched_fraction":0.92}'
ARRIVALS = [
    Arrival("m-1", "ann", "video_progress", NOW - 9, NOW - 5, VIDEO, "cookie-1"),
    Arrival("m-2", "cookie-1", "page_viewed", NOW - 8, NOW - 5),
    Arrival("m-3", "bob", "page_viewed", NOW - 7, NOW - 5, "{}", None, "bob-before"),
]
TABLES = {
    "events": (events.c.message_id, events.c.lead_id, events.c.name, events.c.known_at),
    "identities": (identities.c.id, identities.c.lead_id),
    "marks": (stale.c.sent_id, stale.c.since),
    "scores": (scores.c.lead_id, scores.c.position, scores.c.p_advance),
    "notifications": (notifications.c.type, notifications.c.lead_id),
    "deliveries": (deliveries.c.attempts,),
}


class Emptied:
    """A store of a kind, empty each time it is asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        with EventStore.open(url) as store, store.database.reading() as connection:
            names = {*sa.inspect(connection).get_table_names()} - {"alembic_version", "rung_meta"}
        self._emptying = [str(sa.delete(sa.table(name))) for name in sorted(names)]

    def open(self) -> EventStore:
        store = EventStore.open(self.url)
        with store.database.writing() as connection:
            driver: Any = connection.connection.driver_connection
            for statement in self._emptying:
                driver.execute(statement)
        store.database.engine.dispose()  # so that the next connection is one that fails
        return store


@pytest.fixture
def empty(database_url):
    return Emptied(database_url)


@pytest.fixture(scope="module")
def bundle(folder):
    return load_bundle(folder / "rates")


def held(store: EventStore, *names: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of some tables, but for what is drawn at random."""
    with store.database.reading() as connection:
        return {
            name: sorted(tuple(row) for row in connection.execute(sa.select(*TABLES[name])))
            for name in names or TABLES
        }


def emptied(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    return {name: [] for name in rows}


def trying(faults: Faults, do: Callable[[], Any]) -> bool:
    """Whether it came through; else what was said is that the store is away."""
    with failing_database(faults):
        try:
            do()
        except StoreAway:
            assert faults.failed
            return False
    return True


@pytest.mark.parametrize("when", ["before", "after"])
def test_ingestion(empty, when):
    """All of a batch is there, or nothing; sent again it is there once, with the same links."""
    clean = empty.open()
    clean.ingest(ARRIVALS)
    expected = held(clean)
    clean.close()

    def attempt(faults: Faults) -> None:
        store = empty.open()
        is_kept = trying(faults, lambda: store.ingest(ARRIVALS))
        found = held(store)
        nothing = emptied(expected)
        assert found in ([expected] if is_kept else [expected, nothing]), faults.failed
        store.ingest(ARRIVALS)
        assert held(store) == expected, faults.failed
        store.close()

    assert each_fault(attempt, when) > 4


@pytest.mark.parametrize("when", ["before", "after"])
def test_group_commit(empty, when):
    """Each request is answered; of those that were told so the events are there."""

    async def put(store: EventStore, parts: list[list[Arrival]]) -> list[object]:
        group = GroupCommit(store)
        found = await asyncio.gather(*(group.put(one) for one in parts), return_exceptions=True)
        await group.close()
        return list(found)

    def attempt(faults: Faults) -> None:
        store = empty.open()
        parts = [[one] for one in ARRIVALS]
        with failing_database(faults):
            answers = asyncio.run(put(store, parts))
        stored = Counter(row[0] for row in held(store, "events")["events"])
        for part, answer in zip(parts, answers, strict=True):
            assert answer == [True] or isinstance(answer, StoreAway), (answer, faults.failed)
            assert isinstance(answer, StoreAway) or stored[part[0].message_id] == 1
        again = asyncio.run(put(store, parts))
        assert not any(isinstance(answer, Exception) for answer in again)
        assert len(held(store, "events")["events"]) == len(ARRIVALS)
        store.close()

    assert each_fault(attempt, when) > 4


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", ["freshen", "rescore"])
def test_scoring(empty, bundle, how, when):
    """Scores and what is told of them are there or not at all; the next round makes them whole."""

    def ready() -> EventStore:
        store: EventStore = empty.open()
        Endpoints(store.database, lambda: NOW).add("https://receiver.example/", "", [])
        store.ingest(ARRIVALS)
        store.database.engine.dispose()
        return store

    def score(store: EventStore, now: int) -> None:
        scorer = Scorer(store, bundle, lambda: now)
        freshen(scorer) if how == "freshen" else rescore(scorer)

    clean = ready()
    score(clean, NOW)
    expected = held(clean, "scores", "notifications", "deliveries")
    clean.close()

    def attempt(faults: Faults) -> None:
        store = ready()
        is_done = trying(faults, lambda: score(store, NOW))
        found = held(store, *expected)
        nothing = emptied(expected)
        assert found in ([expected] if is_done else [expected, nothing]), faults.failed
        score(store, NOW + MINUTE)
        assert held(store, *expected) == expected, faults.failed
        freshen(Scorer(store, bundle, lambda: NOW + MINUTE))
        assert held(store, "marks")["marks"] == []
        store.close()

    assert each_fault(attempt, when) > 6


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("status", [200, 500])
def test_delivery(empty, bundle, status, when):
    """Each notification is sent at least once, and never once more than what was kept and lost."""
    sent: Counter[str] = Counter()

    def ready() -> EventStore:
        sent.clear()
        store: EventStore = empty.open()
        Endpoints(store.database, lambda: NOW).add("https://receiver.example/", "", [])
        store.ingest(ARRIVALS)
        freshen(Scorer(store, bundle, lambda: NOW))
        store.database.engine.dispose()
        return store

    def deliver(store: EventStore, now: int, status: int) -> None:
        nobody: Any = None  # the network has no part in it
        sender = Sender(store.database, nobody, lambda: now, jitter=lambda: 0.0)
        for endpoint in claims.ready(sender):
            for claim in claims.claimed(sender, endpoint):
                sent[claim.notification_id] += 1
                error = "" if status == 200 else "status 500"
                outcomes.keep(sender, claim, Answer(status, error))

    def attempt(faults: Faults) -> None:
        store = ready()
        trying(faults, lambda: deliver(store, NOW, status))
        for minutes in (2, 30, 600):
            deliver(store, NOW + minutes * MINUTE, 200)
        with store.database.reading() as connection:
            rows = list(connection.execute(sa.select(deliveries)))
        assert rows
        for row in rows:
            assert row.delivered_at is not None, faults.failed
            assert 1 <= row.attempts <= sent[row.notification_id] <= 3, faults.failed
        store.close()

    assert each_fault(attempt, when) > 4
