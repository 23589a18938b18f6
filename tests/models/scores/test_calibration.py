"""From a margin to a probability: noise is not learned, and intervals keep their word."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import binomtest

from models.scores.calibration import (
    _LEARNED,
    LEVEL,
    Calibrator,
    Unseen,
    _firm,
    _interval_curve,
    _venn_abers,
    calibrate,
    leads_to_learn,
    uncalibrated,
)
from models.scores.step_rates import StepRates
from tests.oracles.calibration_oracle import (
    Point,
    oracle_calibration,
    oracle_curve,
    oracle_firm,
    oracle_pair,
    package_pair,
)
from tests.profiles import examples

PRIOR = StepRates.prior(np.array([0.4]))
DRAWINGS = 10
"""Of leads, where the slow oracle draws as well."""
RATE = -0.5
"""The log-odds of a lead whose margin is zero."""


def planted(seed, *, tells, leads=200, per_lead=5):
    """Lead, margin, outcome: all points of a lead are alike, so that a lead is one observation."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(0.0, 1.0, leads)
    happened = (rng.random(leads) < expit(RATE + tells * margin)).astype(np.float64)
    lead = np.repeat(np.arange(leads), per_lead)
    return lead, margin[lead], happened[lead]


def alike(happened, lead) -> Unseen:
    """Points that count alike, of one step."""
    zeros = np.zeros(len(lead))
    return Unseen(zeros.astype(np.int64), zeros, happened, lead, zeros + 1.0)


def fitted(lead, margin, happened, *, position=None, prior=PRIOR, seed=0) -> Calibrator:
    position = np.zeros(len(lead), dtype=np.int64) if position is None else position
    rates = prior.updated(position, happened, lead)
    typical = np.full(len(prior.mean), margin.mean())
    stood = [len(np.unique(lead[position == at])) for at in range(len(prior.mean))]
    there = np.array(stood, dtype=np.float64)
    points = Unseen(position, margin, happened, lead, np.ones(len(lead)))
    return calibrate(rates, points, typical, there, seed)


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


# ------------------------------------------------------------------------------- Against the oracle


def columns(points):
    """Lead, step, margin and outcome of points, as arrays."""
    return (
        np.array([point.lead for point in points], dtype=np.int64),
        np.array([point.step for point in points], dtype=np.int64),
        np.array([point.margin for point in points], dtype=np.float64),
        np.array([point.happened for point in points], dtype=np.float64),
    )


