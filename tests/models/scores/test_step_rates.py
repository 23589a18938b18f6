"""The rates of the steps: the bands at first, then what happened, counted by leads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from features.ladder.ladder import Band
from models.scores.step_rates import PRIOR_LEADS, StepRates, advancement_priors, purchase_priors
from tests.proofs import size, tell

PRIOR = StepRates.prior(np.array([0.4, 0.5, 0.7]))


def updated(position, happened, lead, prior=PRIOR):
    return prior.updated(np.array(position), np.array(happened, dtype=np.float64), np.array(lead))


def test_priors_are_the_middles_of_the_bands(b2b):
    """A step's prior is the middle of its band; the first, which has none, is below one half."""
    means = advancement_priors(b2b)
    assert len(means) == len(b2b.goals)
    bands = [goal.band for goal in b2b.goals]
    assert bands[0] is None
    assert 0.0 < means[0] < 0.5
    middles = [(band.low + band.high) / 2 for band in bands if band]
    np.testing.assert_allclose(means[1:], middles)


def test_purchase_needs_every_step_above(b2b):
    """The prior of a purchase is the product of all steps still to take, so it rises by rung."""
    steps, purchase = advancement_priors(b2b), purchase_priors(b2b)
    assert purchase[-1] == steps[-1]
    np.testing.assert_allclose(purchase[:-1], steps[:-1] * purchase[1:])
    assert (np.diff(purchase) > 0).all()


def test_a_band_moves_its_step_alone(b2b):
    """Another band changes the prior of its step, and of purchases from below it."""
    steps = (b2b.steps[0], replace(b2b.steps[1], band=Band(0.1, 0.2)), *b2b.steps[2:])
    other = replace(b2b, steps=steps)
    changed = advancement_priors(other) != advancement_priors(b2b)
    assert changed.tolist() == [False, True, False, False, False, False]
    assert (purchase_priors(other)[:2] < purchase_priors(b2b)[:2]).all()


def test_prior_alone():
    """Without an outcome the mean is the prior's, and no points change nothing."""
    np.testing.assert_allclose(PRIOR.mean, [0.4, 0.5, 0.7])
    same = updated(np.zeros(0, dtype=np.int64), [], np.zeros(0, dtype=np.int64))
    np.testing.assert_array_equal(same.mean, PRIOR.mean)
    np.testing.assert_allclose(PRIOR.alpha + PRIOR.beta, PRIOR_LEADS)


def test_outcomes_pull_the_rate():
    """Four leads that all advanced weigh as much as the prior; other steps keep theirs."""
    found = updated([1] * 4, [1] * 4, [0, 1, 2, 3])
    np.testing.assert_allclose(found.mean, [0.4, (0.5 * PRIOR_LEADS + 4) / (PRIOR_LEADS + 4), 0.7])


def test_leads_count_and_not_points():
    """A hundred points of two leads weigh no more than two points of them."""
    few = updated([0, 0], [1, 0], [5, 9])
    many = updated([0] * 100, [1] * 50 + [0] * 50, [5] * 50 + [9] * 50)
    np.testing.assert_allclose(many.alpha, few.alpha)
    np.testing.assert_allclose(many.beta, few.beta)
    more_leads = updated([0] * 100, [1] * 50 + [0] * 50, list(range(100)))
    assert (more_leads.alpha + more_leads.beta)[0] == pytest.approx(PRIOR_LEADS + 100)


def test_many_leads_outweigh_the_prior():
    """With a thousand leads the rate is theirs to a percent."""
    found = updated([2] * 1000, [1] * 100 + [0] * 900, list(range(1000)))
    assert found.mean[2] == pytest.approx(0.1, abs=0.01)


def test_update_leaves_the_prior_alone():
    """The posterior is a new value; the prior can be used again."""
    before = PRIOR.alpha.copy()
    updated([0], [1], [0])
    np.testing.assert_array_equal(PRIOR.alpha, before)


