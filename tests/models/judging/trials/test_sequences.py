"""Intervals that are looked at after every lead: planted truth, a slow oracle, odd input."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from features.errors import EventsError
from models.judging.trials.sequences import (
    Sequence,
    effect_sequence,
    expected_outcomes,
    mean_sequence,
    relative_risk_sequence,
)
from tests.oracles.sequence_oracle import effect_bouts, log_capitals, ratio_bouts
from tests.profiles import examples
from tests.proofs import size, tell

TRIALS = size(part=150, full=1000)
MOST_ALARMS = 0.05
NEEDED = np.log(40.0)
"""One side may be wrong once in 40 times."""


class Trial(NamedTuple):
    """Who was treated, with which chance, and what came of it."""

    treated: np.ndarray
    share: np.ndarray
    outcome: np.ndarray


def drawn(rng, leads, rate, effect=0.0, share=0.5) -> Trial:
    """A trial with outcomes of 0 and 1; rate, effect and share may differ by lead."""
    chance = np.broadcast_to(np.asarray(share, dtype=np.float64), (leads,))
    treated = rng.random(leads) < chance
    came = rng.random(leads) < rate + effect * treated
    return Trial(treated, chance.copy(), came.astype(np.float64))


def share_of(found) -> float:
    return float(np.mean(found))


def missed(found: Sequence, truth: float) -> bool:
    """Whether the truth was outside at any look."""
    return bool(((found.low > truth) | (found.high < truth)).any())


# ---------------------------------------------------------------------------------- planted truth


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.03, 0.3])
def test_no_effect_is_rarely_found(rate):
    """A/A experiments of 3,000 leads, looked at after every lead: alarms in 5 % at most."""
    rng = np.random.default_rng(1)
    alarms = share_of(
        [effect_sequence(*drawn(rng, 3000, rate)).decided is not None for _ in range(TRIALS)]
    )
    tell(f"A/A at a rate of {rate}: alarms of an effect", alarms, "at most 0.05", TRIALS)
    assert alarms <= MOST_ALARMS


@pytest.mark.slow
def test_no_effect_while_all_else_changes():
    """Rates that rise and shares that change, with covariates that tell much: no more alarms."""
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(TRIALS):
        covariates = rng.normal(size=(2000, 3))
        rate = expit(np.linspace(-3.0, 1.0, 2000) + 1.5 * covariates[:, 0])
        trial = drawn(rng, 2000, rate, share=np.repeat([0.5, 0.2, 0.9, 0.5], 500))
        found = effect_sequence(*trial, expected_outcomes(covariates, *trial))
        alarms += found.decided is not None
    tell("A/A with drift and covariates: alarms", alarms / TRIALS, "at most 0.05", TRIALS)
    assert alarms / TRIALS <= MOST_ALARMS


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "effect", "share"), [(0.1, 0.05, 0.5), (0.2, -0.1, 0.1)])
def test_the_effect_is_inside_at_all_looks(rate, effect, share):
    """The planted effect is never outside, in 95 of 100 experiments."""
    rng = np.random.default_rng(3)
    outside = share_of(
        [
            missed(effect_sequence(*drawn(rng, 3000, rate, effect, share)), effect)
            for _ in range(TRIALS)
        ]
    )
    tell(f"effect of {effect} ever outside", outside, "at most 0.05", TRIALS)
    assert outside <= MOST_ALARMS


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("effect", [0.03, 0.05, 0.1])
def test_as_soon_as_a_test_of_fixed_size(rate, effect):
    """At the median, it is decided before a z-test of 90 % power could be read."""
    rng = np.random.default_rng(4)
    spread = rate * (1 - rate) + (rate + effect) * (1 - rate - effect)
    read_at = int(np.ceil((1.95996 + 1.28155) ** 2 * 2 * spread / effect**2))
    trials = size(part=100, full=300)
    took = [
        effect_sequence(*drawn(rng, read_at, rate, effect)).decided or read_at
        for _ in range(trials)
    ]
    part = float(np.median(took)) / read_at
    tell(f"decided at, {rate} + {effect}, of a fixed size of {read_at:,}", part, "< 1", trials)
    assert part < 1.0


@pytest.mark.slow
def test_covariates_save_leads():
    """What tells much of the outcome narrows the interval; what tells nothing hardly widens it."""
    rng = np.random.default_rng(5)
    widths: list[list[float]] = []
    for _ in range(40):
        covariates = rng.normal(size=(3000, 2))
        trial = drawn(rng, 3000, expit(-0.5 + 2.5 * covariates[:, 0]))
        useless = rng.normal(size=(3000, 10))
        useless[rng.random(useless.shape) < 0.2] = np.nan
        expectations = (
            None,
            expected_outcomes(covariates, *trial),
            expected_outcomes(useless, *trial),
        )
        found = [effect_sequence(*trial, expected) for expected in expectations]
        widths.append([float(one.high[-1] - one.low[-1]) for one in found])
    plain, telling, noise = np.median(widths, axis=0)
    assert telling < 0.8 * plain
    assert noise < 1.05 * plain


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.25])
def test_a_ratio_is_inside_at_all_looks(rate):
    """That a ladder triples conversion is covered, and in the end the ratio is surely above 2."""
    rng = np.random.default_rng(6)
    outside, above = 0, []
    for _ in range(TRIALS):
        found = relative_risk_sequence(*drawn(rng, 4000, rate, 2 * rate))
        outside += missed(found, 3.0)
        above.append(found.low[-1])
    tell(f"3 x {rate} ever outside", outside / TRIALS, "at most 0.05", TRIALS)
    assert outside / TRIALS <= MOST_ALARMS
    assert np.median(above) > (1.6 if rate == 0.02 else 2.0)


@pytest.mark.slow
def test_the_same_ratio_of_rates_that_change():
    """No ratio but 1 is found where rates and shares change and the arms are alike."""
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(TRIALS):
        share = np.repeat([0.5, 0.1, 0.7], 1000)
        found = relative_risk_sequence(*drawn(rng, 3000, np.linspace(0.02, 0.5, 3000), 0.0, share))
        alarms += found.decided is not None
    tell("A/A with drift: alarms of a ratio", alarms / TRIALS, "at most 0.05", TRIALS)
    assert alarms / TRIALS <= MOST_ALARMS


def test_a_ratio_needs_no_more_than_a_difference():
    """Where rates are small, a ratio is decided about as soon as the difference is."""
    rng = np.random.default_rng(8)
    trials = [drawn(rng, 4000, 0.03, 0.03) for _ in range(30)]
    ratio = np.median([relative_risk_sequence(*one).decided or 4000 for one in trials])
    difference = np.median([effect_sequence(*one).decided or 4000 for one in trials])
    assert ratio < 1.1 * difference < 4000


# ------------------------------------------------------------------------------------- the oracle


def some_trial(seed: int, leads: int) -> Trial:
    """Outcomes between 0 and 1, and shares of all sizes."""
    rng = np.random.default_rng(seed)
    trial = drawn(rng, leads, 0.3, 0.4, rng.uniform(0.02, 0.98, leads))
    return trial._replace(outcome=trial.outcome * rng.choice([0.5, 1.0], leads))


def assert_is_the_bound(found, bouts, to_m):
    """Just outside a bound a candidate was beaten once; a little inside it never was."""
    for above, bound, step in ((True, found.low, -1.0), (False, found.high, 1.0)):
        edge = to_m(bound[-1])
        beaten = max(log_capitals(bouts, edge + step * 1e-9, above=above))
        assert beaten >= NEEDED - 1e-4 or abs(edge) == 1.0 or edge == 0.0
        assert max(log_capitals(bouts, edge - step * 0.01, above=above)) < NEEDED
        for at in (len(bouts) // 3, len(bouts) // 2):
            edge = to_m(bound[at])
            most = max(log_capitals(bouts[: at + 1], edge - step * 0.01, above=above))
            assert most < NEEDED


@settings(max_examples=examples(15), deadline=None)
@given(seed=st.integers(0, 10_000), leads=st.integers(1, 400))
def test_an_effect_against_the_oracle(seed, leads):
    """Evidence is the capital that one plain loop has, and the bounds are where it says."""
    trial = some_trial(seed, leads)
    found = effect_sequence(*trial)
    bouts = effect_bouts(*(column.tolist() for column in trial))
    sides = np.array([log_capitals(bouts, 0.0, above=above) for above in (True, False)])
    assert found.evidence == pytest.approx(np.logaddexp(sides[0], sides[1]) - np.log(2.0), abs=1e-8)
    assert_is_the_bound(found, bouts, lambda bound: bound)
    mean = np.cumsum([one.gained for one in bouts]) / np.arange(1, leads + 1)
    assert found.value == pytest.approx(np.clip(mean, found.low, found.high))


@settings(max_examples=examples(15), deadline=None)
@given(seed=st.integers(0, 10_000), leads=st.integers(1, 400))
def test_a_ratio_against_the_oracle(seed, leads):
    """The same for the first arm's part of all that came."""
    trial = some_trial(seed, leads)
    found = relative_risk_sequence(*trial)
    bouts = ratio_bouts(*(column.tolist() for column in trial))
    sides = np.array([log_capitals(bouts, 0.5, above=above) for above in (True, False)])
    assert found.evidence == pytest.approx(np.logaddexp(sides[0], sides[1]) - np.log(2.0), abs=1e-8)
    part = lambda ratio: ratio / (1 + ratio) if np.isfinite(ratio) else 1.0  # noqa: E731
    assert_is_the_bound(found, bouts, part)


