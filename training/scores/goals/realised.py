"""What was expected beside what came: of all judged points, by step, over time, and how soon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

import numpy as np

from features.arrays import Bools, Floats
from features.clock import rfc3339
from features.events.log import DAY_US
from features.ladder.ladder import Ladder
from models.judging.intervals import design_effect, wilson
from training.scores.performance import Answers
from training.scores.results import Realised

__all__ = ["realised", "realised_within"]

_WEEKS: Final = 4
"""Of a span: long enough that there are leads in it, short enough that a drift shows."""


def realised(told: Answers, ladder: Ladder, start: int) -> tuple[Realised, ...]:
    """What was expected of decided points, and what came of them.

    Parameters
    ----------
    told : with the probabilities that were served.
    start : of the judged period, in microseconds since the epoch.
    """
    span = told.week // _WEEKS
    parts = [_part(told, "all", "", np.ones(len(told), dtype=np.bool_))]
    parts += [
        _part(told, "step", goal.id, told.position == at) for at, goal in enumerate(ladder.goals)
    ]
    for one in np.unique(span).tolist():
        begins = rfc3339(start + one * _WEEKS * 7 * DAY_US)
        parts.append(_part(told, "span", begins, span == one))
    return tuple(part for part in parts if part is not None)


def realised_within(
    told: Answers, reached_after: Floats, chances: Mapping[float, Floats]
) -> tuple[Realised, ...]:
    """What was expected of decided points within parts of the horizon, and what came by then.

    Parameters
    ----------
    reached_after : shape (n,), the part of the horizon after which the goal was reached; NaN where
        it was not.
    chances : of each part, shape (n,), what was said.
    """
    everyone = np.ones(len(told), dtype=np.bool_)
    parts = []
    for part, chance in chances.items():
        came = np.asarray(reached_after <= part, dtype=np.float64)
        parts.append(
            _part(replace(told, probability=chance, happened=came), "part", f"{part:g}", everyone)
        )
    return tuple(one for one in parts if one is not None)


def _part(
    told: Answers, kind: Literal["all", "step", "span", "part"], id_: str, keep: Bools
) -> Realised | None:
    """Some of the rows; None where there are none."""
    rows = told.only(keep)
    if not len(rows):
        return None
    together = np.zeros(len(rows), dtype=np.int64)
    worth = len(rows) / design_effect(rows.happened, rows.lead, together, rows.weight)
    came = float(np.average(rows.happened, weights=rows.weight))
    low, high = wilson(came * worth, worth)
    expected = float(np.average(rows.probability, weights=rows.weight))
    leads = len(np.unique(rows.lead))
    is_inside = low <= expected <= high
    return Realised(kind, id_, len(rows), leads, expected, came, low, high, is_inside)
