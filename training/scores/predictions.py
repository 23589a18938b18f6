"""What a bundle said of each judged point, and what came: a row a point and goal."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from features.arrays import Ints
from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.signals.fold import NONE
from features.signals.program import compile_ladder, link
from models.bundle import Scores
from models.scores.goal_model import Estimates
from training.decision_points import Points
from training.labels import Label, Outcomes
from training.scores.ripening import horizons_us

__all__ = ["predictions"]

_OUTCOMES: Final = {int(one): one.name.lower() for one in Label}


def predictions(
    log: EventLog,
    ladder: Ladder,
    points: Points,
    outcomes: tuple[Outcomes, Outcomes],
    scores: Scores,
    until: int,
) -> pd.DataFrame:
    """A row a point and goal, by lead and instant: what was said, and what came by `until`.

    Columns: lead_id; as_of; step, the id of the next step then; goal, advancement or purchase;
    probability, low and high in [0, 1]; outcome, advanced, lapsed or pending; decided_at, when the
    lead got there (before as_of where the news came late), or when the horizon was over; judged,
    whether the figures of the report count it. Instants are in UTC. A point that advanced early,
    before its horizon is over, has its outcome and is not judged.
    """
    linked = link(log, compile_ladder(ladder))
    instants = linked.next_completions(points.lead, points.as_of, points.position, until)
    parts = [
        _of_goal(ladder, points, name, came, said, completed_at)
        for name, came, said, completed_at in zip(
            ("advancement", "purchase"),
            outcomes,
            (scores.advance, scores.purchase),
            instants,
            strict=True,
        )
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["lead_id", "as_of", "goal"], kind="stable", ignore_index=True)


def _of_goal(
    ladder: Ladder, points: Points, goal: str, came: Outcomes, said: Estimates, completed_at: Ints
) -> pd.DataFrame:
    ids = np.array([each.id for each in ladder.goals])
    return pd.DataFrame(
        {
            "lead_id": list(points.snapshot.leads),
            "as_of": _instants(points.as_of),
            "step": ids[points.position],
            "goal": goal,
            "probability": said.probability,
            "low": said.low,
            "high": said.high,
            "outcome": [_OUTCOMES[int(state)] for state in came.state],
            "decided_at": _instants(_decided(ladder, points, goal, came, completed_at)),
            "judged": came.mature,
        }
    )


def _decided(ladder: Ladder, points: Points, goal: str, came: Outcomes, completed_at: Ints) -> Ints:
    """Shape (n,): when it was decided, `NONE` where it is not."""
    over = points.as_of + horizons_us(ladder, points, goal)
    decided = np.where(came.state == Label.LAPSED, over, NONE)
    return np.where(came.state == Label.ADVANCED, completed_at, decided)


def _instants(us: Ints) -> pd.DatetimeIndex:
    known = us != NONE
    found = pd.to_datetime(np.where(known, us, 0), unit="us", utc=True)
    return pd.DatetimeIndex(found.where(known))
