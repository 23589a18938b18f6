"""Load on a service, and what has to be true of its store when the load is over."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import sqlalchemy as sa

from features.store.events import EventStore
from features.store.schema import deliveries, events, notifications, scores
from models.bundle import load_bundle
from serving.scoring.scorer import Scorer
from tests.serving.live.process import Receiver

__all__ = [
    "Sent",
    "is_complete",
    "is_true",
    "put_load",
    "some_call",
    "undelivered",
    "was_told",
]

_CLIENTS = 8
_CLIMB = (
    ("video_progress", {"watched_fraction": 0.92}),
    ("asset_used", {"minutes": 18}),
    ("webinar_attended", {"minutes": 41}),
)


@dataclass
class Sent:
    """What clients have sent, and what of it was acknowledged."""

    acknowledged: Counter[str] = field(default_factory=Counter)
    unanswered: set[str] = field(default_factory=set)
    refused: Counter[int] = field(default_factory=Counter)


def some_call(draw: random.Random, number: int) -> dict[str, Any]:
    """A track, identify or alias call of one of some people."""
    person = draw.randrange(60)
    ids: dict[str, Any] = {"anonymousId": f"anon-{person}"}
    kind = draw.random()
    if kind < 0.5:
        ids = {"userId": f"user-{person}"}
    elif kind < 0.6:
        ids["userId"] = f"user-{person}"
    base = {"messageId": f"m-{number}", "timestamp": "2026-11-01T10:00:00Z", **ids}
    if kind > 0.97:
        return {**base, "type": "alias", "userId": f"user-{person}", "previousId": f"old-{person}"}
    if kind > 0.9:
        return {**base, "type": "identify", "traits": {"company_size": 40}}
    name, properties = draw.choice((*_CLIMB, ("page_viewed", {"section": "pricing"})))
    return {**base, "type": "track", "event": name, "properties": properties}


async def _client(url: str, sent: Sent, draw: random.Random, until: float) -> None:
    async with httpx2.AsyncClient(base_url=url, timeout=10) as client:
        while time.monotonic() < until:
            size = draw.choice((1, 1, 1, 20))
            calls = [some_call(draw, draw.getrandbits(60)) for _ in range(size)]
            ids = [call["messageId"] for call in calls]
            again = draw.random() < 0.2 and sent.unanswered
            if again:  # a client sends again what it had no answer to
                ids = draw.sample(sorted(sent.unanswered), 1)
                calls = [some_call(random.Random(ids[0]), 0) | {"messageId": ids[0]}]  # noqa: S311
            try:
                answer = await client.post("/v1/batch", json={"batch": calls})
            except httpx2.TransportError:
                sent.unanswered.update(ids)
                return
            if answer.status_code != 200:
                sent.refused[answer.status_code] += 1
                sent.unanswered.update(ids)  # it may be there, or not: it is sent again
                continue
            assert answer.json()["rejected"] == []
            sent.acknowledged.update(ids)
            sent.unanswered.difference_update(ids)


async def put_load(url: str, sent: Sent, draw: random.Random, seconds: float) -> None:
    """Let clients send events for some seconds, or until the service is gone."""
    until = time.monotonic() + seconds
    clients = [
        _client(url, sent, random.Random(draw.random()), until)  # noqa: S311 not a secret
        for _ in range(_CLIENTS)
    ]
    await asyncio.gather(*clients)


def undelivered(store: EventStore) -> int:
    """How many notifications have not reached an endpoint that wants them."""
    with store.database.reading() as connection:
        wanted = sa.select(sa.func.count()).where(deliveries.c.delivered_at.is_(None))
        return int(connection.scalar(wanted) or 0)


def is_complete(store: EventStore, sent: Sent, least: int) -> None:
    """What was acknowledged is there, once; what is there was sent, or is a decision."""
    with store.database.reading() as connection:
        ids = connection.scalars(sa.select(events.c.message_id))
        stored = Counter(id_ for id_ in ids if not id_.startswith("rung-"))
    assert set(stored.values()) == {1}
    lost = set(sent.acknowledged) - set(stored)
    assert not lost, f"{len(lost)} of {len(sent.acknowledged)} acknowledged events are lost"
    assert set(stored) <= set(sent.acknowledged) | sent.unanswered
    assert len(stored) >= least


def was_told(store: EventStore, receiver: Receiver) -> None:
    """Every notification reached the receiver under its id, and every step was told of."""
    with store.database.reading() as connection:
        kept = list(connection.execute(sa.select(notifications.c.id, notifications.c.type)))
        positions = dict(connection.execute(sa.select(scores.c.lead_id, scores.c.position)).all())
    assert {row.id for row in kept} == set(receiver.received)
    told: dict[str, set[int]] = defaultdict(set)
    for body in receiver.bodies.values():
        if body["type"] == "step.completed":
            lead = store.lead_of(body["data"]["lead_id"])
            told[lead].add(body["data"]["position"])
    for lead, position in positions.items():
        assert told[lead] >= set(range(1, position + 1)), lead
    assert max(positions.values()) >= 2


def is_true(store: EventStore, bundle: Path) -> None:
    """Each stored score is what the model makes of all that is known of its lead."""
    loaded = load_bundle(bundle)
    scorer = Scorer(store, loaded, lambda: 0)
    stored = store.queue.listed(100_000)
    assert [row.lead_id for row in stored] != []
    assert {row.lead_id for row in stored} == set(store.lead_ids())
    for row in stored:
        rows = store.events_of(row.lead_id)
        assert row.bundle == loaded.hash, row.lead_id
        assert max(known for _, _, known, _ in rows) <= row.as_of, row.lead_id
        estimates = scorer.model.estimate_rows(row.lead_id, rows, row.as_of)
        assert estimates.scores.position[0] == row.position
        again = estimates.scores.advance.probability[0]
        assert row.p_advance == (None if np.isnan(again) else pytest.approx(again, abs=1e-12))
