"""What a CRM knows our leads by: our own id, or a trait that their events have told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from features.events.properties import as_text, parse_object
from features.store.places import sent_under
from features.store.schema import events, identities
from serving.write_back.configuration import LEAD_ID, WriteBack

__all__ = ["external_ids"]

_IDS: Final = 500
"""How many ids one statement names."""
_SOUND: Final = re.compile(r"[^\x00-\x1f\x7f]{1,256}")
_EMAIL: Final = "email"


def external_ids(
    connection: sa.Connection, leads: Sequence[str], target: WriteBack, traits_event: str
) -> dict[str, str]:
    """The external id of each lead that has one; that of the latest event which tells it."""
    if target.id == LEAD_ID:
        return {lead: lead for lead in leads}
    lead_of = _leads_by_id(connection, leads)
    latest: dict[str, tuple[int, str, str]] = {}
    for sent_id, occurred_at, message_id, properties in _told(
        connection, list(lead_of), traits_event
    ):
        value = _value(properties, target)
        told = (occurred_at, message_id, value)
        if value and told > latest.get(lead_of[sent_id], (-1, "", "")):
            latest[lead_of[sent_id]] = told
    return {lead: value for lead, (_, _, value) in latest.items()}


def _leads_by_id(connection: sa.Connection, leads: Sequence[str]) -> dict[str, str]:
    """The ids under which events of the leads are kept, each with its lead."""
    lead_of = {lead: lead for lead in leads}
    for part in _parts(leads):
        wanted = sa.select(identities.c.id, identities.c.lead_id)
        for sent_id, lead in connection.execute(wanted.where(identities.c.lead_id.in_(part))):
            lead_of[sent_id] = lead
    return lead_of


def _told(
    connection: sa.Connection, sent_ids: Sequence[str], traits_event: str
) -> Iterator[tuple[str, int, str, str]]:
    """The traits events of ids: whose, when, its id and its properties."""
    columns = (
        events.c.lead_id,
        events.c.occurred_at,
        events.c.message_id,
        events.c.properties,
    )
    for part in _parts(sent_ids):
        wanted = sa.select(*columns).where(sent_under(connection.dialect.name, part))
        for row in connection.execute(wanted.where(events.c.name == traits_event)):
            yield row.lead_id, row.occurred_at, row.message_id, row.properties


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[at : at + _IDS] for at in range(0, len(ids), _IDS))


def _value(properties: str, target: WriteBack) -> str:
    """The trait as the CRM writes it; "" where it is absent, or is no id."""
    value = (as_text((parse_object(properties) or {}).get(target.id)) or "").strip()
    if not _SOUND.fullmatch(value):
        return ""
    return value.lower() if _EMAIL in (target.id, target.id_property) else value