def test_interval():
    """It contains the mean, is the Beta posterior's at that level, and narrows with leads."""
    found = updated([0] * 50, [1] * 20 + [0] * 30, list(range(50)))
    for rates in (PRIOR, found):
        low, high = rates.interval()
        assert ((low > 0) & (low < rates.mean) & (rates.mean < high) & (high < 1)).all()
        inside = beta.cdf(high, rates.alpha, rates.beta) - beta.cdf(low, rates.alpha, rates.beta)
        np.testing.assert_allclose(inside, 0.9)
    assert np.ptp([ends[0] for ends in found.interval()]) < np.ptp(
        [ends[0] for ends in PRIOR.interval()]
    )
    wide, narrow = PRIOR.interval(0.99), PRIOR.interval(0.5)
    assert (wide[0] < narrow[0]).all()
    assert (wide[1] > narrow[1]).all()


def test_a_band_that_ends_at_one_stays_a_probability():
    """The middle of a band is inside (0, 1), so its interval is, too."""
    rates = StepRates.prior(np.array([0.85]))
    low, high = rates.interval()
    assert 0 < low[0] < 0.85 < high[0] < 1


def test_intervals_over_many_programmes():
    """Where programmes have rates as the bands say, the intervals hold them as often as they say.

    A posterior is calibrated over its own prior (Cook, Gelman and Rubin, 2006): whatever the number
    of leads, 90 % intervals hold 90 % of the rates.
    """
    programmes, level = size(part=200, full=1000), 0.9
    rng = np.random.default_rng(11)
    means = np.array([0.05, 0.2, 0.4, 0.7])
    prior = StepRates.prior(means)
    held = 0
    for _ in range(programmes):
        truth = rng.beta(prior.alpha, prior.beta)
        position = np.repeat(np.arange(len(means)), rng.integers(1, 60, len(means)))
        happened = (rng.random(len(position)) < truth[position]).astype(float)
        low, high = prior.updated(position, happened, np.arange(len(position))).interval(level)
        held += int(((low <= truth) & (truth <= high)).sum())
    share, drawn = held / (programmes * len(means)), programmes * len(means)
    tell("step rates: coverage of 90 % intervals over programmes", share, "0.90", programmes)
    assert abs(share - level) < 3.3 * np.sqrt(level * (1 - level) / drawn)


@given(
    mean=st.floats(1e-6, 1 - 1e-6),
    strength=st.floats(0.01, 20.0),
    leads=st.integers(0, 10_000),
    reached=st.sampled_from(["none", "all", "one", "all but one", "half"]),
    level=st.sampled_from([0.5, 0.9, 0.99]),
)
def test_an_interval_holds_its_rate(mean, strength, leads, reached, level):
    """For any band and any outcomes low <= rate <= high, and 1 in n is never ruled out by none."""
    count = {"none": 0, "all": leads, "one": min(1, leads), "all but one": max(0, leads - 1)}
    prior = StepRates.prior(np.array([mean]), strength)
    happened = np.arange(leads) < count.get(reached, leads // 2)
    rates = updated(np.zeros(leads, dtype=np.int64), happened, np.arange(leads), prior)
    (low,), (high,) = rates.interval(level)
    assert 0 <= low <= rates.mean[0] <= high <= 1
    if leads > 1 and reached == "none":
        assert high >= 1 / leads
    if leads > 1 and reached == "all":
        assert low <= 1 - 1 / leads


@pytest.mark.parametrize("mirror", [False, True], ids=["none", "all"])
def test_thousands_of_which_none_or_all(mirror):
    """After 0 of 3,893 a wide prior leaves 5 in 10,000; after all of them the same is missing."""
    leads = 3893
    prior = StepRates.prior(np.array([0.5]))
    rates = updated(np.zeros(leads, dtype=np.int64), [mirror] * leads, np.arange(leads), prior)
    (low,), (high,) = rates.interval()
    found = [1 - high, 1 - rates.mean[0], 1 - low] if mirror else [low, rates.mean[0], high]
    np.testing.assert_allclose(found, [9.1e-5, 5.13e-4, 1.217e-3], rtol=5e-3)


def test_faded_rates():
    """Faded, evidence weighs as so many leads, its rate stays, and the prior stays whole."""
    found = updated([0] * 40 + [1], [1] * 10 + [0] * 30 + [1], range(41))
    faded = found.faded(PRIOR, 10.0)
    np.testing.assert_allclose(faded.leads, [10, 1, 0])
    np.testing.assert_allclose(faded.alpha - PRIOR.alpha, [2.5, 1, 0], atol=1e-12)
    np.testing.assert_allclose(faded.beta - PRIOR.beta, [7.5, 0, 0], atol=1e-12)
