"""From a margin to a probability that means what it says, and an interval for it.

The log-odds of a lead at position k with margin m are

    (1 - w_k) logit(rate_k) + w_k (slope * m + intercept_k)

between the rate of its step and what the margin says, with an intercept a step that is drawn to a
common one where a step has few leads. The weight w_k slides to 0 as the evidence thins out: it is
n_k / (n_k + 5), n_k being the leads seen at the step, times the firm shrinkage of the slope (Gao
and Bruce 1997), which is 0 up to 2.5 of the slope's standard errors, counted by leads, and 1 from
5. Not less, because the rounds of the boosting were chosen on the same held-out folds: on data with
nothing to learn, the slope strays further than one standard error.

The interval is the Venn-ABERS pair (Vovk, Petej, Fedorova 2015: isotonic regression with the lead
added once as a failure and once as a success) over resampled leads, because the pair alone says
nothing of how few leads there were: from the low quantile of the first to the high one of the
second. Leads are resampled by weights of the exponential distribution (Rubin 1981), the added one
among them; where a score had `n` leads and `s` successes, each with as many points, and no other
score is near, the quantiles are those of Beta(s, n - s + 1) and Beta(s + 1, n - s), which is
Clopper and Pearson's interval (1934). After 0 of n the upper end is about 3/n, however many points
each has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numba
import numpy as np
from scipy.special import expit, logit

from features.arrays import Floats, Ints
from models.scores.step_rates import StepRates

__all__ = [
    "LEVEL",
    "WORTH",
    "Basis",
    "Calibrator",
    "Unseen",
    "calibrate",
    "leads_to_learn",
    "uncalibrated",
]


LEVEL: Final = 0.9
"""The level of the intervals."""
_GROUPS: Final = 1000
_GRID: Final = 128
_ROUNDING: Final = 1e-12
"""Chances that differ by less, as a part of themselves, are one chance: a quantile that meets a
chance comes out beside it, and must not stand above those that have it."""
_DRAWINGS: Final = 200
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


@dataclass(frozen=True, eq=False, slots=True)
class Unseen:
    """Points of leads that the margins' models have not seen, all of shape (n,)."""

    position: Ints
    margin: Floats
    happened: Floats
    lead: Ints
    weight: Floats


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
    grid, low, high = _interval_curve(probability, points, seed)
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


def _interval_curve(
    probability: Floats, points: Unseen, seed: int, drawings: int = _DRAWINGS
) -> tuple[Floats, Floats, Floats]:
    """Low and high over a grid of probabilities, both rising.

    They hold the probability itself, which may differ from what came of leads by more than chance.
    """
    group = _groups(probability)
    counts = np.bincount(group, points.weight).astype(np.float64)
    middle = np.bincount(group, probability * points.weight) / counts
    grid = _distinct(np.unique(np.quantile(probability, np.linspace(0, 1, _GRID))))
    rng = np.random.default_rng(seed)
    _, cluster = np.unique(points.lead, return_inverse=True)
    n_leads = int(cluster.max()) + 1
    of_lead = _weight_of_a_lead(group, cluster, points)
    pairs = np.empty((drawings, 2, len(grid)))
    for at in range(drawings):
        drawn = rng.exponential(size=n_leads + 1)
        weight = drawn[cluster] * points.weight
        sizes = np.bincount(group, weight).astype(np.float64)
        rates = np.bincount(group, weight * points.happened) / sizes
        pairs[at] = _venn_abers(middle, rates, sizes, grid, drawn[-1] * of_lead)
    tail = (1.0 - LEVEL) / 2
    low, high = np.quantile(pairs[:, 0], tail, axis=0), np.quantile(pairs[:, 1], 1 - tail, axis=0)
    low = np.minimum.accumulate(low[::-1])[::-1]  # the weight that is added may let one fall
    high = np.maximum.accumulate(high)
    return grid, np.minimum(low, grid), np.maximum(high, grid)


