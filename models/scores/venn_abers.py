"""The interval around a calibrated probability.

It is the Venn-ABERS pair (Vovk, Petej, Fedorova 2015: isotonic regression with the lead added once
as a failure and once as a success) over resampled leads, because the pair alone says nothing of how
few leads there were: from the low quantile of the first to the high one of the second. Leads are
resampled by weights of the exponential distribution (Rubin 1981), the added one among them; where a
score had `n` leads and `s` successes, each with as many points, and no other score is near, the
quantiles are those of Beta(s, n - s + 1) and Beta(s + 1, n - s), which is Clopper and Pearson's
interval (1934). After 0 of n the upper end is about 3/n, however many points each has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from features.arrays import Floats, Ints

__all__ = ["LEVEL", "Unseen", "interval_curve"]

LEVEL: Final = 0.9
"""The level of the intervals."""
_GROUPS: Final = 1000
_GRID: Final = 128
_ROUNDING: Final = 1e-12
"""Chances that differ by less, as a part of themselves, are one chance: a quantile that meets a
chance comes out beside it, and must not stand above those that have it."""
_DRAWINGS: Final = 200


@dataclass(frozen=True, eq=False, slots=True)
class Unseen:
    """Points of leads that the margins' models have not seen, all of shape (n,)."""

    position: Ints
    margin: Floats
    happened: Floats
    lead: Ints
    weight: Floats


def interval_curve(
    probability: Floats, points: Unseen, seed: int, drawings: int = _DRAWINGS
) -> tuple[Floats, Floats, Floats]:
    """A grid of probabilities, and the ends of the intervals over it, all of shape (n_grid,).

    Both ends rise, and hold the probability itself, which may differ from what came of leads by
    more than chance.

    Parameters
    ----------
    probability : shape (n,), what is said of each of the points.
    seed : of the weights that leads are resampled by.
    drawings : how often they are.
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
