"""Arms that are not what was meant: found soon, rarely by chance, and like the integral it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from features.errors import EventsError
from models.judging.trials.sample_ratio import sample_ratio
from tests.proofs import size, tell

TRIALS = 1000


def share_of(found) -> float:
    return float(np.mean(found))


def even(leads: int) -> np.ndarray:
    return np.full((leads, 2), 0.5)


def put(rng, shares) -> np.ndarray:
    """The arm of each lead, drawn with its shares."""
    return np.asarray((rng.random((len(shares), 1)) > shares.cumsum(axis=1)).sum(axis=1))


def test_as_meant():
    """1,000 A/A experiments with a look after each of 3,000 leads: alarms in 5 % at most."""
    rng = np.random.default_rng(1)
    lots = [(rng.random(3000) < 0.5).astype(np.int64) for _ in range(TRIALS)]
    for level, most in ((0.95, 0.05), (0.99, 0.01)):
        alarms = share_of(
            [sample_ratio(one, even(3000), level=level).alarm is not None for one in lots]
        )
        tell(f"A/A: alarms of the sample ratio at {level}", alarms, f"at most {most}", TRIALS)
        assert alarms <= most + (0.0 if most == 0.05 else 0.007)


def test_shares_that_change_as_meant():
    """So with three arms whose shares change, one closed now and then, and one that follows."""
    rng = np.random.default_rng(2)
    trials = size(part=300, full=1000)
    alarms = 0
    for _ in range(trials):
        shares = np.repeat([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5], [0.9, 0.0, 0.1]], 500, axis=0)
        arm = put(rng, shares)
        shares[1000:, 0] += 0.05 * (arm[:500] == 0)  # what comes later may depend on earlier lots
        shares[1000:, 2] -= 0.05 * (arm[:500] == 0)
        arm[1000:] = put(rng, shares[1000:])
        alarms += sample_ratio(arm, shares, level=0.95).alarm is not None
    tell("A/A with shares that change: alarms", alarms / trials, "at most 0.05", trials)
    assert alarms / trials <= 0.05


def test_a_split_that_is_off():
    """55/45 where 50/50 was meant is found by 1,500 leads at the median, also the other way."""
    rng = np.random.default_rng(3)
    for chance in (0.55, 0.45):
        found = [
            sample_ratio((rng.random(4000) < chance).astype(np.int64), even(4000)).alarm
            for _ in range(200)
        ]
        median = float(np.median([4000 if at is None else at for at in found]))
        tell(f"{chance} where 0.5 was meant: found at", median, "at most 1500", 200)
        assert median <= 1500


def test_a_split_that_is_off_at_times():
    """Leads of the new shares that are drawn with the old ones are noticed."""
    rng = np.random.default_rng(4)
    old, new = np.tile([0.9, 0.1], (2000, 1)), np.tile([0.5, 0.5], (2000, 1))
    right = np.concatenate([put(rng, old), put(rng, new)])
    wrong = np.concatenate([put(rng, old), put(rng, old)])
    shares = np.concatenate([old, new])
    assert sample_ratio(right, shares).alarm is None
    at = sample_ratio(wrong, shares).alarm
    assert at is not None
    assert 2000 <= at < 2300


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_the_integral(share):
    """With equal shares it is a mixture over all splits, as quadrature has it (prior of 100)."""
    rng = np.random.default_rng(5)
    arm = (rng.random(120) < 0.3).astype(np.int64)
    found = sample_ratio(arm, np.tile([1.0 - share, share], (120, 1)))
    for n in (1, 7, 120):
        hits = int(arm[:n].sum())

        def over(split, hits=hits, n=n):
            likely = split**hits * (1 - split) ** (n - hits)
            meant = share**hits * (1 - share) ** (n - hits)
            return likely / meant * beta.pdf(split, 100 * share, 100 * (1 - share))

        wanted, _ = quad(over, 0.0, 1.0, points=[share, hits / n], limit=200)
        assert found.evidence[n - 1] == pytest.approx(np.log(wanted), abs=1e-6)


def test_the_p_value():
    """It is 1 / the largest e-value so far, at most 1, and reaches 1 - level at the alarm."""
    rng = np.random.default_rng(6)
    found = sample_ratio((rng.random(3000) < 0.6).astype(np.int64), even(3000))
    assert found.p == pytest.approx(np.minimum(1, np.exp(-np.maximum.accumulate(found.evidence))))
    assert (np.diff(found.p) <= 0).all()
    assert found.alarm is not None
    assert found.p[found.alarm] <= 0.01 < found.p[found.alarm - 1]


def test_other_names_for_the_arms():
    """Which arm comes first is no matter."""
    rng = np.random.default_rng(7)
    shares = np.column_stack([np.linspace(0.2, 0.7, 500), np.linspace(0.8, 0.3, 500)])
    arm = put(rng, shares)
    one, two = sample_ratio(arm, shares), sample_ratio(1 - arm, shares[:, ::-1])
    assert one.evidence == pytest.approx(two.evidence, abs=1e-9)


def test_nothing_later_is_used():
    """Neither lots nor shares of later leads change what is known of a lead."""
    rng = np.random.default_rng(8)
    arm, shares = put(rng, even(200)), even(200)
    other, later = arm.copy(), shares.copy()
    other[150:] = 0
    later[150:] = [0.9, 0.1]
    one, two = sample_ratio(arm, shares), sample_ratio(other, later)
    assert (one.evidence[:150] == two.evidence[:150]).all()
    assert one.evidence[-1] != two.evidence[-1]


def test_little_and_nothing():
    """No leads, one lead, and leads that had one arm to go to."""
    nothing = sample_ratio(np.empty(0, np.int64), np.empty((0, 2)))
    assert (len(nothing.p), nothing.alarm) == (0, None)
    one = sample_ratio(np.array([1]), even(1))
    assert one.evidence == pytest.approx([0.0])
    only = sample_ratio(np.zeros(50, np.int64), np.tile([1.0, 0.0], (50, 1)))
    assert only.evidence == pytest.approx(np.zeros(50))
    assert only.alarm is None
    all_in_one = sample_ratio(np.zeros(50, np.int64), even(50)).alarm
    assert all_in_one is not None


@pytest.mark.parametrize(
    ("arm", "row", "problem"),
    [
        (0, [0.5, 0.6], "row 1: the shares do not sum to 1"),
        (0, [1.5, -0.5], "row 1: a share is below 0 or missing"),
        (0, [np.nan, 1.0], "row 1: a share is below 0 or missing"),
        (2, [0.5, 0.5], "row 1: the arm has no column"),
        (-1, [0.5, 0.5], "row 1: the arm has no column"),
        (1, [1.0, 0.0], "row 1: its arm had a share of 0"),
    ],
)
def test_what_is_refused(arm, row, problem):
    """What cannot be is named."""
    with pytest.raises(EventsError, match=problem):
        sample_ratio(np.array([0, arm]), np.array([[0.5, 0.5], row]))


def test_shapes_and_levels_that_are_refused():
    """So are arrays that do not belong together, and a level that there is none of."""
    with pytest.raises(EventsError, match=r"arm \(3,\), shares \(2, 2\)"):
        sample_ratio(np.zeros(3, np.int64), even(2))
    with pytest.raises(EventsError, match=r"arm \(2,\), shares \(2,\)"):
        sample_ratio(np.zeros(2, np.int64), np.full(2, 0.5))
    with pytest.raises(EventsError, match="a level lies between 0 and 1, not at 0"):
        sample_ratio(np.zeros(2, np.int64), even(2), level=0.0)
