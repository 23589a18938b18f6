"""What is chosen: its address, whom it counts, what it is called."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from features.clock import microseconds
from features.events.log import DAY_US
from serving.pages.ladder.choices import (
    LadderChoice,
    cohort_name,
    day_of,
    trait_choices,
    value_of,
)
from tests.serving.pages.ladder.funnels import climbers, counted, ladder_of


@pytest.fixture(scope="module")
def stays():
    rows = (*climbers(5, 2), *climbers(3, day=60, source="mail"), *climbers(2, day=95))
    return counted(ladder_of(), 100, *rows)


@pytest.mark.parametrize(
    ("choice", "address"),
    [
        (LadderChoice(), "/ladder"),
        (LadderChoice("all"), "/ladder?within=all"),
        (LadderChoice("30", {"source": "a&b"}), "/ladder?within=30&only=source%3Aa%26b"),
        (LadderChoice(only={"source": None}, is_beside=False), "/ladder?only=source%3A&beside=no"),
        (LadderChoice(every="week"), "/ladder?every=week"),
    ],
)
def test_the_address_is_as_short_as_can_be(choice, address):
    assert choice.address() == address
    assert choice.leads("call", "lost").endswith("step=call&state=lost")


def test_days_go_back_from_when_it_was_counted(stays):
    """So that a list that is opened later names those that were counted."""
    found = LadderChoice("30").selection(stays)
    assert found.entered_from == stays.counted_until + 1 - 30 * DAY_US
    assert found.entered_to is None
    assert LadderChoice("all").selection(stays).entered_from is None


def test_a_week_or_a_month_of_them(stays):
    """No further back than what is chosen."""
    choice = LadderChoice("all").in_cohort("2026-02-01T00:00:00Z")
    found = choice.selection(stays)
    midnights = [date(2026, 2, 1), date(2026, 3, 1)]
    assert [found.entered_from, found.entered_to] == [
        microseconds(_midnight(one)) for one in midnights
    ]
    assert choice.when == "in Feb 2026"
    week = LadderChoice("30").in_cohort("2000-01-03T00:00:00Z")
    assert week.selection(stays).entered_from == LadderChoice("30").selection(stays).entered_from
    assert week.when == "in the week from 3 Jan 2000"


def _midnight(day):
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def test_values_that_most_had_come_first(stays):
    """Of those who came in the chosen stretch; the one that is chosen is always among them."""
    (source,) = trait_choices(stays, LadderChoice("all"))
    assert [text for _, text, _ in source.options] == ["search", "mail", "not known"]
    (source,) = trait_choices(stays, LadderChoice("all", {"source": "gone"}))
    assert source.options[-1] == ("source:gone", "gone", True)
    assert (source.chosen, source.without) == ("gone", "/ladder?within=all")
    (source,) = trait_choices(stays, LadderChoice("90", {"source": None}))
    assert source.chosen == "not known"


def test_words():
    assert day_of("2026-11-02T00:00:00Z") == "2 Nov 2026"
    assert cohort_name("2026-11-01T00:00:00Z", "month") == "Nov 2026"
    assert cohort_name(date(2026, 11, 2), "week") == "the week from 2 Nov 2026"
    assert value_of(None) == "not known"
    assert value_of("a\u202eb") == "a b"
    assert LadderChoice("90").when == "in the last 90 days"
    assert LadderChoice("90").by == "week"
    assert LadderChoice("all").by == "month"
