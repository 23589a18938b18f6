"""The order in which scores change, for those who follow it, so that no change is missed.

A place is a number that grows with each transaction, then the lead. Whoever writes scores takes the
number first and holds it until the commit, so that numbers become visible in their order: a reader
that has seen one has seen all before it, whatever the clocks say. A transaction that cannot wait
for its turn leaves its rows without a number; they get theirs with the next that has one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from features.errors import StaleCursor
from features.store.database import Database, insert_into
from features.store.schema import gone_scores, meta, scores

__all__ = [
    "Change",
    "ChangePlace",
    "LastScore",
    "Part",
    "ScoreChanges",
    "break_off",
    "next_turn",
    "note_gone",
]

_NUMBER: Final = "score_changes"
_HISTORY: Final = "score_history"
_BEFORE_ALL: Final = 1
"""A place before all numbers, which is one of any order: who is there has read nothing."""
_FIRST_READ: Final = 100
"""So few first, that whoever reads has something at once."""
_PER_READ: Final = 1000


class ChangePlace(NamedTuple):
    """How far somebody has read the changes.

    Parameters
    ----------
    history : names the order that it is a place of, each store's its own; another one begins when
        a lead is erased.
    since : the number that changes had when the reading began: whoever reads from there has seen
        nothing of what was gone by then.
    number, lead_id : of the last change that was read; "" where all of lower numbers were.
    """

    history: str
    since: int
    number: int
    lead_id: str


class Change(NamedTuple):
    """A lead with the columns of its score; None where it has none any more."""

    number: int
    lead_id: str
    score: sa.RowMapping | None


class LastScore(NamedTuple):
    """Of the stored score of a lead: why it is another than the one before, and what it has seen.

    Parameters
    ----------
    as_of : microseconds since the epoch; what was known then.
    """

    cause: str
    as_of: int


@dataclass(frozen=True, slots=True)
class Part:
    """Some changes, in order.

    Parameters
    ----------
    place : where the following ones begin, also where there are none yet.
    is_last : whether there was nothing beyond them.
    """

    changes: list[Change]
    place: ChangePlace
    is_last: bool


# ------------------------------------------------------------------------------------------ writing


def next_turn(connection: sa.Connection) -> int:
    """The number of a transaction that changes scores; until its end nobody else gets one.

    Take it before any score is locked: two who do it the other way round wait for each other. Rows
    that wait for a number get the one before it.
    """
    number = _counted_on(connection)
    is_back = sa.exists().where(scores.c.lead_id == gone_scores.c.lead_id)
    connection.execute(sa.delete(gone_scores).where(gone_scores.c.seq.is_(None), is_back))
    for table in (scores, gone_scores):
        waiting = sa.update(table).where(table.c.seq.is_(None))
        connection.execute(waiting.values(seq=number - 1))
    return number


def _counted_on(connection: sa.Connection) -> int:
    more = {"value": sa.cast(sa.cast(meta.c.value, sa.BigInteger) + 2, sa.Text)}
    next_one = sa.update(meta).where(meta.c.key == _NUMBER).values(more)
    number = connection.scalar(next_one.returning(meta.c.value))
    if number is None:  # the first of this store, whose order has a name that no other's has
        break_off(connection)
        first = insert_into(connection.engine, meta).values(key=_NUMBER, value="2")
        taken = first.on_conflict_do_update(index_elements=["key"], set_=more)
        number = connection.execute(taken.returning(meta.c.value)).scalar_one()
    return int(number)


def note_gone(connection: sa.Connection, leads: Sequence[str], number: int | None = None) -> None:
    """That some leads have no score any more; without a number it is given later."""
    if not leads:
        return
    insert = insert_into(connection.engine, gone_scores)
    keep = insert.on_conflict_do_update(
        index_elements=["lead_id"], set_={"seq": insert.excluded.seq}
    )
    connection.execute(keep, [{"lead_id": one, "seq": number} for one in sorted(leads)])


def break_off(connection: sa.Connection) -> None:
    """Name the order anew, so that whoever has read by another name reads all scores once more.

    Where somebody was erased: that must not be named to be told of. And once for each store.
    """
    insert = insert_into(connection.engine, meta).values(key=_HISTORY, value=secrets.token_hex(8))
    connection.execute(
        insert.on_conflict_do_update(index_elements=["key"], set_={"value": insert.excluded.value})
    )


# ------------------------------------------------------------------------------------------ reading


class ScoreChanges:
    """All scores, in the order in which they changed last, and what is gone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def settle(self) -> None:
        """Give a number to what has none; for whoever has taken scores away and writes none."""
        with self._database.writing() as connection:
            next_turn(connection)

    def present(self, after: ChangePlace | None = None) -> ChangePlace:
        """The place that is reached by reading all that there is now.

        Parameters
        ----------
        after : a place that was reached before.

        Raises
        ------
        StaleCursor : that is no place of the present order; all scores are to be read anew.
        """
        with self._database.reading() as connection:
            return _present(connection, after)

    def stamp(self) -> tuple[str | int | None, ...]:
        """What differs whenever a score, or who has one, is another, with a number or not."""
        with self._database.reading() as connection:
            return tuple(connection.execute(_STAMP).one())

    def part(self, after: ChangePlace | None, until: ChangePlace, limit: int) -> Part:
        """Up to `limit` changes beyond a place, up to another one.

        Each lead stands where it changed last: one that changes while somebody reads is met again
        beyond `until`.

        Raises
        ------
        StaleCursor : as in `present`.
        """
        with self._database.reading() as connection:
            present = _present(connection, after)
            if present.history != until.history:
                raise StaleCursor(_ANEW)
            found = _changes(connection, after, until, limit + 1)
        is_last = len(found) <= limit
        place = until
        if not is_last:
            number, lead_id, _ = found[limit - 1]
            place = ChangePlace(until.history, until.since, number, lead_id)
        return Part(found[:limit], place, is_last)

    def parts(self, after: ChangePlace | None, until: ChangePlace) -> Iterator[list[Change]]:
        """All changes beyond a place, up to another one, some at a time; raises as `part` does."""
        size = _FIRST_READ
        while True:
            part = self.part(after, until, size)
            yield part.changes
            if part.is_last:
                return
            after, size = part.place, _PER_READ


