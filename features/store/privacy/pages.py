"""Rows of a lead, a page at a time: the database sorts and counts, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from features.errors import UnknownLead
from features.store.database import is_storable
from features.store.identities.members import lead_of, members_of
from features.store.places import places_of
from features.store.privacy.rows import NAMING, Document, counted, naming
from features.store.schema import events, identity_links

__all__ = [
    "RowKey",
    "count_of",
    "held_lead",
    "ids_after",
    "key_of",
    "order_of",
    "page_of",
    "rows_in",
    "span_of",
]

RowKey = Sequence[Any]
"""Where a row stands in its order: the values of the columns that make it, or of the first few."""
_BY_TIME: Final = {
    events: ("occurred_at", "message_id"),
    identity_links: ("occurred_at", "kind", "source", "target"),
}


def held_lead(connection: sa.Connection, id_: str) -> str:
    """What the lead of an id is called; UnknownLead where no table has anything of it."""
    if is_storable(id_):
        for table in NAMING:
            rows = counted(connection, table, _members())
            wanted = sa.select(sa.literal(1)).select_from(rows).limit(1)
            if connection.scalar(wanted, {"lead": id_}) is not None:
                return lead_of(connection, id_)
    raise UnknownLead(f"nothing is held of lead {id_!r}")


def order_of(table: sa.Table) -> tuple[str, ...]:
    """The columns that make the order of a table: what happened by time, all else by its key."""
    return _BY_TIME.get(table) or tuple(column.key for column in table.primary_key)


def key_of(table: sa.Table, row: Document, order: Sequence[str]) -> list[Any]:
    """Where a row stands in an order."""
    return [row[table.c[key].name] for key in order]


def page_of(
    connection: sa.Connection,
    table: sa.Table,
    id_: str,
    order: Sequence[str] = (),
    *,
    limit: int | None = None,
    beyond: RowKey | None = None,
    newest_first: bool = False,
    which: sa.ColumnElement[bool] | None = None,
) -> list[Document]:
    """Rows of a table of `NAMING` that name the lead of an id, in order.

    Parameters
    ----------
    order : columns; those of `order_of` where there are none.
    limit : so many rows at most.
    beyond : only rows that stand after this, or before where the newest come first.
    which : only those that this holds for.
    """
    columns = [_plain(connection, table.c[key]) for key in order or order_of(table)]
    named = _named(connection, table, *table.c)
    named = named if which is None else named.where(which)
    wanted = _in_order(named, columns, limit, beyond, newest_first)
    return [dict(row) for row in connection.execute(wanted, {"lead": id_}).mappings()]


def ids_after(
    connection: sa.Connection, id_: str, limit: int | None = None, beyond: RowKey | None = None
) -> list[str]:
    """The ids of the lead of an id, sorted."""
    members = members_of()
    columns = [_plain(connection, members.c.id)]
    wanted = _in_order(sa.select(members.c.id), columns, limit, beyond)
    return list(connection.scalars(wanted, {"lead": id_}))


def count_of(
    connection: sa.Connection,
    table: sa.Table | None,
    id_: str,
    which: sa.ColumnElement[bool] | None = None,
) -> int:
    """How many rows of a table name the lead of an id; without a table, how many ids it has.

    Parameters
    ----------
    which : of a table, only the rows that this holds for; the rows themselves are read then.
    """
    if table is not None and which is not None:
        wanted = _named(connection, table, sa.func.count()).where(which)
    else:
        rows = members_of() if table is None else counted(connection, table, _members())
        wanted = sa.select(sa.func.count()).select_from(rows)
    return int(connection.scalar(wanted, {"lead": id_}) or 0)


def span_of(connection: sa.Connection, id_: str) -> tuple[int | None, int | None, int]:
    """When the first and the last event of a lead happened, and how many there are."""
    at = places_of(connection.dialect.name, _members()).c.occurred_at
    wanted = sa.select(sa.func.min(at), sa.func.max(at), sa.func.count())
    first, last, count = connection.execute(wanted, {"lead": id_}).one()
    return first, last, int(count)


def rows_in(
    connection: sa.Connection,
    columns: Sequence[sa.ColumnElement[Any]],
    id_: str,
    which: sa.ColumnElement[bool],
    order: Sequence[sa.ColumnElement[Any]],
) -> sa.Result[Any]:
    """Some columns of a lead's events, of which no more is read than is taken; to be closed."""
    wanted = _named(connection, events, *columns).where(which).order_by(*order)
    return connection.execution_options(stream_results=True).execute(wanted, {"lead": id_})


def _named(
    connection: sa.Connection, table: sa.Table, *columns: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    """The rows of a table of `NAMING` that name the lead of the id `lead`."""
    return sa.select(*columns).select_from(table).where(naming(connection, table, _members()))


def _members() -> sa.Select[tuple[str]]:
    """The ids of the lead that the id `lead` belongs to."""
    return sa.select(members_of().c.id)


def _in_order(
    wanted: sa.Select[Any],
    columns: Sequence[sa.ColumnElement[Any]],
    limit: int | None,
    beyond: RowKey | None,
    newest_first: bool = False,
) -> sa.Select[Any]:
    if beyond is not None:
        first = columns[: len(beyond)]
        place = sa.tuple_(*map(sa.literal, beyond), types=[column.type for column in first])
        here = sa.tuple_(*first)
        wanted = wanted.where(here < place if newest_first else here > place)
    wanted = wanted.order_by(*(one.desc() if newest_first else one for one in columns))
    return wanted if limit is None else wanted.limit(limit)


def _plain(connection: sa.Connection, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A column in the order of its letters' numbers, as Python and SQLite have it."""
    if isinstance(column.type, sa.Text) and connection.dialect.name == "postgresql":
        return column.collate("C")
    return column
