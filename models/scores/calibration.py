"""From a margin to a probability that means what it says, and an interval for it.

The log-odds of a lead at position k with margin m are

    (1 - w_k) logit(rate_k) + w_k (slope * m + intercept_k)

between the rate of its step and what the margin says, with an intercept a step that is drawn to a
common one where a step has few leads. The weight w_k slides to 0 as the evidence thins out: it is
n_k / (n_k + 5), n_k being the leads seen at the step, times the firm shrinkage of the slope (Gao
and Bruce 1997), which is 0 up to 2.5 of the slope's standard errors, counted by leads, and 1 from
5. Not less, because the rounds of the boosting were chosen on the same held-out folds: on data with
nothing to learn, the slope strays further than one standard error.

The interval around it is that of `models.scores.venn_abers`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from scipy.special import expit, logit

from features.arrays import Floats, Ints
from models.scores.step_rates import StepRates
from models.scores.venn_abers import LEVEL, Unseen, interval_curve

__all__ = [
    "WORTH",
    "Basis",
    "Calibrator",
    "calibrate",
    "leads_to_learn",
    "uncalibrated",
]


_SHIFT_SD: Final = 0.2
"""How far the intercepts lie from each other and from none, in log-odds, before the data speak:
margins of boosted trees are nearly calibrated as they are."""
_THIN: Final = 5.0
"""Leads at a step that make the margin count half there."""
_LEARNED: Final = 2.5
"""Standard errors of the slope up to which a margin has taught nothing."""
_SURE: Final = 5.0
"""Standard errors from which it is believed as it is."""
WORTH: Final = 0.02
"""The part of the log loss of rates that a model has to save to be worth having: with it leads are
ranked with an AUC of about 0.6."""
_POWER: Final = 0.84
"""Standard errors above `_LEARNED` at which four in five are beyond it."""
_FARTHEST: Final = 1e30
"""How far a factor of the weights is looked for."""

Basis = Literal["model", "rates", "prior"]
"""Where a probability comes from: a model, the rates of the steps, or the ladder's bands alone."""


def leads_to_learn(log_loss: float) -> int:
    """How many leads it takes, at least, until margins that are worth having have taught something.

    A gain of g a lead moves the slope by sqrt(2 n g) of its standard errors over n leads. So many
    show it four times in five where the margins are as good as can be; fitted ones take more.

    Parameters
    ----------
    log_loss : of the rates, above 0.
    """
    return int(np.ceil((_LEARNED + _POWER) ** 2 / (2.0 * WORTH * log_loss)))


@dataclass(frozen=True, eq=False, slots=True)
class Calibrator:
    """Maps (position, margin) to a probability and its interval.

    Parameters
    ----------
    rate : shape (n_goals,), of each step.
    shift : shape (n_goals,), from the rate to the typical lead of the step, in log-odds.
    typical_margin : shape (n_goals,), the margin of that typical lead.
    slope : shape (n_goals,), how much of a margin's distance from it is believed; 0 is nothing.
    z : the slope in standard errors, before it was weighed.
    grid, low, high : the interval as a function of the probability; empty without a model.
    rate_low, rate_high : shape (n_goals,), the interval of the rates, for when there is no model.
    """

    rate: Floats
    shift: Floats
    typical_margin: Floats
    slope: Floats
    z: float
    grid: Floats
    low: Floats
    high: Floats
    rate_low: Floats
    rate_high: Floats
    leads: int

    @property
    def evidence(self) -> Basis:
        """Where the probabilities come from."""
        if self.leads == 0:
            return "prior"
        return "model" if self.slope.any() else "rates"

    @property
    def learned(self) -> bool:
        """Whether the margins told leads apart beyond chance."""
        return self.z > _LEARNED

    def base(self, position: Ints) -> Floats:
        """The log-odds of a typical lead at each position."""
        log_odds: Floats = logit(self.rate[position]) + self.shift[position]
        return log_odds

    def log_odds(self, position: Ints, margin: Floats) -> Floats:
        """Shape (n,), calibrated."""
        return self.base(position) + self.slope[position] * (margin - self.typical_margin[position])

    def recalibrated(self, intercept: float, slope: float) -> Calibrator:
        """The same with all log-odds z moved to intercept + slope * z, the intervals with them.

        `slope` is above 0: whoever was likelier stays likelier.
        """

        def moved(probability: Floats) -> Floats:
            return np.asarray(expit(intercept + slope * logit(probability)), dtype=np.float64)

        base = intercept + slope * (logit(self.rate) + self.shift)
        return replace(
            self,
            shift=base - logit(self.rate),
            slope=slope * self.slope,
            grid=moved(self.grid),
            low=moved(self.low),
            high=moved(self.high),
            rate_low=moved(self.rate_low),
            rate_high=moved(self.rate_high),
        )

    def interval(self, position: Ints, probability: Floats) -> tuple[Floats, Floats]:
        """Shapes (n,), (n,): around each probability, at LEVEL."""
        if self.evidence != "model":
            low, high = self.rate_low[position], self.rate_high[position]
        else:
            low = np.interp(probability, self.grid, self.low)
            high = np.interp(probability, self.grid, self.high)
        return np.minimum(low, probability), np.maximum(high, probability)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name in self.__slots__
            for value in [getattr(self, name)]
        }

    @classmethod
    def of_dict(cls, values: dict[str, Any]) -> Calibrator:
        """The reverse of `as_dict`."""
        held: dict[str, Any] = {
            name: np.array(value, dtype=np.float64) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**held)

    def check(self, goals: int) -> None:
        """ValueError unless all it holds are numbers, for so many goals, and rates are shares."""
        of_goals = self.rate, self.shift, self.typical_margin, self.slope
        rates = self.rate, self.rate_low, self.rate_high
        along = self.grid, self.low, self.high
        is_told = all(np.shape(one) == (goals,) for one in (*of_goals, *rates))
        is_told &= all(np.shape(one) == (np.size(self.grid),) for one in along)
        held = np.concatenate([np.ravel(one) for one in (*of_goals, *rates, *along, self.z)])
        if not is_told or not np.isfinite(held).all() or self.leads < 0:
            raise ValueError("its calibration is not that of a ladder with so many steps")
        if any((one < 0.0).any() or (one > 1.0).any() for one in (*rates, *along)):
            raise ValueError("its calibration holds shares below 0 or above 1")
        if self.evidence == "model" and not np.size(self.grid):
            raise ValueError("its calibration has no interval")


