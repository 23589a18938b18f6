"""What was kept of several people as of one lead, once they are taken for several again.

What an endpoint was to be told of it, and what a CRM was, may hold something of each of them: it is
neither's now, and whoever stays would keep it beyond the erasure of the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from features.store.changes import note_gone
from features.store.database import in_parts, insert_into
from features.store.identities.members import members_of
from features.store.identities.regrouping import Parted
from features.store.places import places_of
from features.store.schema import deliveries, notifications, scores, write_backs

__all__ = ["NO_RECORD", "part", "take_scores"]

NO_RECORD: Final = ""
"""In place of an external id: which record of the CRM is the lead's is to be found out anew."""


def part(connection: sa.Connection, parted: Sequence[Parted]) -> None:
    """Keep nothing as one lead's that leads were told together; their links are changed already."""
    for one in parted:
        _bare_deliveries(connection, one.ids)
        _part_write_backs(connection, one)


def take_scores(connection: sa.Connection, parted: Sequence[Parted]) -> None:
    """Take away the scores that leads had together."""
    for one in parted:
        for some in in_parts(one.ids):
            of_it = sa.delete(scores).where(scores.c.lead_id.in_(some))
            taken = list(connection.scalars(of_it.returning(scores.c.lead_id)))
            note_gone(connection, taken)


def _bare_deliveries(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Nothing is included in what is still sent, or sent again; nor is it read once more."""
    for some in in_parts(ids):
        notices = sa.select(notifications.c.id).where(notifications.c.lead_id.in_(some))
        bare = sa.update(deliveries).where(deliveries.c.notification_id.in_(notices))
        connection.execute(bare.values(extra="{}"))


def _part_write_backs(connection: sa.Connection, parted: Parted) -> None:
    """Each lead begins anew with every CRM that was told of them: by its own record, if it has one.

    Who has the lease on what goes loses it, so that what comes of it is not kept.
    """
    connectors: set[str] = set()
    for some in in_parts(parted.ids):
        of_it = write_backs.c.lead_id.in_(some)
        held = sa.select(write_backs.c.connector).where(of_it)
        in_order = held.order_by(write_backs.c.connector, write_backs.c.lead_id)  # as all lock them
        connectors |= set(connection.scalars(in_order.with_for_update()))
        connection.execute(sa.delete(write_backs).where(of_it))
    leads = [one for one in parted.leads if _has_events(connection, one)] if connectors else []
    rows = [
        {
            "connector": connector,
            "lead_id": lead,
            "external_id": NO_RECORD,
            "leased_until": 0,
            "attempts": 0,
        }
        for connector, lead in itertools.product(sorted(connectors), leads)
    ]
    if rows:
        insert = insert_into(connection.engine, write_backs).on_conflict_do_nothing()
        connection.execute(insert, rows)


def _has_events(connection: sa.Connection, lead: str) -> bool:
    """Whether a lead can have a score."""
    own = places_of(connection.dialect.name, sa.select(members_of().c.id)).c.lead_id
    return connection.scalar(sa.select(own).limit(1), {"lead": lead}) is not None
