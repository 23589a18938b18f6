"""How a chance spreads over its horizon: planted hazards, and the estimator by plain loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from models.scores.timing import Timing, fit_timing, spread, spread_ends
from models.scores.venn_abers import LEVEL

KNOTS = Timing.knots()
PART = np.array([0.25, 0.25])


def drawn(count=6000, shape=1.0, hurry=0.0, seed=3):
    """Points at two positions: chances, and when within the horizon each was reached.

    The hazard that has passed after a share u of the horizon is u ** shape; of a lead with twice
    the hazard of another, u ** (shape / 2 ** hurry).
    """
    rng = np.random.default_rng(seed)
    position = rng.integers(0, 2, count)
    chance = rng.beta(2, 5, count)
    hazard = -np.log1p(-chance)
    power = shape * hazard**-hurry
    took = (rng.exponential(size=count) / hazard) ** (1 / power)
    return position, chance, np.where(took <= 1.0, took, np.nan), power


def fitted(position, chance, took, lead=None):
    lead = np.arange(len(chance)) if lead is None else lead
    return fit_timing(position, chance, took, np.ones(len(chance)), lead, 2)


def within(timing, chance, position, part):
    return spread(chance, timing.passed(chance, position, part).w)


def ends_within(timing, chance, ends, part):
    """The ends of chances at the first position, as sides of an interval."""
    where = np.zeros(len(chance), dtype=np.int64)
    return spread_ends(chance, ends, timing.passed(chance, where, np.array([part, part])))


@pytest.mark.parametrize("shape", [0.4, 1.0, 2.0])
def test_a_planted_pace(shape):
    """Where all hurry alike, w is the planted one at both positions and for all leads."""
    position, chance, took, _ = drawn(40_000, shape=shape)
    found = fitted(position, chance, took)
    assert np.abs(found.share - KNOTS**shape).max() < 0.03
    wanted = 1.0 - (1.0 - chance) ** (0.25**shape)
    assert np.abs(within(found, chance, position, PART) - wanted).max() < 0.03


def test_likely_leads_that_hurry():
    """Chances within a quarter are those that were planted for each lead, not for the mean one."""
    position, chance, took, power = drawn(20_000, hurry=0.5)
    truth = 1.0 - (1.0 - chance) ** (0.25**power)
    found = within(fitted(position, chance, took), chance, position, PART)
    assert np.abs(found - truth).mean() < 0.01
    alike = fitted(position, np.full(len(chance), chance.mean()), took)
    assert np.abs(within(alike, chance, position, PART) - truth).mean() > 0.02


def test_positions_have_their_own_pace():
    """At one leads go on at once, at the other late; each is told so."""
    rng = np.random.default_rng(5)
    position, chance = np.repeat([0, 1], 2000), np.full(4000, 0.4)
    took = np.where(position == 0, rng.random(4000) / 10, 1.0 - rng.random(4000) / 10)
    took[rng.random(4000) > 0.4] = np.nan
    found = fitted(position, chance, took)
    early, late = within(found, np.array([0.4, 0.4]), np.array([0, 1]), PART)
    assert early > 0.38
    assert late < 0.02


def plain_curve(chance, took, weight):
    """Breslow's estimator at the knots, by the book: over each event, one over those at risk."""
    hazard = [-np.log1p(-one) for one in chance]
    total, found = 0.0, []
    events = sorted({one for one in took if one == one})
    passed = {}
    for instant in events:
        risk = sum(w * h for w, h, t in zip(weight, hazard, took, strict=True) if not t < instant)
        total += sum(w for w, t in zip(weight, took, strict=True) if t == instant) / risk
        passed[instant] = total
    for knot in KNOTS:
        before = [value for instant, value in passed.items() if instant <= knot]
        found.append(max(before, default=0.0) / total)
    return np.array(found)


def test_as_by_plain_loops():
    """With ties and weights; drawn to an even pace by ten leads' worth, twice."""
    rng = np.random.default_rng(8)
    count = 60
    chance, weight = rng.uniform(0.1, 0.6, count), rng.uniform(0.5, 2.0, count)
    took = np.where(rng.random(count) < 0.4, np.round(rng.random(count), 1) + 0.05, np.nan)
    took[took > 1.0] = 1.0
    leads = int((~np.isnan(took)).sum())
    assert leads < 30  # so few that likely leads are not looked at apart
    zeros = np.zeros(count, dtype=np.int64)
    found = fit_timing(zeros, chance, took, weight, np.arange(count), 2)
    curve = plain_curve(chance.tolist(), took.tolist(), weight.tolist())
    overall = (leads * curve + 10 * KNOTS) / (leads + 10)
    of_step = (leads * curve + 10 * overall) / (leads + 10)
    np.testing.assert_allclose(found.share[0], np.tile(of_step, (3, 1)), atol=1e-12)
    np.testing.assert_allclose(found.share[1], np.tile(overall, (3, 1)), atol=1e-12)


