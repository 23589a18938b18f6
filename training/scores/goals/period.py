"""The period that is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Bools, Ints
from features.clock import said_at, said_from
from features.events.log import DAY_US, EventLog
from features.ladder.ladder import Ladder
from training.decision_points import Points
from training.scores.goals.ripening import when_over

__all__ = ["JudgedPeriod"]

_WEEK_US: Final = 7 * DAY_US


@dataclass(frozen=True, eq=False, slots=True)
class JudgedPeriod:
    """The points in (`start`, `until`] of a log are judged, by what was known at `until`.

    Parameters
    ----------
    start, until : microseconds since the epoch.
    seed : of all that is drawn.
    capacity : below 1 the share of leads that can be worked each week, else their number.
    """

    log: EventLog
    ladder: Ladder
    start: int
    until: int
    seed: int
    capacity: float

    @property
    def said(self) -> str:
        """As texts name it."""
        return f"between {said_from(self.start)} and {said_at(self.until)}"

    def week(self, as_of: Ints) -> Ints:
        """Shape (n,): the week of the period, from 0, in which each instant lies."""
        return (as_of - self.start - 1) // _WEEK_US

    def seen(self, lead: Ints) -> Bools:
        """Shape (n,): whether anything was known of the lead by `start`."""
        first = np.full(len(self.log.leads), np.iinfo(np.int64).max)
        np.minimum.at(first, self.log.lead_of_rows(), self.log.known)
        early: Bools = first[lead] <= self.start
        return early

    def when_over(self, points: Points, goal: str) -> str:
        """From which end on the points of a goal can be judged, as `when_over`."""
        return when_over(self.log, self.ladder, points, goal, self.until)
