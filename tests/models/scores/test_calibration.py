"""From a margin to a probability: noise is not learned, and intervals keep their word."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit, logit

from models.scores.calibration import _LEARNED, LEVEL, Calibrator, _firm, calibrate, uncalibrated
from models.scores.step_rates import StepRates

PRIOR = StepRates.prior(np.array([0.4]))
RATE = -0.5
"""The log-odds of a lead whose margin is zero."""


def planted(seed, *, tells, leads=200, per_lead=5):
    """Lead, margin, outcome: all points of a lead are alike, so that a lead is one observation."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(0.0, 1.0, leads)
    happened = (rng.random(leads) < expit(RATE + tells * margin)).astype(np.float64)
    lead = np.repeat(np.arange(leads), per_lead)
    return lead, margin[lead], happened[lead]


def fitted(lead, margin, happened, *, position=None, prior=PRIOR, seed=0) -> Calibrator:
    position = np.zeros(len(lead), dtype=np.int64) if position is None else position
    rates = prior.updated(position, happened, lead)
    typical = np.full(len(prior.mean), margin.mean())
    stood = [len(np.unique(lead[position == at])) for at in range(len(prior.mean))]
    there = np.array(stood, dtype=np.float64)
    return calibrate(rates, position, margin, happened, lead, typical, there, seed)


def probability(calibrator, margin, position=0):
    at = np.full(len(margin), position)
    return expit(calibrator.log_odds(at, margin))


def interval(calibrator, chance, position=0):
    return calibrator.interval(np.full(len(chance), position), chance)


def believed(calibrator):
    """The share of the slope that is believed on a rung with many leads."""
    return _firm(calibrator.z)


def slope(calibrator):
    """That of the rung on which the planted leads stand."""
    return float(calibrator.slope[0])


# ---------------------------------------------------------------------------------------- The slope


def test_noise_is_not_learned():
    """A margin that teaches nothing is told apart from one that does, and the rate is served."""
    found = [fitted(*planted(seed, tells=0.0), seed=seed) for seed in range(12)]
    assert sum(calibrator.learned for calibrator in found) <= 1
    margins = np.linspace(-3, 3, 20)
    for calibrator in found:
        if calibrator.learned:
            continue
        assert slope(calibrator) == 0.0
        assert calibrator.evidence == "rates"
        served = probability(calibrator, margins)
        assert np.ptp(served) == 0.0
        assert served[0] == pytest.approx(calibrator.rate[0], abs=0.02)


def test_a_margin_that_misleads_is_not_believed():
    """A margin that points the wrong way has no slope, not a negative one."""
    calibrator = fitted(*planted(1, tells=-1.5))
    assert calibrator.z < -_LEARNED
    assert (slope(calibrator), calibrator.learned) == (0.0, False)


@pytest.mark.parametrize("seed", range(3))
def test_a_good_margin_is_believed(seed):
    """With many leads a margin that is right has a slope near one."""
    calibrator = fitted(*planted(seed, tells=1.0, leads=1500, per_lead=3))
    assert calibrator.learned
    assert calibrator.evidence == "model"
    assert slope(calibrator) == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("seed", range(2))
def test_a_distortion_is_undone(seed):
    """Twice the margin plus one is served like the margin itself."""
    lead, margin, happened = planted(seed, tells=1.2, leads=1500, per_lead=3)
    plain, distorted = fitted(lead, margin, happened), fitted(lead, 2 * margin + 1, happened)
    assert slope(distorted) == pytest.approx(0.6, abs=0.1)
    grid = np.linspace(-2.5, 2.5, 50)
    np.testing.assert_allclose(
        probability(distorted, 2 * grid + 1), probability(plain, grid), atol=0.02
    )
    np.testing.assert_allclose(
        probability(distorted, 2 * grid + 1), expit(RATE + 1.2 * grid), atol=0.07
    )


def test_the_slope_slides_to_zero_as_evidence_thins():
    """Fewer leads say the same with less weight; repeating their points adds none."""
    many, few = (fitted(*planted(3, tells=1.0, leads=n)) for n in (2000, 100))
    assert believed(few) < believed(many) == 1.0
    assert slope(few) < slope(many)
    once, often = (fitted(*planted(3, tells=1.0, per_lead=n)) for n in (1, 20))
    assert often.z == pytest.approx(once.z, rel=0.05)


# ---------------------------------------------------------------------------------------- Positions


def test_a_step_without_data_keeps_its_rate():
    """A step that nobody stood on has the rate of its band, at its typical margin."""
    prior = StepRates.prior(np.array([0.4, 0.8, 0.15]))
    lead, margin, happened = planted(1, tells=1.0)
    calibrator = fitted(lead, margin, happened, position=2 * (lead % 2), prior=prior)
    assert calibrator.shift[1] == 0.0
    assert probability(calibrator, calibrator.typical_margin[[1]], position=1) == pytest.approx(0.8)


def test_each_step_has_its_own_level():
    """Steps of different difficulty are each right on average."""
    rng = np.random.default_rng(4)
    lead = np.arange(3000)
    position = lead % 2
    margin = rng.normal(0, 1, 3000)
    rates = np.array([0.2, 0.7])
    happened = (rng.random(3000) < expit(logit(rates[position]) + margin)).astype(np.float64)
    prior = StepRates.prior(np.array([0.5, 0.5]))
    calibrator = fitted(lead, margin, happened, position=position, prior=prior)
    for at in (0, 1):
        here = position == at
        served = probability(calibrator, margin[here], position=at)
        assert served.mean() == pytest.approx(happened[here].mean(), abs=0.03)


# ---------------------------------------------------------------------------------------- Intervals


