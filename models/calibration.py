"""From a margin to a probability that means what it says, and an interval for it.

The probability of a lead at position k is

    logit p = logit(rate_k) + shift_k + slope * (margin - typical_margin_k)

so a margin that teaches nothing (slope 0) leaves the step's rate, and the answer slides back to it
as the evidence thins out: the slope is shrunk by a positive-part James-Stein factor 1 - (2.5/z)^2,
z being the slope in its own standard errors, counted by leads. Not 1, because the rounds of the
boosting were chosen on the same held-out folds: on data with nothing to learn, z strays further
than one.

The interval is the Venn-ABERS pair (Vovk, Petej, Fedorova 2015: isotonic regression with the lead
added once as a failure and once as a success), widened to a 90 % band of the isotonic curve over
resampled leads, because the pair alone says nothing of how few leads there were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from models.step_rates import StepRates

__all__ = ["LEVEL", "Calibrator", "Evidence", "calibrate", "uncalibrated"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEVEL: Final = 0.9
"""The level of the intervals."""
_GROUPS: Final = 1000
_GRID: Final = 128
_RESAMPLES: Final = 200
_SHIFT_SD: Final = 0.5
_LEARNED: Final = 2.5
"""Standard errors of the slope up to which a margin has taught nothing."""

Evidence = Literal["model", "rates", "prior"]
"""Where a probability comes from: a model, the rates of the steps, or the ladder's bands alone."""


@dataclass(frozen=True, eq=False, slots=True)
class Calibrator:
    """Maps (position, margin) to a probability and its interval.

    Parameters
    ----------
    rate, shift, typical_margin : shape (n_goals,), see the module.
    slope : how much of a margin is believed; 0 is nothing.
    z : the slope in standard errors, before it was shrunk.
    grid, low, high : the interval as a function of the probability; empty without a model.
    rate_low, rate_high : shape (n_goals,), the interval of the rates, for when there is no model.
    """

    rate: Floats
    shift: Floats
    typical_margin: Floats
    slope: float
    z: float
    grid: Floats
    low: Floats
    high: Floats
    rate_low: Floats
    rate_high: Floats
    leads: int

    @property
    def evidence(self) -> Evidence:
        """Where the probabilities come from."""
        if self.leads == 0:
            return "prior"
        return "model" if self.slope > 0 else "rates"

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
        return self.base(position) + self.slope * (margin - self.typical_margin[position])

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


def uncalibrated(rates: StepRates, leads: int = 0) -> Calibrator:
    """The calibrator without a model: the rates themselves."""
    zeros = np.zeros(len(rates.mean))
    low, high = rates.interval(LEVEL)
    none = np.zeros(0)
    return Calibrator(rates.mean, zeros, zeros, 0.0, 0.0, none, none, none, low, high, leads)


def calibrate(
    rates: StepRates,
    position: Ints,
    margin: Floats,
    happened: Floats,
    lead: Ints,
    typical_margin: Floats,
    seed: int,
) -> Calibrator:
    """Fit on points that the margins' models have not seen, preferably later ones.

    Parameters
    ----------
    rates : the rates of the steps, from the same period.
    position, margin, happened, lead : shape (n,).
    typical_margin : shape (n_goals,), the mean margin of leads at each position.
    """
    offset = logit(rates.mean)[position]
    distance = margin - typical_margin[position]
    shift, slope = _fit(offset, distance, position, happened, len(rates.mean))
    z = _in_standard_errors(slope, offset + shift[position], distance, happened, lead)
    shrunk = slope * max(0.0, 1.0 - (_LEARNED / z) ** 2) if z > 0 else 0.0
    shift, _ = _fit(offset, distance, position, happened, len(rates.mean), slope=shrunk)
    probability = expit(offset + shift[position] + shrunk * distance)
    grid, low, high = _interval_curve(probability, happened, lead, seed)
    rate_low, rate_high = rates.interval(LEVEL)
    return Calibrator(
        rate=rates.mean,
        shift=shift,
        typical_margin=typical_margin,
        slope=float(shrunk),
        z=float(z),
        grid=grid,
        low=low,
        high=high,
        rate_low=rate_low,
        rate_high=rate_high,
        leads=len(np.unique(lead)),
    )