def test_few_leads_of_a_group():
    """Ten that came early move the curve of their group a quarter of the way from its step's."""
    zeros, chance = np.zeros(60, dtype=np.int64), np.repeat([0.2, 0.4, 0.6], 20)
    took = np.where(np.tile([True, False], 30), np.repeat([0.9, 0.9, 0.1], 20), np.nan)
    found = fitted(zeros, chance, took)
    middle = int(np.searchsorted(KNOTS, 0.5))
    low, _, high = found.share[0, :, middle]
    assert high - low == pytest.approx(0.25)
    curve = plain_curve(chance.tolist(), took.tolist(), [1.0] * 60)[middle]
    overall = (30 * curve + 10 * KNOTS[middle]) / 40
    of_step = (30 * curve + 10 * overall) / 40
    assert low == pytest.approx(0.75 * of_step)


def test_at_once():
    """What is reached in the instant of the score is within any days, and not within none."""
    zeros, chance = np.zeros(40, dtype=np.int64), np.full(40, 0.5)
    found = fitted(zeros, chance, np.where(np.arange(40) % 2, 0.0, np.nan))
    found.check(2)
    assert (found.share[0, :, 0] == 0.0).all()
    assert (found.share[0, :, 1] > 0.6).all()


def test_knots():
    """Of a horizon of 90 days the first lies after four hours, the last but one after 83 days."""
    assert [KNOTS[0], KNOTS[-1], len(KNOTS)] == [0.0, 1.0, 25]
    assert 24 * 90 * KNOTS[1] == pytest.approx(3.75)
    assert 90 * KNOTS[-2] == pytest.approx(82.66, abs=0.01)


def test_nothing_to_learn_from():
    """Without a point, and without one that reached the goal, the pace is even."""
    none = np.zeros(0)
    empty = fitted(none.astype(np.int64), none, none)
    silent = fitted(np.zeros(9, dtype=np.int64), np.full(9, 0.2), np.full(9, np.nan))
    for found in (empty, silent):
        np.testing.assert_array_equal(found.share, np.tile(KNOTS, (2, 3, 1)))
        half = within(found, np.array([0.75]), np.array([1]), np.array([0.5, 0.5]))
        assert half[0] == pytest.approx(0.5, abs=1e-6)


def test_points_of_one_lead_are_no_more_leads():
    """A lead whose points all say the same draws as much as one point of it would."""
    position, chance, took, _ = drawn(20, shape=3.0)
    rows = np.repeat(np.arange(20), 50)
    many = fitted(position[rows], chance[rows], took[rows], lead=rows)
    np.testing.assert_allclose(many.share, fitted(position, chance, took).share, atol=1e-12)


@pytest.mark.parametrize("shape", [1.0, 2.0])
def test_intervals_hold_what_was_planted(shape):
    """Nine in ten, of a rate that is estimated with its pace from 200 leads; not so without it.

    The interval of the rate is Clopper and Pearson's, over worlds of one planted pace.
    """
    rng, count, rate = np.random.default_rng(11), 200, 0.3
    lead, with_pace, without = np.arange(count), [], []
    for _ in range(120):
        took = (rng.exponential(size=count) / -np.log1p(-rate)) ** (1 / shape)
        came = int((took <= 1.0).sum())
        said = np.full(count, came / count)
        found = fitted(lead * 0, said, np.where(took <= 1.0, took, np.nan))
        tail = (1.0 - LEVEL) / 2.0
        low = beta.ppf(tail, came, count - came + 1)
        high = beta.ppf(1.0 - tail, came + 1, count - came)
        one = said[:1]
        for part in (1 / 8, 1 / 4, 1 / 2):
            truth = 1.0 - (1.0 - rate) ** (part**shape)
            ends = ends_within(found, one, (np.array([low]), np.array([high])), part)
            with_pace.append(ends[0][0] <= truth <= ends[1][0])
            exact = replace(found, leads=None)
            ends = ends_within(exact, one, (np.array([low]), np.array([high])), part)
            without.append(ends[0][0] <= truth <= ends[1][0])
    assert np.mean(without) < 0.75
    assert 0.82 < np.mean(with_pace) < 0.97


