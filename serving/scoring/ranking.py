"""Where a probability stands among those of the queued leads before the same step.

Steps have horizons of their own, so that a chance within 90 days is no more than one within 14
because it is the larger number: those of different steps are never ranked against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.arrays import Floats, Ints

__all__ = ["Ranking"]


@dataclass(frozen=True, eq=False, slots=True)
class Ranking:
    """The probabilities of all queued leads, to place one among those before the same step.

    Parameters
    ----------
    by_position : position -> the probabilities of the leads there, ascending; shape (n,), n > 0.
    """

    by_position: Mapping[int, Floats]

    @classmethod
    def of(cls, positions: Ints, probabilities: Floats) -> Ranking | None:
        """The ranking of queued leads; None where there are none.

        Parameters
        ----------
        positions : shape (n,), how many steps each has completed: which one is before it.
        probabilities : shape (n,), NaN for those without a next step, which are in no ranking.
        """
        ranked = ~np.isnan(probabilities)
        positions, probabilities = positions[ranked], probabilities[ranked]
        there = np.unique(positions)
        found = {int(one): np.sort(probabilities[positions == one]) for one in there}
        return cls(found) if found else None

    @property
    def probabilities(self) -> Floats:
        """Those of all steps together: of how many there are, and how they are spread."""
        return np.concatenate(list(self.by_position.values()))

    def share(self, position: int, probability: float) -> float | None:
        """The share of queued leads before the same step at or below, in [0, 1].

        None where no queued lead stands there.
        """
        there = self.by_position.get(position)
        if there is None:
            return None
        return int(np.searchsorted(there, probability, side="right")) / len(there)

    def shares(self, positions: Ints, probabilities: Floats) -> Floats:
        """As `share`, of each of many; NaN where that is None, and where the probability is."""
        found = np.full(len(probabilities), np.nan)
        for position, there in self.by_position.items():
            at = positions == position
            at_or_below = np.searchsorted(there, probabilities[at], side="right")
            found[at] = at_or_below / len(there)
        return np.where(np.isnan(probabilities), np.nan, found)

    def percent(self, position: int, probability: float) -> float | None:
        """As `share`, in percent, to a tenth."""
        share = self.share(position, probability)
        return None if share is None else round(100.0 * share, 1)
