"""The slow obvious version of `models.judging.off_policy_sequence`: one decision at a time.

Over the policy that took the decisions, before the first choice of an estimator, where no weight is
clipped. The bound is looked for by halving, not by Newton's steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Taken", "oracle_sequence"]

STAKES = [0.9 / 2**at for at in range(12)]
SHARES = [one / 39 for one in (8, 9, 7, 4, 3, 2, 1, 1, 1, 1, 1, 1)]


@dataclass(frozen=True, slots=True)
class Taken:
    """One decision; lists have one entry an option."""

    block: int
    logged: Sequence[float]
    target: Sequence[float]
    chosen: int
    value: float


def oracle_sequence(
    taken: list[Taken], lowest: list[float], width: float, most: int, *, other_way: bool
) -> list[tuple[float, float, float]]:
    """After each block: the sum of gains, its least, and the logarithm of capital against 0.

    `other_way` is the gain of the policy that took the decisions over the other one.
    """
    apart = max(lowest) - min(lowest)
    cost = most * ((6.25 if other_way else 1.25) * width + apart)
    unit = 1.05 * cost
    held = [math.log(share) for share in SHARES]
    total, centres, told = 0.0, 0.0, []
    earlier: list[float] = []
    blocks = max(one.block for one in taken) + 1
    for block in range(blocks):
        rows = [one for one in taken if one.block == block]
        mean = sum(earlier) / len(earlier) if earlier else 0.0
        gained = sum(_gain(one, lowest, width, mean, cost / most, other_way) for one in rows)
        centre = total / block if block else 0.0
        centre = min(max(centre, -0.05 * cost), 0.05 * cost)
        for at, stake in enumerate(STAKES):
            held[at] += math.log(1.0 + stake * (gained - centre) / unit)
        total += gained
        centres += centre
        earlier += [one.value - lowest[one.chosen] for one in rows]
        least = unit * _halved(lambda mean: _capital(held, mean), math.log(40.0)) + centres
        told.append((total, least, _capital(held, -centres / unit)))
    return told


def _gain(
    one: Taken, lowest: list[float], width: float, mean: float, cost: float, other_way: bool
) -> float:
    sign = -1.0 if other_way else 1.0
    options = [at for at, chance in enumerate(one.logged) if chance > 0]
    more = [0.0 for _ in one.logged]
    for at in options:
        more[at] = sign * (one.target[at] / one.logged[at] - 1.0)
    certain = sum(
        sign * (one.target[at] - one.logged[at]) * lowest[at] for at in range(len(lowest))
    )

    def lowest_gain(foreseen: float) -> float:
        ahead = sum(more[at] * one.logged[at] * foreseen for at in options)
        ends = [more[at] * (end - foreseen) for at in options for end in (0.0, width)]
        return certain + ahead + min(ends)

    none, everything = lowest_gain(0.0), lowest_gain(mean)
    part = 1.0
    if everything < -cost:
        part = (none + cost) / (none - everything)
    foreseen = part * mean
    ahead = sum(more[at] * one.logged[at] * foreseen for at in options)
    above = one.value - lowest[one.chosen]
    return float(certain + ahead + more[one.chosen] * (above - foreseen))


def _capital(held: list[float], mean: float) -> float:
    logs = [one - stake * mean for one, stake in zip(held, STAKES, strict=True)]
    top = max(logs)
    return float(top + math.log(sum(math.exp(one - top) for one in logs)))


def _halved(falling: Callable[[float], float], wanted: float) -> float:
    low, high = -1e6, 1e6
    for _ in range(100):
        middle = (low + high) / 2
        if falling(middle) >= wanted:
            low = middle
        else:
            high = middle
    return low
