"""Where a probability stands among those of the queue: its share, and the band it falls into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Floats
from serving.scoring.answers import ScoreBand

__all__ = ["Ranking", "band_of"]

_HIGH: Final = 80.0
_MEDIUM: Final = 50.0
_MARGIN: Final = 2.0
"""Percent of the queue that a lead must be past the border of its band to leave it."""


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

    def place(self, probability: float, former: str | None = None) -> tuple[float, ScoreBand]:
        """The percent of queued leads at or below, and the band.

        The band goes by the middle of a tie, so that leads that are all alike are all medium.
        """
        below = int(np.searchsorted(self.probabilities, probability, side="left"))
        share = self.share(probability)
        middle = (below / len(self.probabilities) + share) / 2
        return round(100.0 * share, 1), band_of(middle, former)


def band_of(share_below: float, former: str | None = None) -> ScoreBand:
    """high: the top fifth of the queue; medium: the rest of its upper half; low: below.

    A lead leaves its `former` band when it is well past the border, not whenever others move a
    little.
    """
    percent = 100.0 * share_below
    for near in (percent - _MARGIN, percent + _MARGIN):
        if _band(near) == former:
            return _band(near)
    return _band(percent)


def _band(percent: float) -> ScoreBand:
    return "high" if percent >= _HIGH else "medium" if percent >= _MEDIUM else "low"