def _weight_of_a_lead(group: Ints, cluster: Ints, points: Unseen) -> Floats:
    """Shape (n_groups,): what a lead's points weigh among those that are pooled with a group.

    Not all of a lead's points: those that it has at other scores tell nothing of this one. Of
    leads with unequal numbers it is the root mean square, as what they leave open grows with the
    squares: with the mean, ends miss where one lead has many of the points.
    """
    from scipy.optimize import isotonic_regression  # fitting alone needs it

    counts = np.bincount(group, points.weight).astype(np.float64)
    rates = np.bincount(group, points.happened * points.weight) / counts
    starts = isotonic_regression(rates, weights=counts).blocks[:-1]
    block_of_group = np.searchsorted(starts, np.arange(len(counts)), side="right") - 1
    n_leads = int(cluster.max()) + 1
    there, of_point = np.unique(block_of_group[group] * n_leads + cluster, return_inverse=True)
    square = np.bincount(of_point, points.weight) ** 2
    block = there // n_leads
    weight_of_block: Floats = np.sqrt(np.bincount(block, square) / np.bincount(block))
    return weight_of_block[block_of_group]


def _groups(probability: Floats) -> Ints:
    """Points of like probability by the number of their group, about _GROUPS of them.

    Those with one probability are in one group: in what order they stand says nothing.
    """
    order = np.argsort(probability, kind="stable")
    rising = probability[order]
    is_first = np.diff(rising, prepend=-1.0) > _ROUNDING * rising
    place_of_first = np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))
    size = -(-len(order) // _GROUPS)
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.unique(place_of_first // size, return_inverse=True)[1]
    return group


def _distinct(rising: Floats) -> Floats:
    """Without those that only rounding makes larger than the one before."""
    return rising[np.diff(rising, prepend=-1.0) > _ROUNDING * rising]


def _venn_abers(
    middle: Floats, rates: Floats, sizes: Floats, grid: Floats, of_lead: Floats
) -> Floats:
    """Shape (2, n_grid): the isotonic value at each grid point of a lead that is added there.

    Once as a failure, and once as a success.

    Parameters
    ----------
    middle, rates, sizes : shape (n_groups,), the score of each group, its rate and its weight.
    grid : shape (n_grid,), the scores at which a lead is added.
    of_lead : shape (n_groups,), the weight of one that is added at each group; between two groups
        a failure has that of the lower one and a success that of the higher: they are pooled first.
    """
    # Beside those that have its score, on the side on which it is pooled with them.
    after = np.searchsorted(middle, grid * (1.0 + _ROUNDING), side="right")
    before = np.searchsorted(middle, grid * (1.0 - _ROUNDING))
    failure, success = of_lead[(after - 1).clip(min=0)], of_lead[before.clip(max=len(middle) - 1)]
    return np.stack(
        [
            _pooled(rates, sizes, after, 0.0, failure),
            _pooled(rates, sizes, before, 1.0, success),
        ]
    )


@numba.njit(cache=True, nogil=True)
def _pooled(rates: Floats, sizes: Floats, places: Ints, outcome: float, added: Floats) -> Floats:
    """The isotonic value of an outcome that is added at each of the places, by itself.

    Neighbours that fall are pooled until none do (Ayer et al. 1955). In which order makes no
    difference, so all before a place and all after it are pooled once, and what is added last: it
    is done 50,000 times for a curve. What a package makes of the same rows is in the tests.
    """
    level, weight, start = _last_blocks(rates, sizes)
    fall, mass, length = _last_blocks(-rates[::-1], sizes[::-1])
    found = np.empty(len(places))
    for number, place in enumerate(places):
        before, after = place, len(rates) - place
        own, own_weight = outcome, added[number]
        while True:
            if before > 0 and level[before] >= own:
                value, other, before = level[before], weight[before], start[before]
            elif after > 0 and -fall[after] <= own:
                value, other, after = -fall[after], mass[after], length[after]
            else:
                break
            own_weight += other
            own += (value - own) * other / own_weight
        found[number] = own
    return found


@numba.njit(cache=True, nogil=True)
def _last_blocks(rates: Floats, sizes: Floats) -> tuple[Floats, Floats, Ints]:
    """Of the first n rows, for each n, the last block: its rate, its weight, the rows before it."""
    level, weight = np.empty(len(rates) + 1), np.empty(len(rates) + 1)
    start = np.zeros(len(rates) + 1, np.int64)
    for first in range(len(rates)):
        own, own_weight, before = rates[first], sizes[first], first
        while before > 0 and level[before] >= own:
            own_weight += weight[before]
            own += (level[before] - own) * weight[before] / own_weight
            before = start[before]
        level[first + 1], weight[first + 1], start[first + 1] = own, own_weight, before
    return level, weight, start
