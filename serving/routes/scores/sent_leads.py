"""Leads that a request brings with their events: held to what every door for events asks.

Nothing of them is kept, so what is asked for the sake of the store is not asked here: message ids,
a size, and that nobody says who they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from features.events.of_lead import Row
from serving.edge.parameters import Place, wrong_body
from serving.ingestion.places import Placed
from serving.ingestion.values import ArrivalRules, EventRefused, check_properties, name_of
from serving.routes.schemas import EventOfLead, LeadEvents

__all__ = ["rows_sent"]

_MOST_SHOWN: Final = 100
_PROPERTIES: Final = ("properties",)


def rows_sent(leads: Mapping[int, LeadEvents], rules: ArrivalRules) -> list[tuple[str, list[Row]]]:
    """The ids of some leads, and their events.

    RequestValidationError that points at the first hundred events that will not do.

    Parameters
    ----------
    leads : by their places in the request.
    """
    faults: list[tuple[Place, str, str]] = []
    names: set[str] = set()
    """That were looked at: events of a lead share few of them."""
    told: list[tuple[str, list[Row]]] = []
    for at, lead in leads.items():
        rows: list[Row] = []
        told.append((lead.lead_id, rows))
        for index, event in enumerate(lead.events):
            try:
                rows.append(_row(event, rules, names))
            except EventRefused as refused:
                place: Place = ("leads", at, "events", index, *refused.place)
                faults.append((place, refused.kind, str(refused)))
                if len(faults) == _MOST_SHOWN:
                    raise wrong_body(faults) from refused
    if faults:
        raise wrong_body(faults)
    return told


def _row(event: EventOfLead, rules: ArrivalRules, names: set[str]) -> Row:
    """An event as the log has it; EventRefused where it will not do."""
    name, occurred_at, known_at = event.name, event.occurred_at, event.known_at
    if name not in names:
        names.add(name_of(name, "name", rules))
    check_properties(name, Placed(event.properties, _PROPERTIES), rules)
    return name, occurred_at, occurred_at if known_at is None else known_at, event.properties
