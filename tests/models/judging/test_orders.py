"""Two orders of the same leads, beside sets that are counted and ranks from another library."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from models.judging.orders import at_the_top, kept_at_the_top, rank_correlation

values = st.lists(st.integers(0, 12), min_size=2, max_size=40)


@st.composite
def pairs(draw):
    """Two orders of as many leads, and how many are at the top."""
    former = draw(values)
    new = draw(st.lists(st.integers(0, 12), min_size=len(former), max_size=len(former)))
    most = draw(st.integers(1, len(former)))
    return np.array(former, dtype=float), np.array(new, dtype=float), most


def as_sets(former, new, most):
    """How many stay where no two are equal: two sets, and what is in both."""
    tops = [set(sorted(range(len(one)), key=lambda at: -one[at])[:most]) for one in (former, new)]
    return len(tops[0] & tops[1])


@given(st.permutations(range(15)), st.permutations(range(15)), st.integers(1, 15))
def test_as_sets(former, new, most):
    """Without equals it is the leads in both sets."""
    kept = kept_at_the_top(np.array(former, dtype=float), np.array(new, dtype=float), most)
    assert kept == as_sets(former, new, most)


@given(pairs())
def test_shares(case):
    """The places at the top are handed out whole; what stays is some of them, both ways alike."""
    former, new, most = case
    top = at_the_top(former, most)
    assert top.sum() == pytest.approx(most)
    assert ((top >= 0) & (top <= 1)).all()
    assert (top[former > np.sort(former)[-most]] == 1).all()
    kept = kept_at_the_top(former, new, most)
    assert 0 <= kept <= most + 1e-9
    assert kept == pytest.approx(kept_at_the_top(new, former, most))
    assert kept_at_the_top(former, 2 * former + 1, most) == pytest.approx(most)


def test_equals_share():
    """Of three equals for two places each has two thirds; a new order may pick any two of them."""
    former = np.array([3.0, 1.0, 1.0, 1.0, 0.0])
    assert at_the_top(former, 3).tolist() == pytest.approx([1.0, 2 / 3, 2 / 3, 2 / 3, 0.0])
    new = np.array([3.0, 2.0, 1.0, 0.5, 0.0])
    assert kept_at_the_top(former, new, 3) == pytest.approx(1 + 4 / 3)


@given(pairs())
def test_rank_correlation(case):
    """As scipy has it, and none where all are equal."""
    former, new, _ = case
    found = rank_correlation(former, new)
    if len(set(former)) == 1 or len(set(new)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(former, new).statistic)


def test_one_lead():
    """One lead is at every top, and has no rank to correlate; nor has nobody."""
    one, nobody = np.array([0.5]), np.array([])
    assert rank_correlation(nobody, nobody) is None
    assert (kept_at_the_top(one, one, 1), rank_correlation(one, one)) == (1.0, None)


def test_fewer_leads_than_places():
    """Everybody is at a top that has more places than there are leads."""
    former, new = np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])
    for most in (3, 4, 5, 7):
        assert at_the_top(former, most).tolist() == [1.0, 1.0, 1.0]
        assert kept_at_the_top(former, new, most) == 3.0
