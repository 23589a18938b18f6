"""What outside systems are to be told, kept in the same transaction as what it tells of.

Nothing is sent here; who delivers reads the `deliveries` that `add_notices` leaves behind.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import sqlalchemy as sa

from features.store.database import insert_for
from features.store.schema import deliveries, endpoints, notifications

__all__ = ["KEPT_US", "TYPES", "Notice", "add_notices"]

KEPT_US: Final = 30 * 86_400_000_000
"""For so long a notification is kept, in microseconds: as long it is known what was told."""

TYPES: Final = {
    "score.band_changed": "a lead of the queue moved to another band",
    "step.completed": "a lead completed a step of the ladder",
    "recommendation.created": "a next step was recommended",
    "model.promoted": "another model, or another policy, serves from now on",
    "reply.overdue": "a lead has waited too long for a reply",
    "dropoff.detected": "fewer go on at a step than is healthy by its band, or it is known why",
    "drift.detected": "signals before a step are no longer what the model has learned from",
    "webhook.disabled": "an endpoint gets nothing more: it is gone, or failed for too long",
    "webhook.test": "a test that was asked for",
}
"""Every type of notification, and what it tells."""


class Notice(NamedTuple):
    """A notification.

    Parameters
    ----------
    id : the same for the same fact, whoever finds it.
    created_at : microseconds since the epoch, UTC.
    data : the text of a JSON object.
    """

    id: str
    type: str
    lead_id: str | None
    created_at: int
    data: str


def add_notices(connection: sa.Connection, notices: Sequence[Notice]) -> int:
    """Keep notifications, each id once, and a delivery for every endpoint that wants them.

    It is a part of the caller's transaction. Returns how many were new.
    """
    fresh = _new(connection, notices)
    if not fresh:
        return 0
    dialect = connection.dialect.name
    connection.execute(_keeping(dialect, notifications), [one._asdict() for one in fresh])
    due = [
        {
            "notification_id": notice.id,
            "endpoint_id": endpoint,
            "attempts": 0,
            "due_at": notice.created_at,
            "leased_until": 0,
        }
        for endpoint, wanted in _wanted(connection)
        for notice in fresh
        if not wanted or notice.type in wanted
    ]
    if due:
        connection.execute(_keeping(dialect, deliveries), due)
    return len(fresh)


@cache
def _keeping(dialect: str, table: sa.Table) -> sa.Insert:
    """Made once for each kind of database: making it takes longer than running it."""
    return insert_for(dialect, table).on_conflict_do_nothing()


_IDS: Final = 500
_KNOWN: Final = sa.select(notifications.c.id).where(
    notifications.c.id.in_(sa.bindparam("ids", expanding=True))
)


def _new(connection: sa.Connection, notices: Sequence[Notice]) -> list[Notice]:
    """Those whose id is not kept yet, each once."""
    by_id = {notice.id: notice for notice in notices}
    ids = list(by_id)
    for at in range(0, len(ids), _IDS):
        for found in connection.scalars(_KNOWN, {"ids": ids[at : at + _IDS]}):
            by_id.pop(found, None)
    return list(by_id.values())


def _wanted(connection: sa.Connection) -> list[tuple[str, list[str]]]:
    """Each endpoint that is on, with the types that it wants; none named: all."""
    return [(endpoint, json.loads(types)) for endpoint, types in connection.execute(_ON)]


_ON: Final = sa.select(endpoints.c.id, endpoints.c.types).where(endpoints.c.disabled_at.is_(None))
