"""The probabilities of actions: a distribution that follows what is believed, and keeps a floor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.actions.choosing import EXPLORED, chances

WORTHS = arrays.arrays(np.float64, st.integers(1, 50), elements=st.floats(-1, 1))


@given(WORTHS, st.integers(0, 20_000))
def test_a_distribution(worths, events):
    """Positive, adding up to 1, in the order of what is believed, none below the floor."""
    found = chances(worths, events)
    assert found.sum() == pytest.approx(1.0)
    assert found.min() >= EXPLORED / len(worths) * (1 - 1e-9)
    order = np.argsort(-worths, kind="stable")
    assert (np.diff(found[order]) <= 1e-12).all()


@given(WORTHS)
def test_nothing_known(worths):
    """Before any event all are as likely, whatever is believed; likewise where all are worth the
    same."""
    even = np.full(len(worths), 1 / len(worths))
    np.testing.assert_allclose(chances(worths, 0), even)
    np.testing.assert_allclose(chances(np.full(len(worths), worths[0]), 5000), even)


def test_by_hand():
    """Inverse gap weighting, with 4 % spread evenly: 3 actions, 100 events, so 10 * 10 a gap."""
    found = chances(np.array([0.5, 0.4, 0.3]), 100)
    second, third = 1 / (3 + 100 * 0.1), 1 / (3 + 100 * 0.2)
    expected = 0.96 * np.array([1 - second - third, second, third]) + 0.04 / 3
    np.testing.assert_allclose(found, expected)
