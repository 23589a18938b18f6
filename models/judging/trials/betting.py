"""Bets against each candidate for a mean: what a confidence sequence is made of.

Somebody bets that the mean is above a candidate. If it is the true one, no bet wins in expectation;
what was beaten once is out for good (see `models.judging.trials.sequences`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from features.arrays import Floats

__all__ = ["Ends", "nodes", "shares_of_ratio", "watched"]

_BETS: Final = 0.00125 * 2.0 ** np.arange(10)
"""What is staked, in standard deviations: an effect of d of these is found soonest with d staked.

From 0.001 (which takes a million leads to see) to 0.6, each at most sqrt(2) from the next."""
_SHARES: Final = np.array([1, 1, 2, 4, 9, 12, 12, 7, 3, 1]) / 52.0
"""How the capital is shared among the bettors: most to effects that 100 to 10,000 leads show."""
_MOST: Final = 0.75
"""The part of the capital that a single lead can cost, at most."""
_NODES: Final = 24
_ROUNDS: Final = 20
_BANK: Final = 32
"""Leads after which a common factor is taken out: one lead's of up to 1e9 does not overflow."""
_NOTHING: Final = -1e4
_MOST_RISK: Final = 200.0


@dataclass(frozen=True, eq=False, slots=True)
class Ends:
    """One side of the interval.

    Parameters
    ----------
    loss : shape (n,), what a stake of 1 can cost at most, wherever the mean is.
    node : shape (m,), ascending: candidates at which the capital is followed.
    """

    loss: Floats
    node: Floats


def nodes(lowest: float, highest: float) -> Floats:
    """Candidates from one end to the other, the closer the nearer to 0."""
    apart = np.geomspace(1e-3, 1.0, _NODES)
    below = -apart[::-1] * -lowest if lowest < 0.0 else np.empty(0)
    above = apart * highest if highest > 0.0 else np.empty(0)
    return np.concatenate([below, [0.0], above])


def shares_of_ratio() -> Floats:
    """What share of all that comes is the first arm's, at ratios evenly spread in logarithms."""
    ratio = np.exp(np.linspace(-np.log(_MOST_RISK), np.log(_MOST_RISK), 2 * _NODES + 1))
    share = ratio / (1.0 + ratio)
    share[_NODES] = 0.5
    return np.concatenate([[0.0], share, [1.0]])


def watched(
    gained: Floats,
    per: Floats,
    scale: Floats,
    ends: tuple[Ends, Ends],
    *,
    null: float,
    level: float,
) -> tuple[Floats, Floats, Floats]:
    """Low, high and evidence where `gained - m * per` has a mean of 0 at the true m.

    Parameters
    ----------
    gained, per, scale : shape (n,), in the order in which they are looked at; `scale` is the
        standard deviation of a gain as it was believed before.
    ends : of the lower end, and of the upper one, whose candidates are those of -m.
    null : the candidate whose evidence is told; it is a node of both ends.
    level : of both ends together, for all looks.

    Returns
    -------
    low, high, evidence : shape (n,); see `models.judging.trials.sequences.Sequence`.
    """
    needed = np.log(2.0 / (1.0 - level))  # each side has half of what may go wrong
    bounds, capitals = [], []
    for sign, end in zip((1.0, -1.0), ends, strict=True):
        stake = np.minimum(_BETS / scale[:, None], _MOST / end.loss[:, None])
        at = int(np.flatnonzero(end.node == sign * null)[0])
        bound, capital = np.empty(len(gained)), np.empty(len(gained))
        _bet(sign * gained, per, stake, end.node, at, _SHARES, needed, (bound, capital))
        bounds.append(bound)
        capitals.append(capital)
    low, high = _apart(bounds[0], -bounds[1])
    return low, high, np.logaddexp(*capitals) - np.log(2.0)


