"""What came of a decision point: advanced, lapsed or pending.

A lead whose horizon is not over is pending: unknown, never a failure. Only points whose horizon is
over may be learned from; to keep those that advanced early and drop the rest would count successes
sooner than failures.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from features.events.log import DAY_US, EventLog, Times
from features.ladder.ladder import Ladder
from features.signals.fold import NONE
from features.signals.program import LinkedLog, compile_ladder, link
from training.decision_points import Points

__all__ = ["Label", "Outcomes", "arrival_delay", "label"]

_MOST_ARRIVED: Final = 0.99
"""The share of completions whose news has arrived once one has waited long enough."""


class Label(IntEnum):
    """What is known of an outcome."""

    LAPSED = 0
    ADVANCED = 1
    PENDING = -1


@dataclass(frozen=True, eq=False, slots=True)
class Outcomes:
    """What came of each point, for one goal.

    Parameters
    ----------
    state : shape (n,), `Label` values. ADVANCED as soon as it is known; LAPSED when the horizon is
        over and late arrivals had their time.
    mature : shape (n,), whether the horizon is over (and late arrivals had their time). Learn and
        judge on these alone.
    """

    state: npt.NDArray[np.int8]
    mature: npt.NDArray[np.bool_]

    @property
    def happened(self) -> npt.NDArray[np.float64]:
        """1.0 where ADVANCED, else 0.0; meaningful on mature points."""
        return np.asarray(self.state == Label.ADVANCED, dtype=np.float64)


def label(log: EventLog, ladder: Ladder, points: Points, until: int) -> tuple[Outcomes, Outcomes]:
    """The outcomes of advancement and of purchase, from what was known by `until`.

    Advancement is the completion of the next step or of any above it, within the next step's
    horizon; purchase has its own. Both are counted from `as_of`, by when they happened. `until` is
    no later than the last event of the log (`EventLog.judged_until`): what lies after it would be
    taken for silence.
    """
    linked = link(log, compile_ladder(ladder))
    advanced, purchased = linked.next_completions(points.lead, points.as_of, points.position, until)
    delay = _arrival_delay(log, linked, until)
    horizons = np.array([round(goal.horizon_days * DAY_US) for goal in ladder.goals])
    return (
        _outcomes(points.as_of, advanced, horizons[points.position], until, delay),
        _outcomes(points.as_of, purchased, horizons[-1], until, delay),
    )


def _outcomes(
    as_of: Times, completed_at: Times, horizon: Times | np.int64, until: int, delay: int
) -> Outcomes:
    mature = as_of + horizon + delay <= until
    state = np.where(mature, Label.LAPSED, Label.PENDING)
    state[(completed_at != NONE) & (completed_at <= as_of + horizon)] = Label.ADVANCED
    return Outcomes(state.astype(np.int8), mature)


def arrival_delay(log: EventLog, ladder: Ladder, until: int) -> int:
    """How long to wait for late arrivals, in microseconds.

    It is the 99th percentile of the delays of the completions known by `until`.
    """
    return _arrival_delay(log, link(log, compile_ladder(ladder)), until)


def _arrival_delay(log: EventLog, linked: LinkedLog, until: int) -> int:
    completes = linked.completes() & (log.known <= until)
    if not completes.any():
        return 0
    return int(np.quantile((log.known - log.occurred)[completes], _MOST_ARRIVED))
