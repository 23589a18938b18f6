"""What a store holds in one state of its database, some rows at a time, whoever writes meanwhile.

Leads that opted out of profiling are left out. Rows come by lead, as the database orders texts, so
that one state is always told in one order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from features.store.arrivals import Event
from features.store.database import Database
from features.store.identities.members import other_ids
from features.store.kept.scores import StoredScore, score_of
from features.store.places import counted_by_id
from features.store.privacy.opt_outs import opted_out_leads
from features.store.schema import events, identities, scores

__all__ = ["HeldLead", "StoreState"]

_BATCH: Final = 1000


class HeldLead(NamedTuple):
    """What is held of a lead, in short.

    Parameters
    ----------
    ids : its other ids, sorted.
    events : how many there are; the first and the last happened at `first_at` and `last_at`, in
        microseconds since the epoch.
    ladder, step, position : where its score says that it stands; None without a score. The step is
        the next one, "" after the purchase.
    """

    lead_id: str
    ids: Sequence[str]
    events: int
    first_at: int
    last_at: int
    ladder: str | None
    step: str | None
    position: int | None


class StoreState:
    """One state of a store.

    Parameters
    ----------
    most_ids : so many further ids of a lead are told.
    """

    def __init__(self, connection: sa.Connection, most_ids: int) -> None:
        self._connection = connection
        self._most_ids = most_ids
        self._out = opted_out_leads(connection)
        self._open: list[sa.Result[Any]] = []

    @classmethod
    @contextmanager
    def of(cls, database: Database, most_ids: int) -> Iterator[StoreState]:
        """The state that a database is in now, for as long as the block lasts."""
        with database.reading_one_state() as connection:
            state = cls(connection, most_ids)
            try:
                yield state
            finally:
                for found in state._open:  # somebody may have stopped on the way
                    found.close()

    def ladders(self) -> set[str]:
        """The ladders that leads are scored on."""
        return set(self._connection.scalars(sa.select(scores.c.ladder).distinct()))

    def scores(self) -> Iterator[list[tuple[StoredScore, Sequence[str]]]]:
        """Every score with the other ids of its lead, by lead."""
        for rows in self._parts(sa.select(scores).order_by(scores.c.lead_id)):
            held = [score_of(row._mapping) for row in rows if row.lead_id not in self._out]
            ids = self._ids([one.lead_id for one in held])
            yield [(one, ids.get(one.lead_id, ())) for one in held]

    def leads(self) -> Iterator[list[HeldLead]]:
        """Every lead of which there are events."""
        for rows in self._parts(_leads(self._connection.dialect.name)):
            held = [row for row in rows if row.lead_id not in self._out]
            ids = self._ids([row.lead_id for row in held])
            yield [
                HeldLead(
                    row.lead_id,
                    ids.get(row.lead_id, ()),
                    int(row.events),
                    row.first_at,
                    row.last_at,
                    row.ladder,
                    row.step,
                    row.position,
                )
                for row in held
            ]

    def events(self, beginnings: Sequence[str]) -> Iterator[tuple[str, Iterator[Event]]]:
        """What the lead of each id is called, and those of the id's events with some message ids.

        Events come in time order, under the id that was sent. Take those of an id before the next.

        Parameters
        ----------
        beginnings : how the wanted message ids begin.
        """
        begins = [events.c.message_id.startswith(one, autoescape=True) for one in beginnings]
        wanted = _EVENTS.where(sa.or_(*begins))
        exact = tuple(beginnings)  # LIKE of SQLite takes capitals for small letters
        found = (row for part in self._parts(wanted) for row in part)
        rows = (row for row in found if row.message_id.startswith(exact))
        for (_, lead), some in groupby(rows, key=lambda row: (row.lead_id, row.lead)):
            if lead not in self._out:
                yield lead, (Event._make(row[:-1]) for row in some)

    def _parts(self, wanted: sa.Select[Any]) -> Iterator[Sequence[sa.Row[Any]]]:
        found = self._connection.execute(wanted, execution_options={"yield_per": _BATCH})
        self._open.append(found)
        return found.partitions()

    def _ids(self, leads: Sequence[str]) -> dict[str, list[str]]:
        return other_ids(self._connection, leads, self._most_ids) if leads else {}


def _leads(dialect: str) -> sa.Select[Any]:
    """Counted by id first: that follows the order in which their places are kept."""
    by_id = counted_by_id(dialect)
    lead = sa.func.coalesce(identities.c.lead_id, by_id.c.lead_id)
    together = (
        sa.select(
            lead.label("lead_id"),
            sa.func.sum(by_id.c.events).label("events"),
            sa.func.min(by_id.c.first).label("first_at"),
            sa.func.max(by_id.c.last).label("last_at"),
        )
        .select_from(by_id.outerjoin(identities, identities.c.id == by_id.c.lead_id))
        .group_by(lead)
        .subquery()
    )
    stands = together.outerjoin(scores, scores.c.lead_id == together.c.lead_id)
    columns = [*together.c, scores.c.ladder, scores.c.step, scores.c.position]
    return sa.select(*columns).select_from(stands).order_by(together.c.lead_id)


_EVENTS: Final = (
    sa.select(
        *(events.c[name] for name in Event._fields),
        sa.func.coalesce(identities.c.lead_id, events.c.lead_id).label("lead"),
    )
    .select_from(events.outerjoin(identities, identities.c.id == events.c.lead_id))
    .order_by(events.c.lead_id, events.c.occurred_at, events.c.message_id)
)
