"""Calls that say who is whom, and what a store makes of them."""

from __future__ import annotations

import sqlalchemy as sa
from hypothesis import strategies as st

from features.events.of_lead import Row
from features.store.arrivals import Arrival
from features.store.events import EventStore
from features.store.identities.rule import Link
from features.store.schema import METADATA, identities, identity_links

_USERS = ["u1", "u2", "u3"]
_ANONYMOUS = ["a1", "a2", "a3"]


def arrival(
    message_id: str,
    sent_id: str,
    at: int = 10,
    anonymous_id: str | None = None,
    previous_id: str | None = None,
    known_at: int | None = None,
) -> Arrival:
    """A page view."""
    known_at = at if known_at is None else known_at
    return Arrival(
        message_id, sent_id, "page_viewed", at, known_at, "{}", anonymous_id, previous_id
    )


@st.composite
def calls(draw: st.DrawFn) -> list[Arrival]:
    """Some track, identify and alias calls, all received in the order of their numbers."""
    made = []
    for number in range(draw(st.integers(1, 9))):
        at = draw(st.integers(1, 30))
        kind = draw(st.sampled_from(["anonymous", "user", "both", "alias"]))
        user, anonymous = draw(st.sampled_from(_USERS)), draw(st.sampled_from(_ANONYMOUS))
        made.append(
            arrival(
                f"m{number}",
                anonymous if kind == "anonymous" else user,
                at,
                anonymous if kind == "both" else None,
                draw(st.sampled_from(_USERS + _ANONYMOUS)) if kind == "alias" else None,
                known_at=100,
            )
        )
    return made


def emptied(store: EventStore) -> EventStore:
    """A store with nothing in it, whose process knows nothing of what was in it."""
    with store.database.writing() as connection:
        for table in METADATA.tables.values():
            if table.name != "rung_meta":
                connection.execute(sa.delete(table))
    return EventStore(store.database)


def told(store: EventStore, parts: list[list[Arrival]]) -> EventStore:
    for part in parts:
        store.ingest(part)
    return store


def leads(store: EventStore) -> dict[str, tuple[list[str], list[Row]]]:
    """By lead its ids and its events."""
    return {lead: (store.ids_of(lead), store.events_of(lead)) for lead in store.lead_ids()}


def kept_members(store: EventStore) -> dict[str, tuple[str, int]]:
    """By id the lead that it is kept to belong to, and since when."""
    with store.database.reading() as connection:
        found = connection.execute(sa.select(identities))
        return {row.id: (row.lead_id, row.joined_at) for row in found}


def standing_links(store: EventStore) -> list[Link]:
    """All links that are kept and not undone."""
    with store.database.reading() as connection:
        found = connection.execute(
            sa.select(identity_links).where(identity_links.c.undone_at.is_(None))
        )
        return [Link(*row[:5]) for row in found]
