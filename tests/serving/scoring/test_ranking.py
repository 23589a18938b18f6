"""Where a chance stands among those of the queued leads before the same step."""

from __future__ import annotations

import numpy as np
import pytest

from serving.scoring.ranking import Ranking

POSITIONS = np.array([0, 2, 0, 0, 2, 0, 0])
CHANCES = np.array([0.1, 0.768, 0.2, 0.4, 0.3, 0.2, 0.9])
RANKING = Ranking.of(POSITIONS, CHANCES)


def test_percent():
    """The percent counts leads at or below, before the same step alone."""
    assert RANKING is not None
    assert [RANKING.percent(0, one) for one in (0.05, 0.2, 0.642, 0.9)] == [0.0, 60.0, 80.0, 100.0]
    assert [RANKING.percent(2, one) for one in (0.2, 0.642, 0.768)] == [0.0, 50.0, 100.0]


def test_nobody_there():
    """Where no queued lead stands there is nothing to rank among."""
    assert RANKING is not None
    assert RANKING.share(1, 0.5) is None
    assert RANKING.percent(1, 0.5) is None
    assert Ranking.of(np.array([], dtype=np.int64), np.array([])) is None


def test_all_together():
    """Those of all steps are the chances that came in."""
    assert RANKING is not None
    assert sorted(RANKING.probabilities.tolist()) == sorted(CHANCES.tolist())


def test_without_a_chance():
    """Who has no next step is ranked among nobody, and changes no rank of others."""
    with_one = Ranking.of(np.array([*POSITIONS, 0, 4]), np.array([*CHANCES, np.nan, np.nan]))
    assert RANKING is not None
    assert with_one is not None
    assert sorted(with_one.by_position) == sorted(RANKING.by_position)
    assert with_one.probabilities.tolist() == RANKING.probabilities.tolist()
    found = with_one.shares(np.array([0, 0, 4]), np.array([0.2, np.nan, np.nan]))
    assert found.tolist() == pytest.approx([0.6, np.nan, np.nan], nan_ok=True)
    assert Ranking.of(np.array([0]), np.array([np.nan])) is None


def test_many_beside_one_by_one():
    """Of many it says what it says of each; nothing of a step that nobody stands before."""
    rng = np.random.default_rng(3)
    positions, chances = rng.integers(0, 5, 300), rng.choice(np.linspace(0.0, 1.0, 40), 300)
    ranking = Ranking.of(positions, chances)
    assert ranking is not None
    asked, given = rng.integers(0, 6, 200), rng.random(200)
    found = ranking.shares(asked, given)
    for position, chance, share in zip(asked, given, found, strict=True):
        there = chances[positions == position]
        expected = np.mean(there <= chance) if len(there) else np.nan
        assert share == pytest.approx(expected, nan_ok=True)
        alone = ranking.share(int(position), float(chance))
        assert (alone is None) == np.isnan(share)
        assert alone is None or alone == share
