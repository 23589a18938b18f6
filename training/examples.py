"""The training set as a table: decision points, their signals, and what came of each."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from features.events.log import EventLog
from features.ladder.ladder import Ladder
from training.decision_points import Points, decision_points
from training.labels import Outcomes, label

__all__ = ["Examples", "examples_of", "labelled"]


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """What a model learns from: points, by lead and instant, and the outcomes for both goals."""

    points: Points
    advanced: Outcomes
    purchased: Outcomes

    def frame(self) -> pd.DataFrame:
        """A row a point: lead_id, as_of, a column a signal, and what `labelled` adds."""
        return labelled(self.points.snapshot.frame(), self.advanced, self.purchased)


def examples_of(
    log: EventLog, ladder: Ladder, *, until: int, seed: int, most: int, start: int | None = None
) -> Examples:
    """The training set of `rung train`, from what was known by `until`.

    Parameters
    ----------
    until, start : microseconds since the epoch; only points after `start` are drawn.
    seed, most : as of `decision_points`.
    """
    log = log.known_by(until)
    points = decision_points(log, ladder, start=start, end=until, seed=seed, most=most)
    return Examples(points, *label(log, ladder, points, until))


def labelled(frame: pd.DataFrame, advanced: Outcomes, purchased: Outcomes) -> pd.DataFrame:
    """A table of points with `GOAL.outcome`, `.decided_at`, `.decided` and `.weight` of both goals.

    GOAL is `advancement` or `purchase`. What is not decided is not learned from, and weighs 0.
    """
    goals = {"advancement": advanced, "purchase": purchased}
    parts = [
        pd.DataFrame(outcomes.columns(), index=frame.index).add_prefix(f"{goal}.")
        for goal, outcomes in goals.items()
    ]
    return pd.concat([frame, *parts], axis=1)