def _held(key: str) -> sa.ScalarSelect[str]:
    return sa.select(meta.c.value).where(meta.c.key == key).scalar_subquery()


def _without_number(table: sa.Table) -> sa.ScalarSelect[int]:
    own = sa.select(sa.func.count()).select_from(table).where(table.c.seq.is_(None))
    return own.scalar_subquery()


_STAMP: Final = sa.select(
    _held(_NUMBER), _held(_HISTORY), _without_number(scores), _without_number(gone_scores)
)
_ANEW: Final = (
    "leads were erased since this cursor was given, or the store is another one: read all scores"
    " anew, without a cursor, and put them in place of yours"
)


def _present(connection: sa.Connection, after: ChangePlace | None) -> ChangePlace:
    wanted = sa.select(meta.c.key, meta.c.value).where(meta.c.key.in_([_NUMBER, _HISTORY]))
    held = {row.key: row.value for row in connection.execute(wanted)}
    number, history = int(held.get(_NUMBER, 0)), held.get(_HISTORY, "")
    end = ChangePlace(history, number if after is None else after.since, number + 1, "")
    if after is None or after.number <= _BEFORE_ALL:
        return end
    if after.history != history or after.number > end.number:
        raise StaleCursor(_ANEW)
    return end


def _changes(
    connection: sa.Connection, after: ChangePlace | None, until: ChangePlace, limit: int
) -> list[Change]:
    """Up to so many changes between two places, in order: as the database orders texts."""
    parts = [
        sa.select(found.subquery())
        for table in (scores, gone_scores)
        if (found := _some(table, after, until, limit)) is not None
    ]
    places = sa.union_all(*parts).subquery()
    number, lead = places.c.seq, places.c.lead_id
    here = (scores.c.lead_id == lead) & (scores.c.seq == number) & ~places.c.is_gone
    wanted = sa.select(number.label("number"), lead.label("lead"), scores)
    wanted = wanted.select_from(places.outerjoin(scores, here))
    rows = connection.execute(wanted.order_by(number, lead).limit(limit)).mappings()
    return [
        Change(row["number"], row["lead"], row if row["lead_id"] is not None else None)
        for row in rows
    ]


def _some(
    table: sa.Table, after: ChangePlace | None, until: ChangePlace, limit: int
) -> sa.Select[tuple[Any, ...]] | None:
    """Places of one table; None of what is gone before anything was read."""
    is_gone = table is gone_scores
    start = after
    if is_gone:
        if after is None:
            return None
        if (after.number, after.lead_id) < (until.since + 1, ""):
            start = ChangePlace(after.history, after.since, until.since + 1, "")
    wanted = sa.select(table.c.seq, table.c.lead_id, sa.literal(is_gone).label("is_gone"))
    wanted = wanted.where(table.c.seq < until.number)
    if start is not None:
        place = sa.tuple_(sa.literal(start.number), sa.literal(start.lead_id))
        wanted = wanted.where(sa.tuple_(table.c.seq, table.c.lead_id) > place)
    return wanted.order_by(table.c.seq, table.c.lead_id).limit(limit)
