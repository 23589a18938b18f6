"""Fitting one goal: from the bands over the rates to a model, as far as the evidence carries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from features.events.log import DAY_US
from models.scores.goal_model import FitConfig, TrainingRows, fit_goal
from models.scores.learners.boosting import BoostingConfig
from models.scores.learners.learner import BoostedTrees
from models.scores.step_rates import StepRates

PRIOR = StepRates.prior(np.array([0.4, 0.7, 0.2]))
CONFIG = FitConfig(folds=3, boosting=BoostingConfig(most_rounds=60, patience=20))
PER_LEAD = 5


def planted(seed=1, leads=400, *, tells=1.5, later_shift=0.0) -> TrainingRows:
    """Leads on two rungs; a number tells who goes on, another and a category do not.

    In the last quarter of time the log-odds are shifted: base rates drift.
    """
    rng = np.random.default_rng(seed)
    lead = np.repeat(np.arange(leads), PER_LEAD)
    count = len(lead)
    matrix = np.column_stack(
        [rng.normal(size=count), rng.normal(size=count), rng.integers(0, 4, count)]
    ).astype(np.float64)
    position = (lead % 2).astype(np.int64)
    as_of = rng.integers(0, 100 * DAY_US, count)
    log_odds = tells * matrix[:, 0] - 0.4 + later_shift * (as_of > 75 * DAY_US)
    happened = (rng.random(count) < expit(log_odds)).astype(np.float64)
    matrix[:, 1:][rng.random((count, 2)) < 0.2] = np.nan
    return TrainingRows(matrix, [2], position, lead, as_of, happened)


@pytest.fixture(scope="module")
def rows() -> TrainingRows:
    return planted()


@pytest.fixture(scope="module")
def model(rows):
    return fit_goal(rows, PRIOR, CONFIG)


def test_nothing_to_learn_from(rows):
    """Without a mature point the bands answer, with their intervals."""
    found = fit_goal(rows.rows(np.zeros(len(rows.lead), dtype=bool)), PRIOR, CONFIG)
    assert (found.evidence, found.learner) == ("prior", None)
    estimates = found.estimate(rows.matrix, rows.position)
    np.testing.assert_allclose(estimates.probability, PRIOR.mean[rows.position])
    np.testing.assert_allclose(estimates.low, PRIOR.interval()[0][rows.position])
    assert not found.contributions(rows.matrix).any()


@pytest.mark.parametrize("of", ["reached", "missed"])
def test_too_few_leads_of_one_kind(rows, of):
    """With fewer than 30 leads that reached the goal, or that did not, the rates answer."""
    kind = rows.happened == (of == "reached")
    few = rows.lead < 29
    found = fit_goal(rows.rows(few & kind | ~kind), PRIOR, CONFIG)
    assert (found.evidence, found.learner) == ("rates", None)


def test_rates_of_few_leads(rows):
    """The rates are those of the bands and the outcomes; the interval is theirs."""
    some = rows.rows(rows.lead < 20)
    found = fit_goal(some, PRIOR, CONFIG)
    expected = PRIOR.updated(some.position, some.happened, some.lead)
    estimates = found.estimate(rows.matrix, rows.position)
    np.testing.assert_allclose(estimates.probability, expected.mean[rows.position])
    np.testing.assert_allclose(estimates.high, expected.interval()[1][rows.position])
    assert found.calibrator.leads == 20


def test_enough_leads(rows):
    """From thirty of either kind on there is a model, or the finding that it teaches nothing."""
    found = fit_goal(rows.rows(rows.lead < 60), PRIOR, CONFIG)
    assert found.learner is not None


def test_a_model_tells_leads_apart(model):
    """What was planted is found again on leads that were not there."""
    assert (model.evidence, model.calibrator.learned) == ("model", True)
    fresh = planted(seed=2)
    chance = model.estimate(fresh.matrix, fresh.position).probability
    truth = expit(1.5 * fresh.matrix[:, 0] - 0.4)
    assert np.corrcoef(chance, truth)[0, 1] > 0.9
    assert chance.mean() == pytest.approx(truth.mean(), abs=0.05)


def test_predict_proba(model, rows):
    """Two columns that sum to one, the second of them the probability served."""
    found = model.predict_proba(rows.matrix, rows.position)
    assert found.shape == (len(rows.lead), 2)
    np.testing.assert_array_equal(
        found[:, 1], model.estimate(rows.matrix, rows.position).probability
    )
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-15)


@pytest.mark.parametrize("least_leads", [30, 10_000], ids=["model", "rates"])
def test_probabilities_for_any_row(rows, least_leads):
    """Absent, far and unknown values get a probability inside its interval, on every rung."""
    found = fit_goal(rows, PRIOR, replace(CONFIG, least_leads=least_leads))
    strange = np.vstack(
        [np.full(3, np.nan), np.full(3, 1e300), np.full(3, -1e300), [0, 0, 99], np.zeros(3)]
    )
    for at in range(3):
        estimates = found.estimate(strange, np.full(5, at))
        low, chance, high = estimates.low, estimates.probability, estimates.high
        assert ((low >= 0) & (low <= chance) & (chance <= high) & (high <= 1)).all()
        assert ((chance > 0) & (chance < 1)).all()


def test_no_rows(model):
    """Nobody to score is no error."""
    nobody, nowhere = np.zeros((0, 3)), np.zeros(0, dtype=np.int64)
    assert model.predict_proba(nobody, nowhere).shape == (0, 2)
    assert model.contributions(nobody).shape == (0, 3)


def test_a_rung_that_nobody_stood_on(model):
    """Its level is the band's, and its typical contributions those of all."""
    assert model.calibrator.rate[2] == pytest.approx(0.2)
    assert model.calibrator.shift[2] == 0.0
    assert np.isfinite(model.typical).all()
    assert (model.typical[2] != model.typical[0]).any()