@pytest.mark.parametrize("watch", [effect_sequence, relative_risk_sequence])
def test_intervals_never_grow(watch):
    """What is out is out for good, and the estimate is inside."""
    for seed in range(5):
        found = watch(*some_trial(seed, 500))
        assert (np.diff(found.low) >= 0).all()
        assert (found.high[1:] <= found.high[:-1]).all()
        known = np.isfinite(found.value)
        assert ((found.low <= found.value) & (found.value <= found.high))[known].all()
        assert known[-1]


def test_other_names_for_the_arms():
    """With the arms exchanged the interval is the mirror image, or the inverse."""
    trial = some_trial(3, 800)
    other = Trial(~trial.treated, 1.0 - trial.share, trial.outcome)
    one, two = effect_sequence(*trial), effect_sequence(*other)
    assert one.low == pytest.approx(-two.high, abs=1e-9)
    assert one.value == pytest.approx(-two.value, abs=1e-9)
    assert one.evidence == pytest.approx(two.evidence, abs=1e-9)
    one, two = relative_risk_sequence(*trial), relative_risk_sequence(*other)
    seen = np.isfinite(two.high)
    assert one.low[seen] == pytest.approx(1.0 / two.high[seen], rel=1e-6)
    assert (one.low[~seen] == 0.0).all()
    assert one.decided == two.decided


