"""Who a number counts: the leads by name, a page of them or all for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from features.clock import rfc3339
from features.funnel.states import State
from features.funnel.stays import Stays
from features.signals.fold import NONE
from models.judging.spreadsheet import as_text
from serving.pages.common import words
from serving.pages.common.people import Person, person_of
from serving.pages.ladder.choices import LadderChoice, value_of
from serving.process.counted import named_now
from serving.process.service import Service

__all__ = ["LeadState", "NamedLead", "leads_csv", "leads_values"]

LeadState = Literal["advanced", "lapsed", "lost", "pending"]
PER_PAGE: Final = 50
_TITLES: Final = {
    None: ("Came to stand before {step}", "What came of it"),
    "advanced": ("Went on to {step}", "Went on"),
    "lapsed": ("Did not go on to {step} in time", "Went on later"),
    "lost": ("Lost before {step}", "Went on later"),
    "pending": ("Still have time for {step}", "Has time until"),
}
"""Of each list what stands above it, and above its third column."""
_BECAME: Final = {
    State.ADVANCED: "went on",
    State.LAPSED: "not in time",
    State.LOST: "lost",
    State.PENDING: "has time until",
}
_COLUMNS: Final = ("lead_id", "name", "company", "role", "came_at", "went_on_at", "state")


@dataclass(frozen=True, slots=True)
class NamedLead:
    """A lead of a list; instants are RFC 3339, "" for none.

    Parameters
    ----------
    state, became : what came of it, as the address says it and in words.
    then : when it went on, however late; of who still has time, until when.
    """

    person: Person
    came_at: str
    state: str
    became: str
    then: str


def leads_values(
    service: Service,
    stays: Stays,
    step: str,
    state: LeadState | None,
    choice: LadderChoice,
    offset: int,
) -> dict[str, Any]:
    """The values of a page of leads."""
    found = _found(service, stays, step, state, choice)
    title = next(goal.title for goal in stays.ladder.goals if goal.id == step)
    ends = offset + PER_PAGE
    told = [(words.titled(trait), value_of(value)) for trait, value in choice.only.items()]
    return {
        "title": _TITLES[state][0].format(step=title),
        "third": _TITLES[state][1],
        "count": len(found),
        "when": choice.when,
        "only": told,
        "state": state,
        "leads": list(_named(service, found, offset, ends)),
        "first": offset + 1,
        "last": min(ends, len(found)),
        "back": choice.address(),
        "before": choice.leads(step, state, offset=max(0, offset - PER_PAGE) or None)
        if offset
        else "",
        "after": choice.leads(step, state, offset=ends) if ends < len(found) else "",
        "first_page": choice.leads(step, state),
        "csv": choice.leads(step, state, format="csv"),
    }


def leads_csv(
    service: Service, stays: Stays, step: str, state: LeadState | None, choice: LadderChoice
) -> Iterator[bytes]:
    """All of them as CSV, line by line."""
    return _lines(service, _found(service, stays, step, state, choice))


def _lines(service: Service, found: Stays) -> Iterator[bytes]:
    yield _line(_COLUMNS)
    for lead in _named(service, found, 0, len(found)):
        person = lead.person
        name = person.title if person.is_named else ""
        texts = (person.lead_id, name, person.company, person.role)
        went = "" if lead.state == "pending" else lead.then
        yield _line((*map(as_text, texts), lead.came_at, went, lead.state))


def _line(cells: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "replace")


def _found(
    service: Service, stays: Stays, step: str, state: LeadState | None, choice: LadderChoice
) -> Stays:
    wanted = None if state is None else State[state.upper()]
    return named_now(service, stays, step, wanted, choice.selection(stays))


def _named(service: Service, found: Stays, first: int, last: int) -> Iterator[NamedLead]:
    now, ladder = service.clock(), found.ladder
    states, ends = found.state, found.entered + found.horizon
    for at in range(first, min(last, len(found))):
        lead_id = found.leads[int(found.lead[at])]
        state, advanced = State(int(states[at])), int(found.advanced[at])
        yield NamedLead(
            person=person_of(lead_id, service.store.events_of(lead_id), ladder, now),
            came_at=_told(int(found.entered[at])),
            state=state.name.lower(),
            became="went on late" if state == State.LAPSED and advanced != NONE else _BECAME[state],
            then=_told(int(ends[at]) if state == State.PENDING else advanced),
        )


def _told(at: int) -> str:
    """An instant to the second, as a list and a sheet need no more; "" for never."""
    return "" if at == NONE else rfc3339(at // 1_000_000 * 1_000_000)
