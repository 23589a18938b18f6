"""Rows in any order are one log."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.features import strategies
from tests.features.signals.scene import (
    HOUR_US,
    assert_same_log,
    at_instants,
    bits,
    event,
    small_ladder,
    thorough,
)
from tests.features.strategies import START_US, log_of


@thorough
@given(st.lists(strategies.events(), min_size=2, max_size=40), st.randoms())
def test_row_order_has_no_effect_on_the_log(events, chance):
    """The log of shuffled rows is the log of the rows, column by column and bit by bit."""
    ladder = small_ladder()
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert_same_log(log_of(events, ladder), log_of(shuffled, ladder))


@pytest.mark.parametrize("ties", [1, 7])
def test_row_order_has_no_effect_on_long_leads(ties):
    """A lead whose rows are far out of order, in long runs of equal clocks too, is sorted alike."""
    ladder, chance = small_ladder(), np.random.default_rng(11)
    events = [
        event("page", (at // ties) * HOUR_US, seconds=float(chance.integers(3)), room=str(at % 5))
        for at in range(700)
    ]
    shuffled = [events[at] for at in chance.permutation(len(events))]
    for rows in (events[::-1], shuffled):
        assert_same_log(log_of(events, ladder), log_of(rows, ladder))


def test_row_order_has_no_effect_on_signed_zeros():
    """0 and -0 are one number: which of them came first cannot be told from a snapshot."""
    ladder = small_ladder()
    told = [event("identify", START_US, seconds=zero) for zero in (0.0, -0.0)]
    rows = [
        bits(at_instants(log_of(events, ladder), ladder, "ann", [START_US]))
        for events in (told, told[::-1])
    ]
    assert rows[0] == rows[1]