def _fit(
    offset: Floats,
    distance: Floats,
    position: Ints,
    happened: Floats,
    n_goals: int,
    slope: float | None = None,
) -> tuple[Floats, float]:
    """Shifts (with a normal prior, so that a step without data keeps its rate) and the slope."""
    counts = np.bincount(position, minlength=n_goals)

    def loss(values: Floats) -> tuple[float, Floats]:
        shift = values[:n_goals]
        by = values[n_goals] if slope is None else slope
        log_odds = offset + shift[position] + by * distance
        value = np.logaddexp(0.0, log_odds).sum() - (happened * log_odds).sum()
        error = expit(log_odds) - happened
        gradient = np.bincount(position, error, minlength=n_goals) + shift / _SHIFT_SD**2
        value += 0.5 * (shift**2).sum() / _SHIFT_SD**2
        if slope is None:
            gradient = np.append(gradient, (error * distance).sum())
        return value / len(happened), gradient / len(happened)

    start = np.zeros(n_goals + (slope is None))
    if slope is None:
        start[-1] = 1.0
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    shift = np.where(counts > 0, found.x[:n_goals], 0.0)
    return shift, float(found.x[n_goals]) if slope is None else float(slope)


def _in_standard_errors(
    slope: float, base: Floats, distance: Floats, happened: Floats, lead: Ints
) -> float:
    """The slope over its sandwich standard error, clustered by lead."""
    probability = expit(base + slope * distance)
    information = (probability * (1 - probability) * distance**2).sum()
    _, cluster = np.unique(lead, return_inverse=True)
    scores = np.bincount(cluster, (happened - probability) * distance)
    spread = np.sqrt((scores**2).sum())
    return float(slope * information / spread) if spread > 0 and information > 0 else 0.0


def _interval_curve(
    probability: Floats, happened: Floats, lead: Ints, seed: int
) -> tuple[Floats, Floats, Floats]:
    """Low and high over a grid of probabilities, both rising."""
    order = np.argsort(probability, kind="stable")
    size = -(-len(order) // _GROUPS)
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.arange(len(order)) // size
    counts = np.bincount(group).astype(np.float64)
    middle = np.bincount(group, probability) / counts
    grid = np.unique(np.quantile(probability, np.linspace(0, 1, _GRID)))
    successes = np.bincount(group, happened).astype(np.float64)
    pair_low, pair_high = _venn_abers(middle, successes, counts, grid)
    band_low, band_high = _resampled(middle, group, happened, lead, grid, seed)
    low = np.minimum(np.minimum(pair_low, band_low), grid)
    high = np.maximum(np.maximum(pair_high, band_high), grid)
    return grid, np.minimum.accumulate(low[::-1])[::-1], np.maximum.accumulate(high)


def _venn_abers(
    middle: Floats, successes: Floats, counts: Floats, grid: Floats
) -> tuple[Floats, Floats]:
    """The isotonic value at each grid point with it added as a failure, and as a success."""
    pair = np.empty((2, len(grid)))
    rates = successes / counts
    for outcome in (0, 1):
        for at, score in enumerate(grid):
            place = int(np.searchsorted(middle, score))
            fitted = _isotonic(np.insert(rates, place, outcome), np.insert(counts, place, 1.0))
            pair[outcome, at] = fitted[place]
    return pair[0], pair[1]


def _isotonic(values: Floats, weights: Floats) -> Floats:
    fitted: Floats = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(
        np.arange(len(values)), values, sample_weight=weights
    )
    return fitted


def _resampled(
    middle: Floats, group: Ints, happened: Floats, lead: Ints, grid: Floats, seed: int
) -> tuple[Floats, Floats]:
    """The band of the isotonic curve over resampled leads (Poisson bootstrap of clusters)."""
    rng = np.random.default_rng(seed)
    _, cluster = np.unique(lead, return_inverse=True)
    n_leads = int(cluster.max()) + 1
    curves = np.empty((_RESAMPLES, len(grid)))
    for at in range(_RESAMPLES):
        weight = rng.poisson(1.0, n_leads).astype(np.float64)[cluster]
        total = np.bincount(group, weight, minlength=len(middle)).astype(np.float64)
        successes = np.bincount(group, weight * happened, minlength=len(middle))
        drawn = total > 0
        fitted = _isotonic(successes[drawn] / total[drawn], total[drawn])
        curves[at] = np.interp(grid, middle[drawn], fitted)
    tail = (1.0 - LEVEL) / 2
    low, high = np.quantile(curves, [tail, 1.0 - tail], axis=0)
    return low, high
