"""Ages, numbers and events in words."""

from __future__ import annotations

import pytest

from features.events.log import DAY_US
from features.ladder.ladder import EventRule
from models.offers.words import ago, date, days, listed, local_time


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (0, "just now"),
        (DAY_US // 1440 - 1, "just now"),
        (DAY_US // 1440, "1 minute ago"),
        (DAY_US // 24 * 5, "5 hours ago"),
        (DAY_US, "1 day ago"),
        (DAY_US * 3 - 1, "2 days ago"),
    ],
)
def test_ages(age, words):
    """The largest unit that fits, rounded down."""
    assert ago(age) == words


def test_numbers_and_events():
    """One of a thing has no s; a date is in UTC; events of several rules are named once each."""
    assert (days(1), days(2.5)) == ("1 day", "2.5 days")
    assert date(0) == "1970-01-01 00:00 UTC"
    rules = (EventRule("asset_opened"), EventRule("tool_used"), EventRule("asset_opened"))
    assert listed(rules) == "asset opened or tool used"


@pytest.mark.parametrize(
    ("then", "zone", "words"),
    [
        (DAY_US - 1, "UTC", "23:59 (UTC)"),
        (DAY_US, "UTC", "Friday, 00:00 (UTC)"),
        (DAY_US - DAY_US // 48, "Europe/Berlin", "Friday, 00:30 (Europe/Berlin)"),
        (DAY_US // 2, "Europe/Berlin", "13:00 (Europe/Berlin)"),
        (3 * DAY_US - DAY_US // 24, "Europe/Berlin", "Sunday, 00:00 (Europe/Berlin)"),
    ],
)
def test_times_of_the_day(then, zone, words):
    """By the clock of the zone, with the day where it is not today's."""
    assert local_time(then, 0, zone) == words
