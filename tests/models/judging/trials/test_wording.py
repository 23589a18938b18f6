"""What is said of two arms, verdict by verdict."""

from __future__ import annotations

import pytest

from models.judging.trials.shapes import ComparisonVerdict, Span
from models.judging.trials.wording import (
    leads_told_of,
    sentence_of_comparison,
    sentence_of_ratio,
    times,
)


def span(value: float | None, low: float, high: float | None) -> Span:
    return {"value": value, "low": low, "high": high}


@pytest.mark.parametrize(
    ("verdict", "effect", "more", "said"),
    [
        (
            "helps", (0.2, 0.1, 0.3), None,
            "b does better than a: +20.0 of 100 (+10.0 to +30.0) more, by 1,200 leads.",
        ),
        (
            "hurts", (-0.2, -0.3, -0.1), None,
            "b does worse than a: -20.0 of 100 (-30.0 to -10.0), by 1,200 leads.",
        ),
        (
            "no_difference", (0.01, -0.03, 0.04), None,
            "Between b and a there is no difference worth having, of 4.5 of 100 or more: +1.0 of"
            " 100 (-3.0 to +4.0).",
        ),
        (
            "unknown", (0.01, -0.2, 0.2), 1,
            "Whether b does better than a is not known yet: +1.0 of 100 (-20.0 to +20.0). About 1"
            " more lead will tell.",
        ),
        (
            "unknown", (0.01, -0.2, 0.2), 20,
            "Whether b does better than a is not known yet: +1.0 of 100 (-20.0 to +20.0). About 20"
            " more leads will tell.",
        ),
        (
            "unknown", (0.01, -0.2, 0.2), None,
            "Whether b does better than a is not known yet: +1.0 of 100 (-20.0 to +20.0).",
        ),
    ],
)  # fmt: skip
def test_an_arm_beside_the_control(verdict: ComparisonVerdict, effect, more, said):
    """Who does better, by how many of 100, and by how many leads or after how many more."""
    assert sentence_of_comparison("b", "a", span(*effect), verdict, more, 1200, 0.045) == said


@pytest.mark.parametrize(
    ("worth", "told"),
    [
        (0.02, "+0.1 of 100 (0.0 to +0.2)"),
        (0.0025, "+0.1 of 100 (0.0 to +0.2)"),
        (0.0024, "+1.2 of 1,000 (-0.3 to +2.0)"),
        (0.00004, "+12.0 of 10,000 (-2.6 to +20.0)"),
        (0.0, "+1,200.0 of 1,000,000 (-260.0 to +2,000.0)"),
    ],
)
def test_rare_goals_are_told_of_more_leads(worth, told):
    """Of as many as it takes that a difference worth having is no "+0.0"."""
    effect = span(0.0012, -0.00026, 0.002)
    said = sentence_of_comparison("b", "a", effect, "unknown", None, 400_000, worth)
    assert said == f"Whether b does better than a is not known yet: {told}."


@pytest.mark.parametrize(
    ("effect", "worth", "of"),
    [
        ((0.1, -0.2, 0.4), 0.02, 100),
        ((0.1, -0.2, 0.4), 0.002, 1000),
        ((0.003, 0.001, 0.005), 0.02, 1000),
        ((-0.0004, -0.0008, -0.0001), 0.02, 10_000),
        ((0.003, -0.001, 0.005), 0.02, 100),
        ((0.2, 0.0001, 0.4), 0.02, 100),
        ((0.001, 0.0, None), 0.02, 100),
        ((None, -1.0, 1.0), 0.02, 100),
        ((0.1, -0.2, 0.4), 0.0, 1_000_000),
    ],
)
def test_of_how_many_leads_a_difference_is_told(effect, worth, of):
    """One that is worth having shows as a whole lead, and so does one that is sure."""
    assert leads_told_of(span(*effect), worth) == of


def test_what_is_sure_is_not_told_as_nothing():
    """Of a million leads three of 10,000 more are sure: not "+0.0 of 100"."""
    effect = span(0.0003, 0.0002, 0.0004)
    said = sentence_of_comparison("b", "a", effect, "helps", None, 1_000_000, 0.02)
    assert said == "b does better than a: +0.3 of 1,000 (+0.2 to +0.4) more, by 1,000,000 leads."


@pytest.mark.parametrize(
    ("effect", "verdict", "told"),
    [
        ((0.021, 0.0002, 0.042), "helps", "+2.1 of 100 (just above 0 to +4.2)"),
        ((-0.021, -0.042, -0.000004), "hurts", "-2.1 of 100 (-4.2 to just below 0)"),
        ((0.021, 0.0002, None), "helps", "+2.1 of 100 (just above 0 to ?)"),
        ((0.021, -0.0002, 0.042), "unknown", "+2.1 of 100 (0.0 to +4.2)"),
    ],
)
def test_the_end_of_what_is_sure_is_not_told_as_none(effect, verdict, told):
    """As soon as it is sure its end is next to none: "0.0 to +4.2" would contradict the verdict."""
    said = sentence_of_comparison("b", "a", span(*effect), verdict, None, 1200, 0.02)
    assert told in said


@pytest.mark.parametrize(
    ("ratio", "told"),
    [
        *((2.44, "2.4"), (3.0, "3.0"), (0.0, "0.0"), (1234.5, "1,234.5"), (2.94, "2.9")),
        *((3.02, "3.02"), (2.98, "2.98"), (3.0004, "3.0004"), (2.96, "2.96"), (0.04, "0.04")),
        *((0.001, "0.001"), (3.000001, "just over 3"), (0.00001, "just over 0")),
    ],
)
def test_how_many_times(ratio, told):
    """As many places as it takes to tell it from none, and from three times."""
    assert times(ratio) == told


@pytest.mark.parametrize(
    ("leads", "why"),
    [(0, "no lead's time is over"), (7, "of one of them no lead's time is over")],
)
def test_where_nothing_is_known(leads, why):
    """It is said why: of nobody, or of one arm only."""
    told = sentence_of_comparison("b", "a", span(None, -1.0, 1.0), "unknown", None, leads, 0.02)
    assert told == f"Nothing is known of b beside a yet: {why}."


@pytest.mark.parametrize(
    ("ratio", "end"),
    [
        ((4.0, 3.1, 5.0), ": more than three times."),
        ((2.0, 1.5, 2.9), ": less than three times."),
        ((3.5, 3.0, 5.0), "; whether it is three times is not known yet."),
        ((2.5, 1.5, 3.0), "; whether it is three times is not known yet."),
        ((2.5, 1.5, None), "; whether it is three times is not known yet."),
    ],
)
def test_three_times_as_many(ratio, end):
    """The claim is judged by the whole interval."""
    value, low, high = ratio
    top = "no upper end yet" if high is None else f"{high:.1f}"
    said = f"{value:.1f} times as many of b buy as of a ({low:.1f} to {top})"
    assert sentence_of_ratio("b", "a", span(value, low, high)) == said + end
