"""What is said of whom a funnel counts, and of shares and bands of any size."""

from __future__ import annotations

import pytest

from features.ladder.ladder import Band, EventRule, Step
from models.judging.funnel.shapes import LeadCounts, Rate, Trend
from models.judging.funnel.wording import again_said, band_words, counted_said, in_100, sentence_of

RARE = Step("buy", "Buy", (EventRule("order"),), 1.0, Band(0.001, 0.002))


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0"), (0.236, "24"), (0.0061, "0.6"), (0.0005, "0.05"), (0.000009, "0.0009")],
)
def test_a_share_that_is_not_none_is_not_said_as_none(share, said):
    assert in_100(share) == said


def test_a_band_of_any_size():
    assert band_words(0.4, 0.6) == "40 to 60"
    assert band_words(0.001, 0.002) == "0.1 to 0.2"
    assert band_words(0.1, 0.101) == "10"


def test_a_small_change_is_not_said_as_none():
    counts = LeadCounts(came=90, advanced=1, pending=0, lapsed=89, lost=0, left=0, passed=0)
    rate = Rate(value=0.012, low=0.01, high=0.014, leads=90.0)
    trend = Trend(days=90.0, newest=rate, before=rate, difference=-0.004, low=-0.007, high=-0.001)
    said = sentence_of(counts, rate, "no band", RARE, trend, leads=90)
    assert "In the newest 90 days 0.4 of 100 fewer went on than" in said


def test_a_step_of_one_day():
    counts = LeadCounts(came=7, advanced=0, pending=3, lapsed=4, lost=0, left=0, passed=0)
    rate = Rate(value=0.0, low=0.0, high=0.49, leads=5.0)
    assert sentence_of(counts, rate, "undetermined", RARE, None, leads=7) == (
        "0 of 100 go on within 1 day (0 to 49); whether that is within the healthy 0.1 to 0.2 is"
        " not sure yet. 3 leads still have time."
    )
    unknown = Rate(value=None, low=0.0, high=1.0, leads=0.0)
    one = LeadCounts(came=1, advanced=1, lapsed=0, lost=0, left=0, pending=0, passed=0)
    assert sentence_of(one, unknown, "undetermined", RARE, None, leads=1) == (
        "Of those who still stand there nobody's 1 day is over yet: 1 lead came, and it went on"
        " already."
    )


def test_who_came_again_is_not_called_two_leads():
    """The sentence says what is counted, where a lead counts each time that it came."""
    counts = LeadCounts(came=7, advanced=1, pending=3, lapsed=3, lost=0, left=0, passed=0)
    rate = Rate(value=0.2, low=0.0, high=0.49, leads=5.0)
    said = sentence_of(counts, rate, "no band", RARE, None, leads=4)
    assert said.endswith(". 3 still have time. Counted are the 7 times that 4 leads came.")
    unknown = Rate(value=None, low=0.0, high=1.0, leads=0.0)
    assert sentence_of(counts, unknown, "no band", RARE, None, leads=4).endswith(
        ": 4 leads came 7 times, and 1 of them went on already."
    )
    assert again_said(0) == ""
    assert again_said(1).startswith("1 lead has begun")
    assert again_said(1200).startswith("1,200 leads have begun")


def test_which_leads_are_counted():
    """Those that had come by an instant that is said, and not all that are known."""
    said = counted_said(1487, "2026-03-09Z", "2026-03-02Z", " (source is mail)")
    assert said == (
        "By what was known at 2026-03-09Z, of 1,487 leads (source is mail) that had come by"
        " 2026-03-02Z: what happened later does not count yet, as news of it may still come."
    )


def test_where_no_news_is_late():
    assert counted_said(1, "2026-03-09Z", "2026-03-09Z") == (
        "By what was known at 2026-03-09Z, of 1 lead."
    )
