"""The queue as it is worked: leads by the work that they are, filtered, with how many there are.

A lead's place is a number whose whole part is its tab: 4 waits for a reply, 3 is to be talked to,
2 is for marketing, 1 is to be left in peace (`serving.scoring.work`). So a tab is a stretch of the
order, and a part of the queue is one scan of one index.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import sqlalchemy as sa

from features.store.changes import ScoreChanges
from features.store.database import Database, in_parts
from features.store.kept.scores import OUT_OF_QUEUE, StoredScore, score_of
from features.store.schema import scores

__all__ = [
    "QUEUE_ORDERS",
    "Order",
    "QueueFilter",
    "QueueOrder",
    "QueueStore",
    "TabCount",
    "place_of",
]

QueueOrder = Literal["work", "purchase", "recent"]
"""By the work that leads are, by their chance of a purchase, or by who did something last."""
QUEUE_ORDERS: Final[dict[QueueOrder, str]] = {
    "work": "priority",
    "purchase": "p_purchase",
    "recent": "last_active",
}
"""The column of each."""

Order = Literal["work", "probability", "purchase"]
"""What callers order leads of the queue by: the work they are, or one of their chances."""
_ORDERS: Final[dict[Order | QueueOrder, Callable[[Any], Any]]] = {
    "work": lambda one: one.priority,
    # Chances of different steps have different horizons: those furthest up come first.
    "probability": lambda one: 2.0 * one.position + one.p_advance,
    "purchase": lambda one: one.p_purchase,
    "recent": lambda one: one.last_active,
}
"""What each goes by, never below nothing: of a score, or as a column of all of them."""
_LAST: Final = -1.0
"""Where a lead stands in an order that goes by what it has not: after all others."""

_TABS: Final = (1, 2, 3, 4)
_NOWHERE: Final = 0
"""Where leads stand that are queued at no work: there are none, but for scores of long ago."""


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which leads of the queue; what is None leaves none out.

    Parameters
    ----------
    tabs : the first and the last, as whole parts of places.
    active_since : those that did something since then, microseconds since the epoch.
    leads : those alone; () for nobody.
    """

    tabs: tuple[int, int] | None = None
    step: str | None = None
    band: str | None = None
    source: str | None = None
    account: str | None = None
    active_since: int | None = None
    leads: tuple[str, ...] | None = None


class TabCount(NamedTuple):
    """How many leads of a tab have a step before them."""

    tab: int
    step: str
    leads: int


def place_of(score: StoredScore, order: Order | QueueOrder) -> tuple[float, str]:
    """Where a score of the queue stands in an order."""
    is_without = order == "probability" and score.p_advance is None
    value = None if is_without else _ORDERS[order](score)
    return _LAST if value is None else value, score.lead_id


