"""Time that runs the wrong way: steps in the reverse order, and events known before they happen."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import Floats, Ints
from features.events.log import DAY_US, EventLog
from features.ladder.ladder import Ladder
from features.ladder.words import in_percent
from features.signals.linked_log import link
from features.signals.program import compile_ladder
from models.judging.rounding import rounded
from training.trust.suspicion import Suspicion

__all__ = ["known_too_early", "time_reversed"]

_FEWEST: Final = 30
"""Leads with two steps at different times, below which nothing is said of their order."""
_MOST_REVERSED: Final = 0.6
"""The share of pairs of steps that may be the wrong way round, over leads."""
_NONE: Final = np.iinfo(np.int64).max
_CLOCK_US: Final = 5 * 60 * 1_000_000
"""How far clocks may be apart before an event is called known too early: five minutes."""
_FEWEST_EVENTS: Final = 20
_LARGE_SHARE: Final = 0.1


def time_reversed(log: EventLog, ladder: Ladder) -> list[Suspicion]:
    """Whether most leads take the ladder's steps in the reverse order, by either clock."""
    happened = log.occurred if log.ahead is None else log.occurred + log.ahead
    for clock, says in ((happened, "happen"), (log.known, "become known")):
        share = _reversed(_first_completions(log, ladder, clock))
        if len(share) >= _FEWEST and share.mean() > _MOST_REVERSED:
            return [_order_finding(ladder, says, share)]
    return []


def _order_finding(ladder: Ladder, says: str, share: Floats) -> Suspicion:
    first, last = ladder.goals[0].title, ladder.goals[-1].title
    return Suspicion(
        "order",
        "time reversed",
        f"of {len(share):,} leads that completed two steps or more, the steps {says} in the reverse"
        f" order in {in_percent(share.mean())} of the pairs (of {first!r} to {last!r} a later step"
        " comes first): times run backwards, or the steps do. Check how occurred_at and known_at"
        " were made, and the order of the steps in the ladder",
        figures={"reversed": round(float(share.mean()), 4), "leads": float(len(share))},
    )


def _first_completions(log: EventLog, ladder: Ladder, clock: Ints) -> Ints:
    """Shape (n_leads, n_goals): when each was first completed, `_NONE` if never."""
    linked, lead = link(log, compile_ladder(ladder)), log.lead_of_rows()
    first = np.full((len(log.leads), len(ladder.goals)), _NONE)
    for goal in range(len(ladder.goals)):
        rows = linked.meets(goal)
        np.minimum.at(first[:, goal], lead[rows], clock[rows])
    return first


def _reversed(first: Ints) -> Floats:
    """Of each lead with steps at different times, the share of the pairs that are reversed."""
    right, wrong = np.zeros(len(first)), np.zeros(len(first))
    for lower in range(first.shape[1]):
        for upper in range(lower + 1, first.shape[1]):
            both = (first[:, lower] != _NONE) & (first[:, upper] != _NONE)
            right += both & (first[:, lower] < first[:, upper])
            wrong += both & (first[:, lower] > first[:, upper])
    some = right + wrong > 0
    share: Floats = wrong[some] / (right + wrong)[some]
    return share


def known_too_early(log: EventLog, ladder: Ladder) -> list[Suspicion]:
    """The events that the ladder reads and that are known, often, before they happen."""
    if log.ahead is None:
        return []
    early = log.ahead > _CLOCK_US
    name_of = link(log, compile_ladder(ladder)).events.name_of
    read = len(compile_ladder(ladder).names)
    found = []
    for at, name in enumerate(log.names):
        rows = log.name == at
        many = int((rows & early).sum())
        if name_of[at] >= read or many < _FEWEST_EVENTS or many < _LARGE_SHARE * rows.sum():
            continue
        days = float(np.median(log.ahead[rows & early])) / DAY_US
        share = many / int(rows.sum())
        found.append(
            Suspicion(
                f"event.{name}",
                "known too early",
                f"{in_percent(share)} of the {int(rows.sum()):,} events {name!r} are known before"
                f" they happen, half of them by {_long(days)} or more: a score made in between"
                " already sees them. Set known_at to when it was learned that it had happened; what"
                " is only planned (a date of a meeting) is an event of another name",
                figures={"share": round(share, 4), "days": round(days, 4)},
            )
        )
    return found


def _long(days: float) -> str:
    return f"{rounded(days, 3)} days" if days >= 1 else f"{rounded(days * 24, 3)} hours"
