"""Two arms compared: the interval covers, nothing is claimed of few, what is pending is unknown."""

from __future__ import annotations

import numpy as np
import pytest

from models.judging.trials.arms import (
    FEWEST,
    ArmCounts,
    RateDifference,
    difference_of_rates,
    is_off_share,
)


def counts(reached: int, mature: int, pending: int = 0) -> ArmCounts:
    return ArmCounts(mature + pending, mature, reached)


def test_as_published():
    """56 of 70 beside 48 of 80: Newcombe (1998) gives 0.2000 with 0.0524 to 0.3339."""
    found = difference_of_rates(counts(56, 70), counts(48, 80))
    assert found is not None
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert found.is_sure
    turned = difference_of_rates(counts(48, 80), counts(56, 70))
    assert turned is not None
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    assert turned.is_sure


def test_none_of_either():
    """Where nobody reached it there is no difference, and an interval all the same."""
    found = difference_of_rates(counts(0, 50), counts(0, 50))
    assert found is not None
    assert found.low < found.value == 0.0 < found.high
    assert not found.is_sure


@pytest.mark.parametrize(
    ("low", "high", "is_sure"),
    [(0.01, 0.2, True), (0.0, 0.2, False), (-0.2, 0.0, False), (-0.2, -0.01, True)],
)
def test_an_interval_that_ends_at_nothing_holds_it(low, high, is_sure):
    """Only one that leaves out that there is no difference is sure."""
    assert RateDifference((low + high) / 2, low, high).is_sure == is_sure


@pytest.mark.parametrize("few", [0, 1, FEWEST - 1])
def test_too_few(few):
    """An arm of few leads whose horizon is over makes no difference, however many are pending."""
    many = counts(500, 1000)
    assert difference_of_rates(many, counts(few // 2, few, pending=1000)) is None
    assert difference_of_rates(counts(few // 2, few, pending=1000), many) is None
    assert difference_of_rates(many, counts(FEWEST // 2, FEWEST)) is not None


def test_pending_is_unknown():
    """Pending leads are in the arm, and change neither its rate nor the difference."""
    one, other = counts(20, 100), counts(20, 100, pending=900)
    assert (other.leads, other.pending, other.rate) == (1000, 900, one.rate)
    assert ArmCounts(5, 0, 0).rate is None
    against = counts(30, 100)
    assert difference_of_rates(one, against) == difference_of_rates(other, against)


@pytest.mark.parametrize(("rate", "other"), [(0.3, 0.3), (0.3, 0.2), (0.05, 0.02), (0.9, 0.97)])
def test_coverage(rate, other):
    """The interval covers the true difference about 95 times of 100, also with a small control."""
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(1000):
        found = difference_of_rates(
            counts(int(rng.binomial(900, rate)), 900), counts(int(rng.binomial(60, other)), 60)
        )
        assert found is not None
        inside += found.low <= rate - other <= found.high
    assert 925 <= inside <= 985


def test_off_share():
    """What chance explains is no matter; arms that something sorts are noticed."""
    assert not is_off_share(50, [0.05] * 1000)
    assert not is_off_share(70, [0.05] * 1000)
    assert is_off_share(90, [0.05] * 1000)
    assert is_off_share(15, [0.05] * 1000)
    assert not is_off_share(0, [0.05] * 10)
    assert not is_off_share(0, [])


@pytest.mark.parametrize(
    ("shares", "least", "most"),
    [
        ([0.5] * 100, 34, 66),  # 50, and 3.29 x 5 with half a lead
        ([0.1] * 100, 0, 20),  # 10, and 3.29 x 3
        ([0.5] * 100 + [0.1] * 100, 41, 79),  # 60, and 3.29 x 5.83
    ],
)
def test_off_share_is_beyond_three_errors_and_a_half_lead(shares, least, most):
    """Once in a thousand by chance: each lead's share has its own part in the spread."""
    off = [drawn for drawn in range(len(shares) + 1) if is_off_share(drawn, shares)]
    assert off == [*range(least), *range(most + 1, len(shares) + 1)]