@settings(max_examples=examples(20), deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 299))
def test_nothing_later_is_used(seed, cut):
    """What comes after a lead changes nothing of it, nor its own outcome what was expected."""
    trial = some_trial(seed, 300)
    covariates = np.random.default_rng(seed).normal(size=(300, 2))
    changed = trial._replace(outcome=trial.outcome.copy(), treated=trial.treated.copy())
    changed.outcome[cut:] = 1.0 - trial.outcome[cut:]
    changed.treated[cut:] = ~trial.treated[cut:]
    later = covariates.copy()
    later[cut + 1 :] += 5.0
    before, after = expected_outcomes(covariates, *trial), expected_outcomes(later, *changed)
    assert (before[: cut + 1] == after[: cut + 1]).all()
    for watch in (effect_sequence, relative_risk_sequence):
        one, two = watch(*trial), watch(*changed)
        for part in ("value", "low", "high", "evidence"):
            np.testing.assert_array_equal(getattr(one, part)[:cut], getattr(two, part)[:cut])


def test_scores_are_the_augmented_ones():
    """The estimate is the mean of what was expected to differ, and of weighted surprises."""
    trial = some_trial(12, 300)
    expected = np.random.default_rng(12).random((300, 2))
    total = 0.0
    for arm, p, y, (other, first) in zip(*trial, expected, strict=True):
        total += first - other + ((y - first) / p if arm else -(y - other) / (1 - p))
    found = effect_sequence(*trial, expected)
    assert found.value[-1] == pytest.approx(np.clip(total / 300, found.low[-1], found.high[-1]))
    assert found.low[-1] < total / 300 < found.high[-1]