def _apart(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The bounds until they would cross; from there on, as they were."""
    crossed = low > high
    if not crossed.any():
        return low, high
    last = max(int(crossed.argmax()) - 1, 0)
    low, high = low.copy(), high.copy()
    low[last:], high[last:] = low[last], high[last]
    return low, high


@numba.njit(cache=True, nogil=True)
def _bet(
    gained: Floats,
    per: Floats,
    stake: Floats,
    node: Floats,
    null: int,
    share: Floats,
    needed: float,
    out: tuple[Floats, Floats],
) -> None:
    """Bet that the mean is above each candidate; fill the bound, and the capital at the null.

    Capital at a candidate m is a mixture of products of 1 + stake (gained - m per). Of each bettor
    it is log-concave in m, so that between two candidates it is at least the straight line through
    the logarithms: the bound found so is never too high.
    """
    bound, capital = out
    held = np.empty((len(share), len(node)))  # of each bettor, over the exponential of banked
    for bettor in range(len(share)):
        held[bettor] = share[bettor]
    banked = np.zeros(len(node))
    lowest, at = node[0], 0
    for row in range(len(gained)):
        _settle(held, gained[row] - node * per[row], stake[row])
        if row % _BANK == _BANK - 1:
            _take_out(held, banked)
        capital[row] = _total(held, banked, null)
        while at < len(node) - 1 and _total(held, banked, at + 1) >= needed:
            at += 1
            lowest = max(lowest, node[at])
        # Between two candidates that are not out, nothing is.
        if at < len(node) - 1 and _total(held, banked, at) >= needed:
            left = _logs(banked[at], held[:, at])
            right = _logs(banked[at + 1], held[:, at + 1])
            lowest = _crossing(left, right, node[at], node[at + 1], lowest, needed)
        bound[row] = lowest


@numba.njit(cache=True, nogil=True)
def _settle(held: Floats, edge: Floats, stake: Floats) -> None:
    """What each bettor has after a lead that brought so much at each candidate."""
    for bettor in range(len(stake)):
        for candidate in range(len(edge)):
            held[bettor, candidate] *= 1.0 + stake[bettor] * edge[candidate]


@numba.njit(cache=True, nogil=True)
def _take_out(held: Floats, banked: Floats) -> None:
    """Make the richest bettor's part 1 at each candidate, and keep what it was divided by."""
    for candidate in range(len(banked)):
        most = held[:, candidate].max()
        held[:, candidate] /= most
        banked[candidate] += np.log(most)


@numba.njit(cache=True, nogil=True)
def _total(held: Floats, banked: Floats, candidate: int) -> float:
    """The logarithm of all capital at a candidate."""
    return float(banked[candidate] + np.log(held[:, candidate].sum()))


@numba.njit(cache=True, nogil=True)
def _logs(banked: float, held: Floats) -> Floats:
    """The logarithm of what each bettor holds; who has next to nothing is left out."""
    logs = np.full(len(held), _NOTHING)
    for bettor in range(len(held)):
        if held[bettor] > 0.0:
            logs[bettor] = banked + np.log(held[bettor])
    return logs


@numba.njit(cache=True, nogil=True)
def _crossing(
    left: Floats, right: Floats, begin: float, end: float, lowest: float, needed: float
) -> float:
    """How far right of `lowest`, which is out, the capital is `needed` still."""
    slope = (right - left) / (end - begin)
    if _on_line(left, slope, lowest - begin) < needed:
        return lowest
    beyond = end
    for _ in range(_ROUNDS):
        middle = 0.5 * (lowest + beyond)
        if _on_line(left, slope, middle - begin) < needed:
            beyond = middle
        else:
            lowest = middle
    return lowest


@numba.njit(cache=True, nogil=True)
def _on_line(left: Floats, slope: Floats, along: float) -> float:
    """The logarithm of all capital, where each bettor's logarithm is a straight line."""
    most = -np.inf
    for bettor in range(len(left)):
        most = max(most, left[bettor] + slope[bettor] * along)
    total = 0.0
    for bettor in range(len(left)):
        total += np.exp(left[bettor] + slope[bettor] * along - most)
    return float(most + np.log(total))
