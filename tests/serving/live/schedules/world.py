"""The store that the processes of schedules share, and what is read of it from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from features.store.database import Prepared
from features.store.events import EventStore
from features.store.schema import (
    deliveries,
    endpoints,
    events,
    identities,
    notifications,
    scores,
    stale,
)
from features.store.whole_log.recent import RecentEvents
from models.bundle import Bundle
from serving.scoring.scorer import Scorer
from tests.serving.live.schedules.actor import Actor, taken

__all__ = [
    "BEGIN",
    "IDLE",
    "LEADS_OF",
    "MARKS",
    "MESSAGES",
    "NAMES",
    "SCORES",
    "SECOND",
    "SENT",
    "TOLD",
    "World",
]

SECOND: Final = 1_000_000
"""In microseconds."""
BEGIN: Final = 1_800_000_000 * SECOND
"""When every schedule begins, in microseconds since the epoch."""
NAMES: Final = ("ingest a", "ingest b", "score a", "score b", "deliver a", "deliver b")
_DUE: Final = sa.select(deliveries.c.endpoint_id).where(deliveries.c.due_at.is_not(None))
IDLE: Final = sa.select(~sa.exists(sa.select(stale.c.sent_id)) & ~sa.exists(_DUE))
MESSAGES: Final = sa.select(events.c.message_id)
MARKS: Final = sa.select(stale.c.sent_id, stale.c.mark)
TOLD: Final = sa.select(*(notifications.c[name] for name in ("id", "type", "lead_id", "data")))
SENT: Final = sa.select(
    deliveries.c.notification_id, deliveries.c.delivered_at, deliveries.c.attempts
)
LEADS_OF: Final = sa.select(identities.c.id, identities.c.lead_id)
SCORES: Final = sa.select(scores.c.lead_id, scores.c.position)
_ENDPOINT: Final = sa.insert(endpoints)


class World:
    """A store that several processes share, used for one schedule after the other.

    It is opened, and what scores is made, once for each process: a crash loses transactions, and
    a process keeps nothing else that is read again.
    """

    def __init__(self, path: Path, bundle: Bundle) -> None:
        self.stores = [EventStore.open(path) for _ in NAMES]
        self.scorers = [Scorer(store, bundle, int) for store in self.stores]
        stopped = taken()
        self.actors = [Actor(stopped) for _ in NAMES]
        engine = self.stores[0].database.engine
        self._clearing = [
            Prepared.of(sa.delete(sa.table(name)), engine).text
            for name in sa.inspect(engine).get_table_names()
            if name not in ("alembic_version", "rung_meta")
        ]
        self._reading = {
            statement: Prepared.of(statement, engine)
            for statement in (IDLE, MESSAGES, MARKS, TOLD, SENT, LEADS_OF, SCORES)
        }

    def emptied(self) -> None:
        """Nothing is kept, and nothing known, but one endpoint."""
        with self.stores[0].database.writing() as connection:
            driver = connection.connection
            for statement in self._clearing:
                driver.execute(statement)
            row = {"id": "endpoint", "url": "https://receiver.example/", "description": ""}
            row |= {"types": "[]", "secret": "whsec_c2VjcmV0"}
            connection.execute(_ENDPOINT, row | {"created_at": BEGIN})
        for store in self.stores:
            store.identities.forget()
            store.recent = RecentEvents(store.database)  # the numbers of rows begin anew

    def rows(self, statement: sa.Select[Any]) -> list[Any]:
        """What is kept, as whoever looks on from outside reads it."""
        return self._reading[statement].all(self.stores[0].database)

    def close(self) -> None:
        for actor in self.actors:
            actor.close()
        for store in self.stores:
            store.close()
