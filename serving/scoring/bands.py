"""The band of a score: low, medium or high, by thresholds of the ladder alone.

No other lead has a say in it, so that a lead's band changes when its own chance does.
"""

from __future__ import annotations

from typing import Final

from features.ladder.ladder import Step
from serving.scoring.answers import ScoreBand

__all__ = ["band_of"]

_MARGIN: Final = 0.1
"""A band is left when a chance is past its border by this share of the border."""


def band_of(chance: float, step: Step, former: str | None = None) -> ScoreBand:
    """The band of a chance of completing a step.

    Parameters
    ----------
    former : the band in which the lead stood before the same step; it is left only when the chance
        is well past its border, and not for every little move.
    """
    low_below, high_from = step.thresholds
    down = 1.0 - _MARGIN
    if former == "high" and chance >= down * high_from:
        return "high"
    if former == "low" and chance < _past(low_below):
        return "low"
    if former == "medium" and down * low_below <= chance < _past(high_from):
        return "medium"
    return "high" if chance >= high_from else "medium" if chance >= low_below else "low"


def _past(border: float) -> float:
    """Well past a border upwards: by a tenth of it, or of what is left to one."""
    return border + _MARGIN * min(border, 1.0 - border)
