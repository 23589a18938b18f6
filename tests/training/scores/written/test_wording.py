"""How figures are written down."""

from dataclasses import replace

from training.scores.results import SignalUse
from training.scores.written.wording import moved_words, number, with_error

QUIET = SignalUse("activity.recent", 0.05, 0.4, "higher", 0.98, 0.97, 0.04, 0.02, has_moved=False)
"""A signal that weighs something, and is what it was."""


def test_figures_as_text():
    """A figure is rounded; one that does not exist is a dash."""
    assert [number(None, ".2f"), number(1.234, ".2f")] == ["–", "1.23"]


def test_errors_stand_beside():
    """Where there is one; a minus is a real minus sign, and a plus is written where asked for."""
    assert [with_error(None, 0.1), with_error(0.5, None)] == ["–", "0.5000"]
    assert with_error(-0.5, 0.25) == "\N{MINUS SIGN}0.5000 ± 0.2500"
    assert with_error(0.5, 0.25, sign="+") == "+0.5000 ± 0.2500"


def test_nothing_has_moved():
    """That is said; where there was nothing before, that is."""
    assert moved_words([QUIET]) == (
        "The values of none of them have moved beyond what chance explains."
    )
    unknown = replace(QUIET, known_before=None, moved=None, moved_by_chance=None)
    assert moved_words([unknown, unknown]).startswith("Whether their values have moved is not")


def test_what_has_moved_is_named():
    """By the index, or where values have stopped coming by that; what weighs nothing is not."""
    shifted = replace(QUIET, moved=0.314, has_moved=True)
    broken = replace(shifted, id="step.webinar.minutes", known=0.02, known_before=0.61)
    light = replace(shifted, id="trait.size", share=0.004)
    assert moved_words([shifted, QUIET, broken, light]) == (
        "Moved beyond what chance explains: `activity.recent` (stability index 0.31);"
        " `step.webinar.minutes` (known of 2 % of the points, 61 % before)."
    )
    assert moved_words([QUIET, light]) == moved_words([QUIET])
