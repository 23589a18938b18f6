"""Intervals keep their word: around the probability, and of as many leads as there were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binomtest

from models.scores.calibration import (
    uncalibrated,
)
from models.scores.venn_abers import LEVEL, _venn_abers, interval_curve
from tests.models.scores.margins import (
    PRIOR,
    RATE,
    alike,
    columns,
    fitted,
    interval,
    planted,
    probability,
    worlds,
)
from tests.oracles.calibration_oracle import (
    Point,
    oracle_curve,
    oracle_pair,
    package_pair,
)
from tests.profiles import examples

DRAWINGS = 10
"""Of leads, where the slow oracle draws as well."""


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
    found = interval_curve(chance, unseen, seed, DRAWINGS)
    assert_same_curve(found, oracle_curve(chance.tolist(), points, seed, DRAWINGS))


def test_a_quantile_beside_a_chance_is_that_chance():
    """Rounding puts no score above those that have the same, nor makes two of one."""
    low = 0.1 + 0.2
    chance = np.array([0.1, 0.3, low, 0.3, 0.9, 0.9 + 1e-16, 0.1, 0.3])
    happened = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    lead = np.arange(len(chance))
    found = interval_curve(chance, alike(happened, lead), 1, DRAWINGS)
    points = [Point(at, 0, 0.0, told > 0) for at, told in enumerate(happened.tolist())]
    assert_same_curve(found, oracle_curve(chance.tolist(), points, 1, DRAWINGS))
    assert (np.diff(found[0]) > 1e-12).all()
    beside = np.nextafter(chance, 1.0)
    for one, other in zip(
        found, interval_curve(beside, alike(happened, lead), 1, DRAWINGS), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_chances_that_creep_are_one():
    """Each beside the one before by rounding alone: all are one, however far they come together."""
    chance = np.array([1.0 - at * 0.8e-12 for at in range(8, -1, -1)])
    happened, lead = np.arange(9) % 2, np.arange(9)
    found = interval_curve(chance, alike(happened.astype(np.float64), lead), 1, DRAWINGS)
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
    found = interval_curve(expit(margin), unseen, 3, DRAWINGS)
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


@pytest.mark.parametrize("per_lead", [1, 12])
@pytest.mark.parametrize(("reached", "leads"), [(0, 40), (0, 400), (3, 60), (25, 50), (40, 40)])
def test_of_one_score_it_is_that_of_clopper_and_pearson(reached, leads, per_lead):
    """Also after none or all of the leads, however many points each has: never less than 1/n."""
    happened = np.repeat((np.arange(leads) < reached).astype(np.float64), per_lead)
    lead = np.repeat(np.arange(leads), per_lead)
    ends = []
    for seed in range(12):
        chance = np.full(len(lead), 0.5)
        grid, low, high = interval_curve(chance, alike(happened, lead), seed)
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
    grid, low, high = interval_curve(chance, alike(happened, lead), 1)
    lowest = grid < 0.01
    assert lowest.sum() > 10
    assert (low[lowest] == 0.0).all()
    assert (high[lowest] >= 0.025).all()
    assert high[0] < 0.04
    mirrored = interval_curve(1.0 - chance, alike(1.0 - happened, lead), 1)
    assert (mirrored[1][1.0 - mirrored[0] < 0.01] <= 0.975).all()
    assert mirrored[1][-1] > 0.96


@pytest.mark.parametrize("score", [0.001, 0.0105, 0.02, 0.3])
def test_a_lead_that_is_added_weighs_as_those_with_its_score(score):
    """Forty leads with twelve points each, and others with one above: rounding confuses neither."""
    lead = np.concatenate([np.repeat(np.arange(40), 12), np.arange(40, 80)])
    chance, happened = np.where(lead < 40, score, 0.7), (lead >= 40).astype(np.float64)
    low, high = interval_curve(chance, alike(happened, lead), 1)[1:]
    assert high[0] == pytest.approx(max(score, 3.0 / 40), rel=0.2)
    assert low[1] == pytest.approx(min(0.7, 1.0 - 3.0 / 40))


def test_a_lead_with_many_points_makes_it_wider():
    """One of sixty leads has a third of the points: its own outcome is not that of the others."""
    lead, missed = np.append(np.arange(60), np.zeros(29, dtype=np.int64)), []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        unseen = alike((rng.random(60) < 0.5).astype(np.float64)[lead], lead)
        low = interval_curve(np.full(len(lead), 0.999), unseen, seed)[1][0]
        high = interval_curve(np.full(len(lead), 0.001), unseen, seed)[2][0]
        missed.append((low > 0.5, high < 0.5))
    assert (np.mean(missed, axis=0) < 0.12).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_mirror_of_an_interval(seed):
    """What did not happen has the mirror of the interval of what did, whoever has many points."""
    rng = np.random.default_rng(seed)
    lead = np.repeat(np.arange(100), rng.geometric(0.2, 100))
    log_odds = rng.normal(-1.0, 1.2, 100)[lead] + rng.normal(0.0, 0.01, len(lead))
    happened = (rng.random(100)[lead] < expit(log_odds)).astype(np.float64)
    grid, low, high = interval_curve(expit(log_odds), alike(happened, lead), 1)
    mirrored = interval_curve(expit(-log_odds), alike(1.0 - happened, lead), 1)
    for one, other in zip((grid, high, low), mirrored, strict=True):
        np.testing.assert_allclose(one, 1.0 - other[::-1], atol=1e-9)


def test_points_at_other_scores_do_not_widen_it():
    """A lead with a point at each of ten scores is told there as one with that point alone."""
    rng = np.random.default_rng(4)
    lead = np.tile(np.arange(150), 10)
    chance = np.repeat(np.linspace(0.02, 0.92, 10), 150)
    happened = (rng.random(len(lead)) < chance).astype(np.float64)
    apart = interval_curve(chance, alike(happened, lead), 1)
    alone = interval_curve(chance, alike(happened, np.arange(len(lead))), 1)
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
