"""When what is pending will be known: at which end a period can be judged."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import Ints
from features.clock import rfc3339
from features.events.log import DAY_US, EventLog
from features.ladder.ladder import Ladder
from training.decision_points import Points
from training.labels import arrival_delay

__all__ = ["horizons_us", "when_over"]

_MOST: Final = 0.9


def when_over(log: EventLog, ladder: Ladder, points: Points, goal: str, until: int) -> str:
    """From which end on some, and most, of the points of a goal can be judged; and how to get it.

    Parameters
    ----------
    goal : "advancement" or "purchase".
    until : the end that was too early, in microseconds since the epoch.
    """
    over = points.as_of + horizons_us(ladder, points, goal) + arrival_delay(log, ladder, until)
    first, most = int(over.min()), int(np.quantile(over, _MOST, method="higher"))
    last = log.judged_until(None)
    says = f"the first is over on {rfc3339(first)}, nine in ten by {rfc3339(most)}"
    if first > last:
        return f"{says}; the log ends at {rfc3339(last)}: judge when it goes on until then"
    if until < last:
        return f"{says}: let the period end then, or at the log's end, {rfc3339(last)}"
    return says


def horizons_us(ladder: Ladder, points: Points, goal: str) -> Ints:
    """Shape (n,): the horizon of each point for a goal, in microseconds."""
    days = np.array([each.horizon_days for each in ladder.goals])
    of_point = days[points.position] if goal == "advancement" else np.full(len(points), days[-1])
    return np.round(of_point * DAY_US).astype(np.int64)
