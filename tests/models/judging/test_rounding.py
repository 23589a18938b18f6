"""Figures in words: no exponent, however large or small they are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.judging.rounding import ends_told, percent, rounded, signed


@pytest.mark.parametrize(
    ("value", "digits", "said"),
    [
        (410.4, 2, "410"),
        (1425.2, 4, "1,425"),
        (45784.6952, 4, "45,780"),
        (1234567.0, 4, "1,235,000"),
        (99.96, 3, "100"),
        (1095.0, 3, "1,100"),
        (0.031416, 4, "0.03142"),
        (0.5, 4, "0.5"),
        (0.0, 4, "0"),
        (-2046.29, 2, "-2,000"),
    ],
)
def test_significant_digits_without_an_exponent(value: float, digits: int, said: str) -> None:
    assert rounded(value, digits) == said


def test_four_digits_unless_others_are_asked_for() -> None:
    assert [rounded(value) for value in (45784.6952, 0.0314159)] == ["45,780", "0.03142"]
    assert signed(45784.6952) == "+45,780"


def test_a_difference_has_a_sign() -> None:
    """Also where it is none."""
    assert [signed(value) for value in (1425.2, -0.25, 0.0)] == ["+1,425", "-0.25", "+0"]


@given(st.floats(1e-4, 1e14), st.integers(1, 8))
def test_it_is_the_figure(value: float, digits: int) -> None:
    """To so many digits, read back; what `signed` says of both signs is the same."""
    said = rounded(value, digits)
    assert "e" not in said
    assert math.isclose(float(said.replace(",", "")), value, rel_tol=0.51 * 10 ** (1 - digits))
    assert (signed(value, digits), signed(-value, digits)) == (f"+{said}", f"-{said}")


def test_a_share_that_may_not_be_there() -> None:
    """With one decimal, a space before the sign; a dash where there is none."""
    assert [percent(None), percent(0.1234), percent(0.0)] == ["–", "12.3 %", "0.0 %"]


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.4, 9.2, ("just above 0", "9")),
        (-9.2, -0.4, ("-9", "just below 0")),
        (0.6, 0.9, ("1", "1")),
        (0.2, 0.4, ("0", "0")),
        (-0.4, 9.2, ("-0", "9")),
        (0.0, 9.2, ("0", "9")),
        (0.4, None, ("just above 0", "?")),
        (-1.0, None, ("-1", "?")),
        (10.0, 20.0, ("10", "20")),
    ],
)
def test_no_end_of_a_sure_difference_is_told_as_none(low, high, told):
    """What leaves 0 out is sure, however near to it; what holds it is told as it was."""
    assert ends_told(low, high, "{:.0f}".format) == told