@pytest.fixture(scope="module")
def many():
    """Calibrators of planted data, one a seed."""
    return [fitted(*planted(seed, tells=1.5, leads=300), seed=seed) for seed in range(16)]


def test_the_interval_contains_the_probability(many):
    """Low, probability and high stand in this order within [0, 1], also off the grid."""
    for calibrator in many:
        chance = np.concatenate([[0.0, 1e-9], np.linspace(0, 1, 501), [1.0 - 1e-9, 1.0]])
        low, high = interval(calibrator, chance)
        assert ((low >= 0) & (low <= chance) & (chance <= high) & (high <= 1)).all()


def test_the_interval_rises_with_the_probability(many):
    """A lead with a higher probability has no lower an interval."""
    for calibrator in many:
        low, high = interval(calibrator, np.linspace(0, 1, 1001))
        assert (np.diff(low) >= 0).all()
        assert (np.diff(high) >= 0).all()


def test_the_interval_covers_the_truth(many):
    """With clustered leads, it holds the true rate at a margin about as often as it says."""
    grid = np.linspace(-2, 2, 200)
    truth = expit(RATE + 1.5 * grid)
    shares = []
    for calibrator in many:
        low, high = interval(calibrator, probability(calibrator, grid))
        shares.append(np.mean((low <= truth) & (truth <= high)))
    assert np.mean(shares) >= 0.85
    assert LEVEL == 0.9


def test_the_interval_says_something(many):
    """It is no trivial [0, 1], and it narrows with leads."""
    chance = np.linspace(0.1, 0.8, 30)
    width = [np.subtract(*interval(calibrator, chance)[::-1]).mean() for calibrator in many]
    assert max(width) < 0.35
    more = fitted(*planted(1, tells=1.5, leads=3000, per_lead=2))
    assert np.subtract(*interval(more, chance)[::-1]).mean() < min(width)


def test_points_of_one_lead_do_not_narrow_it():
    """Twenty alike points a lead leave the interval as wide as one."""
    chance = np.linspace(0.1, 0.8, 30)
    once, often = (
        np.subtract(*interval(fitted(*planted(2, tells=1.5, per_lead=n)), chance)[::-1]).mean()
        for n in (1, 20)
    )
    assert often > 0.75 * once


def test_the_interval_contains_any_probability():
    """Also one far from all that was seen, and one of rates that were shifted."""
    extremes = np.array([0.0, 0.01, 0.99, 1.0])
    narrow = fitted(*planted(1, tells=0.4, leads=1500, per_lead=1))
    assert narrow.evidence == "model"
    for calibrator in (narrow, uncalibrated(PRIOR), uncalibrated(PRIOR, leads=5)):
        low, high = interval(calibrator, extremes)
        assert ((low <= extremes) & (extremes <= high)).all()


def test_the_interval_without_a_model_is_that_of_the_rates():
    """Where the rates answer, so does their posterior."""
    rates = PRIOR.updated(np.zeros(3, dtype=np.int64), np.array([1.0, 0.0, 0.0]), np.arange(3))
    calibrator = uncalibrated(rates, leads=3)
    low, high = interval(calibrator, rates.mean)
    np.testing.assert_allclose([low, high], rates.interval(LEVEL))


# ----------------------------------------------------------------------------------------- The rest


def test_uncalibrated():
    """Without leads the bands answer, with some their rates; a margin changes neither."""
    assert uncalibrated(PRIOR).evidence == "prior"
    calibrator = uncalibrated(PRIOR, leads=5)
    assert (calibrator.evidence, calibrator.learned) == ("rates", False)
    np.testing.assert_allclose(probability(calibrator, np.array([-9.0, 0.0, 9.0])), 0.4)


@pytest.mark.parametrize(
    "calibrator",
    [
        pytest.param(fitted(*planted(1, tells=1.5, leads=80)), id="model"),
        pytest.param(fitted(*planted(1, tells=0.0, leads=80)), id="nothing learned"),
        pytest.param(uncalibrated(PRIOR), id="prior"),
    ],
)
def test_round_trip_through_json(calibrator):
    """What is stored and read back answers bit for bit alike."""
    text = json.dumps(calibrator.as_dict(), allow_nan=False)
    again = Calibrator.of_dict(json.loads(text))
    assert json.dumps(again.as_dict()) == text
    assert (again.evidence, again.learned) == (calibrator.evidence, calibrator.learned)
    margins = np.linspace(-4, 4, 99)
    served = probability(calibrator, margins)
    np.testing.assert_array_equal(probability(again, margins), served)
    np.testing.assert_array_equal(interval(again, served), interval(calibrator, served))


def test_the_same_seed_gives_the_same_calibrator():
    """Resampling is the only chance in it, and the seed decides that."""
    data = planted(1, tells=1.5, leads=100)
    first, again, other = (fitted(*data, seed=seed).as_dict() for seed in (1, 1, 2))
    assert first == again
    assert first["low"] != other["low"]
    assert first["slope"] == other["slope"]


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_one_outcome_only(outcome):
    """Where nobody or everybody advanced, the rate says so and nothing is learned."""
    lead, margin, _ = planted(1, tells=0.0, leads=60)
    calibrator = fitted(lead, margin, np.full(len(lead), outcome))
    served = probability(calibrator, margin)
    assert np.isfinite(served).all()
    assert ((served > 0) & (served < 1)).all()
    assert (abs(served - outcome) < 0.15).all()


def test_margins_that_are_all_alike():
    """A model that tells no lead apart leaves the rate."""
    lead, margin, happened = planted(1, tells=0.0, leads=60)
    calibrator = fitted(lead, np.full(len(margin), 0.7), happened)
    assert slope(calibrator) == 0.0
    assert probability(calibrator, np.array([0.7])) == pytest.approx(calibrator.rate[0], abs=0.02)
