"""A service that does nothing but take events: a real store and a real writer, no model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from features.clock import microseconds, now
from features.ladder.ladder import Ladder
from features.store import schema
from features.store.events import EventStore
from features.store.identities.identification import Identification
from serving.edge import middleware, problems
from serving.edge.access.access import Access
from serving.ingestion import cloudevents, posthog, segment
from serving.ingestion import own as events
from serving.ingestion.schemas import SHAPES
from serving.notifications.schemas import NotificationBody
from serving.process.group_commit import GroupCommit
from tests.serving.conftest import _documented

ANSWERS = {200, 400, 413, 422}
NOW = "2026-03-01T12:00:00Z"


@dataclass
class Ingesting:
    """What the routes ask of a service, and a look at what they stored."""

    store: EventStore
    ladder: Ladder
    clock: Callable[[], int] = now
    group_commit: GroupCommit = field(init=False)
    client: TestClient = field(init=False)

    def __post_init__(self) -> None:
        self.group_commit = GroupCommit(self.store)

    @property
    def identification(self) -> Identification | None:
        return Identification.of(self.store.database, self.ladder.identity)

    def rows(self, *message_ids: str) -> list[dict[str, Any]]:
        """The stored events with these message ids, or all of them, in the order of their ids."""
        query = sa.select(schema.events).order_by(schema.events.c.message_id)
        if message_ids:
            query = query.where(schema.events.c.message_id.in_(message_ids))
        with self.store.database.reading() as connection:
            found = [dict(row._mapping) for row in connection.execute(query)]
        for row in found:
            row["properties"] = json.loads(row["properties"])
        return found

    def row(self, message_id: str) -> dict[str, Any]:
        (row,) = self.rows(message_id)
        return row

    def count(self) -> int:
        with self.store.database.reading() as connection:
            counted = connection.scalar(sa.select(sa.func.count()).select_from(schema.events))
        assert isinstance(counted, int)
        return counted

    def links(self) -> set[tuple[str, str, str]]:
        """What was said of identities: kind, other id, user's id."""
        links = schema.identity_links.c
        with self.store.database.reading() as connection:
            rows = connection.execute(sa.select(links.kind, links.source, links.target))
            return {(row.kind, row.source, row.target) for row in rows}


@contextmanager
def ingesting(folder: Path, ladder: Ladder) -> Iterator[Ingesting]:
    """A running service that takes events."""
    with EventStore.open(f"sqlite:///{folder / 'ingested.db'}") as store:
        service = Ingesting(store, ladder)

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> Any:
            app.state.service = service
            app.state.access = Access(store.database, now)
            yield
            await service.group_commit.close()

        app = FastAPI(lifespan=lifespan)
        for part in (segment, events, cloudevents, posthog):
            app.include_router(part.router)
        problems.install(app)
        middleware.install(app)
        app.openapi = partial(  # type: ignore[method-assign]
            problems.openapi, app, {}, (NotificationBody, *SHAPES)
        )
        here = {"base_url": "http://127.0.0.1", "client": ("127.0.0.1", 50000)}
        with TestClient(app, raise_server_exceptions=False, **here) as client:  # type: ignore[arg-type]
            client.event_hooks["response"] = [_documented()]
            service.client = client
            yield service


def at(text: str) -> int:
    """A time as microseconds since the epoch."""
    return microseconds(datetime.fromisoformat(text))
