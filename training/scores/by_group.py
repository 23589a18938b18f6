"""Whether scores treat the groups of protected traits alike: who stands at the top, and errors.

The queue is that of each week, with each lead in it once, by the first of its chances of the next
step that week. Those that stand within the capacity are selected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from features.arrays import Floats, Ints
from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.signals.protected import ProtectedTrait, protected_traits
from models.judging.groups.figures import GroupMeasure
from models.judging.groups.report import (
    CALIBRATION,
    FOUND,
    SELECTED,
    GroupsReport,
    groups_report,
)
from models.judging.metrics import picked
from training.decision_points import Points
from training.labels import Outcomes

__all__ = ["MEASURES_OF_SCORES", "groups_of_scores"]

MEASURES_OF_SCORES: Final = (SELECTED, FOUND, CALIBRATION)
_LEAST: Final = 1e-9
"""No chance is 0 where something may come."""


def groups_of_scores(
    log: EventLog,
    ladder: Ladder,
    judged: tuple[Points, Outcomes],
    probability: Floats,
    week: Ints,
    capacity: float,
) -> GroupsReport | None:
    """The groups of every protected trait; None where the ladder has no such trait.

    Selection needs no outcome, so that it counts all points; errors count those that are decided.

    Parameters
    ----------
    judged : the points, and what came of the next step.
    probability, week : shape (n,), the chance of the next step, and the week of each point.
    capacity : below 1 the share of the leads of a week that is worked, else their number.
    """
    points, outcomes = judged
    lead = points.lead
    _, first = np.unique(np.stack([lead, week]), axis=1, return_index=True)
    top = picked(probability[first], week[first], capacity)
    reached = (outcomes.decided & (outcomes.happened == 1))[first]
    decided = outcomes.decided

    def measured(one: ProtectedTrait) -> Sequence[GroupMeasure]:
        queued, advanced = one.group[first], one.group[first][reached]
        expected = np.maximum(probability[decided], _LEAST)
        return (
            GroupMeasure(one.id, SELECTED, one.groups, queued, lead[first], top),
            GroupMeasure(one.id, FOUND, one.groups, advanced, lead[first][reached], top[reached]),
            GroupMeasure(
                one.id, CALIBRATION, one.groups, one.group[decided], lead[decided],
                outcomes.happened[decided], expected, outcomes.weight[decided],
            ),
        )  # fmt: skip

    traits = protected_traits(log, ladder, lead, points.as_of)
    return groups_report(traits, lead, measured, ladder.groups.least_ratio)
