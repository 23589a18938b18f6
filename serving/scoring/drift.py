"""How far the chances that are served have moved from those that the model was calibrated on.

What a bundle knows of the latter is its calibrator's grid: the quantiles of the chances of leads
that the boosters had not seen. The population stability index compares ten shares of a tenth with
the shares of the queue in the same ranges. The two are no samples of one thing even on the first
day, since the queue holds the leads of now and the grid many instants of each: watch how the index
changes, not what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Floats

__all__ = ["LEVELS", "Drift", "drift_of"]


LEVELS: Final = 128
"""Quantiles of a grid without ties, evenly spaced from the least to the greatest."""
_BINS: Final = 10
_FEWEST: Final = 100
"""With fewer leads chance alone moves the index by a tenth and more."""
_CORRECTION: Final = 0.5
"""Leads added to each range, so that an empty one does not make the index infinite."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What can be said of the chances of a queue.

    Parameters
    ----------
    mean : of the chances, in [0, 1].
    outside : share of leads outside the grid, in [0, 1]; None without a grid.
    stability : the population stability index, from 0; None where the grid has lost ties, and with
        them how many leads stood where, or where there are too few leads.
    """

    mean: float
    outside: float | None
    stability: float | None


def drift_of(served: Floats, grid: Floats) -> Drift:
    """Compare the chances of a queue with a calibrator's grid.

    Parameters
    ----------
    served : shape (n,), n > 0, in [0, 1].
    grid : ascending, without doubles; empty where there is no model.
    """
    mean = float(served.mean())
    if not len(grid):
        return Drift(mean, None, None)
    outside = float(((served < grid[0]) | (served > grid[-1])).mean())
    is_whole = len(grid) == LEVELS and len(served) >= _FEWEST
    return Drift(mean, outside, _stability(served, grid) if is_whole else None)


def _stability(served: Floats, grid: Floats) -> float:
    """The sum of (share - tenth) * log(share / tenth) over the tenths of the grid."""
    edges = np.quantile(grid, np.arange(1, _BINS) / _BINS)
    counts = np.bincount(np.searchsorted(edges, served), minlength=_BINS) + _CORRECTION
    shares, tenth = counts / counts.sum(), 1.0 / _BINS
    return float(((shares - tenth) * np.log(shares / tenth)).sum())
