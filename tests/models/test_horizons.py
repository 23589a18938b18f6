"""Chances within other days than the ladder's, of a trained bundle's scores."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from features.errors import UnknownHorizon
from features.signals.snapshot import snapshot
from models.horizons import within, within_part
from models.recalibrated import moved
from models.scores.goal_model import Estimates
from models.scores.recalibration import Move


@pytest.fixture(scope="module")
def scores(trained, simulated_log, simulation):
    shot = snapshot(simulated_log, trained.ladder, None, simulation.end)
    return trained.score(shot)


def test_the_ladders_own_horizons(trained, scores):
    """Within them the chances are those of the scores, to the bit, and so are the intervals."""
    whole = within(trained, scores, trained.ladder.purchase.horizon_days)
    for end in ("probability", "low", "high"):
        np.testing.assert_array_equal(getattr(whole.purchase, end), getattr(scores.purchase, end))
    step = trained.ladder.goals[1]
    found, here = within(trained, scores, step.horizon_days), scores.position == 1
    assert here.any()
    np.testing.assert_array_equal(found.advance.probability[here], scores.advance.probability[here])


def test_more_days_never_make_less(trained, scores):
    """From the first hour to the horizon, of each lead, with all ends of the intervals in order."""
    days = [0.05, 1.0, 7.0, 20.0, 45.0, 90.0]
    found = [within(trained, scores, one) for one in days]
    for goal in ("advance", "purchase"):
        for end in ("probability", "low", "high"):
            chances = np.array([getattr(getattr(one, goal), end) for one in found])
            known = ~np.isnan(chances)
            assert (np.diff(chances, axis=0)[known[1:] & known[:-1]] >= -1e-12).all()
        for one in found:
            told = getattr(one, goal)
            there = ~np.isnan(told.probability)
            assert (told.low <= told.probability)[there].all()
            assert (told.probability <= told.high)[there].all()
    assert np.nanmax(found[0].purchase.probability) < np.nanmin(scores.purchase.probability)


def test_beyond_the_horizon_of_the_step(trained, scores):
    """Of a next step nothing is known beyond its own horizon; of the purchase there is."""
    horizons = np.array([goal.horizon_days for goal in trained.ladder.goals])
    found = within(trained, scores, 30.0)
    is_open = ~np.isnan(scores.advance.probability)
    rung = np.minimum(scores.position, len(horizons) - 1)
    known = is_open & (horizons[rung] >= 30.0)
    assert 0 < known.sum() < is_open.sum()
    np.testing.assert_array_equal(~np.isnan(found.advance.probability), known)
    np.testing.assert_array_equal(~np.isnan(found.purchase.probability), is_open)


def test_on_the_last_rung(trained, scores):
    """The next step is the purchase: both are the same within any days."""
    last = scores.position == len(trained.ladder.goals) - 1
    assert last.any()
    found = within(trained, scores, 30.0)
    np.testing.assert_array_equal(found.advance.probability[last], found.purchase.probability[last])


def test_moved_by_outcomes(trained, scores, simulated_log, simulation):
    """What outcomes make likelier is likelier within fewer days as well."""
    likelier = moved(trained, {"purchase": Move(0.7, 1.0, 50, 1)})
    shot = snapshot(simulated_log, trained.ladder, None, simulation.end)
    before = within(trained, scores, 30.0).purchase.probability
    after = within(likelier, likelier.score(shot), 30.0).purchase.probability
    there = ~np.isnan(before) & (scores.position < len(trained.ladder.goals) - 1)
    assert (after > before)[there].all()


def test_purchases_to_be_expected(trained, scores):
    """The sum of the chances, without the leads that have none."""
    found = within(trained, scores, 30.0)
    known = found.purchase.probability[~np.isnan(found.purchase.probability)]
    assert len(known) < len(scores.leads)
    assert found.purchases == pytest.approx(known.sum())
    assert found.purchases == math.fsum(known)


def test_purchases_of_parts(trained, scores):
    """Parts of the leads add up to what is expected of all, to the bit, however they are cut."""
    found = within(trained, scores, 30.0)
    order = np.random.default_rng(5).permutation(len(scores.leads))
    parts = []
    for rows in np.array_split(order, 7):
        ends = (found.purchase.probability, found.purchase.low, found.purchase.high)
        parts.append(replace(found, purchase=Estimates(*(end[rows] for end in ends))))
    assert math.fsum(one for part in parts for one in part.exact_purchases) == found.purchases


@pytest.mark.parametrize("days", [0.0, -3.0, 90.5, 1e9, float("nan"), float("inf")])
def test_days_that_nothing_is_known_about(trained, scores, days):
    """The message says what would do."""
    with pytest.raises(UnknownHorizon, match=r"above 0 and at most 90 days"):
        within(trained, scores, days)


def test_parts_of_the_horizons(trained, scores):
    """A part of a purchase's horizon is that part of its days; of a step's, of its own."""
    advance, purchase = within_part(trained, scores, 0.5)
    half = within(trained, scores, 45.0).purchase
    np.testing.assert_array_equal(purchase.probability, half.probability)
    step = trained.ladder.goals[0]
    found, here = within(trained, scores, step.horizon_days / 2), scores.position == 0
    np.testing.assert_array_equal(advance.probability[here], found.advance.probability[here])


def test_a_bundle_of_an_earlier_version(trained, scores):
    """It scores as ever, and says that it knows no times."""
    timeless = replace(
        trained,
        advancement=replace(trained.advancement, timing=None),
        purchase=replace(trained.purchase, timing=None),
    )
    with pytest.raises(UnknownHorizon, match="train it again"):
        within(timeless, scores, 30.0)
