"""What stored instants say to a clock that was wrong once: no wait without end, no age below 0."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.clock import (
    SKEW_US,
    instant,
    instant_if_any,
    is_ahead,
    is_over,
    microseconds,
    rfc3339,
    said_at,
    said_from,
    seconds_since,
)
from features.errors import TimeError

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOW = 1_790_000_000 * SECOND


@pytest.mark.parametrize(
    ("ahead", "over"),
    [(-DAY, True), (0, True), (1, False), (60 * SECOND, False), (DAY, True), (365 * DAY, True)],
)
def test_the_end_of_a_wait(ahead, over):
    """A wait of a minute is over at its end, and where it would last for longer than it can."""
    assert is_over(NOW + ahead, NOW, 60 * SECOND) is over


@given(st.integers(0, DAY), st.integers(-SKEW_US, SKEW_US))
def test_a_wait_is_kept_by_clocks_that_differ_a_little(longest, skew):
    """What another machine has just begun is not over, though its clock is a minute off."""
    assert is_over(NOW + skew + longest, NOW, longest) is (skew + longest <= 0)


@given(st.integers(-365 * DAY, 365 * DAY))
def test_no_age_is_negative(ahead):
    """What lies in the future is of no age, and what lies far in it was never the present."""
    assert seconds_since(NOW + ahead, NOW) == max(0.0, -ahead / SECOND)
    assert is_ahead(NOW + ahead, NOW) is (ahead > SKEW_US)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01", 0),
        *((one, None) for one in ("soon", "2026-03-01T12:00:00", 1_796_200_000, None, ["x"], True)),
    ],
)
def test_an_instant_that_may_be_none(said, found):
    """What says no instant is none, and no error."""
    assert instant_if_any(said) == found


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("2026-03-01T12:00:00", "has no time zone; write 2026-03-01T12:00:00Z for UTC"),
        ("20260301T12", "has no time zone; write 2026-03-01T12:00:00Z for UTC"),
        ("2026-03-01T12:00:00 01:00", "a + is a blank"),
        ("2026-03-01T12:00 0530", "a + is a blank"),
    ],
)
def test_what_is_no_instant_is_told_what_would_be(text, hint):
    """The text that is named is read; a + that an address made a blank of is told of."""
    with pytest.raises(TimeError, match=re.escape(hint)):
        instant(text)


def test_no_hint_is_looked_for_in_what_is_too_long_to_be_an_instant():
    """A text of many times is refused as fast as any other."""
    with pytest.raises(TimeError, match=r"write 2026-03-01T12:00:00Z$"):
        instant("00:00:" * 100_000 + "2026-03-01T12:00:00 01:00")


def test_when_something_happened_is_no_day():
    """A day alone is its midnight to whoever asks about it, and no time at which a lead acts."""
    assert rfc3339(microseconds(instant("2026-03-01"))) == "2026-03-01T00:00:00Z"
    for day in ("2026-03-01", "20260301"):
        with pytest.raises(TimeError, match="write 2026-03-01T00:00:00Z for UTC"):
            instant(day, may_be_day=False)


def test_what_lies_just_within_what_clocks_differ_is_not_ahead():
    """A minute is what clocks may differ by, and no more."""
    assert not is_ahead(7 + SKEW_US, 7)
    assert is_ahead(8 + SKEW_US, 7)


@pytest.mark.parametrize(
    ("exact", "at", "begins"),
    [
        ("2026-11-29T23:18:18.806394Z", "2026-11-29T23:18:18Z", "2026-11-29T23:18:19Z"),
        ("2026-12-31T23:59:59.000001Z", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
        ("2026-11-29T23:18:18Z", "2026-11-29T23:18:18Z", "2026-11-29T23:18:18Z"),
    ],
)
def test_what_sentences_tell(exact, at, begins):
    """Seconds; what is a text already is told alike, and what says no instant stays."""
    meant = microseconds(instant(exact))
    assert (said_at(meant), said_from(meant)) == (at, begins)
    assert (said_at(exact), said_from(exact)) == (at, begins)
    assert said_at("soon") == said_from("soon") == "soon"


@given(st.integers(0, NOW), st.integers(0, DAY))
def test_a_period_that_is_told_lies_within_what_is_meant(start, long):
    """Whoever types it again takes nothing in that was not there, and misses under a second."""
    begins, ends = (microseconds(instant(one)) for one in (said_from(start), said_at(start + long)))
    assert start <= begins < start + SECOND
    assert start + long - SECOND < ends <= start + long


ROOT = Path(__file__).parents[2]
TO_TYPE = {"rung/call/reading.py"}
RECORDS = {"models/logged/card/made.py", "serving/notifications/bodies.py"}
COMPARED = {
    "models/judging/funnel/selection.py",
    "serving/recommending/recommender.py",
    "training/policies/assignments_file.py",
}


def test_no_sentence_tells_microseconds():
    """But for those that compare instants, say what to type, or are kept as a record."""
    found = {
        str(file.relative_to(ROOT))
        for package in ("features", "models", "training", "serving", "rung")
        for file in (ROOT / package).rglob("*.py")
        if re.search(r"\{rfc3339\([^{}]*\)\}", file.read_text())
    }
    assert found == TO_TYPE | RECORDS | COMPARED
