"""Which leads are known by some ids, or by what a CRM calls them."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from features.store.database import in_parts, is_storable
from features.store.identities.members import ids_of, leads_of
from features.store.places import places_of
from features.store.schema import identities, write_backs

__all__ = ["known_after", "known_leads", "leads_of_external"]


def known_leads(connection: sa.Connection, ids: Iterable[str]) -> set[str]:
    """The leads of those of some ids of which anything is known."""
    wanted = sorted({one for one in ids if one and is_storable(one)})
    known: set[str] = set()
    for part in in_parts(wanted):
        own = sa.select(places_of(connection.dialect.name, part).c.lead_id).distinct()
        joined = sa.select(identities.c.id).where(identities.c.id.in_(part))
        known |= {*connection.scalars(own), *connection.scalars(joined)}
    return set(leads_of(connection, known).values())


def known_after(connection: sa.Connection, leads: Iterable[str], instant: int) -> set[str]:
    """Those of some leads of which something became known after an instant, in microseconds."""
    found: set[str] = set()
    for lead in leads:
        own = places_of(connection.dialect.name, ids_of(connection, lead)[1])
        later = sa.select(own.c.lead_id).where(own.c.known_at > instant)
        if connection.scalar(later.limit(1)) is not None:
            found.add(lead)
    return found


def leads_of_external(connection: sa.Connection, external_id: str) -> set[str]:
    """The leads that any CRM has under an id."""
    if not is_storable(external_id):
        return set()
    wanted = sa.select(write_backs.c.lead_id).where(write_backs.c.external_id == external_id)
    return set(leads_of(connection, connection.scalars(wanted)).values())
