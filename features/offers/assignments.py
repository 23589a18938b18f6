"""Which arm of an experiment each lead is in: events that are written before the first effect.

They hold a record of their own, as decisions do, so that they are read back from any log. The first
of a lead counts; another one can only come with another id that turned out to be the same lead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Final, Self

import numpy as np

from features.errors import EventsError
from features.events.log import EventLog
from features.events.of_lead import Row
from features.ladder.ladder import Ladder
from features.ladder.words import RECORD
from features.store.events import Event

__all__ = [
    "CALLED",
    "CALLING",
    "LEFT_ALONE",
    "Assigned",
    "Assignment",
    "assigned_experiments",
    "assignment_event",
    "assignment_of",
    "assignments_of",
    "row_of",
]

CALLING: Final = "calling"
"""The experiment that leaves a share of those alone who are worth a call."""
LEFT_ALONE: Final = "none"
"""Its arm that nobody calls."""
CALLED: Final = "usual"
"""Its arm with which everything goes on as ever."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The arm of a lead, and the share of leads that it was drawn with.

    Of `CALLING` the share is that of those who are to be left alone, whatever the arm.
    """

    experiment: str
    arm: str
    share: float

    def record(self) -> str:
        """As one text, to be read by `of_record`."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def of_record(cls, text: str) -> Self:
        """The reverse of `record`; ValueError for what is none."""
        try:
            held = json.loads(text)
            found = cls(str(held["experiment"]), str(held["arm"]), float(held["share"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{text[:80]!r} is no record of an assignment") from error
        if found.experiment == CALLING and found.arm not in (LEFT_ALONE, CALLED):
            raise ValueError(f"{found.arm!r} is no arm of {CALLING!r}")
        if not 0.0 < found.share < 1.0:
            raise ValueError(f"the share {found.share!r} is not in (0, 1)")
        return found


@dataclass(frozen=True, slots=True)
class Assigned:
    """The first assignment of a lead in a log.

    Parameters
    ----------
    lead : index into the log's leads.
    at : when it was drawn, in microseconds since the epoch.
    is_crossed : whether another id of the lead was in the other arm.
    """

    lead: int
    at: int
    assignment: Assignment
    is_crossed: bool


def assignment_event(assignment: Assignment, lead_id: str, ladder: Ladder, at: int) -> Event:
    """The event of an assignment; each id of a lead has one for each experiment of a ladder."""
    named = json.dumps([ladder.name, assignment.experiment, lead_id])
    digest = blake2b(named.encode(), digest_size=16).hexdigest()
    told = {**asdict(assignment), RECORD: assignment.record()}
    text = json.dumps(told, separators=(",", ":"))
    return Event(f"rung-assignment-{digest}", lead_id, ladder.events.assignment, at, at, text)


def row_of(event: Event) -> Row:
    """An event as it is read back."""
    return event.name, event.occurred_at, event.known_at, json.loads(event.properties)


def assignment_of(properties: Mapping[str, object]) -> Assignment | None:
    """What an event says; None for what cannot be read."""
    text = properties.get(RECORD)
    try:
        return Assignment.of_record(text) if isinstance(text, str) else None
    except ValueError:
        return None


def assignments_of(log: EventLog, ladder: Ladder, experiment: str, until: int) -> list[Assigned]:
    """The leads of an experiment by what was known at `until`, each with its first assignment.

    Raises
    ------
    EventsError : an event whose record cannot be read; the message names the lead.
    """
    found: dict[int, Assigned] = {}
    for lead, at, told in _told(log, ladder, until):
        if told.experiment != experiment:
            continue
        first = found.setdefault(lead, Assigned(lead, at, told, False))
        if first.assignment.arm != told.arm:
            found[lead] = Assigned(lead, first.at, first.assignment, True)
    return list(found.values())


def assigned_experiments(log: EventLog, ladder: Ladder, until: int) -> dict[str, dict[str, float]]:
    """The experiments that a log tells of, each with its arms and the share of each.

    Raises
    ------
    EventsError : an event whose record cannot be read; the message names the lead.
    """
    found: dict[str, dict[str, float]] = {}
    for _, _, told in _told(log, ladder, until):
        found.setdefault(told.experiment, {})[told.arm] = told.share
    return found


def _told(log: EventLog, ladder: Ladder, until: int) -> Iterator[tuple[int, int, Assignment]]:
    """Of each assignment that was known: the lead, when it was put, and where; in time order."""
    name = ladder.events.assignment
    if name not in log.names:
        return
    is_one = (log.name == log.names.index(name)) & (log.known <= until)
    leads = log.lead_of_rows()
    column = log.columns.texts.index(RECORD)
    words, codes = log.text_values[column], log.texts[column]
    read: dict[int, Assignment] = {}  # the record of an arm is the same for all that are in it
    for row in np.flatnonzero(is_one).tolist():
        lead, code = int(leads[row]), int(codes[row])
        try:
            told = read.get(code) or Assignment.of_record(words[code] if code >= 0 else "")
        except ValueError as error:
            raise EventsError(f"lead {log.leads[lead]!r}: a {name!r} event: {error}") from error
        yield lead, int(log.occurred[row]), read.setdefault(code, told)
