"""Whoever has opted out of profiling and waits for a reply: in no queue, and to be answered.

Nothing is known of them there but that they ask, since when, and how they can be reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from features.clock import rfc3339
from features.events.log import DAY_US
from features.ladder.ladder import Ladder
from features.ladder.words import REPLY
from features.offers.history import history_of
from features.store.people.actions import KeptAction
from serving.pages.common import words
from serving.pages.common.people import Person, person_of
from serving.pages.common.reach import Reach, reach_of
from serving.pages.queue.facts import Fact, newest_fact
from serving.pages.queue.rows import Button, replies_of
from serving.process.queue_views import Desk
from serving.process.service import Service

__all__ = ["AskingLead", "asking_leads", "asking_rows"]

_MOST_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class AskingLead:
    """A lead that has opted out and waits for a reply.

    Parameters
    ----------
    since, waits : since when it waits, RFC 3339, and for how long, in words.
    """

    person: Person
    fact: Fact
    since: str
    waits: str
    reach: Reach
    done: KeptAction | None
    buttons: tuple[Button, ...]


def asking_leads(service: Service, desk: Desk, ladder: Ladder) -> list[tuple[str, int]]:
    """All of them, the longest first, and since when they wait, in microseconds."""
    after = desk.now - round(ladder.dormant_after_days * DAY_US)
    found: list[tuple[str, int]] = []
    for lead in service.scorer.privacy.opted_out_asking(ladder.events.lead_asked, after):
        history = history_of(service.store.events_of(lead), ladder, desk.now)
        waits = history.in_flight.get(REPLY)
        if waits is not None:
            found.append((lead, waits.since))
    return sorted(found, key=lambda one: (one[1], one[0]))


def asking_rows(
    service: Service, desk: Desk, ladder: Ladder, leads: Sequence[tuple[str, int]]
) -> list[AskingLead]:
    """The first of them as they are shown."""
    return list(_rows(service, desk, ladder, leads[:_MOST_SHOWN]))


def _rows(
    service: Service, desk: Desk, ladder: Ladder, leads: Sequence[tuple[str, int]]
) -> Iterator[AskingLead]:
    buttons = replies_of(ladder)
    for lead, since in leads:
        rows = service.store.events_of(lead)
        person = person_of(lead, rows, ladder, desk.now)
        history = history_of(rows, ladder, desk.now)
        yield AskingLead(
            person=person,
            fact=newest_fact(rows, history, ladder, desk.now),
            since=rfc3339(since),
            waits=words.age(since, desk.now),
            reach=reach_of(person, history, ladder),
            done=desk.undoable(lead),
            buttons=buttons,
        )
