"""Leads that somebody looks for and no queue holds: who they are, and where they stand instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from features.events.log import DAY_US
from features.events.of_lead import Row
from features.ladder.ladder import Ladder
from features.ladder.words import things
from features.offers.history import history_of
from features.store.kept.scores import OUT_OF_QUEUE, StoredScore
from features.store.people.names import MOST_FOUND
from models.offers.channels import has_refused_all
from serving.pages.common.people import Person, person_of
from serving.pages.queue.searched import found_as
from serving.process.queue_views import Desk, QueueView
from serving.process.service import Service

__all__ = [
    "NOBODY_ELSEWHERE",
    "Elsewhere",
    "ElsewhereLead",
    "elsewhere_of",
    "gone_of",
    "why_unqueued",
]

_MOST_FOUND_SHOWN: Final = 20
_MOST_MINE_SHOWN: Final = 200
"""Nobody can let go of a lead that is not shown."""
_OPTED_OUT: Final = "Has opted out of profiling"
_OUT: Final = "Lost, no fit, or wants no contact at all"
"""Which of them it is takes the history of the lead: that is read of those that are shown."""


@dataclass(frozen=True, slots=True)
class ElsewhereLead:
    """A lead that stands in no queue.

    Parameters
    ----------
    found_as : what it was called, or its other id, by which a search finds it; "" for as it is.
    owner : who else works with it; "" for nobody.
    is_mine : whether its reader does, who can let go of it here.
    """

    person: Person
    why: str
    found_as: str
    owner: str
    is_mine: bool


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The leads that are looked for and stand in no queue.

    Parameters
    ----------
    leads : the first of them.
    reasons : why they stand in none, the most frequent first, each with how many there are.
    is_more : whether there may be others, which were not looked at.
    """

    leads: Sequence[ElsewhereLead]
    reasons: Sequence[tuple[str, int]]
    is_more: bool

    @property
    def total(self) -> int:
        """How many there are, those that are not shown among them."""
        return sum(count for _, count in self.reasons)


NOBODY_ELSEWHERE: Final = Elsewhere((), (), is_more=False)


def elsewhere_of(service: Service, desk: Desk, view: QueueView) -> Elsewhere:
    """The leads that a search finds, or that are in one's hands, beside those that are queued.

    A filter looks at queues alone.
    """
    store, named = service.store, _looked_for(service, desk, view)
    why = _why_not_queued(service, named, desk.now)
    most = _MOST_FOUND_SHOWN if view.words else _MOST_MINE_SHOWN
    found = [
        _lead(service, desk, lead, store.events_of(lead), why[lead], view.words)
        for lead in list(why)[:most]
    ]
    reasons = tuple(Counter(why.values()).most_common())
    return Elsewhere(tuple(found), reasons, is_more=bool(view.words) and len(named) >= MOST_FOUND)


def gone_of(service: Service, desk: Desk, leads: Sequence[str]) -> list[ElsewhereLead]:
    """Those of some leads that stand in no queue any more.

    What was erased is not among them, nor what is another id of somebody by now.
    """
    why = _why_not_queued(service, leads, desk.now)
    store = service.store
    known = {lead: store.events_of(lead) for lead in why if store.lead_of(lead) == lead}
    return [_lead(service, desk, lead, rows, why[lead], "") for lead, rows in known.items() if rows]


def why_unqueued(service: Service, lead: str, rows: Sequence[Row], now: int) -> str:
    """Why a lead stands in no queue, as a search says it; "" for one that stands in one.

    Parameters
    ----------
    rows : the events of the lead.
    """
    why = _why_not_queued(service, [lead], now).get(lead, "")
    return _which(rows, service.ladder, now) if why == _OUT else why


def _lead(
    service: Service, desk: Desk, lead: str, rows: Sequence[Row], why: str, words: str
) -> ElsewhereLead:
    owner, person = desk.owner_of(lead), person_of(lead, rows, service.ladder, desk.now)
    return ElsewhereLead(
        person,
        _which(rows, service.ladder, desk.now) if why == _OUT else why,
        found_as(words, person, rows, service.ladder, desk.now),
        "" if owner == desk.name else owner,
        is_mine=bool(owner) and owner == desk.name,
    )


def _looked_for(service: Service, desk: Desk, view: QueueView) -> list[str]:
    if view.words and view == QueueView(words=view.words, order=view.order):
        return service.store.names.find(view.words)
    return sorted(desk.mine()) if view == QueueView("mine", order=view.order) else []


def _why_not_queued(service: Service, leads: Sequence[str], now: int) -> dict[str, str]:
    """Why some leads stand in no queue, by lead in their order; those that do are left out."""
    scores = {score.lead_id: score for score in service.store.scores.of_leads(leads)}
    out = service.scorer.privacy.opted_out_of(leads)
    return {
        lead: _OPTED_OUT if lead in out else _why(scores.get(lead), service.ladder, now)
        for lead in leads
        if lead in out or lead not in scores or scores[lead].priority <= OUT_OF_QUEUE
    }


def _why(score: StoredScore | None, ladder: Ladder, now: int) -> str:
    if score is None:
        return "Not scored yet"
    if score.position >= len(ladder.goals):
        return "Has bought"
    if score.last_active is None:
        return "Has shown no interest so far"
    days = ladder.dormant_after_days
    if score.last_active < now - days * DAY_US:
        return f"Silent for more than {things(days, 'day')}"
    return _OUT


def _which(rows: Sequence[Row], ladder: Ladder, now: int) -> str:
    """Why nothing is asked of a lead, of the reasons that `_OUT` has; that, where none holds."""
    history = history_of(rows, ladder, now)
    if history.is_lost:
        return "Lost"
    if history.fit == "no":
        return "Found not to be a fit"
    return "Has refused every way to be reached" if has_refused_all(ladder, history) else _OUT
