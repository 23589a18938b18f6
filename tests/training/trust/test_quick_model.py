"""The quick model: judged on leads it has not seen, with the shares of its gain."""

from __future__ import annotations

import numpy as np
import pytest

from training.trust.quick_model import fitted_ranks
from training.trust.rows import ProbeRows, auc_within_steps


def test_it_finds_the_signal_and_says_what_it_used():
    """The column that tells takes most of the gain, and unseen leads are ranked by it."""
    rng = np.random.default_rng(12)
    matrix = rng.random((1500, 3))
    happened = (rng.random(1500) < matrix[:, 1]).astype(float)
    nothing = np.zeros(1500, dtype=np.int64)
    rows = ProbeRows(("a", "b", "c"), matrix, (), nothing, np.arange(1500), happened)
    ranks, gains = fitted_ranks(rows, happened)
    assert gains.sum() == pytest.approx(1.0)
    assert gains[1] > 0.6
    assert (auc_within_steps(ranks, happened, nothing) or 0.0) > 0.75


def test_a_lead_is_never_asked_about_itself():
    """Of leads that repeat one noise, outcomes are not told by having seen them."""
    rng = np.random.default_rng(13)
    lead = np.repeat(np.arange(200), 10)
    outcome = (rng.random(200) < 0.5).astype(float)[lead]
    nothing = np.zeros(2000, dtype=np.int64)
    rows = ProbeRows(("a",), rng.random(200)[lead][:, None], (), nothing, lead, outcome)
    told = auc_within_steps(fitted_ranks(rows, outcome)[0], outcome, nothing)
    assert told == pytest.approx(0.5, abs=0.12)