def test_typical_contributions_are_the_typical_margin(model):
    """The margin of a typical lead is the model's expected one and the contributions of one."""
    base = model.learner.booster.predict(np.zeros((1, 3)), pred_contrib=True)[0, -1]
    np.testing.assert_allclose(
        model.calibrator.typical_margin, model.typical.sum(axis=1) + base, atol=1e-9
    )


def test_calibrated_on_the_later_period():
    """Where base rates drift and the later outcomes are enough, the level is the later one."""
    rows = planted(leads=800, later_shift=1.5)
    later = rows.as_of > np.quantile(rows.as_of, 0.75)
    rate = rows.happened[later].mean()
    found = fit_goal(rows, PRIOR, CONFIG)
    served = found.estimate(rows.matrix[later], rows.position[later]).probability
    assert served.mean() == pytest.approx(rate, abs=0.03)
    np.testing.assert_allclose(found.calibrator.rate[:2], rate, atol=0.05)
    whole = fit_goal(rows, PRIOR, replace(CONFIG, least_calibration=10_000))
    of_all = whole.estimate(rows.matrix, rows.position).probability
    assert of_all.mean() == pytest.approx(rows.happened.mean(), abs=0.03)
    assert rate - rows.happened.mean() > 0.1


def test_a_model_that_learned_nothing_is_silent():
    """On noise the rates are served, whatever the boosting did: few false alarms over seeds."""
    found = [fit_goal(planted(seed, 150, tells=0.0), PRIOR, CONFIG) for seed in range(7)]
    assert sum(model.calibrator.learned for model in found) <= 1
    rows = planted(99)
    for model in found:
        if not model.calibrator.learned:
            assert model.evidence == "rates"
            assert np.ptp(model.estimate(rows.matrix, 0 * rows.position).probability) == 0.0


def test_the_order_of_rows_decides_nothing_but_noise(rows, model):
    """The same rows in another order give nearly the same probabilities."""
    order = np.random.default_rng(3).permutation(len(rows.lead))
    other = fit_goal(rows.rows(order), PRIOR, CONFIG)
    difference = (
        other.estimate(rows.matrix, rows.position).probability
        - model.estimate(rows.matrix, rows.position).probability
    )
    assert np.sqrt((difference**2).mean()) < 0.05


def test_the_same_seed_the_same_model(rows, model):
    """Fitting is a function of rows, prior and configuration."""
    again = fit_goal(rows, PRIOR, CONFIG)
    assert isinstance(again.learner, BoostedTrees)
    assert isinstance(model.learner, BoostedTrees)
    assert again.learner.booster.model_to_string() == model.learner.booster.model_to_string()
    assert again.calibrator.as_dict() == model.calibrator.as_dict()
    np.testing.assert_array_equal(again.typical, model.typical)


def test_progress(rows):
    """Fitting says which fold it is at."""
    told: list[str] = []
    fit_goal(rows.rows(rows.lead < 100), PRIOR, CONFIG, told.append)
    assert sorted(told) == [
        f"boosting fold {at}, drawing {drawing}" for at in (1, 2, 3) for drawing in (1, 2)
    ]


def one_kind(happened: float, seed: int = 3, leads: int = 3893) -> TrainingRows:
    """Leads on two rungs, each with a point in either period; all of the second came to the same.

    Nothing tells those of the first apart.
    """
    rng = np.random.default_rng(seed)
    lead = np.tile(np.arange(2 * leads), 2)
    position = (lead >= leads).astype(np.int64)
    reached = np.where(position == 1, happened, rng.random(len(lead)) < 0.3).astype(np.float64)
    as_of = np.repeat([1, 99], 2 * leads) * DAY_US + lead
    return TrainingRows(rng.normal(size=(len(lead), 2)), [], position, lead, as_of, reached)


@pytest.mark.parametrize(
    ("happened", "prior", "expected"),
    [
        (0.0, 0.5, (9.1e-5, 5.13e-4, 1.217e-3)),
        (1.0, 0.5, (9.1e-5, 5.13e-4, 1.217e-3)),
        # The purchase as seen from far below: the prior is 0.003 leads of 4.
        (0.0, 0.00075, (0.0, 7.7e-7, 1 / 3893)),
    ],
)
def test_a_step_that_nobody_or_everybody_completed(happened, prior, expected):
    """Outcomes of both periods count once each, and the interval holds the rate."""
    rows = one_kind(happened)
    config = replace(CONFIG, calibration_share=0.5)
    model = fit_goal(rows, StepRates.prior(np.array([0.4, prior])), config)
    found = model.estimate(rows.matrix[-1:], np.array([1]))
    got = [found.low[0], found.probability[0], found.high[0]]
    if happened:
        got = [1 - each for each in got[::-1]]
    np.testing.assert_allclose(got, expected, rtol=5e-3, atol=1e-9)
    assert got == sorted(got)


def test_a_step_that_is_completed_at_last():
    """Where nobody went on before and some do now, the later period is believed."""
    rows = one_kind(0.0, leads=400)
    recent = (rows.position == 1) & (rows.as_of > 50 * DAY_US)
    happened = np.where(recent, rows.lead % 4 == 0, rows.happened)
    rows = replace(rows, happened=happened.astype(np.float64))
    config = replace(CONFIG, calibration_share=0.5)
    prior = StepRates.prior(np.array([0.4, 0.5]))
    calibrator = fit_goal(rows, prior, config).calibrator
    # 100 of 400 now, 0 of at most 10 before, and the prior's 2 of 4.
    assert calibrator.rate[1] == pytest.approx(102 / 414)
