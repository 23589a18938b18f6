"""The leads of a request for scores, checked one after the other.

They may bring a hundred thousand events. Checked at once, whoever asks for anything else meanwhile
waits for seconds; and where each event lacks the same member, for as long as it takes to tell of
faults that nobody reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

from serving.edge.problems import MOST_LISTED
from serving.edge.schemas import MOST_MEMBERS, too_many
from serving.routes.schemas import BatchLead, LeadByMail, LeadEvents

__all__ = ["checked_leads"]

_MOST_TOLD: Final = 50_000
"""So many faults of one lead are told one by one: telling takes longer than finding them. A lead
with as many events as it may have, each without three members, has fewer."""
_LEAD: Final[TypeAdapter[str | LeadEvents | LeadByMail]] = TypeAdapter(BatchLead)


def checked_leads(sent: Sequence[object]) -> list[str | LeadEvents | LeadByMail]:
    """Leads as they were sent, in order; RequestValidationError that points at what will not do.

    After as many faults as an answer lists no other lead is looked at.
    """
    leads: list[str | LeadEvents | LeadByMail] = []
    faults: list[dict[str, Any]] = []
    for at, lead in enumerate(sent):
        if (stuffed := _stuffed(lead)) is not None:
            raise RequestValidationError(
                [stuffed | {"loc": ("body", "leads", at, *stuffed["loc"])}]
            )
        try:
            leads.append(_LEAD.validate_python(lead))
        except ValidationError as error:
            faults += _faults(error, at)
            if len(faults) >= MOST_LISTED:
                break
    if faults:
        raise RequestValidationError(faults)
    return leads


def _stuffed(lead: object) -> dict[str, Any] | None:
    """The fault of the first event of a lead with more members than any has; None without one.

    It stands here and not in the shape of an event, of which a request may have a hundred thousand.
    """
    events = lead.get("events") if isinstance(lead, dict) else None
    for at, event in enumerate(events if isinstance(events, list) else ()):
        if isinstance(event, dict) and len(event) > MOST_MEMBERS:
            return {"type": "too_many", "loc": ("events", at), "msg": too_many(len(event))}
    return None


def _faults(error: ValidationError, at: int) -> list[dict[str, Any]]:
    place, count = ("body", "leads", at), error.error_count()
    if count > _MOST_TOLD:
        return [{"type": "too_many", "loc": place, "msg": f"{count} values in it will not do"}]
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [{**one, "loc": (*place, *one["loc"])} for one in found]
