"""Where a probability stands among those of the queue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.arrays import Floats

__all__ = ["Ranking"]


@dataclass(frozen=True, eq=False, slots=True)
class Ranking:
    """The probabilities of all queued leads, to place one among them.

    Parameters
    ----------
    probabilities : shape (n,), ascending.
    """

    probabilities: Floats

    @classmethod
    def of(cls, probabilities: Floats) -> Ranking | None:
        """The ranking of queued leads; None where there are none."""
        return cls(np.sort(probabilities)) if len(probabilities) else None

    def share(self, probability: float) -> float:
        """The share of queued leads at or below, in [0, 1]."""
        at_or_below = int(np.searchsorted(self.probabilities, probability, side="right"))
        return at_or_below / len(self.probabilities)

    def shares(self, probabilities: Floats) -> Floats:
        """As `share`, of each of many."""
        at_or_below = np.searchsorted(self.probabilities, probabilities, side="right")
        return at_or_below / len(self.probabilities)

    def percent(self, probability: float) -> float:
        """The percent of queued leads at or below, to a tenth."""
        return round(100.0 * self.share(probability), 1)
