"""Which lead an id belongs to, since when that is known, and which ids a lead has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from features.store.database import in_parts
from features.store.identities.rule import Membership
from features.store.places import places_of
from features.store.schema import identities

__all__ = [
    "Members",
    "ids_of",
    "known_since",
    "largest_leads",
    "lead_of",
    "leads_of",
    "members_of",
    "memberships",
    "other_ids",
]

_Member = tuple[str, str, int]
"""An id, the lead that it belongs to, and when it was known to belong there."""


def lead_of(connection: sa.Connection, id_: str) -> str:
    """The lead that an id belongs to; itself where nothing says otherwise."""
    wanted = sa.select(identities.c.lead_id).where(identities.c.id == id_)
    return connection.scalar(wanted) or id_


def leads_of(connection: sa.Connection, ids: Iterable[str]) -> dict[str, str]:
    """The lead of each of some ids."""
    wanted = set(ids)
    held = memberships(connection, wanted)
    return {one: held[one].lead_id if one in held else one for one in wanted}


def ids_of(connection: sa.Connection, id_: str) -> tuple[str, list[str]]:
    """The lead that an id belongs to, and all its ids, sorted."""
    lead = lead_of(connection, id_)
    others = sa.select(identities.c.id).where(identities.c.lead_id == lead)
    return lead, sorted({lead, *connection.scalars(others)})


def other_ids(connection: sa.Connection, leads: Iterable[str], most: int) -> dict[str, list[str]]:
    """The ids of some leads beside those that they are called by, sorted, `most` of each."""
    found: dict[str, list[str]] = {}
    number = sa.func.row_number().over(partition_by=identities.c.lead_id, order_by=identities.c.id)
    for some in in_parts(sorted(leads)):
        its_own = identities.c.lead_id.in_(some) & (identities.c.id != identities.c.lead_id)
        each = sa.select(identities.c.lead_id, identities.c.id, number.label("at"))
        numbered = each.where(its_own).subquery()
        wanted = sa.select(numbered.c.lead_id, numbered.c.id).where(numbered.c.at <= most)
        for lead, one in connection.execute(wanted.order_by(numbered.c.lead_id, numbered.c.at)):
            found.setdefault(lead, []).append(one)
    return found


def memberships(connection: sa.Connection, ids: Iterable[str]) -> dict[str, Membership]:
    """What some ids belong to, of those that share their lead with others."""
    return {
        one: Membership(lead, joined_at)
        for some in in_parts(sorted(ids))
        for one, lead, joined_at in connection.execute(_OF_IDS, {"ids": some})
    }


_OF_IDS: Final = sa.select(identities.c.id, identities.c.lead_id, identities.c.joined_at).where(
    identities.c.id.in_(sa.bindparam("ids", expanding=True))
)


def _members(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> list[_Member]:
    wanted = sa.select(identities.c.id, identities.c.lead_id, identities.c.joined_at).where(*which)
    return [(row.id, row.lead_id, row.joined_at) for row in connection.execute(wanted)]


def largest_leads(connection: sa.Connection, most: int, more_than: int = 1) -> dict[str, int]:
    """How many ids the leads have that have the most, by lead; `most` leads at most.

    Parameters
    ----------
    more_than : leads with so many ids or fewer are left out.
    """
    count = sa.func.count()
    wanted = sa.select(identities.c.lead_id, count.label("ids")).group_by(identities.c.lead_id)
    largest = wanted.having(count > more_than).order_by(count.desc(), identities.c.lead_id)
    return {row.lead_id: row.ids for row in connection.execute(largest.limit(most))}


def members_of() -> sa.Subquery:
    """The ids of the lead that the id `lead` belongs to, with what it is called."""
    named = sa.bindparam("lead", type_=sa.Text)
    of = sa.select(identities.c.lead_id).where(identities.c.id == named).scalar_subquery()
    together = sa.select(identities.c.lead_id, identities.c.id, identities.c.joined_at)
    alone = sa.select(
        named.label("lead_id"),
        named.label("id"),
        sa.literal_column("0", sa.BigInteger).label("joined_at"),
    )
    return sa.union_all(
        together.where(identities.c.lead_id == of), alone.where(of.is_(None))
    ).subquery()


def known_since(
    ids: Sequence[str],
    occurred: Sequence[int],
    known: Sequence[int],
    joined: Sequence[int],
) -> tuple[int, ...]:
    """When each event was known of the lead: that of another id, not before the ids were one.

    Parameters
    ----------
    ids : what the events of one lead were sent under.
    occurred, known, joined : when each happened, when it was known, and when its id was known to
        belong to the lead; in microseconds since the epoch.
    """
    _, first, since = min(zip(occurred, ids, joined, strict=True))
    return tuple(
        known[at] if one == first else max(known[at], joined[at], since)
        for at, one in enumerate(ids)
    )


@dataclass(frozen=True, slots=True)
class Members:
    """Who is whom, for ids that share a lead with others.

    Parameters
    ----------
    lead : by id, what the lead is called.
    since : by id, when its events were known of the lead, in microseconds since the epoch; absent
        for the id it began with.
    """

    lead: dict[str, str]
    since: dict[str, int]

    @classmethod
    def read(cls, connection: sa.Connection) -> Members:
        """Those of all leads."""
        return cls._of(connection, _members(connection))

    @classmethod
    def read_some(cls, connection: sa.Connection, ids: Sequence[str]) -> Members:
        """Those of the leads that some ids belong to."""
        leads: set[str] = set()
        for some in in_parts(ids):
            wanted = sa.select(identities.c.lead_id).where(identities.c.id.in_(some))
            leads |= set(connection.scalars(wanted))
        members: list[_Member] = []
        for some in in_parts(sorted(leads)):
            members += _members(connection, identities.c.lead_id.in_(some))
        return cls._of(connection, members)

    @classmethod
    def _of(cls, connection: sa.Connection, members: Sequence[_Member]) -> Members:
        first: dict[str, int] = {}
        for some in in_parts([one for one, _, _ in members]):
            own = places_of(connection.dialect.name, some)
            wanted = sa.select(own.c.lead_id, sa.func.min(own.c.occurred_at))
            found = connection.execute(wanted.group_by(own.c.lead_id))
            first |= {row[0]: row[1] for row in found}
        began: dict[str, tuple[int, str, int]] = {}
        for one, lead, joined_at in members:
            if one in first:
                candidate = (first[one], one, joined_at)
                began[lead] = min(began.get(lead, candidate), candidate)
        since = {
            one: max(joined_at, began[lead][2])
            for one, lead, joined_at in members
            if one in first and began[lead][1] != one
        }
        return cls({one: lead for one, lead, _ in members}, since)
