"""What a decided point stands for: against the obvious count, and by period."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.scores.censoring import Censoring, Waits


def counted(waits: Waits, at: int, took: int, since: int) -> float:
    """One over the share of points at a step that were waited for as long; ten at most."""
    waited = [
        waits.until - as_of
        for as_of, position in zip(waits.as_of, waits.position, strict=True)
        if position == at and as_of > since
    ]
    return min(len(waited) / max(sum(bool(one >= took) for one in waited), 1), 10.0)


@given(st.data())
def test_weights_equal_the_count(data):
    """For each step apart, of all points or of those of a period, the mean being 1."""
    rows = data.draw(
        st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2)), min_size=1, max_size=30)
    )
    as_of, position = np.array(rows).T
    waits = Waits(as_of, position, 60)
    since = data.draw(st.none() | st.integers(-1, int(as_of.max()) - 1))
    kept = as_of > (-1 if since is None else since)
    longest = 60 - as_of[kept]
    took = np.array([data.draw(st.integers(1, int(longest[at]))) for at in range(kept.sum())])
    expected = np.array(
        [
            counted(waits, at, took_one, -1 if since is None else since)
            for at, took_one in zip(position[kept], took, strict=True)
        ]
    )
    period = None if since is None else dict.fromkeys(range(3), (since, 60))
    found = waits.weights(position[kept], took, period)
    np.testing.assert_allclose(found, expected / expected.mean())
    assert found.mean() == pytest.approx(1.0)


def test_rows_of_a_mask():
    """What is waited for stays that of all points."""
    waits = Waits(np.arange(3), np.zeros(3, dtype=np.int64), 9)
    some = Censoring(np.array([1, 2, 3]), np.array([True, False, True]), waits)
    kept = some.rows(np.array([False, True, True]))
    assert kept.took.tolist() == [2, 3]
    assert kept.over.tolist() == [False, True]
    assert kept.waits is waits


def test_nothing_to_weigh():
    """No decided point is no weight."""
    waits = Waits(np.arange(3), np.zeros(3, dtype=np.int64), 9)
    empty = np.zeros(0, dtype=np.int64)
    assert len(waits.weights(empty, empty)) == 0
