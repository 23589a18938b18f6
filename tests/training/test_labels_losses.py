"""Outcomes that are decided before the horizon is over: known, weighed, and worth learning from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.arrays import Floats
from features.events.log import DAY_US
from features.funnel.states import State
from features.ladder.ladder import EventRule
from models.judging import intervals, metrics
from models.scores.encoding import Encoding
from models.scores.goal_model import FitConfig, fit_goal
from models.scores.step_rates import StepRates, advancement_priors
from tests.features.strategies import START_US
from tests.training.scene import APPLICATIONS, applications
from training.decision_points import Points, decision_points
from training.labels import Outcomes, label
from training.pipeline import train, training_rows

UNTIL = START_US + 150 * DAY_US
SILENT = replace(APPLICATIONS, lost_when=())
"""The same ladder where nobody says what loses a lead."""


def at_the_horizon(outcomes: Outcomes) -> Outcomes:
    """Only those whose horizon is over, as without `lost_when`."""
    weight = outcomes.mature.astype(np.float64)
    return replace(outcomes, decided=outcomes.mature, weight=weight, censoring=None)


@pytest.fixture(scope="module")
def world():
    log = applications(1)
    now = log.known_by(UNTIL)
    points = decision_points(now, APPLICATIONS, end=UNTIL, seed=7)
    outcomes = label(now, APPLICATIONS, points, UNTIL)[0]
    # The whole log has more leads, and other numbers for them.
    whole = replace(points, lead=np.array([log.leads.index(now.leads[at]) for at in points.lead]))
    return points, outcomes, label(log, SILENT, whole, int(log.known.max()))[0].happened


def test_what_is_decided(world):
    """All but the pending where leads are lost: lost and advanced at once, others at the horizon.

    At a step where none is lost, the first, all that is decided has waited as long.
    """
    points, outcomes, _ = world
    known, loses = outcomes.state != State.PENDING, points.position > 0
    np.testing.assert_array_equal(outcomes.decided[loses], known[loses])
    alone = points.position == 0
    np.testing.assert_array_equal(outcomes.decided[alone], outcomes.mature[alone])
    assert len(np.unique(outcomes.weight[alone & outcomes.decided])) == 1
    assert (outcomes.decided & ~outcomes.mature).sum() > 500
    assert (outcomes.state == State.LOST).sum() > 500
    assert not outcomes.happened[outcomes.state == State.LOST].any()
    took = (outcomes.decided_at - points.as_of)[outcomes.decided]
    assert took.min() > 0
    horizons = [round(goal.horizon_days * DAY_US) for goal in APPLICATIONS.goals]
    assert took.max() <= max(horizons)
    lapsed = outcomes.state == State.LAPSED
    waited = (outcomes.decided_at - points.as_of)[lapsed]
    assert set(waited.tolist()) <= set(horizons)


def test_weights_undo_what_late_decisions_lack(world):
    """The rate at a step is that of all its points, whatever is decided sooner."""
    points, outcomes, truth = world
    here = (points.position == 1) & outcomes.decided
    weight, happened = outcomes.weight[here], outcomes.happened[here]
    rate = truth[points.position == 1].mean()
    assert np.average(happened, weights=weight) == pytest.approx(rate, abs=0.02)
    assert outcomes.weight[outcomes.decided].mean() == pytest.approx(1.0)
    assert not outcomes.weight[~outcomes.decided].any()


def test_where_nobody_was_lost_nothing_is_learned_early():
    """A ladder that says what would lose a lead changes nothing before one is."""
    log = applications(2, leads=100)
    spared = replace(APPLICATIONS, lost_when=(EventRule("struck off"),))
    points = decision_points(log, spared, end=UNTIL, seed=7)
    for outcomes in label(log, spared, points, UNTIL):
        np.testing.assert_array_equal(outcomes.decided, outcomes.mature)
        np.testing.assert_array_equal(outcomes.weight, outcomes.mature)


def test_a_horizon_that_fits_no_point():
    """What is undecided after the longest wait is not known: too many of them, and none counts."""
    early = START_US + 12 * DAY_US
    log = applications(3, leads=150, days=12.0).known_by(early)
    points = decision_points(log, APPLICATIONS, end=early, seed=7)
    purchased = label(log, APPLICATIONS, points, early)[1]
    assert (purchased.state == State.LOST).any()
    assert not purchased.decided.any()
    said = train(log, APPLICATIONS, until=early).manifest["notes"]
    assert any("the horizon of a purchase is 60 days" in line for line in said)
    assert any("chances of a purchase are what the ladder's bands say" in line for line in said)


@pytest.mark.slow
def test_decided_outcomes_beat_those_whose_horizon_is_over():
    """AUC and log loss on what came later, better by two paired errors, over three worlds."""
    better, variance = np.zeros(2), np.zeros(2)
    for seed in range(3):
        log = applications(seed, leads=2000)
        now = log.known_by(UNTIL)
        points = decision_points(now, APPLICATIONS, end=UNTIL, seed=7)
        outcomes = label(now, APPLICATIONS, points, UNTIL)[0]
        judged = decision_points(log, APPLICATIONS, start=UNTIL, end=UNTIL + 145 * DAY_US, seed=3)
        came = label(log, SILENT, judged, int(log.known.max()))[0].happened
        weights = intervals.lead_weights(judged.lead, seed)
        served = [answers(points, told, judged) for told in (outcomes, at_the_horizon(outcomes))]
        aucs = [metrics.auc_draws(one, came, weights) for one in served]
        losses = [metrics.log_loss_draws(one, came, weights) for one in served]
        gaps = (aucs[0] - aucs[1], losses[1] - losses[0])
        better += [gap.mean() for gap in gaps]
        variance += [gap.var() for gap in gaps]
    assert (better > 2 * np.sqrt(variance)).all(), (better, np.sqrt(variance))


def answers(points: Points, told: Outcomes, judged: Points) -> Floats:
    """What a model that was told so much of the points says of others."""
    encoding = Encoding.learn(points.snapshot)
    prior = StepRates.prior(advancement_priors(APPLICATIONS))
    model = fit_goal(training_rows(points, told, encoding), prior, FitConfig(repeats=1))
    return model.estimate(encoding.matrix(judged.snapshot), judged.position).probability
