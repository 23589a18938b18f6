"""Configurations of the trees are judged on training rows alone, lead by lead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.errors import NotEnoughData
from models.scores.goal_model import FitConfig, TrainingRows
from models.scores.learners.boosting import BoostingConfig
from training.pipeline import TrainConfig
from training.setup.inner_loss import compared, inner_rows, lead_losses, set_apart

FIT = FitConfig(folds=2, least_leads=5, least_calibration=40)
QUICK = BoostingConfig(most_rounds=15, learning_rate=0.3, min_data_in_leaf=5)


def rows(leads: int = 300, strength: float = 2.0) -> TrainingRows:
    """Two points of each lead, a day apart; the first column matters."""
    rng = np.random.default_rng(4)
    lead = np.repeat(np.arange(leads), 2)
    matrix = rng.normal(size=(2 * leads, 3))
    chance = 1 / (1 + np.exp(-strength * matrix[:, 0]))
    happened = (rng.random(len(lead)) < chance).astype(np.float64)
    as_of = np.tile([0, 1], leads) + 10 * lead
    return TrainingRows(matrix, [], np.zeros(len(lead), dtype=np.int64), lead, as_of, happened)


def test_losses_of_the_counted_leads_alone():
    """Others are learned from and add nothing; all together are the mean loss."""
    counted = np.arange(300) % 2 == 0
    losses = lead_losses({"advancement": rows()}, counted, QUICK, FIT, 7)
    assert losses.shape == (300,)
    assert (losses[~counted] == 0).all()
    assert 0.3 < losses.sum() < np.log(2)
    chance = lead_losses({"advancement": rows(strength=0.0)}, counted, QUICK, FIT, 7)
    assert abs(chance.sum() - np.log(2)) < 0.03


def test_the_later_period_is_judged():
    """Where it holds enough of either outcome, earlier points are learned from and not judged."""
    all_leads = np.ones(300, dtype=np.bool_)
    losses = lead_losses({"advancement": rows()}, all_leads, QUICK, FIT, 7)
    assert (losses[:224] == 0).all()
    assert (losses[226:] > 0).all()
    few = replace(FIT, least_calibration=10_000)
    assert (lead_losses({"advancement": rows()}, all_leads, QUICK, few, 7) > 0).all()


def test_levels_do_not_matter():
    """Margins that are half as large, or lie elsewhere, are as good: the calibration sees to it."""
    counted = np.ones(300, dtype=np.bool_)
    quiet = BoostingConfig(most_rounds=2, learning_rate=0.001, num_leaves=2, feature_fraction=1.0)
    loud = replace(quiet, learning_rate=0.5)
    of = {"advancement": rows()}
    few = replace(FIT, least_calibration=10_000)
    small, large = (lead_losses(of, counted, one, few, 7).sum() for one in (quiet, loud))
    assert large < np.log(2) - 0.1
    assert small == pytest.approx(large, abs=0.02)


def test_a_comparison():
    """The gain is the sum over the counted leads; its error that of a sum of so many."""
    rng = np.random.default_rng(1)
    counted = np.arange(400) % 3 > 0
    these, those = rng.random(400), rng.random(400)
    found = compared(these, those, counted)
    pairs = [a - b for a, b, is_counted in zip(these, those, counted, strict=True) if is_counted]
    assert found.gain == pytest.approx(sum(pairs))
    assert found.error == pytest.approx(len(pairs) ** 0.5 * np.std(pairs, ddof=1))
    assert found.leads == len(pairs)
    assert compared(these + 1, those, counted).is_better
    assert not compared(these, these, counted).is_better
    assert not compared(those, these + 1, counted).is_better


def test_a_third_is_set_apart():
    """By lot, the same each time, and another with another seed."""
    of = {"advancement": rows(), "purchase": rows(leads=20)}
    apart = set_apart(of, 7)
    assert (apart.sum(), len(apart)) == (100, 300)
    np.testing.assert_array_equal(apart, set_apart(of, 7))
    assert (apart != set_apart(of, 8)).any()


def test_the_rows_are_those_of_the_training(trained, simulated_log, b2b):
    """As many as `train` fitted on, of the goals that it fitted alone."""
    until = trained.manifest["until"]
    found = inner_rows(simulated_log, b2b, until, TrainConfig())
    told = trained.manifest["trained_on"]
    fitted = [goal for goal in told if told[goal]["learner"] is not None]
    assert list(found) == fitted == ["advancement"]
    assert len(found["advancement"].lead) == told["advancement"]["points"]
    assert int(found["advancement"].happened.sum()) == told["advancement"]["reached"]


def test_nothing_to_tune(simulated_log, b2b):
    """Where rates are served there is nothing that trees would be tuned for."""
    config = TrainConfig(FitConfig(least_leads=10_000))
    with pytest.raises(NotEnoughData, match=r"fewer than 10000 leads .* nothing to be tuned for"):
        inner_rows(simulated_log, b2b, simulated_log.judged_until(None), config)
    nothing = simulated_log.known_by(0)
    with pytest.raises(NotEnoughData, match="nothing to be tuned for"):
        inner_rows(nothing, b2b, 0, TrainConfig())
