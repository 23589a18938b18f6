"""What was expected beside what came."""

from __future__ import annotations

import numpy as np
import pytest

from features.clock import rfc3339
from features.events.log import DAY_US
from tests.training.scores.scene import LADDER
from training.scores.goals.realised import realised, realised_within
from training.scores.performance import Answers

START = 1_767_225_600_000_000
"""The first of January 2026."""


def told(probability: float, came: float, leads: int = 400, weeks: int = 8) -> Answers:
    """Leads with one point each, spread over the weeks, of whom a share went on."""
    row = np.arange(leads)
    return Answers(
        probability=np.full(leads, probability),
        rank=np.full(leads, probability),
        happened=(row % 100 < 100 * came).astype(np.float64),
        lead=row,
        position=row % 2,
        week=row * weeks // leads,
        seen=np.zeros(leads, dtype=np.bool_),
        weight=np.ones(leads),
        interval=None,
    )


def test_all_steps_and_spans_of_four_weeks():
    """All points first, then the steps that have some, then the spans with their first instants."""
    found = realised(told(0.3, 0.3), LADDER, START)
    steps = [goal.id for goal in LADDER.goals[:2]]
    spans = [rfc3339(START), rfc3339(START + 28 * DAY_US)]
    assert [one.id for one in found] == ["", *steps, *spans]
    assert [one.n for one in found] == [400, 200, 200, 200, 200]
    assert (found[0].expected, found[0].came) == pytest.approx((0.3, 0.3))
    assert all(one.inside for one in found)


def test_within_parts_of_the_horizon():
    """What was said of each part, beside the share that had come by then."""
    rows = told(0.4, 0.4)
    after = np.where(rows.happened == 1, (np.arange(400) % 100) / 40, np.nan)
    chances = {0.25: np.full(400, 0.11), 0.5: np.full(400, 0.35)}
    early, half = realised_within(rows, after, chances)
    assert [(one.kind, one.id, one.n) for one in (early, half)] == [
        ("part", "0.25", 400),
        ("part", "0.5", 400),
    ]
    assert (early.expected, early.came) == pytest.approx((0.11, 0.11))
    assert (half.expected, half.came) == pytest.approx((0.35, 0.21))
    assert early.inside
    assert not half.inside


def test_what_chance_does_not_explain():
    """Too much that was expected is outside of the interval of what came."""
    whole = realised(told(0.5, 0.3), LADDER, START)[0]
    assert not whole.inside
    assert whole.low < whole.came < whole.high < whole.expected


def test_points_of_one_lead_are_one_evidence():
    """Ten equal points a lead leave the interval as wide as it is with one."""
    once = told(0.3, 0.3)
    ten = once.only(np.repeat(np.arange(400), 10))
    one, all_ten = realised(once, LADDER, START)[0], realised(ten, LADDER, START)[0]
    assert (one.n, all_ten.n, one.leads, all_ten.leads) == (400, 4000, 400, 400)
    assert all_ten.high - all_ten.low == pytest.approx(one.high - one.low, rel=0.02)


def test_nothing_at_all():
    """Without a point there is nothing to tell."""
    assert realised(told(0.3, 0.3).only(np.zeros(400, dtype=np.bool_)), LADDER, START) == ()
