"""Many tests at once: how many of what was found may be chance."""

from __future__ import annotations

import numpy as np

from features.arrays import Floats

__all__ = ["false_discovery_rates"]


def false_discovery_rates(p: Floats) -> Floats:
    """Shape (n,): the smallest rate of false discoveries at which each is one.

    By the step-up of Benjamini and Hochberg (1995); NaN is no test and stays NaN.
    """
    rates = np.full(len(p), np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    if not len(order):
        return rates
    stepped = p[order] * len(order) / np.arange(1, len(order) + 1)
    rates[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return rates
