"""Who changes which ids are one lead, or takes a lead away, and who counts on it, on PostgreSQL.

SQLite has one writer in any case. Take these before the turn of scores (`features.store.changes`),
scores and marks, and after the table of suppressions, which whoever stores events looks into first:
two who take them in different orders wait for each other.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from features.store.connecting.locks import LEADS
from features.store.schema import erasures

__all__ = [
    "ERASED",
    "Erased",
    "ErasedSince",
    "change_leads",
    "check_no_erasure",
    "erased_by_now",
    "hold_leads",
]

Erased = tuple[int, int | None]
"""How many erasures there were, and when the last was: it differs once somebody else is erased."""
ERASED: Final = sa.select(sa.func.count(), sa.func.max(erasures.c.at))

_OTHER_JOINS: Final = ("enable_hashjoin", "enable_mergejoin")
"""Joins of PostgreSQL but that by an index."""


class ErasedSince(Exception):
    """Somebody was erased since something was read: what rests on it may be theirs, and is old."""


def change_leads(connection: sa.Connection) -> None:
    """Until the end of the transaction nobody else changes links: each sees what others linked.

    Nor does anybody save a score: whoever takes a lead's score away finds all that there are, also
    the first one of a lead, which has no row that could be locked.
    """
    if connection.dialect.name != "postgresql":
        return
    # A few ids are looked up among all: without statistics yet, the planner may read the tables
    # whole to join them.
    by_index = [sa.func.set_config(name, "off", True) for name in _OTHER_JOINS]
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LEADS), *by_index))


def hold_leads(connection: sa.Connection) -> None:
    """Until the end of the transaction no two leads become one, and none is parted, erased or out.

    Any number hold them at once. A merge lets the queue have one of the scores of its ids: whoever
    writes scores meanwhile could lose one, and with it which steps were told of already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(LEADS)))


def erased_by_now(connection: sa.Connection) -> Erased:
    """The erasures as a transaction sees them, to be compared with those of another."""
    count, last = connection.execute(ERASED).one()
    return count, last


def check_no_erasure(connection: sa.Connection, since: Erased | None) -> None:
    """ErasedSince where somebody was erased since then; with None nothing is looked at.

    Whoever asks has a turn by then in which nobody is erased: as `hold_leads` gives it, or by
    having looked into the table of suppressions.
    """
    if since is not None and erased_by_now(connection) != since:
        raise ErasedSince
