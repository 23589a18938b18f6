"""The minutes of reps that days were given."""

from __future__ import annotations

import sqlalchemy as sa

from features.store.database import insert_into
from features.store.schema import rep_minutes

__all__ = ["add_minutes", "minutes_of"]


def minutes_of(connection: sa.Connection, day: int) -> float:
    """The minutes of a day, in days since the epoch, UTC."""
    wanted = sa.select(rep_minutes.c.minutes).where(rep_minutes.c.day == day)
    return float(connection.scalar(wanted) or 0.0)


def add_minutes(connection: sa.Connection, day: int, minutes: float) -> None:
    """Add to the minutes of a day."""
    insert = insert_into(connection.engine, rep_minutes)
    total = rep_minutes.c.minutes + insert.excluded.minutes
    more = insert.on_conflict_do_update(index_elements=["day"], set_={"minutes": total})
    connection.execute(more, {"day": day, "minutes": minutes})