def test_a_ridge_is_what_it_says():
    """Expectations are those of a weighted ridge on what came before, told by plain algebra."""
    trial = some_trial(11, 60)
    covariates = np.random.default_rng(11).normal(size=(60, 2)) * [1.0, 7.0] + [3.0, 0.0]
    seen, y = covariates[:50], trial.outcome[:50]
    weight = np.where(trial.treated[:50], trial.share[:50], 1 - trial.share[:50]) ** -2.0
    weight /= weight.mean()
    columns = np.column_stack([np.ones(50), (seen - seen.mean(axis=0)) / seen.std(axis=0)])
    penalty = np.diag([0.0, 10.0, 10.0])
    gram = columns.T @ (weight[:, None] * columns) + penalty
    slope = np.linalg.solve(gram, columns.T @ (weight * y))
    row = np.concatenate([[1.0], (covariates[55] - seen.mean(axis=0)) / seen.std(axis=0)])
    wanted = np.clip(row @ slope, 0.0, 1.0)
    assert expected_outcomes(covariates, *trial)[55] == pytest.approx([wanted, wanted])


# ---------------------------------------------------------------------------------- odd input


def test_a_column_that_never_varied_says_nothing():
    """Whatever it becomes: what is expected is what would be without it."""
    rng = np.random.default_rng(12)
    treated, share, outcome = drawn(rng, 120, 0.4, 0.2)
    known = rng.normal(size=(120, 1))
    alike = np.where(np.arange(120) < 80, 3.0, 9.0)
    both = np.column_stack([known, alike])
    # It is fitted first at 50, then at 60 and at 72: until then the column was one number.
    found = expected_outcomes(both, treated, share, outcome)
    alone = expected_outcomes(known, treated, share, outcome)
    assert found[:87] == pytest.approx(alone[:87])
    assert np.isfinite(found).all()


def test_no_leads():
    """Nothing is said of nothing."""
    nothing = Trial(np.empty(0, np.bool_), np.empty(0), np.empty(0))
    for found in (effect_sequence(*nothing), relative_risk_sequence(*nothing)):
        assert len(found) == 0
        assert found.decided is None
    assert expected_outcomes(np.empty((0, 2)), *nothing).shape == (0, 2)


@pytest.mark.parametrize("came", [0.0, 1.0])
def test_outcomes_that_are_all_alike(came):
    """Where everybody reached it, or nobody, there is no effect, and the interval is narrow."""
    trial = drawn(np.random.default_rng(0), 2000, came)
    found = effect_sequence(*trial)
    assert found.decided is None
    assert -0.02 < found.low[-1] < 0.0 < found.high[-1] < 0.02
    ratio = relative_risk_sequence(*trial)
    assert ratio.decided is None
    if came == 0.0:
        assert np.isnan(ratio.value).all()
        assert (ratio.low[-1], ratio.high[-1]) == (0.0, np.inf)


@pytest.mark.parametrize("arm", [True, False])
def test_one_arm_only(arm):
    """An arm without a lead is compared with what its share makes of it, and not decided early."""
    trial = drawn(np.random.default_rng(0), 300, 0.4)._replace(treated=np.full(300, arm))
    found = effect_sequence(*trial)
    assert (found.low < found.high).all()
    few = relative_risk_sequence(*(column[:4] for column in trial))
    assert few.decided is None


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("share", 0.0, "row 2: the share of an arm is not between 0 and 1"),
        ("share", 1.0, "row 2: the share of an arm is not between 0 and 1"),
        ("share", np.nan, "row 2: the share of an arm is not between 0 and 1"),
        ("outcome", 1.1, r"row 2: the outcome is not in \[0, 1\]"),
        ("outcome", -0.1, r"row 2: the outcome is not in \[0, 1\]"),
        ("outcome", np.nan, r"row 2: the outcome is not in \[0, 1\]"),
    ],
)
def test_what_is_refused(column, value, problem):
    """A figure out of its range is named."""
    trial = drawn(np.random.default_rng(0), 5, 0.5)
    getattr(trial, column)[2] = value
    for watch in (effect_sequence, relative_risk_sequence):
        with pytest.raises(EventsError, match=problem):
            watch(*trial)


