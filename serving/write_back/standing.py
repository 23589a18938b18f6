"""How each CRM stands: when it was last told, what waits, what fails and with what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from features.store.database import Database, over
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


def crm_standings(database: Database, as_of: int, *, is_whole: bool = True) -> list[CrmStanding]:
    """Every CRM that was ever to be told of a lead, by name.

    Parameters
    ----------
    is_whole : look at all rows; without it at those that wait alone, which is quick: then nothing
        counts as held or given up.
    """
    with database.reading() as connection:
        found = {row["connector"]: dict(row) for row in connection.execute(_late(as_of)).mappings()}
        if is_whole:
            for row in connection.execute(_ALL).mappings():
                found[row["connector"]] = found.get(row["connector"], {}) | dict(row)
    return [CrmStanding(**(_NOTHING | found[name])) for name in sorted(found)]


_NOTHING: Final[dict[str, Any]] = {
    "written_at": None,
    **dict.fromkeys(("held", "waiting", "failing", "given_up", "idle"), 0),
}


def _count(which: sa.ColumnElement[bool], name: str) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.sum(sa.case((which, 1), else_=0)), sa.BigInteger).label(name)


_ALL: Final = sa.select(
    write_backs.c.connector,
    sa.func.max(write_backs.c.written_at).label("written_at"),
    sa.func.count(write_backs.c.written).label("held"),
    _count(
        sa.and_(
            write_backs.c.due_at.is_(None),
            write_backs.c.wanted.is_not(None),
            write_backs.c.error.is_not(None),
        ),
        "given_up",
    ),
).group_by(write_backs.c.connector)


def _late(as_of: int) -> sa.Select[Any]:
    """Of what waits: how much, what failed, what nobody tries; by the index of when it is due."""
    due, has_failed = write_backs.c.due_at, write_backs.c.error.is_not(None)
    unclaimed = over(write_backs.c.leased_until, as_of, LEASE)
    # Grouped by the column itself SQLite would read all rows, in the order of another index.
    name = sa.func.coalesce(write_backs.c.connector, sa.literal_column("''"))
    columns: tuple[Any, ...] = (
        name.label("connector"),
        sa.func.count().label("waiting"),
        _count(has_failed, "failing"),
        _count(sa.and_(due < as_of - _OVERDUE_US, unclaimed, ~has_failed), "idle"),
    )
    return sa.select(*columns).where(due >= 0).group_by(name)


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
