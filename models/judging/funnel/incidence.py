"""The share that goes on within a horizon, where not everybody was followed to its end.

Whoever still has time is counted for as long as it was followed (Kaplan and Meier 1958). Whoever is
lost or has left did not go on, and stays in the count until its own time is over, which is known
(Fine and Gray 1999, with complete censoring): otherwise the share would be that of a world in which
nobody is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from features.arrays import Bools, Floats, Ints
from models.judging.intervals import wilson

__all__ = ["Incidence", "Waited", "incidence", "quantiles"]


@dataclass(frozen=True, eq=False, slots=True)
class Waited:
    """How long each was followed, and whether it went on; every array has shape (n,).

    Parameters
    ----------
    took : until it went on, or for how long it was followed without that; in any unit, 0 at least.
    advanced : whether it went on.
    is_mature : whether it was followed to the end of the horizon, or would have been.
    group : which group each is of, as 0, 1, 2, ...
    lead : whose each is; several of one lead are not independent.
    """

    took: Ints
    advanced: Bools
    is_mature: Bools
    group: Ints
    lead: Ints


@dataclass(frozen=True, eq=False, slots=True)
class Incidence:
    """The share that goes on, of each group; every array has shape (n_groups,).

    Parameters
    ----------
    value : NaN where nobody was followed to the end of the horizon, or nobody of those who have not
        gone on, while some still wait.
    low, high : its 95 % interval; where there is no value, what is known by now bounds it below.
    effective : how many leads, all followed to the end, would tell as much, above all of how high
        it may be.
    """

    value: Floats
    low: Floats
    high: Floats
    effective: Floats


def incidence(waited: Waited, groups: int) -> Incidence:
    """The share of each group that goes on within its horizon.

    The interval is Wilson's with as many leads as tell as much (Fay, Brittain and Proschan 2013):
    of the days that few were followed in, few tell. Where all were followed to the end, that is
    Wilson's interval of their share.
    """
    order = np.lexsort((~waited.advanced, waited.took, waited.group))
    group, went = waited.group[order], waited.advanced[order]
    size = np.bincount(group, minlength=groups)
    at_risk = np.cumsum(size)[group] - np.arange(len(group))
    risk, of = at_risk[went].astype(np.float64), group[went]
    with np.errstate(divide="ignore"):
        fall = np.bincount(of, np.log1p(-1.0 / risk), groups)
    share = 0.0 - np.expm1(fall)  # where nobody went on 0.0, and not -0.0
    is_known = _reach_the_end(waited, groups)
    stayed = np.bincount(waited.group, waited.is_mature & ~waited.advanced, groups)
    # Who stayed is as one more who might go on at the end: none of them is known to stay for ever.
    last = np.maximum(stayed, 1).astype(np.float64)
    told = _Told.of(risk, of, groups)
    lower, lower_n = _as_if(told, went_on=0.0)
    upper, upper_n = _as_if(told.with_one_more(last), went_on=1.0)
    each, has_any = _leads_each(waited, groups, size), share > 0.0
    low, _ = wilson(lower * lower_n * each, lower_n * each)
    _, high = wilson(upper * upper_n * each, upper_n * each)
    some = np.where(has_any, lower_n, 0.0)
    return Incidence(
        value=np.where(is_known, share, np.nan),
        low=np.where(has_any, np.minimum(low, share), 0.0),
        high=np.where(is_known & (stayed > 0), np.maximum(high, share), 1.0),
        effective=np.minimum(np.where(stayed > 0, upper_n, some), size) * each,
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Told:
    """What is believed of the share that stays: a product of one factor for each who went on.

    Of n who might have gone on when one did, the share that stayed then is as the largest of n
    numbers between 0 and 1, drawn by chance. Every array has shape (n_groups,).

    Parameters
    ----------
    log_mean : the logarithm of its mean.
    log_spread : that of its mean square, over the square of the mean.
    """

    log_mean: Floats
    log_spread: Floats

    @classmethod
    def of(cls, risk: Floats, group: Ints, groups: int) -> Self:
        """By how many might have gone on whenever somebody did."""
        mean: Floats = np.bincount(group, np.log1p(1.0 / risk), groups).astype(np.float64)
        spread = np.bincount(group, np.log1p(1.0 / (risk * (risk + 2.0))), groups)
        return cls(-mean, spread.astype(np.float64))

    def with_one_more(self, risk: Floats) -> Self:
        """With another who went on, of so many; shape (n_groups,)."""
        return replace(
            self,
            log_mean=self.log_mean - np.log1p(1.0 / risk),
            log_spread=self.log_spread + np.log1p(1.0 / (risk * (risk + 2.0))),
        )


def _as_if(told: _Told, went_on: float) -> tuple[Floats, Floats]:
    """What share of how many leads, all followed to the end, tells as much: shapes (n_groups,).

    A beta distribution has the same mean and spread. After d of n that is (n - d + 1, d), and with
    one more who went on (n - d, d + 1).

    Parameters
    ----------
    went_on : how many of those who are told of did so as if.
    """
    gone = -np.expm1(told.log_mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = gone / (np.exp(told.log_mean) * np.expm1(told.log_spread)) - 1.0
        count = total - 1.0
        return np.clip((gone * total - went_on) / count, 0.0, 1.0), count


def _reach_the_end(waited: Waited, groups: int) -> Bools:
    """Shape (n_groups,): whether the share is known up to the end of the horizon.

    Somebody has to have been followed to it. While others still wait that is somebody who has not
    gone on: of the days that nobody was left in, those who went on early say nothing.
    """
    waits = ~waited.advanced
    over = np.bincount(waited.group, waited.is_mature, groups) > 0
    stayed = np.bincount(waited.group, waited.is_mature & waits, groups) > 0
    is_open = np.bincount(waited.group, ~waited.is_mature & waits, groups) > 0
    known: Bools = over & (stayed | ~is_open)
    return known


def _leads_each(waited: Waited, groups: int, size: Ints) -> Floats:
    """Shape (n_groups,): leads for each of what they have; what a lead has counts as one."""
    if (np.diff(waited.lead) > 0).all():
        return np.ones(groups)  # in order, each once
    pairs = np.unique(waited.group * (int(waited.lead.max(initial=0)) + 1) + waited.lead)
    leads = np.bincount(pairs // (int(waited.lead.max(initial=0)) + 1), minlength=groups)
    each: Floats = leads / np.maximum(size, 1)
    return each


def quantiles(waited: Waited, shares: tuple[float, ...]) -> list[float | None]:
    """After how long some shares of those who go on within the horizon have done so.

    Of one group. None where nobody has gone on.
    """
    if not waited.advanced.any():
        return [None] * len(shares)
    order = np.lexsort((~waited.advanced, waited.took))
    took, went = waited.took[order], waited.advanced[order]
    risk = np.arange(len(took), 0, -1)[went]
    with np.errstate(divide="ignore"):
        gone = -np.expm1(np.cumsum(np.log1p(-1.0 / risk)))
    reached = np.searchsorted(gone, np.array(shares) * gone[-1] * (1.0 - 1e-12))
    return [float(took[went][at]) for at in reached.tolist()]
