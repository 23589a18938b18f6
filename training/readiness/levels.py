"""Outcomes as counts, the level that they allow, and what the next one takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Bools, Floats
from features.funnel.states import State
from models.judging.readiness import LEVELS, Level, NextLevel, OutcomeCounts
from models.scores.goal_model import FitConfig, TrainingRows, level_of, newest_points
from models.scores.step_rates import PRIOR_LEADS
from training.decision_points import Points
from training.labels import Outcomes
from training.readiness.pace import Pace, weeks_until

__all__ = ["Known", "counted", "level_now", "next_level"]


@dataclass(frozen=True, eq=False, slots=True)
class Known:
    """Points of a goal, or of one step, with what is known of them.

    Parameters
    ----------
    prior : the rate that the ladder's bands expect.
    """

    points: Points
    outcomes: Outcomes
    prior: float

    @classmethod
    def of(cls, points: Points, outcomes: Outcomes, prior: float, keep: Bools) -> Known:
        """Some of the points, by mask."""
        some = Outcomes(
            outcomes.state[keep],
            outcomes.mature[keep],
            outcomes.decided[keep],
            outcomes.decided_at[keep],
            outcomes.weight[keep],
            outcomes.reached_after[keep],
            outcomes.censoring and outcomes.censoring.rows(keep),
        )
        return cls(points.rows(keep), some, prior)

    def rows(self) -> TrainingRows:
        """What may be learned from, without signals."""
        decided = self.outcomes.decided
        lead = self.points.lead[decided]
        return TrainingRows(
            matrix=np.zeros((len(lead), 0)),
            category_columns=[],
            position=self.points.position[decided],
            lead=lead,
            as_of=self.points.as_of[decided],
            happened=self.outcomes.happened[decided],
            weight=self.outcomes.weight[decided],
            censoring=self.outcomes.censoring and self.outcomes.censoring.rows(decided),
        )


def counted(known: Known) -> OutcomeCounts:
    """Points and leads by what came of them."""
    outcomes, (positives, negatives) = known.outcomes, _leads(known.rows())
    return {
        "decided": int(outcomes.decided.sum()),
        "lost": int((outcomes.state[outcomes.decided] == State.LOST).sum()),
        "pending": int((~outcomes.decided).sum()),
        "positives": positives,
        "negatives": negatives,
    }


def _leads(rows: TrainingRows) -> tuple[int, int]:
    """Leads with the goal reached, and leads without, of some rows."""
    return tuple(len(np.unique(rows.lead[rows.happened == one])) for one in (1, 0))  # type: ignore[return-value]


def level_now(known: Known, config: FitConfig) -> Level:
    """What the outcomes allow, by the rules by which a model is fitted."""
    return level_of(known.rows(), config)


def next_level(known: Known, level: Level, pace: Pace, config: FitConfig) -> NextLevel | None:
    """What the level above takes, and when it is there; None at the highest.

    Parameters
    ----------
    pace : of points where the level is `model`, else of leads.
    """
    if level == LEVELS[-1]:
        return None
    rows = known.rows()
    wanted, takes, further = _wanted(level, rows, config)
    chances = _of_newest(rows) if level == "model" else _of_leads(rows, known.prior)

    def is_enough(more: Floats) -> Bools:
        have = further[:, None] + chances[:, None] * more
        if level == "bands":
            return np.asarray(more >= 1.0)
        return np.asarray((have >= wanted).all(axis=0))

    return {
        "level": LEVELS[LEVELS.index(level) + 1],
        "takes": takes,
        "weeks": weeks_until(pace, is_enough),
    }


def _of_leads(rows: TrainingRows, prior: float) -> Floats:
    """Shape (2,): the chances that a further lead is of either kind.

    Of few leads little is known: the bands count as some.
    """
    expected = np.array([prior, 1.0 - prior]) * PRIOR_LEADS
    leads = len(np.unique(rows.lead))
    return np.asarray((np.array(_leads(rows)) + expected) / (leads + PRIOR_LEADS))


def _of_newest(rows: TrainingRows) -> Floats:
    """Shape (2,): what a further point adds to either kind in the newest quarter of all."""
    rate = float(rows.happened.mean())
    return np.array([rate, 1.0 - rate]) * _NEWEST


_NEWEST: Final = 0.25
"""The share of further points that will lie in the newest quarter of all."""

_Wants = tuple[float, str, Floats]
"""How many of either kind are wanted, in words, and how many of either there are: shape (2,)."""


def _wanted(level: Level, rows: TrainingRows, config: FitConfig) -> _Wants:
    if level == "bands":
        return 1.0, "a first outcome", np.zeros(2)
    return _for_model(rows, config) if level == "rates" else _for_calibration(rows, config)


def _for_model(rows: TrainingRows, config: FitConfig) -> _Wants:
    least, (positives, negatives) = config.least_leads, _leads(rows)
    takes = (
        f"{least} leads that went on and {least} that did not; there are {positives:,} and"
        f" {negatives:,}"
    )
    return float(least), takes, np.array([positives, negatives], dtype=np.float64)


def _for_calibration(rows: TrainingRows, config: FitConfig) -> _Wants:
    least, newest = config.least_calibration, newest_points(rows, config)
    reached = int(rows.happened[newest].sum())
    missed = int(newest.sum()) - reached
    takes = (
        f"{least} points of either kind in the newest quarter of all, and {config.least_leads}"
        f" leads of either kind before it; in the newest quarter there are {reached:,} and"
        f" {missed:,}"
    )
    return float(least), takes, np.array([reached, missed], dtype=np.float64)
