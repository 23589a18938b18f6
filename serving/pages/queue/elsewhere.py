"""Leads that somebody looks for and no queue holds: who they are, and where they stand instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from features.events.log import DAY_US
from features.ladder.ladder import Ladder
from features.store.kept.scores import OUT_OF_QUEUE, StoredScore
from features.store.people.names import MOST_FOUND
from serving.pages.common.people import Person, person_of
from serving.pages.queue.searched import found_as
from serving.process.queue_views import QueueView
from serving.process.service import Service

__all__ = ["NOBODY_ELSEWHERE", "Elsewhere", "ElsewhereLead", "elsewhere_of"]

_MOST_SHOWN: Final = 20
_OPTED_OUT: Final = "Has opted out of profiling"


@dataclass(frozen=True, slots=True)
class ElsewhereLead:
    """A lead that stands in no queue: why, and as what a search finds it; "" for as it is."""

    person: Person
    why: str
    found_as: str


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


def elsewhere_of(service: Service, view: QueueView, now: int) -> Elsewhere:
    """The leads that a search finds beside those that are queued; a filter looks at queues alone.

    Parameters
    ----------
    now : microseconds since the epoch.
    """
    if not view.words or view != QueueView(words=view.words, order=view.order):
        return NOBODY_ELSEWHERE
    store, ladder = service.store, service.ladder
    named = store.names.find(view.words)
    why = _why_not_queued(service, named, now)
    found = []
    for lead in list(why)[:_MOST_SHOWN]:
        rows, is_out = store.events_of(lead), why[lead] == _OPTED_OUT
        person = person_of(lead, [] if is_out else rows, ladder, now)
        once = "" if is_out else found_as(view.words, person, rows, ladder, now)
        found.append(ElsewhereLead(person, why[lead], once))
    reasons = Counter(why.values()).most_common()
    return Elsewhere(found, reasons, is_more=len(named) >= MOST_FOUND)


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
    days = ladder.dormant_after_days
    if score.last_active is None or score.last_active < now - days * DAY_US:
        return f"Silent for more than {days:g} days"
    return "Lost, or has refused every way to be reached"