class QueueStore:
    """The queue of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def priority_of(self, place: int) -> float | None:
        """Where the lead stands that is so far down the queue, the first being 1; None beyond."""
        wanted = sa.select(scores.c.priority).where(scores.c.priority > OUT_OF_QUEUE)
        wanted = wanted.order_by(scores.c.priority.desc()).offset(place - 1).limit(1)
        with self._database.reading() as connection:
            return connection.scalar(wanted)

    def listed(self, limit: int, after: tuple[float, str] | None = None) -> list[StoredScore]:
        """Scores by priority, the highest first, then by lead; those out of the queue come last.

        Parameters
        ----------
        after : the last that was seen, see `place_of`.
        """
        (wanted,) = _in_order("work", after)
        with self._database.reading() as connection:
            rows = connection.execute(wanted.limit(limit)).mappings()
            return [score_of(row) for row in rows]

    def part(
        self,
        wanted: QueueFilter,
        limit: int,
        after: tuple[float, str] | None = None,
        left_out: Collection[str] = (),
        order: Order | QueueOrder = "work",
    ) -> list[StoredScore]:
        """The first leads in an order, the highest first, then by lead.

        Who waits for a reply and has not what an order goes by comes last: a customer has no chance
        of a next step. By the chance of the next step those before one step come together, the
        furthest up the ladder first.

        Parameters
        ----------
        after : the last that was seen, see `place_of`.
        left_out : leads that are not to be among them.
        """
        found: list[StoredScore] = []
        conditions = _conditions(wanted)
        while len(found) < limit:
            some = self._some(conditions, wanted.leads, limit + len(left_out), after, order)
            found += [score for score in some if score.lead_id not in left_out]
            if wanted.leads is not None or len(some) < limit + len(left_out):
                break
            after = place_of(some[-1], order)
        return found[:limit]

    def _some(
        self,
        conditions: Sequence[sa.ColumnElement[bool]],
        leads: Sequence[str] | None,
        limit: int,
        after: tuple[float, str] | None,
        order: Order | QueueOrder,
    ) -> list[StoredScore]:
        found: list[StoredScore] = []
        with self._database.reading() as connection:
            for wanted in _in_order(order, after):
                there = wanted.where(*conditions)
                if leads is None:
                    rows = connection.execute(there.limit(limit - len(found))).mappings()
                    found += map(score_of, rows)
                    if len(found) == limit:
                        break
                for part in in_parts(leads or ()):
                    own = there.where(scores.c.lead_id.in_(part))
                    found += map(score_of, connection.execute(own).mappings())
        if leads is None:
            return found
        places = {one.lead_id: place_of(one, order) for one in found}
        return sorted(found, key=lambda one: (-places[one.lead_id][0], one.lead_id))[:limit]

    def counts(self) -> list[TabCount]:
        """How many leads stand where."""
        place = sa.case(
            *((scores.c.priority >= tab, tab) for tab in reversed(_TABS)), else_=_NOWHERE
        ).label("tab")
        wanted = (
            sa.select(place, scores.c.step, sa.func.count())
            .where(scores.c.priority > OUT_OF_QUEUE)
            .group_by(place, scores.c.step)
        )
        with self._database.reading() as connection:
            return [TabCount(*row) for row in connection.execute(wanted)]

    def count(self, wanted: QueueFilter, most: int) -> int:
        """How many leads a filter leaves; `most` where there are as many or more."""
        conditions = _conditions(wanted)
        total = 0
        with self._database.reading() as connection:
            parts = [None] if wanted.leads is None else in_parts(wanted.leads)
            for part in parts:
                own = conditions if part is None else [*conditions, scores.c.lead_id.in_(part)]
                some = sa.select(scores.c.lead_id).where(*own).limit(most - total)
                counted = sa.select(sa.func.count()).select_from(some.subquery())
                total += connection.scalar(counted) or 0
                if total >= most:
                    return most
        return total

    def stamp(self) -> tuple[Any, ...]:
        """What differs whenever a score, or who has one, is another."""
        return ScoreChanges(self._database).stamp()

    def sources(self, most: int) -> list[str]:
        """Where queued leads came from, sorted; at most so many."""
        found: list[str] = []
        with self._database.reading() as connection:
            while len(found) < most:
                # From one to the next: each is a jump in the index and not a scan of it.
                wanted = sa.select(sa.func.min(scores.c.source))
                if found:
                    wanted = wanted.where(scores.c.source > found[-1])
                value = connection.scalar(wanted)
                if value is None:
                    break
                found.append(value)
        return found


def _in_order(order: Order | QueueOrder, after: tuple[float, str] | None) -> list[sa.Select[Any]]:
    """All scores in an order, or those that come after a place; then those without one in it."""
    column = _ORDERS[order](scores.c)
    placed = sa.select(scores).order_by(column.desc(), scores.c.lead_id)
    if after is not None:
        last, lead_id = after
        same = sa.and_(column == last, scores.c.lead_id > lead_id)
        # The bound is said by itself, so that the index is entered there.
        placed = placed.where(column <= last, sa.or_(column < last, same))
    if order == "work":
        return [placed]
    # Without a wait for a reply none of them is queued. Said so that those who wait are found first
    # by their index: no customer has a chance.
    waiting = scores.alias("waiting")
    waits = sa.select(waiting.c.lead_id).where(waiting.c.waiting_since >= 0)
    is_without = sa.func.coalesce(column, _LAST) == _LAST
    others = sa.select(scores).where(scores.c.lead_id.in_(waits), is_without)
    others = others.order_by(scores.c.lead_id)
    if after is not None and after[0] <= _LAST:
        others = others.where(scores.c.lead_id > after[1] if after[0] == _LAST else sa.false())
    return [placed.where(column.is_not(None)), others]


def _conditions(wanted: QueueFilter) -> list[sa.ColumnElement[bool]]:
    least, last = wanted.tabs or (0, _TABS[-1])
    held: list[sa.ColumnElement[bool]] = [scores.c.priority > OUT_OF_QUEUE]
    if wanted.tabs is not None:
        held += [scores.c.priority >= least, scores.c.priority < last + 1]
    for column, value in (
        (scores.c.step, wanted.step),
        (scores.c.band, wanted.band),
        (scores.c.source, wanted.source),
    ):
        if value is not None:
            # Said so that no other index is taken for it: the queue's own has all of these columns,
            # and is read in the order that is wanted.
            held.append(sa.func.coalesce(column, "") == value)
    if wanted.account is not None:
        held.append(scores.c.account_id == wanted.account)  # few leads, by an index of their own
    if wanted.active_since is not None:
        held.append(sa.func.coalesce(scores.c.last_active, 0) >= wanted.active_since)
    return held
