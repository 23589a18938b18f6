"""Whether leads have very many ids or events: strangers under one id, a bot, a test machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import sqlalchemy as sa

from features.store.database import Database
from features.store.identities.members import largest_leads
from features.store.places import counted_by_id
from features.store.schema import identities
from serving.doctor.finding import Finding, fine, note
from serving.scoring.batch.rescoring import CROWDED

__all__ = ["MANY_EVENTS", "MANY_IDS", "crowds"]

MANY_IDS: Final = 1_000
MANY_EVENTS: Final = CROWDED
"""More than this no person has; such a lead is scored twice a minute at most."""
_NAMED: Final = 5
_SHOWN: Final = 60


def crowds(database: Database) -> Iterator[Finding]:
    """The leads with the most ids and events, where those are more than a person has."""
    with database.reading() as connection:
        ids = largest_leads(connection, _NAMED, MANY_IDS)
        counts = _busiest(connection)
    if ids:
        yield note(
            "leads",
            f"very many ids have become one lead: {_listed(ids, 'ids')}",
            "strangers may have been taken for one, or a machine never keeps its cookie",
            "see what sends that id; stop it, and erase the lead with rung lead erase",
        )
    if counts:
        yield note(
            "leads",
            f"more events than a person makes: {_listed(counts, 'events')}",
            "a bot or a test gives the model wrong examples, and takes long to score",
            "see what sends them; stop it, and opt the lead out or erase it (rung lead)",
        )
    if not ids and not counts:
        yield fine("leads", "none has more ids or events than a person")


def _busiest(connection: sa.Connection) -> dict[str, int]:
    """How many events the leads have that have the most, by lead."""
    of_ids = counted_by_id(connection.dialect.name)
    lead = sa.func.coalesce(identities.c.lead_id, of_ids.c.lead_id)
    count = sa.func.sum(of_ids.c.events)
    joined = of_ids.outerjoin(identities, identities.c.id == of_ids.c.lead_id)
    wanted = sa.select(lead, count).select_from(joined).group_by(lead)
    busiest = wanted.having(count > MANY_EVENTS).order_by(count.desc(), lead).limit(_NAMED)
    return {lead: int(events) for lead, events in connection.execute(busiest)}


def _listed(counts: Mapping[str, int], things: str) -> str:
    return ", ".join(f"{_shown(lead)} ({count:,} {things})" for lead, count in counts.items())


def _shown(lead: str) -> str:
    return repr(lead if len(lead) <= _SHOWN else f"{lead[: _SHOWN - 3]}...")