def uncalibrated(rates: StepRates, leads: int = 0) -> Calibrator:
    """The calibrator without a model: the rates themselves."""
    zeros = np.zeros(len(rates.mean))
    low, high = rates.interval(LEVEL)
    none = np.zeros(0)
    return Calibrator(rates.mean, zeros, zeros, zeros, 0.0, none, none, none, low, high, leads)


def calibrate(
    rates: StepRates,
    points: Unseen,
    typical_margin: Floats,
    leads_at_step: Floats,
    seed: int,
) -> Calibrator:
    """Fit on points that the margins' models have not seen, preferably the latest.

    Parameters
    ----------
    rates : the rates of the steps, from the same period.
    typical_margin : shape (n_goals,), the mean margin of leads at each position.
    leads_at_step : shape (n_goals,), how many leads the margins' models have learned from at each.
    """
    at_rate = logit(rates.mean)
    position = points.position
    intercepts, slope = _fit(points, len(at_rate))
    distance = points.margin - typical_margin[position]
    typical = intercepts + slope * typical_margin
    z = _in_standard_errors(slope, typical[position], distance, points)
    believed = _firm(z)
    weight = believed * leads_at_step / (leads_at_step + _THIN)
    shift, slopes = weight * (typical - at_rate), weight * slope
    log_odds = (at_rate + shift)[position] + slopes[position] * distance
    wanted = float(np.average(expit(typical[position] + slope * distance), weights=points.weight))
    shift += weight * _level(log_odds, weight[position], wanted, points.weight)
    probability = expit((at_rate + shift)[position] + slopes[position] * distance)
    grid, low, high = interval_curve(probability, points, seed)
    rate_low, rate_high = rates.interval(LEVEL)
    return Calibrator(
        rate=rates.mean,
        shift=shift,
        typical_margin=typical_margin,
        slope=slopes,
        z=float(z),
        grid=grid,
        low=low,
        high=high,
        rate_low=rate_low,
        rate_high=rate_high,
        leads=len(np.unique(points.lead)),
    )


def _fit(points: Unseen, n_goals: int) -> tuple[Floats, float]:
    """The intercept of each step, drawn to a common one where it has few leads, and the slope."""
    margin, position, happened = points.margin, points.position, points.happened
    counts, lead = points.weight, points.lead
    from scipy.optimize import minimize  # fitting alone needs it: serving starts without

    # Points of a lead repeat each other: what draws together weighs as if each lead had one.
    repeats = len(lead) / len(np.unique(lead))
    draw = repeats / _SHIFT_SD**2

    def loss(values: Floats) -> tuple[float, Floats]:
        shift, intercept, slope = values[:n_goals], values[n_goals], values[n_goals + 1]
        log_odds = intercept + shift[position] + slope * margin
        value = (counts * (np.logaddexp(0.0, log_odds) - happened * log_odds)).sum()
        value += 0.5 * draw * ((shift**2).sum() + intercept**2)
        error = counts * (expit(log_odds) - happened)
        gradient = np.concatenate(
            [
                np.bincount(position, error, minlength=n_goals) + draw * shift,
                [error.sum() + draw * intercept, (error * margin).sum()],
            ]
        )
        return value / len(happened), gradient / len(happened)

    start = np.concatenate([np.zeros(n_goals + 1), [1.0]])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000}).x
    return found[:n_goals] + found[n_goals], float(found[n_goals + 1])


def _firm(z: float) -> float:
    """Firm shrinkage: nothing below _LEARNED, all from _SURE, rising between."""
    if z <= _LEARNED:
        return 0.0
    return min(1.0, _SURE * (z - _LEARNED) / (z * (_SURE - _LEARNED)))


def _level(log_odds: Floats, weight: Floats, wanted: float, counts: Floats) -> float:
    """What, times the weight, brings the mean probability to a wanted one; each point counts."""
    from scipy.optimize import brentq  # fitting alone needs it: serving starts without

    if not weight.any():
        return 0.0

    def over(by: float) -> float:
        return float(np.average(expit(log_odds + by * weight), weights=counts) - wanted)

    reach = 50.0
    while (over(-reach) > 0 or over(reach) < 0) and reach < _FARTHEST:
        reach *= 10.0  # where little was learned, a small weight asks for a large factor
    return float(brentq(over, -reach, reach))


def _in_standard_errors(slope: float, base: Floats, distance: Floats, points: Unseen) -> float:
    """The slope over its sandwich standard error, clustered by lead."""
    probability, counts = expit(base + slope * distance), points.weight
    information = (counts * probability * (1 - probability) * distance**2).sum()
    _, cluster = np.unique(points.lead, return_inverse=True)
    scores = np.bincount(cluster, counts * (points.happened - probability) * distance)
    spread = np.sqrt((scores**2).sum())
    return float(slope * information / spread) if spread > 0 and information > 0 else 0.0
