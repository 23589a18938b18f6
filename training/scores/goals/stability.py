"""How far the values of a signal have moved, and what of it chance explains.

That is the population stability index of its values, those of then against those of now (Siddiqi,
Credit Risk Scorecards, 2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from scipy.stats import f

from features.arrays import Floats, Ints
from training.decision_points import Points

__all__ = ["SignalValues", "Stability", "latest"]

_LATEST: Final = 0.75
_RANGES: Final = 10
_CORRECTION: Final = 0.5
"""Points added to each range, so that an empty one does not make the index infinite."""
_WORTH_TELLING: Final = 0.2
"""The index from which the usual rule would have a model looked at."""
_FEWEST_LEADS: Final = 10
"""Of fewer leads nobody can say how much their shares vary."""


def latest(points: Points) -> Points:
    """The latest quarter of some points, which stands for training, as in the calibration.

    While a log is young, all that counts days or events grows by itself.
    """
    if not len(points):
        return points
    return points.rows(points.as_of >= np.quantile(points.as_of, _LATEST))


class SignalValues(NamedTuple):
    """A signal at some points, each of a lead; shape (n,) both."""

    values: Floats
    lead: Ints


@dataclass(frozen=True, slots=True)
class Stability:
    """How far a signal has moved.

    Parameters
    ----------
    index : the population stability index.
    by_chance : what it would be on average had nothing changed.
    ranges, leads : of how many ranges, and of how many leads on the side that has fewer.
    """

    index: float
    by_chance: float
    ranges: int
    leads: int

    @classmethod
    def of(cls, then: SignalValues, now: SignalValues, *, is_category: bool) -> Stability | None:
        """Of a signal then and now; None where there was no point then.

        A number's ranges are tenths of what it was, a category's its codes; the absent are one.
        """
        if not len(then.values):
            return None
        held = then.values[~np.isnan(then.values)]
        if is_category:
            borders = np.unique(np.concatenate([held, now.values[~np.isnan(now.values)]]))[1:]
        else:
            tenths = np.arange(1, _RANGES) / _RANGES
            borders = np.unique(np.quantile(held, tenths)) if len(held) else held
        sides = [_ByLead.of(side, borders) for side in (then, now)]
        some = np.any([side.held > 0 for side in sides], axis=0)
        share = np.array([side.held[some] + _CORRECTION for side in sides])
        share /= share.sum(axis=1, keepdims=True)
        index = ((share[1] - share[0]) * np.log(share[1] / share[0])).sum()
        variance = sum(side.variance[some] for side in sides)
        by_chance = float((variance / share.mean(axis=0)).sum())
        return cls(float(index), by_chance, int(some.sum()), min(side.leads for side in sides))

    def has_moved(self, level: float) -> bool:
        """Whether it is worth telling, and more than chance explains with a probability."""
        return self.index > max(_WORTH_TELLING, self.most(level))

    def most(self, level: float) -> float:
        """What chance alone stays below with a probability of `level`.

        The index is nearly a sum of squares of shares' differences over the shares, which here
        vary by leads and not by points: Rao and Scott's correction, with as many degrees of freedom
        as leads (Annals of Statistics 15, 1987).
        """
        if self.leads < _FEWEST_LEADS:
            return np.inf
        return self.by_chance * float(f.ppf(level, max(1, self.ranges - 1), self.leads - 1))


class _ByLead(NamedTuple):
    """How many points lie in each range, and the variance of the share of each; of some leads."""

    held: Floats
    variance: Floats
    leads: int

    @classmethod
    def of(cls, column: SignalValues, borders: Floats) -> _ByLead:
        """A range goes from its border up to the next one; the absent come last."""
        ranges = len(borders) + 2
        place = np.searchsorted(borders, column.values, side="right")
        place[np.isnan(column.values)] = ranges - 1
        lead = np.unique(column.lead, return_inverse=True)[1]
        of_lead = np.bincount(lead).astype(np.float64)
        # A category may have a thousand codes: a table of all leads by them would be mostly zeros.
        pairs, counts = np.unique(lead * ranges + place, return_counts=True)
        times = counts.astype(np.float64)
        whose, where = pairs // ranges, pairs % ranges
        held = np.bincount(where, times, minlength=ranges).astype(np.float64)
        share = held / held.sum()
        # The squares of what each lead has beyond its share, summed over all leads.
        beyond = (
            np.bincount(where, times**2, minlength=ranges)
            - 2.0 * share * np.bincount(where, times * of_lead[whose], minlength=ranges)
            + share**2 * (of_lead**2).sum()
        )
        leads = len(of_lead)
        variance = np.maximum(0.0, beyond) / held.sum() ** 2 * leads / max(1, leads - 1)
        return cls(held, variance, leads)
