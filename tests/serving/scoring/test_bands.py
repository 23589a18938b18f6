"""Bands of scores: by thresholds of the ladder, left only well past a border."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.ladder.ladder import Band, Step
from serving.scoring.bands import band_of

STEP = Step("human", "Human connection", (), 14.0, Band(0.5, 0.7))


def test_thresholds():
    """The edges of the step's band, unless the ladder says others; without both there are two."""
    assert STEP.thresholds == (0.5, 0.7)
    assert replace(STEP, high_from=0.6, low_below=0.1).thresholds == (0.1, 0.6)
    assert replace(STEP, high_from=0.3).thresholds == (0.3, 0.3)
    assert replace(STEP, band=None).thresholds == (0.2, 0.5)


@pytest.mark.parametrize(
    ("chance", "former", "band"),
    [
        (0.7, None, "high"),
        (0.699, None, "medium"),
        (0.5, None, "medium"),
        (0.499, None, "low"),
        (0.631, "high", "high"),
        (0.9 * 0.7, "high", "high"),
        (0.629, "high", "medium"),
        (0.44, "high", "low"),
        (0.729, "medium", "medium"),
        (0.7 + 0.1 * 0.3, "medium", "high"),
        (0.731, "medium", "high"),
        (0.451, "medium", "medium"),
        (0.9 * 0.5, "medium", "medium"),
        (0.449, "medium", "low"),
        (0.549, "low", "low"),
        (0.5 + 0.1 * 0.5, "low", "medium"),
        (0.551, "low", "medium"),
        (0.99, "low", "high"),
    ],
)
def test_a_band_is_left_well_past_its_border(chance, former, band):
    """By a tenth of the border; of what is left to one, where that is less."""
    assert band_of(chance, STEP, former) == band


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_band_stays(chance, later, low, high):
    """The same chance keeps its band, and every band can be reached again from every other."""
    step = replace(STEP, low_below=low, high_from=high)
    first = band_of(chance, step)
    assert band_of(chance, step, first) == first
    second = band_of(later, step, first)
    assert band_of(later, step, second) == second
    assert band_of(1.0, step, second) == "high"
    assert band_of(0.0, step, second) == "low"
