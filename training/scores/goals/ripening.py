"""Which period can be judged: when what is pending will be known, and what lies in none."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import Ints
from features.clock import said_at, said_from
from features.events.log import DAY_US, EventLog
from features.ladder.ladder import Ladder
from training.decision_points import Points
from training.labels import arrival_delays

__all__ = ["horizons_us", "when_over", "why_empty"]

_MOST: Final = 0.9


def when_over(log: EventLog, ladder: Ladder, points: Points, goal: str, until: int) -> str:
    """From which end on some, and most, of the points of a goal can be judged; and how to get it.

    Parameters
    ----------
    goal : "advancement" or "purchase".
    until : the end that was too early, in microseconds since the epoch.
    """
    delays = arrival_delays(log, ladder, until)
    delay = delays[points.position] if goal == "advancement" else delays[-1]
    over = points.as_of + horizons_us(ladder, points, goal) + delay
    first, most = int(over.min()), int(np.quantile(over, _MOST, method="higher"))
    last = log.judged_until(None)
    says = f"the first is over on {said_from(first)}, nine in ten by {said_from(most)}"
    if first > last:
        return f"{says}; the log ends at {said_at(last)}: judge when it goes on until then"
    if until < last:
        return f"{says}: let the period end then, or at the log's end, {said_at(last)}"
    return says


def why_empty(log: EventLog, start: int, asked: int, trained_until: int) -> str:
    """Why a period that ends before it begins has no lead to score, and what period would.

    Parameters
    ----------
    start, asked, trained_until : of the period and of training, microseconds since the epoch.
    """
    last = log.judged_until(None)
    where = "the log ends" if last <= start and last <= asked else "the period ends"
    begins = "training ended" if start == trained_until else "it begins"
    # An instant that is the end of one thing and the beginning of another is told as one.
    first = said_at(start) if start == min(last, asked) else said_from(start)
    says = f"no lead to score between {first} and {said_at(asked)}: {where} at"
    says += f" {said_at(min(last, asked))}, and {begins} at {first}"
    if last <= trained_until:
        return f"{says}; train until an earlier instant, so that something is left to judge on"
    return f"{says}; from the end of training, {said_from(trained_until)}, it goes on until" + (
        f" {said_at(last)}"
    )


def horizons_us(ladder: Ladder, points: Points, goal: str) -> Ints:
    """Shape (n,): the horizon of each point for a goal, in microseconds."""
    days = np.array([each.horizon_days for each in ladder.goals])
    of_point = days[points.position] if goal == "advancement" else np.full(len(points), days[-1])
    return np.round(of_point * DAY_US).astype(np.int64)
