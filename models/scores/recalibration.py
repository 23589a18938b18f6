"""Probabilities that follow the outcomes: two numbers a goal that move as outcomes become known.

The log-odds z of a bundle become z + a + b (z - c), with c what is typical of the bundle. Three
estimates of (a, b) run side by side, each of which forgets outcomes by its own half-life; beside
them stands "no change". Each estimate is the discounted maximum of the penalised likelihood, by one
Newton step an outcome (online Platt scaling; Gupta and Ramdas, ICML 2023). What serves is their
mean by weights that follow how well each predicted lately (Herbster and Warmuth 1998); "no change"
has most of them to begin with, so that nothing moves where nothing drifts.

An outcome is known long after its score was served, and what was believed then had not seen the
outcomes between. So a second weight asks whether that, all of it, would have done better than no
change, and takes all back where it would not: a world that swings with the delay is not chased.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from features.arrays import Floats, Ints

__all__ = ["Arrivals", "Move", "Moves", "follow"]

_HALF_LIVES: Final = np.array([150.0, 600.0, 2500.0])
"""Of what the estimates remember, in outcomes."""
_PRECISION: Final = np.array([4.0, 25.0])
"""Of the belief that (a, b) is (0, 0): standard deviations of 0.5 and 0.2 in log-odds."""
_UNMOVED: Final = 0.9
"""The weight of "no change" before the first outcome."""
_SHARED: Final = 0.001
"""What is shared out anew of the weights with each outcome, so that none is lost for good."""
_TRUST: Final = np.array([0.9, 0.1])
"""The weights of what is believed and of no change before the first outcome."""
_TRUST_SHARED: Final = 0.0001
"""The same of these two weights: what trust can be won or lost is worth some ten nats."""
_FARTHEST: Final = 3.0
"""How far a log-odds moves at most: twenty times the odds. Beyond that a model is to be trained."""
_MOST_TURNED: Final = 0.9
"""How far a slope moves at most from 1: it stays above 0, whoever was likelier stays likelier."""
_SUREST: Final = 1e-12


@dataclass(frozen=True, eq=False, slots=True)
class Arrivals:
    """Outcomes of one goal in the order in which they became known; every array has shape (n,).

    Parameters
    ----------
    log_odds : what the bundle said, before any recalibration.
    happened : 1.0 or 0.0.
    weight : what each counts; points of one lead are no independent evidence.
    as_of, known_at : when it was said, and when its outcome is known; `known_at` never falls.
    """

    log_odds: Floats
    happened: Floats
    weight: Floats
    as_of: Ints
    known_at: Ints


@dataclass(frozen=True, slots=True)
class Move:
    """Log-odds z become intercept + slope * z; `n` outcomes said so, the last of them known then.

    Parameters
    ----------
    known_at : microseconds since the epoch.
    """

    intercept: float = 0.0
    slope: float = 1.0
    n: int = 0
    known_at: int = 0

    def at(self, log_odds: float) -> float:
        """Where log-odds go."""
        return self.intercept + self.slope * log_odds


@dataclass(frozen=True, eq=False, slots=True)
class Moves:
    """What serves after each outcome: log-odds z become intercept + slope * z; shape (n,) each."""

    intercept: Floats
    slope: Floats
    known_at: Ints

    def kept(self, every: int) -> list[Move]:
        """The moves as they stand at the ends of whole periods in which an outcome became known.

        Parameters
        ----------
        every : the length of a period, in microseconds. A move is known at the end of its period.
        """
        period = -(-self.known_at // every)
        last = np.flatnonzero(np.append(period[1:] != period[:-1], True)[: len(period)])
        return [
            Move(float(self.intercept[at]), float(self.slope[at]), int(at) + 1, int(end))
            for at, end in zip(last.tolist(), (period[last] * every).tolist(), strict=True)
        ]


def follow(outcomes: Arrivals, typical: float) -> Moves:
    """The intercept and slope after each outcome.

    Parameters
    ----------
    typical : the log-odds that are typical of the bundle: a slope turns around them.
    """
    n = len(outcomes.happened)
    believed, moved = np.zeros((2, n)), np.zeros((2, n))
    if n:
        # What served at `as_of` had seen the outcomes that were known by then.
        seen = np.searchsorted(outcomes.known_at, outcomes.as_of, side="right") - 1
        distance, counts = outcomes.log_odds - typical, outcomes.weight
        _follow(outcomes.log_odds, distance, outcomes.happened, counts, seen, believed, moved)
    shift, turn = moved
    return Moves(shift - turn * typical, 1.0 + turn, outcomes.known_at)


@numba.njit(cache=True, nogil=True)
def _follow(
    log_odds: Floats,
    distance: Floats,
    happened: Floats,
    weight: Floats,
    seen: Ints,
    believed: Floats,
    moved: Floats,
) -> None:
    experts = len(_HALF_LIVES)
    theta = np.zeros((experts, 2))
    curve = np.zeros((experts, 3))  # of the penalised loss: (aa, ab, bb)
    curve[:, 0] = _PRECISION[0]
    curve[:, 2] = _PRECISION[1]
    share = np.full(experts + 1, (1.0 - _UNMOVED) / experts)
    share[experts] = _UNMOVED
    first = share.copy()
    trust = _TRUST.copy()
    loss = np.zeros(experts + 1)
    for at in range(len(happened)):
        z, x, y, counts = log_odds[at], distance[at], happened[at], weight[at]
        loss[experts] = counts * _loss(z, y)
        for one in range(experts):
            loss[one] = counts * _loss(z + theta[one, 0] + theta[one, 1] * x, y)
        _reweigh(share, loss, first, _SHARED)
        told = z
        if seen[at] >= 0:
            told += believed[0, seen[at]] + believed[1, seen[at]] * x
        both = np.array([counts * _loss(told, y), loss[experts]])
        _reweigh(trust, both, _TRUST, _TRUST_SHARED)
        for one in range(experts):
            kept = 2.0 ** (-counts / _HALF_LIVES[one])
            _step(theta[one], curve[one], z, x, y, counts, kept)
        for number in range(2):
            mean = 0.0
            for one in range(experts):
                mean += share[one] * theta[one, number]
            believed[number, at] = _within(mean, _FARTHEST if number == 0 else _MOST_TURNED)
            moved[number, at] = trust[0] * believed[number, at]


@numba.njit(cache=True, nogil=True)
def _within(value: float, most: float) -> float:
    return min(max(value, -most), most)


@numba.njit(cache=True, nogil=True)
def _loss(z: float, happened: float) -> float:
    surprise: float = np.log1p(np.exp(-abs(z))) + max(z, 0.0) - happened * z
    return surprise


@numba.njit(cache=True, nogil=True)
def _reweigh(share: Floats, loss: Floats, first: Floats, shared: float) -> None:
    """Weights by how well each predicted, with a little given back to what they were at first."""
    least = loss.min()
    total = 0.0
    for one in range(len(share)):
        share[one] *= np.exp(least - loss[one])
        total += share[one]
    for one in range(len(share)):
        share[one] = (1.0 - shared) * share[one] / total + shared * first[one]


@numba.njit(cache=True, nogil=True)
def _step(
    theta: Floats, curve: Floats, z: float, x: float, y: float, counts: float, kept: float
) -> None:
    """One Newton step on the discounted loss; what is forgotten gives way to no change."""
    p = 1.0 / (1.0 + np.exp(-(z + theta[0] + theta[1] * x)))
    spread = counts * max(p * (1.0 - p), _SUREST)
    curve[0] = kept * curve[0] + (1.0 - kept) * _PRECISION[0] + spread
    curve[1] = kept * curve[1] + spread * x
    curve[2] = kept * curve[2] + (1.0 - kept) * _PRECISION[1] + spread * x * x
    down_a = counts * (p - y) + (1.0 - kept) * _PRECISION[0] * theta[0]
    down_b = counts * (p - y) * x + (1.0 - kept) * _PRECISION[1] * theta[1]
    whole = curve[0] * curve[2] - curve[1] * curve[1]
    theta[0] -= (curve[2] * down_a - curve[1] * down_b) / whole
    theta[1] -= (curve[0] * down_b - curve[1] * down_a) / whole
