"""How likely others were to choose what they chose: told by other leads, and never too small."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.policies.tried import ALONE, CLIP, DEMO, GUIDE, POSSIBLE, tried
from training.policies.propensities import comparable, propensities


def test_chances_of_few_decisions():
    """As often as it was, with one more of each; none is below a fiftieth."""
    few = tried([GUIDE] * 10 + [ALONE] * 190 + [DEMO] + [ALONE] * 2, position=[0] * 200 + [1] * 3)
    found = propensities(few, 7)
    first = np.array([1 / 50, 11 / 203, 191 / 203])
    np.testing.assert_allclose(found[:200, POSSIBLE[0]] - first / first.sum(), 0.0, atol=1e-12)
    np.testing.assert_allclose(found[200:, POSSIBLE[1]] - [2 / 5, 3 / 5], 0.0, atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert few.probability.max() == 1.0


def test_chances_where_all_chose_alike():
    """Nothing is to be told apart there, however many they are."""
    found = propensities(tried([ALONE] * 400), 7)
    raw = np.maximum(np.array([1.0, 1.0, 401.0]) / 403.0, 1 / 50)
    np.testing.assert_allclose(found[:, POSSIBLE[0]], np.tile(raw / raw.sum(), (400, 1)))


def test_chances_of_many_follow_what_was_known():
    """Who was asked by what was known of it was likely to be."""
    rng = np.random.default_rng(2)
    keen = rng.random(600)
    asked = rng.random(600) < np.where(keen > 0.5, 0.8, 0.2)
    found = propensities(tried(np.where(asked, CLIP, ALONE), column=keen), 7)
    is_keen = keen > 0.5
    assert found[is_keen, CLIP].mean() == pytest.approx(0.8, abs=0.07)
    assert found[~is_keen, CLIP].mean() == pytest.approx(0.2, abs=0.07)
    assert found[:, GUIDE].max() < 0.05


def test_chances_are_told_by_other_leads():
    """A lead's own decisions say nothing of their chances: here they would tell all."""
    rng = np.random.default_rng(2)
    lead = np.repeat(np.arange(40), 25)
    asked = rng.permutation(np.arange(40) % 2 == 0)[lead]
    found = propensities(tried(np.where(asked, CLIP, ALONE), lead, lead), 7)
    own = found[np.arange(len(lead)), np.where(asked, CLIP, ALONE)]
    assert own.mean() < 0.7


def test_where_something_can_be_compared():
    """Where at least a tenth is asked, and at least a tenth is not."""
    some = tried([ALONE] * 5)
    some.probability[:, ALONE] = [0.09, 0.1, 0.5, 0.9, 0.91]
    assert comparable(some).tolist() == [False, True, True, True, False]
