"""How far two orders of the same leads agree: at the top, where people work, and over all.

Pure functions on arrays of one shape (n,), the same lead at each place; more comes first.
"""

from __future__ import annotations

import numpy as np

from features.arrays import Floats

__all__ = ["at_the_top", "kept_at_the_top", "rank_correlation"]


def at_the_top(values: Floats, most: int) -> Floats:
    """Shape (n,): how far each lead is among the `most` with the highest values, in [0, 1].

    Those that are equal at the edge share the places that are left.
    """
    if most >= len(values):
        return np.ones(len(values))
    edge = np.sort(values)[len(values) - most]
    above, even = values > edge, values == edge
    within: Floats = above + even * ((most - above.sum()) / even.sum())
    return within


def kept_at_the_top(former: Floats, new: Floats, most: int) -> float:
    """How many of the `most` leads at the top of one order are at the top of the other.

    Of leads that share places at the edge no more is taken to change than has to.
    """
    return float(np.minimum(at_the_top(former, most), at_the_top(new, most)).sum())


def rank_correlation(former: Floats, new: Floats) -> float | None:
    """Spearman's, in [-1, 1], equal values sharing a rank; None where one order has but one."""
    one, other = _middle_ranks(former), _middle_ranks(new)
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _middle_ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle: Floats = (np.cumsum(count) - (count - 1) / 2)[place]
    return middle
