"""An experiment that is worth trying, as a page of causes says it."""

from __future__ import annotations

from typing import Any

from training.funnel.causes_page import draft_of

DRAFT: dict[str, Any] = {
    "change": "give more",
    "arms": ["a", "b"],
    "leads_80": 1500,
    "rate_now": 0.2,
    "rate_worth": 0.3,
    "weeks_80": 11.6,
}


def said(**changed):
    draft: Any = DRAFT | changed
    return draft_of(draft)


def test_a_draft():
    assert said() == (
        "give more (a or b); 1,500 leads show 20 against 30 of 100 four times in five, about 12"
        " weeks at the present pace"
    )
    assert said(weeks_80=None).endswith("four times in five")


def test_small_figures():
    """One week is no weeks, and a share that is not none is not said as none."""
    assert said(weeks_80=1.4).endswith("about 1 week at the present pace")
    assert "show 0.2 against 0.4 of 100" in said(rate_now=0.002, rate_worth=0.004)
