"""Levels by the rules of training itself, and what the next one takes."""

from __future__ import annotations

import numpy as np
import pytest

from features.funnel.states import State
from models.judging.readiness import LEVELS
from models.scores.goal_model import FitConfig, TrainingRows, fit_goal, level_of
from models.scores.learners.boosting import BoostingConfig
from models.scores.step_rates import StepRates
from tests.training.scene import APPLICATIONS, applications
from training.decision_points import Points, decision_points
from training.labels import Outcomes, label
from training.readiness.levels import Known, counted, level_now, next_level
from training.readiness.pace import Pace

START = 1_767_571_200_000_000
SMALL = FitConfig(
    BoostingConfig(most_rounds=5), folds=2, repeats=1, least_leads=6, least_calibration=4
)


def rows_of(positives: int, negatives: int, each: int) -> TrainingRows:
    """So many leads of either kind, each with some points, spread over time."""
    rng = np.random.default_rng(3)
    happened = np.repeat(np.r_[np.ones(positives), np.zeros(negatives)], each)
    return TrainingRows(
        matrix=rng.normal(size=(len(happened), 3)),
        category_columns=[],
        position=np.zeros(len(happened), dtype=np.int64),
        lead=np.repeat(np.arange(positives + negatives), each),
        as_of=START + rng.permutation(len(happened)) * 1_000_000,
        happened=happened,
    )


@pytest.mark.parametrize(
    ("rows", "level"),
    [
        (rows_of(0, 0, 1), "bands"),
        (rows_of(1, 0, 1), "rates"),
        (rows_of(5, 40, 1), "rates"),
        (rows_of(6, 40, 1), "model"),
        (rows_of(40, 40, 1), "calibrated"),
    ],
    ids=["nothing", "one", "too few go on", "enough", "many"],
)
def test_a_level_is_what_training_does(rows, level):
    """Nothing, rates, a model calibrated on all, and one calibrated on the newest alone."""
    assert level_of(rows, SMALL) == level
    model = fit_goal(rows, StepRates.prior(np.array([0.3])), SMALL)
    assert (model.learner is not None) == (level in LEVELS[2:])
    assert (model.evidence == "prior") == (level == "bands")


@pytest.fixture(scope="module")
def known():
    """Points of the application step of a log in which leads are lost."""
    log = applications(5, leads=120)
    until = log.judged_until(None)
    points = decision_points(log, APPLICATIONS, end=until, seed=7)
    advanced, _ = label(log, APPLICATIONS, points, until)
    return Known.of(points, advanced, 0.4, points.position == 1)


def test_counts_against_loops(known):
    """Points by what came of them, and leads that are at least once of either kind."""
    found = counted(known)
    outcomes, points = known.outcomes, known.points
    decided = [at for at in range(len(points)) if outcomes.decided[at]]
    assert found["decided"] == len(decided)
    assert found["pending"] == len(points) - len(decided)
    assert found["lost"] == sum(outcomes.state[at] == State.LOST for at in decided) > 0
    for kind, count in ((1.0, found["positives"]), (0.0, found["negatives"])):
        leads = {int(points.lead[at]) for at in decided if outcomes.happened[at] == kind}
        assert count == len(leads) > 0


def nobody(prior: float) -> Known:
    """No point at all."""
    log = applications(5, leads=3)
    none = decision_points(log, APPLICATIONS, end=int(log.known.min()) - 1, seed=7)
    assert len(none) == 0
    ints, floats = np.zeros(0, dtype=np.int64), np.zeros(0)
    bools = np.zeros(0, dtype=bool)
    outcomes = Outcomes(ints, bools, bools, ints, floats, floats)
    return Known(Points(none.lead, none.snapshot), outcomes, prior)


def test_from_nothing_to_a_first_outcome():
    """It is there when the first lead has waited."""
    following = next_level(nobody(0.5), "bands", Pace(1.0, 2.0, np.zeros(0)), SMALL)
    assert following == {"level": "rates", "takes": "a first outcome", "weeks": 3.0}


def test_the_rarer_kind_decides():
    """Of ten leads a week at a rate of a fifth, six that go on take three weeks."""
    following = next_level(nobody(0.2), "rates", Pace(10.0, 0.0, np.zeros(0)), SMALL)
    assert following is not None
    assert following["weeks"] == 3.0
    assert following["takes"] == ("6 leads that went on and 6 that did not; there are 0 and 0")


def test_nothing_is_above_the_highest(known):
    """And below it there is a next one, which training reaches with the leads it names."""
    pace = Pace(5.0, 8.0, np.zeros(0))
    assert next_level(known, "calibrated", pace, SMALL) is None
    level = level_now(known, FitConfig(least_leads=500))
    assert level == "rates"
    following = next_level(known, level, pace, FitConfig(least_leads=500))
    assert following is not None
    assert following["level"] == "model"
    assert following["weeks"] is not None
