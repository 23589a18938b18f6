"""False discoveries among many tests."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from models.judging.adjusting.discoveries import false_discovery_rates


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_as_another_library(p):
    """Benjamini and Hochberg's, whatever the order."""
    assert np.allclose(false_discovery_rates(np.array(p)), false_discovery_control(np.array(p)))


def test_no_test_is_none():
    """NaN stays, and does not count among the tests."""
    found = false_discovery_rates(np.array([0.01, np.nan, 0.04]))
    assert np.isnan(found[1])
    assert np.allclose(found[[0, 2]], [0.02, 0.04])
    assert np.isnan(false_discovery_rates(np.array([np.nan]))).all()
    assert len(false_discovery_rates(np.empty(0))) == 0
