"""Questions of leads and when they were answered, as the log has them."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from features.arrays import Bools, Ints
from features.events.log import Codes, EventLog, Times
from features.funnel.stays import Stays
from features.ladder.ladder import EventRule, Ladder
from features.signals.fold import NONE
from features.signals.linked_log import link
from features.signals.program import compile_signals

__all__ = ["Questions", "questions_of"]


@dataclass(frozen=True, eq=False, slots=True)
class Questions:
    """What leads asked; every array without another shape has shape (n,), by lead and time.

    What is asked again while it waits is one question, which waits since it was first asked.

    Parameters
    ----------
    asked : when, in microseconds since the epoch.
    replied : when the first reply or offer came after it; `NONE` where none has.
    is_offer : whether that was an offer.
    is_automatic : whether the ladder's rules call that reply automatic.
    given_up : since when nobody waits any more: the lead opted out, or asked too long ago; `NONE`
        where it was answered, or waits still.
    """

    leads: tuple[str, ...]
    lead: Ints
    asked: Times
    replied: Times
    is_offer: Bools
    is_automatic: Bools
    given_up: Times
    until: int

    def __len__(self) -> int:
        return len(self.lead)

    @property
    def is_waiting(self) -> Bools:
        """Shape (n,): whether each waits when the stays end."""
        return np.asarray((self.replied == NONE) & (self.given_up == NONE))


def questions_of(
    log: EventLog,
    ladder: Ladder,
    stays: Stays,
    trigger: EventRule | None = None,
    *,
    by_person: bool = False,
) -> Questions:
    """All questions that were known by `stays.until`, with their first replies.

    Parameters
    ----------
    trigger : which events want a reply; None for the questions of the ladder.
    by_person : whether a reply that the ladder calls automatic is none.
    """
    names = np.zeros(len(log.names), dtype=np.int32)
    events = ladder.events
    for kind, name in enumerate(
        (events.lead_asked, events.business_replied, events.offer_extended), start=1
    ):
        if name in log.names and (trigger is None or kind != _ASKED):
            names[log.names.index(name)] = kind
    automatic, kinds = _meets(log, ladder.limits.automatic_replies), names[log.name]
    if by_person:
        kinds[automatic] = 0
    if trigger is not None:
        kinds[_meets(log, (trigger,))] = _ASKED
    rows = np.flatnonzero((kinds > 0) & (log.known <= stays.until))
    lead, when = log.lead_of_rows()[rows], log.occurred[rows]
    asked, answer = _paired(lead, kinds[rows])
    has = answer >= 0
    replied = np.where(has, when[answer], NONE)
    longest = round(ladder.dormant_after_days * _DAY)
    gone = np.minimum(when[asked] + longest, _left_at(stays, len(log.leads))[lead[asked]])
    replied = np.where(has & (replied >= gone), NONE, replied)  # by then nobody waited
    has = replied != NONE
    return Questions(
        leads=log.leads,
        lead=lead[asked],
        asked=when[asked],
        replied=replied,
        is_offer=has & (kinds[rows[answer]] == _OFFER),
        is_automatic=has & automatic[rows[answer]],
        given_up=np.where(~has & (gone <= stays.until), gone, NONE),
        until=stays.until,
    )


_DAY = 86_400_000_000
_ASKED, _REPLIED, _OFFER = 1, 2, 3


def _left_at(stays: Stays, leads: int) -> Times:
    """Shape (n_leads,): since when each has opted out, or a far end."""
    found = np.full(leads, np.iinfo(np.int64).max)
    out = stays.left != NONE
    found[stays.lead[out]] = stays.left[out]
    return found


def _meets(log: EventLog, rules: tuple[EventRule, ...]) -> Bools:
    """Shape (n_events,): whether each meets any of some rules."""
    if not rules or not any(rule.event in log.names for rule in rules):
        return np.zeros(len(log), dtype=np.bool_)
    compiled = compile_signals((), goals=((rules, 1.0),), columns=log.columns)
    linked = link(log, compiled)
    met = linked.meets(0)
    log.links.pop(id(compiled), None)  # it is asked for once
    return met


def _paired(lead: Ints, kind: Codes) -> tuple[Ints, Ints]:
    """The rows that ask first, and the row that answers each; -1 where none does."""
    answer = np.full(len(lead), -2, dtype=np.int64)
    _pair(lead, kind, answer)
    asked = np.flatnonzero(answer > -2)
    return asked, answer[asked]


@numba.njit(cache=True, nogil=True)
def _pair(lead: Ints, kind: Codes, answer: Ints) -> None:
    waiting = -1
    for row in range(len(lead)):
        if waiting >= 0 and lead[row] != lead[waiting]:
            waiting = -1
        if kind[row] == _ASKED:
            if waiting < 0:
                waiting = row
                answer[row] = -1
        elif waiting >= 0:
            answer[waiting] = row
            waiting = -1
