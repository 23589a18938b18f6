"""How each CRM stands: when it was last told, what waits, what fails and with what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from features.store.database import Database
from features.store.kept.leases import over
from features.store.schema import write_backs
from serving.write_back.outbox import LEASE

__all__ = ["CrmStanding", "crm_standings", "failures_of"]

_OVERDUE_US: Final = 300_000_000
_MOST_FAILURES: Final = 5


@dataclass(frozen=True, slots=True)
class CrmStanding:
    """A CRM and the leads that it is told of.

    Parameters
    ----------
    written_at : when it last took one, in microseconds since the epoch; None for never.
    held : leads of which it has something.
    waiting : leads it is to be told of, those that failed before among them.
    failing : those that failed, and are tried again.
    given_up : those that are tried no more before their score changes.
    idle : those due for minutes that nobody tries.
    """

    connector: str
    written_at: int | None
    held: int
    waiting: int
    failing: int
    given_up: int
    idle: int


def crm_standings(database: Database, as_of: int) -> list[CrmStanding]:
    """Every CRM that was ever to be told of a lead, by name; one look at all rows."""
    due, wanted = write_backs.c.due_at, write_backs.c.wanted
    has_failed = write_backs.c.error.is_not(None)
    unclaimed = over(write_backs.c.leased_until, as_of, LEASE)
    columns = {
        "held": write_backs.c.written.is_not(None),
        "waiting": due.is_not(None),
        "failing": sa.and_(due.is_not(None), has_failed),
        "given_up": sa.and_(due.is_(None), wanted.is_not(None), has_failed),
        "idle": sa.and_(due < as_of - _OVERDUE_US, unclaimed, ~has_failed),
    }
    counts = [sa.func.sum(sa.case((which, 1), else_=0)).label(of) for of, which in columns.items()]
    last = sa.func.max(write_backs.c.written_at).label("written_at")
    each = sa.select(write_backs.c.connector, last, *counts).group_by(write_backs.c.connector)
    with database.reading() as connection:
        rows: Any = connection.execute(each.order_by(write_backs.c.connector)).mappings()
        return [CrmStanding(**{**row, **{of: int(row[of]) for of in columns}}) for row in rows]


def failures_of(database: Database, connector: str) -> list[tuple[str, int]]:
    """What a CRM's records failed with, the most common first, and how many. It may name people."""
    count = sa.func.count()
    wanted = (
        sa.select(write_backs.c.error, count)
        .where(write_backs.c.connector == connector, write_backs.c.error.is_not(None))
        .group_by(write_backs.c.error)
        .order_by(count.desc(), write_backs.c.error)
        .limit(_MOST_FAILURES)
    )
    with database.reading() as connection:
        return [(str(error), int(many)) for error, many in connection.execute(wanted)]
