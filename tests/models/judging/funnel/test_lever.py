"""The biggest lever: against the arithmetic written out, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.judging.funnel.lever import lever_of
from models.judging.funnel.wording import lever_said

SHARES = st.floats(0.0, 1.0) | st.none()
BANDS = st.tuples(st.floats(0.01, 0.9), st.floats(0.0, 0.1)) | st.none()


def step(at: int, rate: float | None, band: tuple[float, float] | None, verdict="below") -> Any:
    """What a lever reads of a step."""
    return {
        "id": f"s{at}",
        "title": f"Step {at}",
        "rate": {"value": rate},
        "band": band and {"low": band[0], "high": band[1]},
        "verdict": verdict,
    }


def way(*rates: float | None, band: tuple[float, float] = (0.4, 0.6)) -> list[Any]:
    return [step(at, rate, band if at else None) for at, rate in enumerate(rates)]


def by_hand(steps: list[Any]) -> Iterator[tuple[bool, int, float, float]]:
    """Each step that may be raised, and each end of the way: who arrives, as it is and then."""
    for at, raised in enumerate(steps):
        now = then = 1.0
        for end, one in enumerate(steps):
            rate, band = one["rate"]["value"], one["band"]
            if rate is None or (end == at and (band is None or rate >= band["low"])):
                break
            now *= rate
            then *= band["low"] if end == at else rate
            if end >= at:
                yield raised["verdict"] == "below", end, now, then


@given(
    st.lists(
        st.tuples(SHARES, BANDS, st.sampled_from(["below", "undetermined"])), min_size=1, max_size=6
    )
)
def test_no_other_step_brings_more(cells):
    """Surely below, then as far as one can see, then as many more as possible."""
    steps = [step(at, *cell) for at, cell in enumerate(cells)]
    lever = lever_of(steps)
    gains = [one for one in by_hand(steps) if one[3] > one[2]]
    if not gains:
        assert lever is None
        return
    is_sure, end, now, then = max(gains, key=lambda one: (*one[:2], one[3] - one[2]))
    assert lever is not None
    assert (lever["is_sure"], lever["end"]) == (is_sure, f"s{end}")
    assert (lever["now"], lever["then"]) == pytest.approx((now, then))
    raised = steps[int(lever["step"][1:])]
    assert lever["rate"] == raised["rate"]["value"]
    assert lever["worth"] == raised["band"]["low"] > lever["rate"]


def test_the_arithmetic_in_words():
    """50 % x 20 % x 30 % is 3 %, and with 40 % for the second step 6 %."""
    lever = lever_of(way(0.5, 0.2, 0.3))
    assert lever is not None
    assert lever["step"] == "s1"
    assert (lever["now"], lever["then"]) == pytest.approx((0.03, 0.06))
    assert lever_said(lever, "s2") == (
        "If Step 1 went from 20 to 40 of 100, of 1,000 who enter 60 would buy instead of 30, as"
        " long as those who come through besides go on like the others."
    )
    assert "would reach Step 2 instead" in lever_said(lever, "s3")


def test_what_is_surely_below_goes_before():
    """Though the other would bring more, nobody knows whether it is below at all."""
    steps = way(0.5, 0.3, 0.1)
    steps[2]["verdict"] = "undetermined"
    lever = lever_of(steps)
    assert lever is not None
    assert (lever["step"], lever["is_sure"]) == ("s1", True)
    steps[1]["verdict"] = "undetermined"
    lever = lever_of(steps)
    assert lever is not None
    assert (lever["step"], lever["is_sure"]) == ("s2", False)


def test_as_far_as_rates_are_known():
    """A step whose time is over for nobody ends the way; where nobody arrives, it is shorter."""
    lever = lever_of(way(0.5, 0.2, None))
    assert lever is not None
    assert (lever["end"], lever["now"]) == ("s1", 0.1)
    lever = lever_of(way(0.5, 0.2, 0.0, 0.0))
    assert lever is not None
    assert (lever["step"], lever["end"], lever["now"]) == ("s2", "s2", 0.0)
    assert "of 100 who enter 4 would reach Step 2 instead of 0," in lever_said(lever, "s3")
    assert lever_of(way(None, 0.2)) is None


def test_no_lever_without_a_step_below():
    assert lever_of(way(0.5, 0.5, 0.6)) is None
    assert lever_of([]) is None
