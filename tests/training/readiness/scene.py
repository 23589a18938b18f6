"""A small ladder, and logs of a few leads that are written out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.ladder import Condition, EventRule, Ladder, Step
from features.signals.table import ladder_columns
from tests.features.strategies import START_US

__all__ = ["LADDER", "Row", "log_of"]

LADDER = Ladder(
    "small",
    "A small ladder",
    (
        Step("look", "Looks", (EventRule("video", (Condition("part", "at_least", 0.8),)),), 7.0),
        Step("try", "Tries", (EventRule("trial", (Condition("plan", "is", "full"),)),), 7.0),
    ),
    Step("buy", "Buys", (EventRule("order"),), 14.0),
)

Row = tuple[str, str, float, float, str | None]
"""A lead, a name, a day, the property `part` and the property `plan`."""


def log_of(rows: Sequence[tuple[object, ...]], ladder: Ladder = LADDER) -> EventLog:
    """A log of rows whose last properties may be left out."""
    full = [(*row, *(math.nan, None)[len(row) - 3 :]) for row in rows]
    days = np.array([row[2] for row in full], dtype=np.float64)
    return EventLog.from_columns(
        [str(row[0]) for row in full],
        [str(row[1]) for row in full],
        START_US + (days * DAY_US).astype(np.int64),
        numbers={"part": np.array([row[3] for row in full], dtype=np.float64)},
        texts={"plan": [None if row[4] is None else str(row[4]) for row in full]},
        columns=LogColumns(*ladder_columns(ladder)),
    )
