"""From a margin to a probability: noise is not learned."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from models.scores.calibration import (
    _LEARNED,
    Calibrator,
    _firm,
    calibrate,
    leads_to_learn,
    uncalibrated,
)
from models.scores.step_rates import StepRates
from models.scores.venn_abers import Unseen
from tests.models.scores.margins import (
    PRIOR,
    RATE,
    columns,
    fitted,
    interval,
    planted,
    probability,
    slope,
    worlds,
)
from tests.oracles.calibration_oracle import (
    oracle_calibration,
    oracle_firm,
)
from tests.profiles import examples


def believed(calibrator):
    """The share of the slope that is believed on a rung with many leads."""
    return _firm(calibrator.z)


def is_mixed(margin, happened):
    """Whether margins point the wrong way now and then; where none does, a slope has no size."""
    told = (2.0 * happened - 1.0) * margin
    return min(told.clip(min=0.0).sum(), -told.clip(max=0.0).sum()) > 0.02 * np.abs(told).sum()


@settings(max_examples=examples(15), deadline=None)
@given(worlds(), st.sampled_from([0.0, 1.0, 40.0]))
def test_what_is_served_equals_the_oracle(world, more_leads):
    """At each step and for any margin: the rate of the step, the margin's word, or between them."""
    points, prior, typical = world
    lead, step, margin, happened = columns(points)
    assume(is_mixed(margin, happened))
    rates = prior.updated(step, happened, lead)
    stood = [len(set(lead[step == at])) + more_leads for at in range(len(typical))]
    expected = oracle_calibration(points, rates.mean.tolist(), typical.tolist(), stood)
    assume(abs(expected.z - _LEARNED) > 0.01)  # what is served leaps there
    unseen = Unseen(step, margin, happened, lead, np.ones(len(lead)))
    found = calibrate(rates, unseen, typical, np.array(stood), 0)
    assert found.z == pytest.approx(expected.z, rel=0.01, abs=1e-3)
    assert found.evidence == ("model" if expected.z > 2.5 else "rates")
    assert found.learned == (expected.z > 2.5)
    assert found.leads == len(set(lead))
    if found.evidence == "rates":
        np.testing.assert_array_equal([found.rate_low, found.rate_high], rates.interval(0.9))
    for at in range(len(typical)):
        for away in (-2.0, 0.0, 0.5, 2.0):
            here = typical[at] + away * margin.std()
            wanted = expit(expected.typical[at] + expected.slope[at] * (here - typical[at]))
            assert probability(found, np.array([here]), at) == pytest.approx(wanted, abs=3e-3)


@settings(max_examples=examples(6), deadline=None)
@given(worlds(most_leads=3))
def test_few_leads_get_probabilities(world):
    """Two or three leads, alike or parted by their margins: no error, and chances in order."""
    points, prior, typical = world
    lead, step, margin, happened = columns(points)
    rates, stood = prior.updated(step, happened, lead), np.full(len(typical), 3.0)
    unseen = Unseen(step, margin, happened, lead, np.ones(len(lead)))
    found = calibrate(rates, unseen, typical, stood, 0)
    for at in range(len(typical)):
        served = probability(found, margin, at)
        low, high = interval(found, served, at)
        assert ((low >= 0) & (low <= served) & (served <= high) & (high <= 1)).all()


@given(st.one_of(st.floats(-50, 50), st.sampled_from([0.0, 2.5, 5.0, 2.5 + 1e-9, 5.0 - 1e-9])))
def test_firm_shrinkage_equals_the_oracle(z):
    """Nothing up to 2.5 standard errors, all from 5, between them what firm shrinkage leaves."""
    assert _firm(z) == pytest.approx(oracle_firm(z), rel=1e-9, abs=1e-9)


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


def test_a_margin_that_is_barely_believed():
    """Just above 2.5 standard errors the level is found, however small the weight is."""
    rng = np.random.default_rng(19)
    lead, margin = np.arange(200), rng.normal(size=200)
    happened = (rng.random(200) < expit(0.38 * margin - 1.0)).astype(np.float64)
    calibrator = fitted(lead, margin, happened)
    assert _LEARNED < calibrator.z < _LEARNED + 0.002
    assert 0.0 < slope(calibrator) < 0.001
    assert calibrator.learned


def test_points_of_a_lead_speak_as_one():
    """Every point told ten times leaves what is served at each step as it was."""
    lead, margin, happened = planted(5, tells=1.0, leads=60, per_lead=1)
    prior = StepRates.prior(np.array([0.4, 0.6]))
    once, often = (
        fitted(
            *(np.repeat(of, n) for of in (lead, margin, happened)),
            prior=prior,
            position=np.repeat(lead % 2, n),
        )
        for n in (1, 10)
    )
    assert once.learned
    np.testing.assert_allclose(often.shift, once.shift, atol=1e-3)
    np.testing.assert_allclose(often.slope, once.slope, atol=1e-3)


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


def test_points_of_one_lead_do_not_narrow_it():
    """Twenty alike points a lead leave the interval as wide as one."""
    chance = np.linspace(0.1, 0.8, 30)
    once, often = (
        np.subtract(*interval(fitted(*planted(2, tells=1.5, per_lead=n)), chance)[::-1]).mean()
        for n in (1, 20)
    )
    assert often > 0.75 * once


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


@pytest.mark.parametrize("tells", [1.5, 0.0], ids=["model", "rates"])
def test_recalibrated(tells):
    """Every log-odds moves by the line, and the ends of its interval with it, which holds it."""
    calibrator = fitted(*planted(1, tells=tells))
    moved = calibrator.recalibrated(0.7, 0.8)
    margin, at = np.linspace(-3.0, 3.0, 21), np.zeros(21, dtype=np.int64)
    log_odds = calibrator.log_odds(at, margin)
    np.testing.assert_allclose(moved.log_odds(at, margin), 0.7 + 0.8 * log_odds)
    np.testing.assert_allclose(moved.base(at), 0.7 + 0.8 * calibrator.base(at))
    before, now = expit(log_odds), expit(moved.log_odds(at, margin))
    for one, other in zip(calibrator.interval(at, before), moved.interval(at, now), strict=True):
        np.testing.assert_allclose(other, expit(0.7 + 0.8 * logit(one)), atol=2e-3)
    assert moved.evidence == calibrator.evidence
    assert calibrator.recalibrated(0.0, 1.0).base(at) == pytest.approx(calibrator.base(at))


def test_so_many_leads_show_a_gain_worth_having():
    """Of a margin that saves 2 % of the log loss of a rate of one half, four times in five."""
    leads, rng, learned, rounds = (
        leads_to_learn(float(np.log(2.0))),
        np.random.default_rng(4),
        0,
        60,
    )
    assert leads == 403
    assert leads_to_learn(0.1) == 2789
    for _ in range(rounds):
        margin = rng.normal(size=leads) / 3.0  # saves s**2 / 8 where its spread is s
        happened = (rng.random(leads) < expit(margin)).astype(float)
        learned += fitted(np.arange(leads), margin, happened).learned
    assert learned / rounds == pytest.approx(0.8, abs=3 * (0.16 / rounds) ** 0.5)
