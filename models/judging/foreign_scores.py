"""What is wrong with scores that somebody else made: a family of tests with one error rate.

Pure functions on arrays of shape (n,), one row a lead: `score` in any unit, `happened` 1.0 or 0.0.
All p-values of one audit go through Holm's correction (1979), so that sound scores are accused of
anything at all in at most 5 % of audits. With fewer than `FEWEST` leads of either outcome nothing
is tested: nobody is accused on so little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, erf, sqrt
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints

__all__ = [
    "FEWEST",
    "Ordering",
    "calibration_p_values",
    "calibration_slope",
    "difference_of_orderings",
    "drift_p_value",
    "family_p_values",
    "holm",
    "later_half",
    "leads_wanted",
    "leak_p_value",
    "ordering",
]

FEWEST: Final = 20
"""Leads that won, and leads that did not, that it takes to judge."""
USEFUL: Final = 0.6
"""The AUC of a score that is of use: surely below it the order is hardly better than a lot."""
TOO_GOOD: Final = 0.97
"""The AUC that no score made before the outcome is expected to have."""
LATE_SHARE: Final = 0.05
"""The share of winners that may have their first score after the win by sloppiness alone."""
_EDGE: Final = 1e-6
_STEPS: Final = 30


@dataclass(frozen=True, eq=False, slots=True)
class Ordering:
    """How well scores order leads.

    Parameters
    ----------
    auc, error : the chance that a winner stands above another lead, and its standard error (DeLong
        et al. 1988).
    won, others : the placement of each winner among the others, and of each other lead.
    """

    auc: float
    error: float
    won: Floats
    others: Floats

    @property
    def interval(self) -> tuple[float, float]:
        """Of 95 %, in [0, 1]."""
        half = 1.96 * self.error
        return max(0.0, self.auc - half), min(1.0, self.auc + half)


def ordering(score: Floats, happened: Floats) -> Ordering | None:
    """The AUC with its error, ties counting half; None with fewer than two leads of an outcome."""
    rank = np.unique(score, return_inverse=True)[1]
    up, down = np.bincount(rank, happened), np.bincount(rank, 1.0 - happened)
    if up.sum() < 2 or down.sum() < 2:
        return None
    below = (np.cumsum(down) - down / 2) / down.sum()
    above = 1.0 - (np.cumsum(up) - up / 2) / up.sum()
    won, others = below[rank[happened == 1]], above[rank[happened == 0]]
    error = sqrt(won.var(ddof=1) / len(won) + others.var(ddof=1) / len(others))
    # With all winners on top the spread is nil, and nothing is that sure.
    least = 0.5 / (min(len(won), len(others)) + 1) / sqrt(min(len(won), len(others)))
    return Ordering(float(won.mean()), max(error, least), won, others)


def difference_of_orderings(one: Ordering, other: Ordering) -> tuple[float, float, float]:
    """The AUC of one less that of the other on the same leads in the same order, and 95 % limits.

    Paired: what both find hard counts for neither.
    """
    won, others = one.won - other.won, one.others - other.others
    error = sqrt(won.var(ddof=1) / len(won) + others.var(ddof=1) / len(others))
    value = one.auc - other.auc
    return value, value - 1.96 * error, value + 1.96 * error


def _below(z: float) -> float:
    """The share of a normal distribution below z."""
    return 0.5 * (1.0 + erf(z / sqrt(2.0)))


def calibration_p_values(probability: Floats, happened: Floats) -> dict[str, float]:
    """Whether as many won as was said ("level"), and whether high was as high ("spread").

    Score tests of a logistic recalibration: of its intercept at slope 1, and of its slope with the
    intercept free (Cox 1958). Under the hypothesis the variances are known from the probabilities.
    """
    logit = _logit(probability)
    weight = probability * (1.0 - probability)
    if weight.sum() <= 0.0:
        return {}
    level = float((happened - probability).sum()) / sqrt(float(weight.sum()))
    intercept, _ = _recalibrated(logit, happened, is_slope_free=False)
    fitted = 1.0 / (1.0 + np.exp(-(logit + intercept)))
    spread = fitted * (1.0 - fitted)
    centred = logit - float((spread * logit).sum() / max(float(spread.sum()), _EDGE))
    information = float((spread * centred**2).sum())
    found = {"level": 2.0 * _below(-abs(level))}
    if information > _EDGE:
        z = float((centred * (happened - fitted)).sum()) / sqrt(information)
        found["spread"] = 2.0 * _below(-abs(z))
    return found


def calibration_slope(probability: Floats, happened: Floats) -> float:
    """What the logits would have to be multiplied by: below 1 the scores are too sure of itself."""
    return _recalibrated(_logit(probability), happened, is_slope_free=True)[1]


def _logit(probability: Floats) -> Floats:
    inside = np.clip(probability, _EDGE, 1.0 - _EDGE)
    logit: Floats = np.log(inside / (1.0 - inside))
    return logit


def _recalibrated(logit: Floats, happened: Floats, *, is_slope_free: bool) -> tuple[float, float]:
    """Intercept and slope by Newton's method with a faint ridge, so that it always ends."""
    intercept, slope = 0.0, 1.0
    for _ in range(_STEPS):
        fitted = 1.0 / (1.0 + np.exp(-np.clip(intercept + slope * logit, -30, 30)))
        weight, residual = fitted * (1.0 - fitted) + 1e-9, happened - fitted
        if not is_slope_free:
            intercept += float(np.clip(residual.sum() / weight.sum(), -2, 2))
            continue
        design = np.stack([np.ones_like(logit), logit])
        hessian = (design * weight) @ design.T + 1e-6 * np.eye(2)
        step = np.clip(np.linalg.solve(hessian, design @ residual), -2, 2)
        intercept, slope = intercept + float(step[0]), slope + float(step[1])
    return intercept, slope


