"""Outcomes that are decided early and late: what each decided point stands for.

Among the newest points only those are decided whose decision did not take long. Each stands for
those of its step that took as long and cannot be seen yet: it weighs one over the share of points
that have been waited for as long (inverse probability of censoring; Robins and Rotnitzky 1992).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints

__all__ = ["Censoring", "Period", "Waits"]

Period = Mapping[int, tuple[int, int]]
"""Of each step, after which instant and until which, in microseconds since the epoch."""

_HEAVIEST: Final = 10.0
"""What a decided point may weigh at most: a few old points must not outvote all others."""


@dataclass(frozen=True, eq=False, slots=True)
class Waits:
    """How long all points have been waited for, the undecided among them.

    Parameters
    ----------
    as_of, position : shape (m,), microseconds since the epoch, and the steps they stand at.
    until : when it was last looked.
    """

    as_of: Ints
    position: Ints
    until: int

    def weights(self, position: Ints, took: Ints, period: Period | None = None) -> Floats:
        """Shape (n,), what decided points weigh; their mean is 1.

        Steps apart: whoever stands at a later step came there later.

        Parameters
        ----------
        position, took : shape (n,), their steps, and how long their decisions took to be known.
        period : of each step; only points within are there, to be weighed and to be waited for.
        """
        weight = np.ones(len(took))
        for at in np.unique(position).tolist():
            rows = np.flatnonzero(position == at)
            there = self.position == at
            if period is not None:
                after, until = period[at]
                there &= (self.as_of > after) & (self.as_of <= until)
            waited = np.sort(self.until - self.as_of[there])
            as_long = len(waited) - np.searchsorted(waited, took[rows], side="left")
            weight[rows] = np.minimum(len(waited) / np.maximum(as_long, 1), _HEAVIEST)
        return weight / weight.mean() if len(weight) else weight


@dataclass(frozen=True, eq=False, slots=True)
class Censoring:
    """What is known of when some decided points were decided, a row each.

    Parameters
    ----------
    took : shape (n,), microseconds from the point until its outcome was known.
    over : shape (n,), whether the horizon is over.
    """

    took: Ints
    over: Bools
    waits: Waits

    def rows(self, keep: Bools) -> Censoring:
        """Some of the rows, by mask."""
        return Censoring(self.took[keep], self.over[keep], self.waits)
