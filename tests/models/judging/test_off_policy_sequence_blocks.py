"""Which decisions of a lead are counted together, to the last instant of a block."""

from __future__ import annotations

import numpy as np
import pytest

from models.judging.off_policy_sequence import GainSequence, lead_blocks

SPAN, WINDOW = 10, 30


def blocks(at: list[int], most: int = 9, until: int = 1000, lead: list[int] | None = None):
    """The block of each decision, of one lead unless others are named; -1 for none."""
    whose = np.zeros(len(at), dtype=np.int64) if lead is None else np.array(lead)
    found = lead_blocks(whose, np.array(at), span=SPAN, window=WINDOW, most=most, until=until)
    return found.block.tolist()


def test_a_block_holds_its_span_and_is_over_with_its_window():
    """Both ends are within; what comes after the span and before the next block is in none."""
    assert blocks([0, 9, 10, 11, 40, 41, 51, 52]) == [0, 0, 0, -1, -1, 1, 1, -1]


def test_a_block_holds_the_first_of_its_span():
    """As many as may be, whatever came of them; in any order of the rows."""
    assert blocks([0, 1, 2, 3, 50], most=3) == [0, 0, 0, -1, 1]
    assert blocks([50, 3, 2, 1, 0], most=3) == [1, -1, 0, 0, 0]


@pytest.mark.parametrize(("until", "expected"), [(39, [-1, -1]), (40, [0, -1]), (44, [0, 1])])
def test_a_block_is_counted_when_it_is_due(until, expected):
    """Not before the last of its decisions could be over; those that are due first come first."""
    assert blocks([0, 4], until=until, lead=[7, 3]) == expected


def test_a_gain_of_nothing_is_not_sure():
    """An interval that ends at 0 holds it, from either side."""
    low, high = np.array([-1.0, 0.0, 0.1, -0.2]), np.array([1.0, 0.5, 0.5, 0.2])
    counted = np.arange(1, 5)
    gained = GainSequence(low, low, high, low, counted, 0, "dr")
    assert (gained.better, gained.worse) == (2, None)
    lost = GainSequence(low, -high, -low, low, counted, 0, "dr")
    assert (lost.better, lost.worse) == (None, 2)