def drift_p_value(score: Floats, happened: Floats, is_later: Bools) -> float | None:
    """Whether the later half orders worse or better than the earlier one; None with too few."""
    halves = []
    for half in (~is_later, is_later):
        wins = int(happened[half].sum())
        found = ordering(score[half], happened[half])
        if found is None or min(wins, int(half.sum()) - wins) < FEWEST:
            return None
        halves.append(found)
    z = (halves[0].auc - halves[1].auc) / sqrt(halves[0].error ** 2 + halves[1].error ** 2)
    return 2.0 * _below(-abs(z))


def leak_p_value(winners: int, late: int) -> float | None:
    """Whether more winners than sloppiness explains have their first score only after the win.

    Parameters
    ----------
    winners, late : leads that won, and those of them whose first score is dated at the win or
        after it.
    """
    if winners < FEWEST:
        return None
    from scipy.stats import binomtest

    return float(binomtest(late, winners, LATE_SHARE, alternative="greater").pvalue)


def family_p_values(
    score: Floats, happened: Floats, is_later: Bools, *, is_probability: bool
) -> dict[str, float]:
    """A p-value for each thing that can be wrong; none where there is too little to judge on."""
    wins = int(happened.sum())
    found = ordering(score, happened)
    if found is None or min(wins, len(happened) - wins) < FEWEST:
        return {}
    chance = sqrt((len(happened) + 1) / (12.0 * wins * (len(happened) - wins)))
    values = {
        "inverted": _below((found.auc - 0.5) / chance),
        "useless": _below((found.auc - USEFUL) / found.error),
        "too_good": _below(-(found.auc - TOO_GOOD) / found.error),
    }
    if (drift := drift_p_value(score, happened, is_later)) is not None:
        values["drift"] = drift
    if is_probability:
        values |= calibration_p_values(score, happened)
    return values


def holm(p_values: Mapping[str, float], alpha: float = 0.05) -> tuple[str, ...]:
    """The names that stand when all are asked at once; wrong ones in at most `alpha` of audits."""
    named: list[str] = []
    for at, (name, value) in enumerate(sorted(p_values.items(), key=lambda pair: pair[1])):
        if value > alpha / (len(p_values) - at):
            break
        named.append(name)
    return tuple(named)


def leads_wanted(wins: int, others: int) -> int:
    """How many more leads of the rarer outcome it takes to judge at all; 0 where it is enough."""
    return max(0, ceil(FEWEST - min(wins, others)))


def later_half(at: Ints) -> Bools:
    """Shape (n,): whether each instant is after the median."""
    later: Bools = at > np.median(at)
    return later