def test_shapes_and_levels_that_are_refused():
    """So is an array of another length, and a level that there is none of."""
    trial = drawn(np.random.default_rng(0), 5, 0.5)
    with pytest.raises(EventsError, match=r"`share` has shape \(4,\), not \(5,\)"):
        effect_sequence(trial.treated, trial.share[1:], trial.outcome)
    with pytest.raises(EventsError, match=r"`treated` has shape \(4,\), not \(5,\)"):
        relative_risk_sequence(trial.treated[1:], trial.share, trial.outcome)
    with pytest.raises(EventsError, match=r"`outcome` has shape \(5, 1\), not \(leads,\)"):
        effect_sequence(trial.treated, trial.share, trial.outcome[:, None])
    with pytest.raises(EventsError, match=r"`expected` has shape \(5,\), not \(5, 2\)"):
        effect_sequence(*trial, np.zeros(5))
    with pytest.raises(EventsError, match=r"row 0: `expected` is not in \[0, 1\]"):
        effect_sequence(*trial, np.full((5, 2), 1.5))
    with pytest.raises(EventsError, match=r"`covariates` has shape \(5,\), not \(5, columns\)"):
        expected_outcomes(np.zeros(5), *trial)
    with pytest.raises(EventsError, match=r"`covariates` has shape \(4, 2\), not \(5, columns\)"):
        expected_outcomes(np.zeros((4, 2)), *trial)
    for watch in (effect_sequence, relative_risk_sequence):
        with pytest.raises(EventsError, match="a level lies between 0 and 1, not at 1"):
            watch(*trial, level=1.0)


def test_a_mean_of_known_ranges():
    """Ranges that differ are taken as they are, and what leaves one is refused."""
    rng = np.random.default_rng(9)
    reach = rng.uniform(0.5, 3.0, 4000)
    observed = 0.2 + np.where(rng.random(4000) < 0.5, reach, -reach)
    lowest, highest = 0.2 - reach, 0.2 + reach
    found = mean_sequence(observed, lowest, highest, scale=reach)
    assert found.low[-1] < 0.2 < found.high[-1]
    assert found.high[-1] - found.low[-1] < 0.4
    assert found.decided is not None
    wide = mean_sequence(observed * 50, lowest * 50, highest * 50, scale=reach * 50,
                         within=(-50.0, 50.0))  # fmt: skip
    assert wide.low / 50 == pytest.approx(found.low, abs=0.02)
    assert wide.high / 50 == pytest.approx(found.high, abs=0.02)
    with pytest.raises(EventsError, match="row 0: the observation is not in its range"):
        mean_sequence(observed, lowest + 6.0, highest + 6.0, scale=reach)
    with pytest.raises(EventsError, match="row 0: the scale is not above 0"):
        mean_sequence(observed, lowest, highest, scale=0.0 * reach)
    with pytest.raises(EventsError, match=r"`within` is \(1.0, 2.0\): it has to hold 0"):
        mean_sequence(observed, lowest, highest, scale=reach, within=(1.0, 2.0))


@pytest.mark.parametrize("within", [(-1.0, 0.0), (0.0, 1.0)])
def test_a_mean_on_one_side_of_nothing(within):
    """Where it can only be below 0, or only above, the interval keeps to that side."""
    ends, sign = np.ones(600), within[0] + within[1]
    observed = sign * np.where(np.arange(600) % 4 > 0, 1.0, -1.0)  # 0.5 on the mean
    found = mean_sequence(observed, -ends, ends, scale=ends, within=within)
    low, high = sorted((sign * found.low[-1], sign * found.high[-1]))
    assert 0.0 <= low < 0.5 < high <= 1.0


def test_a_mean_that_contradicts_itself():
    """Where what was assumed is wrong the interval stays as it was, and is never empty."""
    observed = np.repeat([1.0, -1.0], 2000)
    ends = np.ones(4000)
    found = mean_sequence(observed, -ends, ends, scale=ends)
    assert (found.low <= found.high).all()
    assert found.low[-1] == found.low[1999] > 0.5


def test_a_stricter_level_is_wider():
    """99 % is an interval around that of 90 %."""
    trial = drawn(np.random.default_rng(4), 3000, 0.3, 0.1)
    wide, narrow = (effect_sequence(*trial, level=level) for level in (0.99, 0.9))
    assert wide.low[-1] < narrow.low[-1] < narrow.high[-1] < wide.high[-1]
    assert (wide.decided or 3000) > (narrow.decided or 0)
