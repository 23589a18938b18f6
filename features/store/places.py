"""Where the events of an id stand, on SQLite: by tables of which a batch writes few pages.

An index over random keys writes a page an event. Here a new event is noted in a small table, whose
few pages hold all that came lately; when it is full, a stretch of it at a time is moved in order
into the large one, so that a page there is written once for many events. There is one pair of
tables by message id and one by lead; whoever looks for an event looks into both of a pair. That
each event is noted, is noted once and is let go of is seen to by triggers of the database
(`features.store.migrations.noted`): an event whose message id is noted is passed over.

PostgreSQL has indexes instead: what stands here asks the events there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from features.store.schema import events

__all__ = [
    "NOTED",
    "ROW",
    "Ids",
    "Sweeps",
    "counted_by_id",
    "ids_beyond",
    "noted_under",
    "places_of",
    "sent_ids",
    "sent_under",
    "with_message_id",
]

ROW: Final[sa.ColumnClause[int]] = sa.literal_column("events.seq", sa.BigInteger)
"""The number of an event on SQLite; they are given in the order in which events come."""
_MOST: Final = 25_000
"""So many events a small table may hold: more of them, and its own pages are many."""
_STRETCH: Final = 5_000
"""So many are moved at once: some five milliseconds, in which nobody else writes."""


def _by_lead(name: str) -> sa.TableClause:
    columns = (sa.column(one, sa.BigInteger) for one in ("occurred_at", "known_at", "seq"))
    return sa.table(name, sa.column("lead_id", sa.Text), *columns)


def _by_message(name: str) -> sa.TableClause:
    return sa.table(name, sa.column("message_id", sa.Text), sa.column("seq", sa.BigInteger))


NOTED: Final = (_by_lead("events_by_lead"), _by_lead("events_by_lead_new"))
"""Of each event, in one of the two, the id that it was sent under, when it happened and was known,
and its number; by id."""
_MESSAGES: Final = (_by_message("events_by_message"), _by_message("events_by_message_new"))

Ids = Sequence[str] | sa.Select[tuple[str]] | sa.BindParameter[Sequence[str]]
"""Some ids, or what finds them."""


def sent_under(dialect: str, ids: Ids, after: int | None = None) -> sa.ColumnElement[bool]:
    """Whether an event was sent under one of some ids.

    Parameters
    ----------
    dialect : of what kind the database is, sqlite or postgresql.
    after : it has to have happened after this instant, microseconds since the epoch; None: ever.
    """

    def is_there(table: sa.FromClause) -> sa.ColumnElement[bool]:
        is_under = table.c.lead_id.in_(ids)
        return is_under if after is None else sa.and_(is_under, table.c.occurred_at > after)

    if dialect != "sqlite":
        return is_there(events)
    return _is_among(sa.select(one.c.seq).where(is_there(one)) for one in NOTED)


def noted_under(noted: sa.TableClause, ids: Ids) -> sa.ColumnElement[bool]:
    """Whether an event was sent under one of some ids and is noted in this table of SQLite."""
    return ROW.in_(sa.select(noted.c.seq).where(noted.c.lead_id.in_(ids)))


def with_message_id(dialect: str, message_id: sa.BindParameter[str]) -> sa.ColumnElement[bool]:
    """Whether an event has a message id."""
    if dialect != "sqlite":
        return events.c.message_id == message_id
    return _is_among(
        sa.select(one.c.seq).where(one.c.message_id == message_id) for one in _MESSAGES
    )


def _is_among(found: Iterable[sa.Select[tuple[int]]]) -> sa.ColumnElement[bool]:
    return ROW.in_(sa.union_all(*found))


def places_of(dialect: str, ids: Ids) -> sa.Subquery:
    """The `lead_id` that each event of some ids was sent under, `occurred_at` and `known_at`.

    They are read without the events. Each table is asked by itself: SQLite would look through all
    of what is put together first.
    """
    return sa.union_all(
        *(
            sa.select(one.c.lead_id, one.c.occurred_at, one.c.known_at).where(
                one.c.lead_id.in_(ids)
            )
            for one in _tables(dialect)
        )
    ).subquery()


def counted_by_id(dialect: str) -> sa.Subquery:
    """How many `events` each id, `lead_id`, has, and when its `first` and `last` happened.

    An id may be there twice, each time with some of its events.
    """
    return sa.union_all(
        *(
            sa.select(
                table.c.lead_id,
                sa.func.count().label("events"),
                sa.func.min(table.c.occurred_at).label("first"),
                sa.func.max(table.c.occurred_at).label("last"),
            ).group_by(table.c.lead_id)
            for table in _tables(dialect)
        )
    ).subquery()


def sent_ids(dialect: str) -> sa.Subquery:
    """The ids that events were sent under, `lead_id`; one may be there twice.

    A third of what `counted_by_id` takes.
    """
    tables = _tables(dialect)
    return sa.union_all(*(sa.select(table.c.lead_id).distinct() for table in tables)).subquery()


def ids_beyond(connection: sa.Connection, last: str | None, limit: int) -> list[str]:
    """The ids that events were sent under, in order, each once: so many of those beyond one."""
    parts = []
    for table in _tables(connection.dialect.name):
        wanted = sa.select(table.c.lead_id).distinct().order_by(table.c.lead_id).limit(limit)
        part = wanted if last is None else wanted.where(table.c.lead_id > last)
        parts.append(sa.select(part.subquery()))
    together = sa.union(*parts).subquery()
    first = sa.select(together.c.lead_id).order_by(together.c.lead_id).limit(limit)
    return list(connection.scalars(first))


def _tables(dialect: str) -> tuple[sa.FromClause, ...]:
    """What the places of all events stand in, each in the order of ids."""
    return NOTED if dialect == "sqlite" else (events,)


# ------------------------------------------------------------------------------------------ Sweeps


class _Pair:
    """A small table and the large one that it is swept into, as statements about stretches.

    A stretch goes from one key to before another one. Every text is before the empty blob.

    Parameters
    ----------
    *key : the columns that both are kept by: a text, then whole numbers.
    """

    def __init__(self, name: str, *key: str) -> None:
        small, columns, at = f"{name}_new", ", ".join(key), ", ".join("?" * len(key))
        stretch = f"({columns}) >= ({at}) AND ({columns}) < ({at})"
        self.begin = ("", *(-(2**63) for _ in key[1:]))
        self.end = (b"", *(0 for _ in key[1:]))
        self.count = f"SELECT count(*) FROM {small}"  # noqa: S608 names of ours, as below
        self.next = (
            f"SELECT {columns} FROM {small} WHERE ({columns}) >= ({at})"  # noqa: S608
            f" ORDER BY {columns} LIMIT 1 OFFSET {_STRETCH}"
        )
        self.move = f"INSERT INTO {name} SELECT * FROM {small} WHERE {stretch} ORDER BY {columns}"  # noqa: S608
        self.clear = f"DELETE FROM {small} WHERE {stretch}"  # noqa: S608


class Sweeps:
    """Moves what is in the small tables into the large ones, a stretch at a time, round and round.

    It is a part of the transactions of whoever adds events. Where several processes add some, each
    sweeps at a place of its own: that decides what is moved when, and nothing else.
    """

    def __init__(self) -> None:
        pairs = (
            _Pair("events_by_message", "message_id"),
            _Pair("events_by_lead", "lead_id", "occurred_at", "seq"),
        )
        self._begin: dict[_Pair, tuple[Any, ...]] = {pair: pair.begin for pair in pairs}
        self._since = _STRETCH  # the first who writes looks how full they are

    def after(self, connection: sa.Connection, added: int) -> None:
        """See to it that the small tables stay small, now that some events were added."""
        self._since += added
        if self._since < _STRETCH:
            return
        self._since = 0
        for pair in self._begin:
            held = connection.exec_driver_sql(pair.count).scalar_one()
            for _ in range(2 + held // _STRETCH):  # once round and the rest, whatever is there
                if held <= _MOST:
                    break
                held -= self._sweep(connection, pair)

    def _sweep(self, connection: sa.Connection, pair: _Pair) -> int:
        """Move the stretch that follows the last one; how many events it had."""
        begin = self._begin[pair]
        beyond = connection.exec_driver_sql(pair.next, begin).one_or_none()
        stretch = (*begin, *(beyond or pair.end))
        moved = connection.exec_driver_sql(pair.move, stretch).rowcount
        connection.exec_driver_sql(pair.clear, stretch)
        self._begin[pair] = tuple(beyond or pair.begin)
        return moved
