"""What became of the deliveries to each endpoint, counted."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from features.store.database import Database
from features.store.schema import deliveries

__all__ = ["Tally", "tallies"]


@dataclass(frozen=True, slots=True)
class Tally:
    """The deliveries of the last 30 days to one endpoint.

    Parameters
    ----------
    waiting : to be attempted, those that failed before among them.
    retried : those of them that failed before.
    failed : given up.
    delivered_at : when the last one was taken, in microseconds since the epoch; None for none.
    """

    delivered: int = 0
    waiting: int = 0
    retried: int = 0
    failed: int = 0
    delivered_at: int | None = None


def tallies(database: Database) -> dict[str, Tally]:
    """The endpoints that anything was to be sent to, by id; one look at all deliveries."""
    due, done = deliveries.c.due_at, deliveries.c.delivered_at
    columns = {
        "delivered": done.is_not(None),
        "waiting": due.is_not(None),
        "retried": sa.and_(due.is_not(None), deliveries.c.error.is_not(None)),
        "failed": sa.and_(due.is_(None), done.is_(None)),
    }
    counts = [sa.func.sum(sa.case((which, 1), else_=0)).label(of) for of, which in columns.items()]
    last = sa.func.max(done).label("delivered_at")
    each = sa.select(deliveries.c.endpoint_id, last, *counts).group_by(deliveries.c.endpoint_id)
    with database.reading() as connection:
        return {
            row["endpoint_id"]: Tally(
                **{name: int(row[name]) for name in columns}, delivered_at=row["delivered_at"]
            )
            for row in connection.execute(each).mappings()
        }
