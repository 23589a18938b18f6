"""Bundles in pairs: what is better is said to be, and what is no better is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.errors import BundleError, NotEnoughData
from features.events.log import DAY_US, EventLog
from models.bundle import Bundle
from models.judging import metrics
from models.scores.goal_model import FitConfig
from models.scores.learners.boosting import BoostingConfig
from models.scores.recalibration import Move
from tests.features.strategies import START_US
from tests.training.scene import APPLICATIONS, applications
from training.decision_points import decision_points
from training.labels import label
from training.pipeline import TrainConfig, train
from training.recalibration import recalibrate
from training.scores.challenge import Contender, challenge

UNTIL, END = START_US + 150 * DAY_US, START_US + 290 * DAY_US
QUICK = TrainConfig(FitConfig(BoostingConfig(most_rounds=60), folds=2, repeats=1))


@pytest.fixture(scope="module")
def log() -> EventLog:
    return applications(11, leads=900)


@pytest.fixture(scope="module")
def bundle(log) -> Bundle:
    return train(log, APPLICATIONS, until=UNTIL, config=QUICK)


def shifted(bundle: Bundle, by: float) -> Contender:
    """The same with its log-odds moved: ranks stay, the level does not."""
    moves = {goal: [Move(by, 1.0, 1, 0)] for goal in ("advancement", "purchase")}
    return Contender(bundle, moves)


def test_a_worse_level_is_worse_in_log_loss_and_not_in_ranks(log, bundle):
    """And the other way round; a bundle beside itself is neither."""
    plain, off = Contender(bundle, {}), shifted(bundle, 1.5)
    worse = challenge(log, plain, off, until=END)
    assert worse.verdict == "worse"
    loss, auc = (worse.goals[0].pair(name) for name in ("log loss", "AUC"))
    assert (loss.verdict, auc.difference) == ("worse", 0.0)
    assert worse.goals[0].pair("calibration error").verdict == "worse"
    assert challenge(log, off, plain, until=END).verdict == "better"
    same = challenge(log, plain, plain, until=END)
    assert same.verdict == "undecided"
    assert (same.top_changed, same.step_top_changed) == (0.0, 0.0)
    assert same.step_top > 0


def test_the_top_before_each_step_is_told_as_well(log, bundle):
    """Where the order before a step is turned round, those at its top are others."""
    backwards = {"advancement": [Move(0.0, -1.0, 1, 0)]}
    found = challenge(log, Contender(bundle, {}), Contender(bundle, backwards), until=END)
    assert found.step_top_changed > found.step_top / 2


def test_figures_are_those_of_the_metrics(log, bundle):
    """Of all decided points of the period, with what each counts."""
    found = challenge(log, Contender(bundle, {}), shifted(bundle, 0.4), until=END)
    points = decision_points(log, APPLICATIONS, start=UNTIL, end=END, seed=7)
    outcomes = label(log, APPLICATIONS, points, END)[0]
    keep = outcomes.decided
    told = bundle.score(points.snapshot).advance.probability[keep]
    happened, weight = outcomes.happened[keep], outcomes.weight[keep]
    goal = found.goals[0]
    assert goal.points == keep.sum()
    assert goal.pair("AUC").champion == pytest.approx(metrics.auc(told, happened, weight))
    assert goal.pair("log loss").champion == pytest.approx(metrics.log_loss(told, happened, weight))
    names = [name for name, *_ in goal.parts]
    assert "before Offer" in names
    assert "goal car" in names


def test_judged_as_served(log, bundle):
    """With the moves of the outcomes, of a bundle whose level is off from the start."""
    off = replace(
        bundle,
        advancement=replace(
            bundle.advancement,
            calibrator=bundle.advancement.calibrator.recalibrated(1.5, 1.0),
        ),
    )
    alone, served = Contender(off, {}), Contender(off, recalibrate(log, off, END))
    assert challenge(log, alone, served, until=END).goals[0].pair("log loss").verdict == "better"


def test_a_purchase_that_cannot_be_judged_is_told(log, bundle):
    """With the leads of either kind, and the next step is judged by itself."""
    early = UNTIL + 36 * DAY_US
    found = challenge(log, Contender(bundle, {}), shifted(bundle, 1.5), until=early)
    points = decision_points(log, APPLICATIONS, start=UNTIL, end=early, seed=7)
    outcomes = label(log, APPLICATIONS, points, early)[1]
    lead, happened = points.lead[outcomes.decided], outcomes.happened[outcomes.decided]
    reached, missed = (len(np.unique(lead[happened == kind])) for kind in (1, 0))
    assert min(reached, missed) < 10
    assert [goal.goal for goal in found.goals] == ["advancement", "purchase"]
    assert found.goals[1].note == (
        f"not enough data (leads that bought {reached}, that did not {missed})"
    )
    assert found.as_dict()["goals"][1]["note"] == found.goals[1].note
    assert found.verdict == found.goals[0].pair("log loss").verdict


def test_other_signals_are_not_compared(log, bundle):
    """A bundle of another ladder is to be judged by itself."""
    first, second = APPLICATIONS.steps
    ladder = replace(APPLICATIONS, steps=(replace(first, id="form"), second))
    other = train(log, ladder, until=UNTIL, config=QUICK)
    with pytest.raises(BundleError, match="scores other steps or signals"):
        challenge(log, Contender(bundle, {}), Contender(other, {}), until=END)


@pytest.mark.parametrize(
    "other",
    [
        replace(APPLICATIONS, purchase=replace(APPLICATIONS.purchase, horizon_days=61.0)),
        replace(APPLICATIONS, lost_when=()),
    ],
)
def test_other_questions_are_not_compared(log, bundle, other):
    """What came within 60 days does not tell who was right about 61, nor who counts as lost."""
    asked = replace(bundle, ladder=other)
    with pytest.raises(BundleError, match="scores other horizons, or steps that end otherwise"):
        challenge(log, Contender(bundle, {}), Contender(asked, {}), until=END)


def test_what_was_trained_on_is_not_judged(log, bundle):
    """From the end of training on; and where nothing has matured there is nothing to say."""
    both = Contender(bundle, {}), Contender(bundle, {})
    with pytest.raises(NotEnoughData, match="judge them from then on"):
        challenge(log, *both, start=UNTIL - 1, until=END)
    with pytest.raises(NotEnoughData, match="judge a longer period, or judge later"):
        challenge(log, *both, until=UNTIL + DAY_US // 2)


def test_a_bundle_that_was_trained_to_the_end(log, bundle):
    """Nothing is left to judge on: where both ended is said, and what to do."""
    whole = Contender(replace(bundle, manifest=dict(bundle.manifest)), {})
    whole.bundle.manifest["until"] = log.judged_until(None)
    said = r"the log ends at \S+, and training ended at .*; train until an earlier instant, so that"
    with pytest.raises(NotEnoughData, match=said):
        challenge(log, Contender(bundle, {}), whole, until=log.judged_until(None))
    with pytest.raises(NotEnoughData, match=r"the period ends at .*; from the end of training"):
        challenge(log, Contender(bundle, {}), Contender(bundle, {}), until=UNTIL - 1)


@pytest.mark.slow
def test_how_often_it_errs(log, bundle):
    """Of two that differ by chance alone one is called better, once in twenty."""
    rng = np.random.default_rng(1)
    points = decision_points(log, APPLICATIONS, start=UNTIL, end=END, seed=7)
    outcomes = label(log, APPLICATIONS, points, END)[0]
    keep = outcomes.decided
    chance = bundle.score(points.snapshot).advance.probability[keep]
    from models.judging import intervals
    from training.scores.challenge import _pair

    lead = points.lead[keep]
    called = 0
    for seed in range(200):
        luck = rng.normal(0, 0.4, len(APPLICATIONS.goals) + int(lead.max()))
        told = [1 / (1 + np.exp(-(np.log(chance / (1 - chance)) + sign * luck[lead])))
                for sign in (1, -1)]  # fmt: skip
        happened = (rng.random(len(chance)) < chance).astype(np.float64)
        weights = intervals.lead_weights(lead, seed)
        draws = [metrics.log_loss_draws(one, happened, weights) for one in told]
        values = [metrics.log_loss(one, happened) for one in told]
        called += _pair("log loss", values, draws, is_better=False).verdict == "better"
    assert called <= 18
