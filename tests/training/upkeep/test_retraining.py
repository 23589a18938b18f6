"""Training again: only what is shown to be better takes the place of what serves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from features.errors import NotEnoughData
from features.events.log import DAY_US, EventLog
from models.bundle import Bundle
from models.scores.goal_model import FitConfig
from models.scores.learners.boosting import BoostingConfig
from tests.features.strategies import START_US
from tests.training.scene import APPLICATIONS, applications
from training.pipeline import TrainConfig, train
from training.scores.challenge import Challenge, GoalChallenge, Pair
from training.scores.gate import recipe_of
from training.scores.results import Counts, Evaluation, GoalEvaluation
from training.upkeep.retraining import _first, _why, retrain

END = START_US + 290 * DAY_US
QUICK = TrainConfig(FitConfig(BoostingConfig(most_rounds=60), folds=2, repeats=1))


@pytest.fixture(scope="module")
def log() -> EventLog:
    return applications(12, leads=1000)


def champion(log: EventLog, days: int) -> Bundle:
    return train(log, APPLICATIONS, until=START_US + days * DAY_US, config=QUICK)


def test_better_than_one_that_knew_little(log):
    """The recipe is judged by a twin; what serves has learned from everything known."""
    done = retrain(log, APPLICATIONS, champion(log, 12), until=END, config=QUICK)
    assert done.challenge is not None
    assert done.challenge.verdict == "better", done.why
    assert done.bundle is not None
    assert done.twin is not None
    assert int(done.bundle.manifest["until"]) == log.judged_until(END)
    assert int(done.twin.manifest["until"]) < int(done.bundle.manifest["until"])
    assert recipe_of(done.twin) == recipe_of(done.bundle)
    assert done.evaluation is not None
    assert not done.evaluation.flatters
    assert "better on the same later points" in done.why


def test_no_better_than_one_that_knew_as_much(log):
    """The champion stays, and the figures say why."""
    done = retrain(log, APPLICATIONS, champion(log, 200), until=END, config=QUICK)
    assert done.bundle is None
    assert "than the champion: log loss" in done.why or "worse than the champion" in done.why


def test_a_champion_that_was_just_trained(log):
    """What came after it cannot be judged yet; it is said when it can."""
    done = retrain(log, APPLICATIONS, champion(log, 280), until=END, config=QUICK)
    assert done.bundle is None
    assert "can be judged from about 2027-03-" in done.why
    assert done.twin is None


def test_where_nothing_serves_yet(log):
    """Whatever is no worse than the rates of the steps is better than nothing."""
    done = retrain(log, APPLICATIONS, None, until=END, config=QUICK)
    assert done.bundle is not None
    assert done.why.startswith("no champion to judge it beside; the twin is ")


def test_a_log_that_is_too_short(log):
    """It says how much it takes."""
    early = log.known_by(START_US + 20 * DAY_US)
    with pytest.raises(NotEnoughData, match="to judge 28 days of scores whose horizon of"):
        retrain(early, APPLICATIONS, None, until=START_US + 20 * DAY_US, config=QUICK)


def test_a_purchase_that_was_not_judged_is_told():
    """Its horizon may be longer than what is judged: better in a step is not better in it."""
    pair = Pair("log loss", 0.5, 0.4, -0.1, 0.01, is_better=False)
    auc = Pair("AUC", 0.7, 0.8, 0.1, 0.01, is_better=True)
    step = GoalChallenge("advancement", 900, 300, (pair, auc), ())
    bought = replace(step, goal="purchase")
    none = GoalChallenge("purchase", 900, 300, (), (), "not enough data (leads that bought 0, …)")
    beside = Challenge("one", "other", 0, 1, (step, bought), 10, 0.0)
    assert _why(beside).endswith("over 300 leads")
    told = _why(replace(beside, goals=(step, none)))
    assert told.endswith(
        "over 300 leads; the purchase was not judged: not enough data (leads that bought 0, …)"
    )


def test_a_first_twin_that_cannot_be_judged_is_not_trained_on(log):
    """Where nothing serves yet, too few outcomes stop before the training on everything."""
    counts = Counts(62, 60, 3, 59, 0, 0, 62, 62, 60, 3, 57)
    goals: Any = [
        GoalEvaluation(goal, counts, "model", True, (), note="not enough data (n=62: few)")
        for goal in ("advancement", "purchase")
    ]
    found = Evaluation("small", "Small", "", 0, 1, 0, 7, 0.1, *goals)
    nothing: Any = None  # neither is looked at
    done = _first(log, nothing, nothing, found, 1, None, lambda _: None)
    assert done.bundle is None
    assert done.why == "the twin cannot be judged: not enough data (n=62: few)"
