"""Numbers of things in sentences."""

from __future__ import annotations

import pytest

from features.ladder.words import Counted


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 steps"), (1, "1 step"), (1.04, "1.0 steps"), (2.5, "2.5 steps"), (3, "3 steps")],
)
def test_counted(number, expected):
    """One thing has no s; a number that is not whole has one decimal."""
    assert f"{Counted(number):step}" == expected
