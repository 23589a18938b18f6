"""How many points there are, what became of them, and the rate of each step."""

from __future__ import annotations

import numpy as np

from features.arrays import Bools
from features.funnel.states import State
from features.ladder.ladder import Ladder
from models.judging import intervals
from training.decision_points import Points
from training.labels import Outcomes
from training.scores.results import Counts, StepOutcomes

__all__ = ["counts_of", "step_outcomes"]


def counts_of(points: Points, outcomes: Outcomes, keep: Bools) -> Counts:
    """What became of the points that are kept; `keep` has shape (n_points,)."""
    state, decided = outcomes.state[keep], keep & outcomes.decided
    lead, happened = points.lead[decided], outcomes.happened[decided]
    return Counts(
        points=len(state),
        leads=len(np.unique(points.lead[keep])),
        advanced=int((state == State.ADVANCED).sum()),
        lapsed=int((state == State.LAPSED).sum()),
        lost=int((state == State.LOST).sum()),
        pending=int((state == State.PENDING).sum()),
        mature=int(outcomes.mature[keep].sum()),
        decided=len(lead),
        decided_leads=len(np.unique(lead)),
        reached_leads=len(np.unique(lead[happened == 1])),
        missed_leads=len(np.unique(lead[happened == 0])),
    )


def step_outcomes(ladder: Ladder, points: Points, outcomes: Outcomes) -> tuple[StepOutcomes, ...]:
    """What became of the points of each step, with the rate of those whose outcome is known."""
    return tuple(_outcomes_of_step(ladder, at, points, outcomes) for at in range(len(ladder.goals)))


def _outcomes_of_step(ladder: Ladder, at: int, points: Points, outcomes: Outcomes) -> StepOutcomes:
    goal, here = ladder.goals[at], points.position == at
    counts = counts_of(points, outcomes, here)
    decided = here & outcomes.decided
    happened, lead = outcomes.happened[decided], points.lead[decided]
    weight, group = outcomes.weight[decided], np.zeros(len(happened), dtype=np.int64)
    rate = float(np.average(happened, weights=weight)) if len(happened) else None
    worth = len(happened) / intervals.design_effect(happened, lead, group, weight)
    low, high = intervals.wilson((rate or 0.0) * worth, worth)
    return StepOutcomes(
        goal.id,
        goal.title,
        counts,
        rate,
        low,
        high,
        counts.advanced / counts.points if counts.points else None,
    )
