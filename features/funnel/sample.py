"""Some leads of a log, the same ones at each call: where a figure does not need all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from features.arrays import Bools, Ints
from features.events.log import EventLog
from features.funnel.stays import Stays

__all__ = ["MOST_LEADS", "LogPart", "lot_of", "sampled"]

LogPart = tuple[EventLog, Stays]
"""A log of some leads, and their stays."""

MOST_LEADS: Final = 30_000
"""A log of no more leads is taken whole; each step of a larger one gives its part of so many. A
share is then known to about 3 in 100, either way."""
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT: Final = np.uint64(31)


def lot_of(number: Ints) -> Ints:
    """Shape (n,): a place in a fixed lottery for each number, unrelated to its order."""
    mixed = (number.astype(np.uint64) + np.uint64(1)) * _GOLDEN
    mixed = (mixed ^ (mixed >> _SHIFT)) * _MIX
    return ((mixed ^ (mixed >> _SHIFT)) >> np.uint64(1)).astype(np.int64)


def sampled(log: EventLog, stays: Stays, most: int = MOST_LEADS) -> LogPart:
    """A log of `most` leads about, and their stays; both as they are where it has no more.

    Each step gives the same number of leads, as few come to the last ones.
    """
    if len(log.leads) <= most:
        return log, stays
    keep = np.zeros(len(log.leads), dtype=np.bool_)
    for goal in range(len(stays.ladder.goals)):
        lead = stays.lead[(stays.goal == goal) & ~stays.passed]  # in order
        here = lead[np.diff(lead, prepend=-1) != 0]
        share = most // len(stays.ladder.goals)
        keep[here[np.argsort(lot_of(here), kind="stable")[:share]]] = True
    return log.only(keep), _of_leads(stays, log, keep)


def _of_leads(stays: Stays, log: EventLog, keep: Bools) -> Stays:
    """The stays of some leads, which are numbered anew as `EventLog.only` does."""
    some = stays.rows(keep[stays.lead])
    leads = tuple(log.leads[at] for at in np.flatnonzero(keep).tolist())
    return replace(some, leads=leads, lead=(np.cumsum(keep) - 1)[some.lead])
