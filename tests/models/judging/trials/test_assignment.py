"""Lots: the same for ever, even over leads, and another draw for each salt."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from models.judging.trials.assignment import is_drawn, lot

LEADS = [f"lead-{at}" for at in range(4000)]


def test_the_same_for_ever():
    """A lot is written down here: whoever changes how it is drawn moves leads between arms."""
    assert lot("b2b/calling", "lead-0042") == 0.932004112526386
    assert lot("b2b/calling", "lead-0042") == lot("b2b/calling", "lead-0042")


def test_even():
    """Over leads lots are as good as uniform, and two salts have nothing to do with each other."""
    one, other = (np.array([lot(salt, lead) for lead in LEADS]) for salt in ("a", "b"))
    assert kstest(one, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.06


@given(st.text(), st.text(), st.floats(0, 1), st.floats(0, 1))
def test_shares_are_nested(salt, lead_id, share, other):
    """Any texts have a lot in [0, 1); who is in a share is in any larger one; nobody is in none."""
    assert 0.0 <= lot(salt, lead_id) < 1.0
    small, large = sorted((share, other))
    assert is_drawn(salt, lead_id, large) or not is_drawn(salt, lead_id, small)
    assert not is_drawn(salt, lead_id, 0.0)
    assert is_drawn(salt, lead_id, 1.0)


def test_salt_and_lead_are_told_apart():
    """Where the salt ends the lead begins: "ab" and "c" is another lot than "a" and "bc"."""
    assert lot("ab", "c") != lot("a", "bc")