@st.composite
def worlds(draw, most_leads=60):
    """Points of some leads, one of whom may have very many; rates before them; typical margins.

    The margins tell much, little or nothing, are small or huge, and often tie.
    """
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps, leads = draw(st.integers(1, 3)), draw(st.integers(2, most_leads))
    tells, scale = (draw(st.sampled_from(of)) for of in ([0.0, 0.7, 1.5, 3.0], [0.3, 1.0, 8.0]))
    lead = np.repeat(np.arange(leads), draw(st.integers(1, 5)))
    lead = np.append(lead, np.full(draw(st.sampled_from([0, 0, 80])), leads // 2))
    step = chance.integers(0, steps, len(lead))
    margin = np.round(chance.normal(0.0, 1.0, len(lead)) * 4) / 4
    log_odds = chance.normal(0.0, 1.5, steps)[step] + tells * margin
    happened = chance.random(len(lead)) < expit(log_odds)
    rows = (column.tolist() for column in (lead, step, scale * margin, happened))
    points = [Point(*row) for row in zip(*rows, strict=True)]
    prior = StepRates.prior(chance.uniform(0.02, 0.98, steps))
    return points, prior, scale * chance.normal(size=steps)


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


@settings(max_examples=examples(8), deadline=None)
@given(worlds(most_leads=15), st.integers(0, 2**31), st.booleans(), st.booleans())
def test_the_interval_equals_the_oracle(world, seed, is_extreme, is_weighed):
    """The Venn-ABERS pair over resampled leads, at every score, whatever the points count."""
    lead, _, margin, happened = columns(world[0])
    chance = expit((40.0 if is_extreme else 1.0) * margin)
    weight = np.ones(len(lead))
    if is_weighed:
        weight = np.random.default_rng(seed).choice([0.25, 1.0, 4.0], len(lead))
    points = [replace(one, weight=of) for one, of in zip(world[0], weight.tolist(), strict=True)]
    unseen = replace(alike(happened, lead), weight=weight)
    found = _interval_curve(chance, unseen, seed, DRAWINGS)
    assert_same_curve(found, oracle_curve(chance.tolist(), points, seed, DRAWINGS))


def test_a_quantile_beside_a_chance_is_that_chance():
    """Rounding puts no score above those that have the same, nor makes two of one."""
    low = 0.1 + 0.2
    chance = np.array([0.1, 0.3, low, 0.3, 0.9, 0.9 + 1e-16, 0.1, 0.3])
    happened = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    lead = np.arange(len(chance))
    found = _interval_curve(chance, alike(happened, lead), 1, DRAWINGS)
    points = [Point(at, 0, 0.0, told > 0) for at, told in enumerate(happened.tolist())]
    assert_same_curve(found, oracle_curve(chance.tolist(), points, 1, DRAWINGS))
    assert (np.diff(found[0]) > 1e-12).all()
    beside = np.nextafter(chance, 1.0)
    for one, other in zip(
        found, _interval_curve(beside, alike(happened, lead), 1, DRAWINGS), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_chances_that_creep_are_one():
    """Each beside the one before by rounding alone: all are one, however far they come together."""
    chance = np.array([1.0 - at * 0.8e-12 for at in range(8, -1, -1)])
    happened, lead = np.arange(9) % 2, np.arange(9)
    found = _interval_curve(chance, alike(happened.astype(np.float64), lead), 1, DRAWINGS)
    points = [Point(at, 0, 0.0, at % 2 > 0) for at in range(9)]
    assert_same_curve(found, oracle_curve(chance.tolist(), points, 1, DRAWINGS))
    assert len(found[0]) == 1


@pytest.mark.parametrize("count", [1000, 2307])
def test_the_interval_of_many_points_equals_the_oracle(count):
    """More than a thousand points are counted in groups, the last of which may be smaller."""
    rng = np.random.default_rng(5)
    lead = rng.integers(0, 150, count)
    margin = rng.normal(size=len(lead))
    happened, weight = rng.random(len(lead)) < expit(margin), rng.uniform(0.5, 5.0, len(lead))
    rows = zip(lead, happened, weight, strict=True)
    points = [Point(one, 0, 0.0, told, of) for one, told, of in rows]
    unseen = replace(alike(happened.astype(np.float64), lead), weight=weight)
    found = _interval_curve(expit(margin), unseen, 3, DRAWINGS)
    assert len(found[0]) == 128
    assert_same_curve(found, oracle_curve(expit(margin).tolist(), points, 3, DRAWINGS))


def assert_same_curve(found, expected):
    """The same at every score, and neither end falls as the score rises."""
    assert len(found[0]) == len(expected[0])
    assert all((np.diff(end) >= 0).all() for end in found)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@st.composite
def counted(draw):
    """Rising scores with how many leads have each, and how many of those advanced."""
    eighths = draw(st.lists(st.integers(1, 63), min_size=1, max_size=25, unique=True))
    sizes = draw(st.lists(st.integers(1, 9), min_size=len(eighths), max_size=len(eighths)))
    return (
        [at / 64 for at in sorted(eighths)],
        [draw(st.integers(0, size)) for size in sizes],
        sizes,
    )


def pair_of(middle, reached, sizes, scores):
    """Our pair at each score, shape (n, 2)."""
    counts = np.array(sizes, dtype=np.float64)
    rates = np.array(reached, dtype=np.float64) / counts
    return _venn_abers(np.array(middle), rates, counts, np.array(scores), np.ones(len(middle))).T


@settings(max_examples=examples(40), deadline=None)
@given(counted())
def test_the_pair_equals_the_package(leads):
    """Between the scores of leads, and beyond them, the pair is that of `venn-abers`."""
    middle, reached, sizes = leads
    between = [(at + 0.5) / 64 for at in range(0, 64, 2)]
    ours = pair_of(middle, reached, sizes, between)
    np.testing.assert_allclose(ours, package_pair(middle, reached, sizes, between), atol=1e-9)


@settings(max_examples=examples(40), deadline=None)
@given(counted())
def test_at_the_score_of_a_lead_the_pair_equals_the_package(leads):
    """There it counts with those that have its score."""
    middle, reached, sizes = leads
    ours = pair_of(middle, reached, sizes, middle)
    np.testing.assert_allclose(ours, package_pair(middle, reached, sizes, middle), atol=1e-9)
    oracle = [oracle_pair(middle, reached, sizes, score) for score in middle]
    np.testing.assert_allclose(ours, oracle, atol=1e-9)


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


@pytest.mark.slow
def test_the_interval_contains_the_probability(many):
    """Low, probability and high stand in this order within [0, 1], also off the grid."""
    for calibrator in many:
        chance = np.concatenate([[0.0, 1e-9], np.linspace(0, 1, 501), [1.0 - 1e-9, 1.0]])
        low, high = interval(calibrator, chance)
        assert ((low >= 0) & (low <= chance) & (chance <= high) & (high <= 1)).all()


@pytest.mark.slow
def test_the_interval_rises_with_the_probability(many):
    """A lead with a higher probability has no lower an interval."""
    for calibrator in many:
        low, high = interval(calibrator, np.linspace(0, 1, 1001))
        assert (np.diff(low) >= 0).all()
        assert (np.diff(high) >= 0).all()


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.parametrize("per_lead", [1, 12])
@pytest.mark.parametrize(("reached", "leads"), [(0, 40), (0, 400), (3, 60), (25, 50), (40, 40)])
def test_of_one_score_it_is_that_of_clopper_and_pearson(reached, leads, per_lead):
    """Also after none or all of the leads, however many points each has: never less than 1/n."""
    happened = np.repeat((np.arange(leads) < reached).astype(np.float64), per_lead)
    lead = np.repeat(np.arange(leads), per_lead)
    ends = []
    for seed in range(12):
        chance = np.full(len(lead), 0.5)
        grid, low, high = _interval_curve(chance, alike(happened, lead), seed)
        assert len(grid) == 1
        ends.append((low[0], high[0]))
    low, high = np.mean(ends, axis=0)
    exact = binomtest(reached, leads).proportion_ci(LEVEL, method="exact")
    # Without outcomes of one kind that interval has one end, and is of level 0.95 there as here.
    assert low == pytest.approx(min(exact.low, 0.5), rel=0.06, abs=1e-12)
    assert high == pytest.approx(max(exact.high, 0.5), rel=0.06)


def test_where_nobody_advanced_its_upper_end_knows_how_few_leads_there_were():
    """Not of one in ten among the lowest hundred leads: less than some 3 in 100 is not told."""
    lead = np.repeat(np.arange(400), 10)
    chance = np.where(lead < 100, 0.001 + lead * 1e-6, 0.4 + lead * 1e-6)
    happened = ((lead >= 100) & (lead % 2 == 0)).astype(np.float64)
    grid, low, high = _interval_curve(chance, alike(happened, lead), 1)
    lowest = grid < 0.01
    assert lowest.sum() > 10
    assert (low[lowest] == 0.0).all()
    assert (high[lowest] >= 0.025).all()
    assert high[0] < 0.04
    mirrored = _interval_curve(1.0 - chance, alike(1.0 - happened, lead), 1)
    assert (mirrored[1][1.0 - mirrored[0] < 0.01] <= 0.975).all()
    assert mirrored[1][-1] > 0.96


@pytest.mark.parametrize("score", [0.001, 0.0105, 0.02, 0.3])
def test_a_lead_that_is_added_weighs_as_those_with_its_score(score):
    """Forty leads with twelve points each, and others with one above: rounding confuses neither."""
    lead = np.concatenate([np.repeat(np.arange(40), 12), np.arange(40, 80)])
    chance, happened = np.where(lead < 40, score, 0.7), (lead >= 40).astype(np.float64)
    low, high = _interval_curve(chance, alike(happened, lead), 1)[1:]
    assert high[0] == pytest.approx(max(score, 3.0 / 40), rel=0.2)
    assert low[1] == pytest.approx(min(0.7, 1.0 - 3.0 / 40))


def test_a_lead_with_many_points_makes_it_wider():
    """One of sixty leads has a third of the points: its own outcome is not that of the others."""
    lead, missed = np.append(np.arange(60), np.zeros(29, dtype=np.int64)), []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        unseen = alike((rng.random(60) < 0.5).astype(np.float64)[lead], lead)
        low = _interval_curve(np.full(len(lead), 0.999), unseen, seed)[1][0]
        high = _interval_curve(np.full(len(lead), 0.001), unseen, seed)[2][0]
        missed.append((low > 0.5, high < 0.5))
    assert (np.mean(missed, axis=0) < 0.12).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_mirror_of_an_interval(seed):
    """What did not happen has the mirror of the interval of what did, whoever has many points."""
    rng = np.random.default_rng(seed)
    lead = np.repeat(np.arange(100), rng.geometric(0.2, 100))
    log_odds = rng.normal(-1.0, 1.2, 100)[lead] + rng.normal(0.0, 0.01, len(lead))
    happened = (rng.random(100)[lead] < expit(log_odds)).astype(np.float64)
    grid, low, high = _interval_curve(expit(log_odds), alike(happened, lead), 1)
    mirrored = _interval_curve(expit(-log_odds), alike(1.0 - happened, lead), 1)
    for one, other in zip((grid, high, low), mirrored, strict=True):
        np.testing.assert_allclose(one, 1.0 - other[::-1], atol=1e-9)


def test_points_at_other_scores_do_not_widen_it():
    """A lead with a point at each of ten scores is told there as one with that point alone."""
    rng = np.random.default_rng(4)
    lead = np.tile(np.arange(150), 10)
    chance = np.repeat(np.linspace(0.02, 0.92, 10), 150)
    happened = (rng.random(len(lead)) < chance).astype(np.float64)
    apart = _interval_curve(chance, alike(happened, lead), 1)
    alone = _interval_curve(chance, alike(happened, np.arange(len(lead))), 1)
    np.testing.assert_allclose(apart[2] - apart[1], alone[2] - alone[1], rtol=0.25)


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


def test_the_interval_between_scores():
    """Between two scores of its grid it lies between theirs, beyond the grid it is the last."""
    calibrator = replace(
        uncalibrated(PRIOR, leads=5),
        grid=np.array([0.2, 0.6]),
        low=np.array([0.1, 0.5]),
        high=np.array([0.3, 0.9]),
        slope=np.ones(1),
    )
    low, high = interval(calibrator, np.array([0.05, 0.2, 0.4, 0.6, 0.95]))
    np.testing.assert_allclose(low, [0.05, 0.1, 0.3, 0.5, 0.5])
    np.testing.assert_allclose(high, [0.3, 0.3, 0.6, 0.9, 0.95])


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
