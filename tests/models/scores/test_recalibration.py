"""Two numbers that follow the outcomes: as the oracle does, in quiet and in drifting worlds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from features.arrays import Floats
from models.judging import metrics
from models.scores.recalibration import Arrivals, Move, follow
from tests.oracles.recalibration_oracle import oracle_moves
from tests.profiles import examples

TYPICAL = -1.0
COUNT = 6000
STEP = 10
"""Between two scores, on a clock of its own."""


def stream(truth: Floats, told: Floats, seed: int, late: int = 0) -> Arrivals:
    """Outcomes drawn from true log-odds, one after the other, known so many scores later."""
    happened = np.random.default_rng(seed).random(len(truth)) < expit(truth)
    as_of = np.arange(len(truth)) * STEP
    ones = np.ones(len(truth))
    return Arrivals(told, happened.astype(np.float64), ones, as_of, as_of + late * STEP + 1)


def told_by(seed: int, count: int = COUNT) -> Floats:
    return TYPICAL + 1.2 * np.random.default_rng(1000 + seed).normal(size=count)


def served(arrivals: Arrivals) -> Floats:
    """The log-odds that were served: by what was known when each score was asked for."""
    moves = follow(arrivals, TYPICAL)
    known = np.searchsorted(arrivals.known_at, arrivals.as_of, side="right") - 1
    intercept = np.where(known >= 0, moves.intercept[known], 0.0)
    slope = np.where(known >= 0, moves.slope[known], 1.0)
    return np.asarray(intercept + slope * arrivals.log_odds)


def losses(log_odds: Floats, happened: Floats) -> Floats:
    return np.asarray(np.logaddexp(0.0, log_odds) - happened * log_odds)


@settings(max_examples=examples(40), deadline=None)
@given(st.data())
def test_moves_equal_the_oracle(data):
    """Whatever the outcomes, their weights and how late they are known."""
    rows = data.draw(
        st.lists(
            st.tuples(
                st.floats(-12, 12),
                st.booleans(),
                st.sampled_from([1.0, 0.5, 0.25]),
                st.integers(1, 40),
            ),
            min_size=1,
            max_size=40,
        )
    )
    log_odds, happened, weight, late = (np.array(column) for column in zip(*rows, strict=True))
    as_of = np.arange(len(rows)) * 3
    known_at = np.sort(as_of + late)
    arrivals = Arrivals(log_odds, happened.astype(np.float64), weight, as_of, known_at)
    moves = follow(arrivals, TYPICAL)
    found = np.stack([moves.intercept, moves.slope], axis=1)
    np.testing.assert_allclose(found, oracle_moves(arrivals, TYPICAL), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("late", [0, 300, 2000])
def test_nothing_is_lost_where_nothing_drifts(late):
    """At most a thousandth of log loss in any of ten streams, and next to nothing on average."""
    lost = []
    for seed in range(10):
        told = told_by(seed)
        arrivals = stream(told, told, seed, late)
        before, after = (losses(z, arrivals.happened) for z in (told, served(arrivals)))
        lost.append(float((after - before).mean()))
    assert max(lost) < 0.001
    assert np.mean(lost) < 0.0003


@pytest.mark.parametrize(("shift", "turn"), [(0.8, 1.0), (-0.8, 1.0), (0.0, 0.4), (1.6, 1.0)])
@pytest.mark.parametrize("late", [0, 300])
def test_what_drifts_is_followed(shift, turn, late):
    """500 outcomes after the change is known, log loss and ECE are near those of the truth."""
    loss, excess = [], []
    for seed in range(5):
        told = told_by(seed)
        is_new = np.arange(COUNT) >= 1500
        truth = np.where(is_new, TYPICAL + turn * (told - TYPICAL) + shift, told)
        arrivals = stream(truth, told, seed, late)
        late_rows = np.arange(COUNT) >= 1500 + late + 500
        now, happened = served(arrivals)[late_rows], arrivals.happened[late_rows]
        gap = losses(now, happened) - losses(truth[late_rows], happened)
        loss.append(float(gap.mean()))
        chance = metrics.ece_by_chance(expit(now), seed) or 0.0
        excess.append((metrics.ece(expit(now), happened) or 0.0) - chance)
    assert np.mean(loss) < 0.006
    assert np.mean(excess) < 0.02


def test_successes_first():
    """Outcomes in blocks, all that failed before all that did not, cost nothing in the end."""
    gaps = []
    for seed in range(5):
        told = told_by(seed)
        arrivals = stream(told, told, seed)
        block = np.arange(COUNT) // 500
        order = np.lexsort((arrivals.happened, block))
        mixed = Arrivals(
            told[order], arrivals.happened[order], arrivals.weight,
            arrivals.as_of, arrivals.known_at,
        )  # fmt: skip
        gaps.append(
            (losses(served(mixed), mixed.happened) - losses(told, arrivals.happened)).mean()
        )
    assert max(gaps) < 0.001


def test_a_world_that_swings_with_the_delay_is_not_chased():
    """Where what is known is always of the other half of the cycle, trust is lost."""
    late, gaps = 400, []
    for seed in range(5):
        told = told_by(seed, 12_000)
        swing = 0.6 * np.sin(np.arange(12_000) * np.pi / late)
        arrivals = stream(told + swing, told, seed, late)
        gap = losses(served(arrivals), arrivals.happened) - losses(told, arrivals.happened)
        gaps.append(gap[6000:].mean())
    assert np.mean(gaps) < 0.001


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_how_far_it_moves_at_most(sign):
    """By 3 in log-odds, and by 0.9 in slope: who was likelier stays likelier, whatever comes."""
    count, typical = 600, -sign
    ones, as_of = np.ones(count), np.arange(count) * STEP
    happened = ones if sign > 0 else np.zeros(count)
    same = follow(Arrivals(typical * ones, happened, ones, as_of, as_of + 1), typical)
    shift = same.intercept + (same.slope - 1.0) * typical
    assert shift[-1] == pytest.approx(3.0 * sign, abs=1e-3)
    assert np.abs(shift).max() <= 3.0
    told = typical + 1.5 * np.random.default_rng(3).normal(size=count)
    turned = follow(stream(typical + (1.0 + 3.0 * sign) * (told - typical), told, 4), typical)
    assert turned.slope[-1] == pytest.approx(1.0 + 0.9 * sign, abs=1e-3)
    assert np.abs(turned.slope - 1.0).max() <= 0.9


def test_what_was_all_but_certain():
    """Where it came as it was said nothing moves; where it never did, as far as it may."""
    told, ones, as_of = np.tile([800.0, -800.0], 20), np.ones(40), np.arange(40) * STEP
    for happened in (told > 0, told < 0):
        found = follow(Arrivals(told, happened.astype(np.float64), ones, as_of, as_of + 1), TYPICAL)
        assert np.isfinite([found.intercept, found.slope]).all()
        as_said = bool(happened[0])
        assert found.slope[-1] == pytest.approx(1.0 if as_said else 0.1, abs=1e-3)


def test_nothing_came():
    """Without an outcome nothing moves."""
    none = np.zeros(0)
    moves = follow(Arrivals(none, none, none, none.astype(int), none.astype(int)), TYPICAL)
    assert len(moves.intercept) == 0
    assert moves.kept(10) == []


def test_moves_are_kept_by_period():
    """One for each period in which an outcome became known: its last, known when it ends."""
    told = told_by(1, 6)
    arrivals = stream(told, told, 1)
    known_at = np.array([1, 10, 10, 11, 35, 40])
    moves = follow(Arrivals(told, arrivals.happened, arrivals.weight, known_at - 1, known_at), 0.0)
    kept = moves.kept(10)
    assert [(move.n, move.known_at) for move in kept] == [(3, 10), (4, 20), (6, 40)]
    for move in kept:
        assert move.intercept == moves.intercept[move.n - 1]
        assert move.slope == moves.slope[move.n - 1]
    assert Move().at(0.3) == 0.3