def test_how_exactly_the_pace_is_known():
    """By leads, not by points; where a few count for most, by fewer; without any, by ten."""
    position, chance, took, _ = drawn(400)
    held = fitted(position, chance, took)
    rows = np.repeat(np.arange(400), 5)
    many = fitted(position[rows], chance[rows], took[rows], lead=rows)
    np.testing.assert_allclose(many.leads, held.leads)
    reached = [len(np.flatnonzero(~np.isnan(took[position == at]))) for at in (0, 1)]
    assert held.leads.sum(axis=1) == pytest.approx([one + 3 * 30 for one in reached])
    assert held.leads is not None
    heavy = np.where(np.arange(400) % 10, 1.0, 40.0)
    uneven = fit_timing(position, chance, took, heavy, np.arange(400), 2)
    assert uneven.leads is not None
    assert uneven.leads.sum() < 0.7 * held.leads.sum()
    assert (uneven.leads <= held.leads + 1e-9).all()
    none = np.zeros(0)
    assert (fitted(none.astype(np.int64), none, none).leads == 10.0).all()


@pytest.fixture(scope="module")
def timing():
    position, chance, took, _ = drawn(3000, shape=0.5, hurry=0.3)
    return fitted(position, chance, took)


@given(
    chance=st.floats(0.0, 1.0),
    parts=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=2).map(sorted),
    at=st.integers(0, 1),
)
def test_more_days_never_make_less(timing, chance, parts, at):
    """For any chance; none within no time, and the chance itself, to the bit, within all of it."""
    one, where = np.array([chance]), np.array([at])
    found = [within(timing, one, where, np.full(2, part))[0] for part in (0.0, *parts, 1.0)]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (0.0, chance)


@given(
    chances=st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3).map(sorted),
    parts=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=2).map(sorted),
)
def test_more_days_never_make_less_of_an_interval(timing, chances, parts):
    """Of both its ends, around the chance; the chance's own, to the bit, within all of the time."""
    low, one, high = (np.array([each]) for each in chances)
    lows, highs = [], []
    for part in (0.0, *parts, 1.0):
        ends = ends_within(timing, one, (low, high), part)
        middle = within(timing, one, np.array([0]), np.full(2, part))
        assert ends[0] <= middle <= ends[1]
        lows.append(ends[0][0])
        highs.append(ends[1][0])
    assert (np.diff(lows) >= -1e-12).all()
    assert (np.diff(highs) >= -1e-12).all()
    assert (lows[0], lows[-1]) == (0.0, chances[0])
    assert (highs[0], highs[-1]) == (0.0, chances[2])


def test_all_of_the_horizon_is_the_chance():
    """To the bit, whatever logarithms would make of it."""
    chances = np.linspace(0.0, 1.0, 1001)
    np.testing.assert_array_equal(spread(chances, np.ones(1001)), chances)


def test_what_is_not_known_stays_unknown(timing):
    """A lead without a chance, and a horizon that is shorter than what is asked about."""
    found = within(
        timing, np.array([np.nan, 0.3, 0.3]), np.array([0, 0, 1]), np.array([0.5, np.nan])
    )
    assert np.isnan(found).tolist() == [True, False, True]


def test_kept_and_read_back(timing):
    """To the bit, and what is no such thing is refused."""
    again = Timing.of_dict(timing.as_dict())
    again.check(2)
    for name in ("level", "share", "leads"):
        np.testing.assert_array_equal(getattr(again, name), getattr(timing, name))
    falling, short = timing.share.copy(), timing.share[..., ::2]
    falling[1, 2, 5] = 0.9
    for wrong in (
        replace(timing, share=falling),
        replace(timing, share=short),
        replace(timing, share=timing.share * 0.5),
        replace(timing, level=timing.level * np.nan),
        replace(timing, level=-np.sort(timing.level + np.arange(3))),
    ):
        with pytest.raises(ValueError, match="what it knows of time"):
            wrong.check(2)
    with pytest.raises(ValueError, match="so many steps"):
        timing.check(3)
    for leads in (timing.leads * 0.0, timing.leads * np.nan):
        with pytest.raises(ValueError, match="was seen of no leads"):
            replace(timing, leads=leads).check(2)


def test_what_an_earlier_version_kept(timing):
    """It says nothing of how exactly w is known: the ends are spread as the chance is."""
    kept = timing.as_dict()
    del kept["leads"]
    former = Timing.of_dict(kept)
    former.check(2)
    assert "leads" not in former.as_dict()
    one, ends = np.array([0.3]), (np.array([0.2]), np.array([0.5]))
    passed = former.passed(one, np.array([0]), PART)
    found = ends_within(former, one, ends, PART[0])
    np.testing.assert_allclose(found, [spread(end, passed.w) for end in ends])
    exact = ends_within(timing, one, ends, PART[0])
    assert exact[0] < found[0]
    assert exact[1] > found[1]
