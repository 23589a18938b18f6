"""How good probabilities are: pure functions on arrays of one shape (n,).

`probability` lies in [0, 1], `happened` is 1.0 or 0.0, `lead` says which rows belong together;
`weight` is what each row counts, None where all count alike.
Where a figure does not exist (no rows, or outcomes of one kind only) it is None, never NaN. How
sure a figure is says `models.judging.intervals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Floats, Ints
from models.judging.intervals import LeadWeights, design_effect, wilson

__all__ = [
    "Bin",
    "Queue",
    "auc",
    "auc_draws",
    "average_precision",
    "brier",
    "cumulative_gain",
    "ece",
    "ece_by_chance",
    "equal_count_bins",
    "expected_auc",
    "expected_log_loss",
    "found",
    "lift",
    "log_loss",
    "log_loss_draws",
    "losses",
    "picked",
    "queue",
    "reliability",
]


_NEVER: Final = 1e-15
"""Log loss does not believe in more certainty than this."""
_DRAWS: Final = 200


def _counted(weight: Floats | None, rows: int) -> Floats:
    return np.ones(rows) if weight is None else weight


def auc(probability: Floats, happened: Floats, weight: Floats | None = None) -> float | None:
    """The chance that a row that happened is ranked above one that did not, ties counting half.

    In [0, 1], 0.5 is no ranking at all (Hanley and McNeil 1982). None with one kind of outcome.
    """
    counts = _counted(weight, len(happened))
    return _auc(_ranks(probability), counts * happened, counts * (1.0 - happened))


def _ranks(probability: Floats) -> Ints:
    """Shape (n,): dense ranks, equal values sharing one."""
    return np.unique(probability, return_inverse=True)[1]


def _auc(rank: Ints, reached: Floats, missed: Floats, oneself: float = 0.0) -> float | None:
    """The AUC of ranks, given each row's weight as a success and as a failure.

    Parameters
    ----------
    oneself : what pairs of a row with itself weigh, where rows are both; such are none.
    """
    up, down = np.bincount(rank, reached), np.bincount(rank, missed)
    pairs = up.sum() * down.sum() - oneself
    if pairs <= 0:
        return None
    below = np.cumsum(down) - down / 2
    return float(((up * below).sum() - oneself / 2) / pairs)


def expected_auc(probability: Floats, weight: Floats | None = None) -> float | None:
    """What `auc` comes to, before anything has, if as many happen as the probabilities say.

    Each pair of rows counts by the chance that the one happens and the other does not: nothing but
    the probabilities is asked ("confidence-based performance estimation" of NannyML). In [0, 1];
    None where no pair can have both.
    """
    counts = _counted(weight, len(probability))
    reached, missed = counts * probability, counts * (1.0 - probability)
    oneself = reached * missed
    return _auc(_ranks(probability), reached, missed, float(oneself.sum()))


def average_precision(
    probability: Floats, happened: Floats, weight: Floats | None = None
) -> float | None:
    """The precision at each success met from the top, averaged; equal ranks are met together.

    In [0, 1]; a ranking at random has the base rate (Manning et al. 2008, 8.4). None with one kind
    of outcome.
    """
    if _one_kind(happened):
        return None
    rank, counts = _ranks(-probability), _counted(weight, len(happened))
    up, every = np.bincount(rank, counts * happened), np.bincount(rank, counts)
    precision = np.cumsum(up) / np.maximum(np.cumsum(every), 1e-12)
    return float((up * precision).sum() / up.sum())


def _one_kind(happened: Floats) -> bool:
    return len(happened) == 0 or bool((happened == happened[0]).all())


def losses(probability: Floats, happened: Floats) -> Floats:
    """Shape (n,): minus the log of the probability given to what came, in nats, at least 0."""
    told = np.where(happened == 1, probability, 1.0 - probability)
    each: Floats = -np.log(np.maximum(told, _NEVER))
    return each


def log_loss(probability: Floats, happened: Floats, weight: Floats | None = None) -> float | None:
    """The mean surprise in nats, at least 0 (Good 1952); clipped at 1e-15. None without rows."""
    return _mean(losses(probability, happened), weight)


def expected_log_loss(probability: Floats, weight: Floats | None = None) -> float | None:
    """What `log_loss` comes to if as many happen as the probabilities say: their mean entropy."""
    hit, miss = (losses(probability, np.full(len(probability), came)) for came in (1.0, 0.0))
    return _mean(probability * hit + (1.0 - probability) * miss, weight)


def brier(probability: Floats, happened: Floats, weight: Floats | None = None) -> float | None:
    """The mean squared error, in [0, 1] (Brier 1950). None without rows."""
    return _mean((probability - happened) ** 2, weight)


def _mean(values: Floats, weight: Floats | None) -> float | None:
    return float(np.average(values, weights=weight)) if len(values) else None


def equal_count_bins(probability: Floats, bins: int = 10) -> Ints:
    """Shape (n,): a bin for each row, rising with the probability; equal probabilities share one.

    Bins hold as many rows as each other unless ties forbid it; there are at most `bins`.
    """
    _, inverse, counts = np.unique(probability, return_inverse=True, return_counts=True)
    middle_rank = np.cumsum(counts) - counts / 2
    place = np.floor(middle_rank / max(len(probability), 1) * bins)
    return np.unique(place, return_inverse=True)[1][inverse]


@dataclass(frozen=True, slots=True)
class Bin:
    """One line of the reliability table.

    Parameters
    ----------
    predicted, observed : the mean probability and the rate that came, in [0, 1].
    low, high : Wilson's 95 % interval of the observed rate.
    inside : whether `predicted` lies in it: chance explains the difference.
    """

    n: int
    predicted: float
    observed: float
    low: float
    high: float
    inside: bool


def reliability(
    probability: Floats,
    happened: Floats,
    lead: Ints | None = None,
    bins: int = 10,
    weight: Floats | None = None,
) -> tuple[Bin, ...]:
    """Equal-count bins from the lowest probability to the highest, ties kept together.

    With `lead`, Wilson's interval counts a bin's rows divided by the design effect: with five rows
    of each lead it would otherwise be too narrow by half.
    """
    group = equal_count_bins(probability, bins)
    counts = _counted(weight, len(happened))
    rows = np.arange(len(happened)) if lead is None else lead
    alike = lead is None and weight is None
    worth = 1.0 if alike else 1.0 / design_effect(happened, rows, group, weight)
    n, total = np.bincount(group).astype(np.float64), np.bincount(group, counts)
    predicted = np.bincount(group, counts * probability) / total
    observed = np.bincount(group, counts * happened) / total
    low, high = wilson(observed * n * worth, n * worth)
    inside = (low <= predicted) & (predicted <= high)
    columns = (
        part.tolist() for part in (np.bincount(group), predicted, observed, low, high, inside)
    )
    return tuple(Bin(*row) for row in zip(*columns, strict=True))


def ece(
    probability: Floats, happened: Floats, bins: int = 10, weight: Floats | None = None
) -> float | None:
    """The expected calibration error over equal-count bins, in [0, 1] (Naeini et al. 2015).

    Biased upwards: a perfectly calibrated model has `ece_by_chance`, not 0. None without rows.
    """
    if len(happened) == 0:
        return None
    counts = _counted(weight, len(happened))
    return _ece(equal_count_bins(probability, bins), happened - probability, counts)


def _ece(group: Ints, residual: Floats, counts: Floats) -> float:
    return float(np.abs(np.bincount(group, counts * residual)).sum() / counts.sum())


def ece_by_chance(
    probability: Floats, seed: int, *, bins: int = 10, effect: float = 1.0
) -> float | None:
    """The ECE that a perfectly calibrated model with these probabilities shows by chance.

    The mean over 200 draws of independent outcomes from the probabilities themselves. Outcomes of
    one lead are not independent; the draws ignore that, and `effect` (the design effect) makes up
    for it to first order: chance grows with its square root. None without rows.
    """
    if len(probability) == 0:
        return None
    rng = np.random.default_rng(seed)
    group, alike = equal_count_bins(probability, bins), np.ones(len(probability))
    draws = [
        _ece(group, (rng.random(len(probability)) < probability) - probability, alike)
        for _ in range(_DRAWS)
    ]
    return float(np.mean(draws) * np.sqrt(effect))


def _hits(probability: Floats, happened: Floats, picked: Floats, counts: Floats) -> Floats:
    """Expected successes among the first `picked` rows, equal ranks in random order."""
    rank = _ranks(-probability)
    rows = np.concatenate([[0.0], np.cumsum(np.bincount(rank, counts))])
    successes = np.concatenate([[0.0], np.cumsum(np.bincount(rank, counts * happened))])
    hits: Floats = np.interp(picked, rows, successes)
    return hits


def cumulative_gain(
    probability: Floats, happened: Floats, shares: Floats, weight: Floats | None = None
) -> Floats | None:
    """The share of all successes found in each top share of the ranking, both in [0, 1].

    Equal ranks count as in random order. None without a success.
    """
    if not happened.any():
        return None
    counts = _counted(weight, len(happened))
    hits = _hits(probability, happened, shares * counts.sum(), counts)
    curve: Floats = hits / (counts * happened).sum()
    return curve


def found(
    probability: Floats, happened: Floats, share: float, weight: Floats | None = None
) -> float | None:
    """The share of all successes that stands in the top `share` of the ranking, in [0, 1]."""
    curve = cumulative_gain(probability, happened, np.array([share]), weight)
    return None if curve is None else float(curve[0])


def lift(
    probability: Floats, happened: Floats, share: float, weight: Floats | None = None
) -> float | None:
    """The rate in the top `share` of the ranking over the rate of all, in [0, 1 / share]."""
    part = found(probability, happened, share, weight)
    return None if part is None else part / share


@dataclass(frozen=True, slots=True)
class Queue:
    """What working the top of the ranking at each instant comes to.

    Parameters
    ----------
    picked : rows worked, of `n`, over all instants.
    hits : expected successes among them, of `successes`.
    found : the share of all successes that was worked, in [0, 1]; None without a success.
    by_chance : the same in a random order, with as many worked at each instant: whoever works a
        number of rows works all of a small instant, however they are ranked.
    lift : how many times as much was found; None without a success.
    """

    instants: int
    n: int
    picked: int
    successes: int
    hits: float
    found: float | None
    by_chance: float | None
    lift: float | None


def queue(probability: Floats, happened: Floats, instant: Ints, capacity: float) -> Queue:
    """Work the best rows of each instant, and count what is found; every row is one.

    Parameters
    ----------
    instant : shape (n,), rows with the same number compete for the same capacity.
    capacity : below 1 a share of the rows of each instant (at least one), else a number of rows.
    """
    places, hits, by_chance = 0, 0.0, 0.0
    instants = np.unique(instant)
    for one in instants:
        here = instant == one
        size = int(here.sum())
        worked = _worked(size, capacity)
        places += worked
        picks, alike = np.array([float(worked)]), np.ones(size)
        hits += float(_hits(probability[here], happened[here], picks, alike)[0])
        by_chance += float(happened[here].sum()) * worked / size
    n, successes = len(happened), int(happened.sum())
    if not successes:
        return Queue(len(instants), n, places, successes, hits, None, None, None)
    part, even = hits / successes, by_chance / successes
    return Queue(len(instants), n, places, successes, hits, part, even, part / even)


def _worked(size: int, capacity: float) -> int:
    return max(1, round(capacity * size)) if capacity < 1 else min(round(capacity), size)


def picked(probability: Floats, instant: Ints, capacity: float) -> Floats:
    """Shape (n,), in [0, 1]: whether each row is among those that `queue` works.

    Rows that are level at the last place share what places are left.
    """
    found = np.zeros(len(probability))
    for one in np.unique(instant):
        here = np.flatnonzero(instant == one)
        told = probability[here]
        worked = _worked(len(here), capacity)
        last = np.sort(told)[len(here) - worked]
        above, level = told > last, told == last
        found[here[above]] = 1.0
        found[here[level]] = (worked - above.sum()) / level.sum()
    return found


def auc_draws(
    probability: Floats, happened: Floats, weights: LeadWeights, weight: Floats | None = None
) -> Floats:
    """Shape (n_draws,): the AUC of each resampling, NaN where it drew one kind of outcome."""
    rank, counts = _ranks(probability), _counted(weight, len(happened))
    values = np.full(len(weights.draws), np.nan)
    for at, draw in enumerate(weights.draws):
        drawn = counts * draw[weights.cluster]
        value = _auc(rank, drawn * happened, drawn * (1.0 - happened))
        values[at] = np.nan if value is None else value
    return values


def log_loss_draws(
    probability: Floats, happened: Floats, weights: LeadWeights, weight: Floats | None = None
) -> Floats:
    """Shape (n_draws,): the log loss of each resampling, NaN where it drew nothing."""
    counts = _counted(weight, len(happened))
    total = np.bincount(weights.cluster, counts * losses(probability, happened))
    rows = np.bincount(weights.cluster, counts)
    drawn = np.array([draw @ rows for draw in weights.draws])
    lost = np.array([draw @ total for draw in weights.draws])
    values: Floats = np.divide(lost, drawn, out=np.full(len(drawn), np.nan), where=drawn > 0)
    return values
