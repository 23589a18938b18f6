"""The rows that are about a lead: which tables hold any, and what they say as JSON.

Which columns name a lead is said once, in `NAMING`: what is shown and what is erased cannot differ.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from features.clock import LAST, microseconds, rfc3339
from features.errors import UnknownLead
from features.store.database import in_parts, is_storable
from features.store.identities.members import ids_of
from features.store.places import Ids, places_of, sent_under
from features.store.schema import (
    account_members,
    actions,
    events,
    gone_scores,
    hands,
    identities,
    identity_links,
    lead_words,
    notifications,
    opt_outs,
    ranks,
    scores,
    stale,
    write_backs,
)

__all__ = [
    "NAMING",
    "Document",
    "counted",
    "document_of",
    "held_ids",
    "naming",
    "rfc3339_if_any",
    "rows_of",
    "storable_ids",
]

NAMING: Final[Mapping[sa.Table, tuple[str, ...]]] = {
    events: ("lead_id",),
    scores: ("lead_id",),
    gone_scores: ("lead_id",),
    stale: ("sent_id",),
    notifications: ("lead_id",),
    write_backs: ("lead_id",),
    ranks: ("lead_id",),
    account_members: ("id",),
    lead_words: ("id",),
    hands: ("id",),
    actions: ("lead_id",),
    identities: ("id", "lead_id"),
    identity_links: ("source", "target"),
    opt_outs: ("id",),
}
"""Every table that holds something of a lead, and its columns that name it, by any of its ids."""
_JSON: Final = frozenset(
    {
        *("properties", "data", "extra", "reasons", "wanted", "written", "traits"),
        *("situation", "actions", "events"),
    }
)
_INTERNAL: Final = frozenset({"mark", "leased_until", "seq"})
"""Columns about the service's own work."""

Document = dict[str, Any]
"""A row by its columns, or a JSON object."""


# ---------------------------------------------------------------------------------- who is it about


def storable_ids(connection: sa.Connection, id_: str) -> tuple[str, list[str]]:
    """The lead that an id belongs to, and all its ids, sorted.

    Raises
    ------
    UnknownLead : an id that no database can hold.
    """
    if not is_storable(id_):
        raise UnknownLead(f"nothing is held of lead {id_!r}")
    return ids_of(connection, id_)


def held_ids(connection: sa.Connection, id_: str) -> tuple[str, list[str]]:
    """As `storable_ids`; UnknownLead where no table has anything of it."""
    lead, ids = storable_ids(connection, id_)
    if any(_has(connection, table, part) for table in NAMING for part in in_parts(ids)):
        return lead, ids
    raise UnknownLead(f"nothing is held of lead {id_!r}")


def _has(connection: sa.Connection, table: sa.Table, ids: Sequence[str]) -> bool:
    wanted = sa.select(sa.literal(1)).select_from(counted(connection, table, ids)).limit(1)
    return connection.scalar(wanted) is not None


# --------------------------------------------------------------------------------------------- rows


def naming(connection: sa.Connection, table: sa.Table, ids: Ids) -> sa.ColumnElement[bool]:
    """The rows of a table of `NAMING` that name any of some ids."""
    if table is events:
        return sent_under(connection.dialect.name, ids)
    return sa.or_(*(table.c[name].in_(ids) for name in NAMING[table]))


def counted(connection: sa.Connection, table: sa.Table, ids: Ids) -> sa.FromClause:
    """The rows of a table of `NAMING` that name any of some ids, to be counted.

    Of events these are their places: they themselves are not looked at.
    """
    if table is events:
        return places_of(connection.dialect.name, ids)
    return sa.select(sa.literal(1)).where(naming(connection, table, ids)).subquery()


def rows_of(connection: sa.Connection, table: sa.Table, ids: Sequence[str]) -> list[Document]:
    """The rows of a table of `NAMING` that name any of some ids, by its key."""
    found: dict[tuple[Any, ...], Document] = {}
    for part in in_parts(ids):
        wanted = sa.select(table).where(naming(connection, table, part))
        for row in connection.execute(wanted).mappings():
            found[tuple(row[column.name] for column in table.primary_key)] = dict(row)
    return [found[key] for key in sorted(found)]


def document_of(table: sa.Table, row: Document) -> Document:
    """A row as JSON: instants as RFC 3339, and what is JSON already as it is."""
    return {
        name: _json(value)
        if name in _JSON
        else rfc3339(min(value, microseconds(LAST)))  # a claim without an end was beyond it once
        if _is_instant(table, name) and value is not None
        else value
        for name, value in row.items()
        if name not in _INTERNAL
    }


def rfc3339_if_any(microseconds: int | None) -> str | None:
    """An instant as RFC 3339, of microseconds since the epoch; None without one."""
    return None if microseconds is None else rfc3339(microseconds)


def _is_instant(table: sa.Table, name: str) -> bool:
    """Whether a column holds one: of these tables, all large integers are instants."""
    return name in table.c and isinstance(table.c[name].type, sa.BigInteger)


def _json(text: str | None) -> object:
    """JSON from a text; a number that JSON has no word for stays the text that it was."""
    if not text:
        return None
    return json.loads(text, parse_float=_finite, parse_constant=str)


def _finite(text: str) -> float | str:
    number = float(text)
    return text if abs(number) == float("inf") else number
