"""Chances within fewer days than the ladder's horizons, from the same scores.

A lead's chance of the next step is told within that step's horizon, that of a purchase within its
own. Whoever plans a week, or a quarter, asks about other days; `models.scores.timing` says how much
of a chance falls into them. They are consistent by construction: more days never make less of a
chance, and the ladder's own horizon gives what the score says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from features.arrays import Floats, Ints
from features.errors import UnknownHorizon
from features.ladder.words import things
from models.bundle import Bundle, Scores
from models.scores.goal_model import Estimates, GoalModel
from models.scores.timing import Timing, spread, spread_ends

__all__ = ["WithinDays", "check_days", "knows_times", "within", "within_part"]


@dataclass(frozen=True, eq=False, slots=True)
class WithinDays:
    """Chances within some days of the scores' instants, a row a score.

    Parameters
    ----------
    days : above 0.
    advance : of the next step; NaN where its own horizon is shorter, and where there is none.
    purchase : NaN where the lead has bought, or is lost.
    """

    days: float
    advance: Estimates
    purchase: Estimates

    @property
    def purchases(self) -> float:
        """How many of the leads are to be expected to buy, of those of which it is known.

        The same to the last bit in whatever order the leads stand.
        """
        return math.fsum(self.exact_purchases)

    @property
    def exact_purchases(self) -> list[float]:
        """A few numbers that add up to `purchases` exactly, not rounded.

        Those of several parts together, added by `math.fsum`, are the purchases of all their leads,
        to the last bit.
        """
        known = self.purchase.probability[~np.isnan(self.purchase.probability)]
        return _exactly(known.tolist())


def knows_times(bundle: Bundle) -> bool:
    """Whether a bundle was trained by a version of Rung that looked at times."""
    return None not in (bundle.advancement.timing, bundle.purchase.timing)


def check_days(bundle: Bundle, days: float) -> None:
    """UnknownHorizon unless a bundle knows of so many days.

    Those are no more than the longest horizon of its ladder, and an earlier version of Rung looked
    at no times.
    """
    _timing(bundle.advancement)
    longest = max(goal.horizon_days for goal in bundle.ladder.goals)
    if not 0.0 < days <= longest:
        raise UnknownHorizon(
            f"nothing is known of a chance within {things(days, 'day')}: above 0 and at most"
            f" {things(longest, 'day')}, the longest horizon of the ladder"
        )


def within(bundle: Bundle, scores: Scores, days: float) -> WithinDays:
    """The chances of a bundle's scores within fewer days, with their intervals.

    The intervals allow for how exactly the chances within the whole horizon are known, and for how
    exactly it is known when within it leads go on; those of a bundle of before for the first alone.

    UnknownHorizon as for `check_days`.
    """
    check_days(bundle, days)
    horizons = np.array([goal.horizon_days for goal in bundle.ladder.goals])
    whole = np.full(len(horizons), horizons[-1])
    return WithinDays(days, *_within(bundle, scores, days / horizons, days / whole))


def within_part(bundle: Bundle, scores: Scores, part: float) -> tuple[Estimates, Estimates]:
    """The chances of the next step and of a purchase within a part of the horizon of each.

    Parameters
    ----------
    part : above 0 and at most 1.

    Raises
    ------
    UnknownHorizon : an earlier version of Rung trained the bundle.
    """
    parts = np.full(len(bundle.ladder.goals), part)
    return _within(bundle, scores, parts, parts)


def _within(
    bundle: Bundle, scores: Scores, of_step: Floats, of_purchase: Floats
) -> tuple[Estimates, Estimates]:
    """As `within_part`, by the parts of both horizons at each position, shape (n_goals,) each."""
    last = len(bundle.ladder.goals) - 1
    rung = np.minimum(scores.position, last)
    advance = _spread(_timing(bundle.advancement), scores.advance, rung, of_step)
    purchase = _spread(_timing(bundle.purchase), scores.purchase, rung, of_purchase)
    # On the last rung the next step is the purchase: one question has one answer.
    return advance, advance.where(scores.position == last, purchase)


def _exactly(numbers: Iterable[float]) -> list[float]:
    """A few numbers with the very sum of many: it, rounded, and what rounding left of it."""
    left, found = list(numbers), list[float]()
    while total := math.fsum(left):
        found.append(total)
        left.append(-total)
    return found


def _timing(model: GoalModel) -> Timing:
    if model.timing is None:
        raise UnknownHorizon(
            "the model was trained by an earlier version of Rung, and knows no horizons but the"
            " ladder's; train it again"
        )
    return model.timing


def _spread(timing: Timing, whole: Estimates, position: Ints, part: Floats) -> Estimates:
    """Estimates within a part of the horizon; NaN where more than the whole is asked about."""
    asked = np.where(part <= 1.0, part, np.nan)
    passed = timing.passed(whole.probability, position, asked)
    ends = spread_ends(whole.probability, (whole.low, whole.high), passed)
    return Estimates(spread(whole.probability, passed.w), *ends)
