"""The slow obvious version of `models.judging.sequences`: capitals as plain loops, on lists.

Written from what the bets are said to be. It follows one candidate at a time and looks for no
bound, so that it can be wrong in other ways only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as List
from dataclasses import dataclass

__all__ = ["Bout", "effect_bouts", "log_capitals", "ratio_bouts"]

BETS = [0.00125, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64]
SHARES = [one / 52 for one in (1, 1, 2, 4, 9, 12, 12, 7, 3, 1)]


@dataclass(frozen=True, slots=True)
class Bout:
    """One lead as the bettors see it: `gained - m * per` has a mean of 0 at the true m."""

    gained: float
    per: float
    scale: float
    loss: float
    win: float


def log_capitals(bouts: List[Bout], m: float, *, above: bool) -> list[float]:
    """After each lead: the logarithm of all capital that is bet on a mean above (or below) m."""
    held = [math.log(share) for share in SHARES]
    told = []
    for one in bouts:
        sign, most = (1.0, one.loss) if above else (-1.0, one.win)
        edge = sign * (one.gained - m * one.per)
        for at, bet in enumerate(BETS):
            stake = min(bet / one.scale, 0.75 / most)
            held[at] += math.log(1.0 + stake * edge)
        top = max(held)
        told.append(top + math.log(sum(math.exp(one - top) for one in held)))
    return told


def effect_bouts(treated: List[bool], share: List[float], outcome: List[float]) -> list[Bout]:
    """The scores of an effect, with the mean of earlier outcomes expected."""
    bouts, total, apart = [], 0.5, 0.25
    for at, (arm, p, y) in enumerate(zip(treated, share, outcome, strict=True)):
        mean, variance = total / (at + 1), apart / (at + 1)
        score = (y - mean) / p if arm else -(y - mean) / (1 - p)
        could = [(0 - mean) / p, (1 - mean) / p, mean / (1 - p), (mean - 1) / (1 - p)]
        scale = math.sqrt(variance / (p * (1 - p)))
        bouts.append(Bout(score, 1.0, scale, 1.0 - min(could), max(could) + 1.0))
        total += y
        apart += (y - mean) ** 2
    return bouts


def ratio_bouts(treated: List[bool], share: List[float], outcome: List[float]) -> list[Bout]:
    """The first arm's part of all that came."""
    bouts, total = [], 0.5
    for at, (arm, p, y) in enumerate(zip(treated, share, outcome, strict=True)):
        came = y / p if arm else y / (1 - p)
        scale = 0.5 * math.sqrt(total / (at + 1) / (p * (1 - p)))
        bouts.append(Bout(came if arm else 0.0, came, scale, 1 / (1 - p), 1 / p))
        total += y * y
    return bouts
