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
    id_, count = deliveries.c.endpoint_id, sa.func.count
    each = sa.select(id_, count(), count(done), count(due), sa.func.max(done)).group_by(id_)
    # Grouped by the column itself SQLite would read all rows again, in the order of its index.
    of = sa.func.coalesce(id_, sa.literal_column("''"))
    again = sa.select(of, count()).where(due >= 0, deliveries.c.error.is_not(None)).group_by(of)
    with database.reading() as connection:
        retried = {row[0]: row[1] for row in connection.execute(again)}
        rows = connection.execute(each).all()
    return {
        endpoint: Tally(
            delivered=delivered,
            waiting=waiting,
            retried=retried.get(endpoint, 0),
            failed=total - delivered - waiting,
            delivered_at=last,
        )
        for endpoint, total, delivered, waiting, last in rows
    }
