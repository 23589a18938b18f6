"""What a bundle said of each judged point, and what came: a row a point and goal."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.ladder.ladder import Ladder
from models.bundle import Scores
from models.scores.goal_model import Estimates
from training.decision_points import Points
from training.labels import Outcomes

__all__ = ["predictions"]


def predictions(
    ladder: Ladder, points: Points, outcomes: tuple[Outcomes, Outcomes], scores: Scores
) -> pd.DataFrame:
    """A row a point and goal, by lead and instant: what was said, and what came.

    Columns: lead_id; as_of; step, the id of the next step then; goal, advancement or purchase;
    probability, low and high in [0, 1]; outcome, advanced, lapsed, lost or pending; decided_at,
    when that became known; judged, whether the figures of the report count it, and weight, as how
    much. Instants are in UTC.
    """
    parts = [
        _of_goal(ladder, points, name, came, said)
        for name, came, said in zip(
            ("advancement", "purchase"), outcomes, (scores.advance, scores.purchase), strict=True
        )
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["lead_id", "as_of", "goal"], kind="stable", ignore_index=True)


def _of_goal(
    ladder: Ladder, points: Points, goal: str, came: Outcomes, said: Estimates
) -> pd.DataFrame:
    ids = np.array([each.id for each in ladder.goals])
    return pd.DataFrame(
        {
            "lead_id": list(points.snapshot.leads),
            "as_of": pd.to_datetime(points.as_of, unit="us", utc=True),
            "step": ids[points.position],
            "goal": goal,
            "probability": said.probability,
            "low": said.low,
            "high": said.high,
            **came.columns(),
        }
    ).rename(columns={"decided": "judged"})
