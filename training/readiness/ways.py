"""When each lead first completed each rung, and from when on it stood before one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.arrays import Bools
from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.signals.linked_log import link
from features.signals.program import compile_ladder

__all__ = ["NEVER", "Ways", "ways_of"]

NEVER: Final = np.iinfo(np.int64).max
"""Later than any instant."""


@dataclass(frozen=True, eq=False, slots=True)
class Ways:
    """The ways of leads up a ladder by when things became known, microseconds; `NEVER` if not.

    Parameters
    ----------
    completed : shape (n_goals, n_leads), first met the rule of each rung.
    came : shape (n_goals, n_leads), had completed the rung before, or one above that; of the first
        rung, was first known.
    went : shape (n_goals, n_leads), had completed the rung itself, or one above.
    """

    completed: npt.NDArray[np.int64]
    came: npt.NDArray[np.int64]
    went: npt.NDArray[np.int64]

    def stood(self, at: int) -> Bools:
        """Shape (n_leads,): whether a lead ever stood before a rung, and did not jump over it."""
        return np.asarray(self.came[at] < self.went[at])

    def skipped(self, at: int) -> Bools:
        """Shape (n_leads,): completed a rung above one, and not that one by then."""
        above = self.went[at + 1] if at + 1 < len(self.went) else np.full(len(self.came[0]), NEVER)
        return np.asarray((above < NEVER) & (self.completed[at] > above))


def ways_of(log: EventLog, ladder: Ladder) -> Ways:
    """The ways of a log's leads.

    An event that begins the ladder anew completes no step; a purchase that does is one.
    """
    linked, goals = link(log, compile_ladder(ladder)), len(ladder.goals)
    leads = log.lead_of_rows()
    anew = linked.meets(goals)
    completed = np.full((goals, len(log.leads)), NEVER, dtype=np.int64)
    for at in range(goals):
        rows = linked.meets(at)
        if at < goals - 1:
            rows &= ~anew
        np.minimum.at(completed[at], leads[rows], log.known[rows])
    went = np.minimum.accumulate(completed[::-1], axis=0)[::-1]
    first = np.full(len(log.leads), NEVER, dtype=np.int64)
    np.minimum.at(first, leads, log.known)
    return Ways(completed, np.vstack([first, went[:-1]]), went)
