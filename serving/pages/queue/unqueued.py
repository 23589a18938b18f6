"""Leads that wait for a reply and have no next step: whoever has bought, or is lost, and asks.

No queue holds them, as there is no chance to order them by; their questions are to be seen all the
same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from features.clock import rfc3339
from features.ladder.ladder import Ladder
from features.offers.history import history_of
from features.store.people.actions import KeptAction
from serving.pages.common import words
from serving.pages.common.bounced import bounced_ways
from serving.pages.common.people import Person, person_of
from serving.pages.common.reach import Reach, reach_of
from serving.pages.queue.elsewhere import why_unqueued
from serving.pages.queue.facts import Fact, newest_fact
from serving.pages.queue.rows import Button, buttons_of
from serving.process.queue_views import Desk
from serving.process.service import Service

__all__ = ["AskingLead", "asking_leads", "asking_rows"]

_MOST_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class AskingLead:
    """A lead that stands in no queue and waits for a reply.

    Parameters
    ----------
    why : that it stands in none.
    since, waits : since when it waits, RFC 3339, and for how long, in words.
    """

    person: Person
    why: str
    fact: Fact
    since: str
    waits: str
    reach: Reach
    done: KeptAction | None
    is_mine: bool
    buttons: tuple[Button, ...]


def asking_leads(service: Service, desk: Desk) -> list[tuple[str, int]]:
    """All of them that this person could answer, the longest first, and since when they wait."""
    waiting = service.store.queue.asking_outside()
    out = desk.left_out() if waiting else set()
    return [(lead, since) for lead, since in waiting if lead not in out]


def asking_rows(
    service: Service, desk: Desk, ladder: Ladder, leads: Sequence[tuple[str, int]]
) -> list[AskingLead]:
    """The first of them as they are shown."""
    return list(_rows(service, desk, ladder, leads[:_MOST_SHOWN]))


def _rows(
    service: Service, desk: Desk, ladder: Ladder, leads: Sequence[tuple[str, int]]
) -> Iterator[AskingLead]:
    buttons = tuple(one for one in buttons_of(ladder) if not one.with_offer)
    for lead, since in leads:
        rows = service.store.events_of(lead)
        person = person_of(lead, rows, ladder, desk.now)
        history = history_of(rows, ladder, desk.now)
        yield AskingLead(
            person=person,
            why=why_unqueued(service, lead, rows, desk.now),
            fact=newest_fact(rows, history, ladder, desk.now),
            since=rfc3339(since),
            waits=words.age(since, desk.now),
            reach=reach_of(person, history, ladder, bounced_ways(rows, ladder, desk.now)),
            done=desk.undoable(lead),
            is_mine=desk.owner_of(lead) == desk.name,
            buttons=buttons,
        )
