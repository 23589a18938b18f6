"""When there will be enough, if leads go on coming as they came lately.

Leads come to a step at a steady rate, and what came of one is known when its horizon is over; those
that stand there now are known sooner. It is an expectation, not a promise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Bools, Floats
from features.events.log import DAY_US

__all__ = ["PACE_WEEKS", "WEEK_US", "Pace", "weeks_looked_at", "weeks_until"]

PACE_WEEKS: Final = 8.0
"""The pace is that of so many weeks before the end of the log."""
WEEK_US: Final = 7 * DAY_US
_FARTHEST_WEEKS: Final = 520
"""What takes longer than ten years does not come at this pace."""


def weeks_looked_at(first: int, until: int) -> float:
    """Over how many weeks a pace is measured: of a log that is younger all, but one week at least.

    Parameters
    ----------
    first, until : when anything was first known, and the end; microseconds since the epoch.
    """
    return float(np.clip((until - first) / WEEK_US, 1.0, PACE_WEEKS))


@dataclass(frozen=True, eq=False, slots=True)
class Pace:
    """How outcomes come.

    Parameters
    ----------
    a_week : leads, or points, that come each week.
    wait_weeks : from when one comes until what came of it is known.
    due : shape (m,), weeks from now until it is known of each that waits, at most.
    """

    a_week: float
    wait_weeks: float
    due: Floats

    def more(self, weeks: Floats) -> Floats:
        """Shape of `weeks`: those of which it will have become known by then, from now on."""
        waiting = np.searchsorted(np.sort(self.due), weeks, side="right")
        later = self.a_week * np.maximum(0.0, weeks - self.wait_weeks)
        return np.asarray(waiting + later, dtype=np.float64)


def weeks_until(pace: Pace, is_enough: Callable[[Floats], Bools]) -> float | None:
    """The first whole number of weeks after which there is enough; None where that does not come.

    Parameters
    ----------
    is_enough : from numbers of further ones, shape (n,), to whether they are enough.
    """
    weeks = np.arange(_FARTHEST_WEEKS + 1, dtype=np.float64)
    enough = np.flatnonzero(is_enough(pace.more(weeks)))
    return float(weeks[enough[0]]) if len(enough) else None
