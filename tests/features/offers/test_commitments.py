"""What is under way ends when its event says, or else after so many days."""

from __future__ import annotations

import pytest

from features.clock import rfc3339
from features.events.log import DAY_US
from features.ladder.file import parse_ladder, read_ladder
from features.ladder.offer import Commitment
from features.offers.history import history_of

START = 20_000 * DAY_US
TEXT = read_ladder("b2b").source
RUNNING = """
[[commitment]]
id = "course"
title = "a course is running"
from = [{event = "course_started"}]
until = [{event = "course_left"}]
"""
MARK = """
[[commitment]]
id = "mark"
title = "a course is over and its mark is not known"
after = "course"
days = 5
"""


def under_way(days, lines, **held):
    """What of the two is open so many days after a course began."""
    ladder = parse_ladder(f"{TEXT}{RUNNING}{lines}{MARK}", "b2b")
    rows = [("course_started", START, START, held)]
    found = history_of(rows, ladder, START + round(days * DAY_US)).in_flight
    return sorted({"course", "mark"} & set(found))


@pytest.mark.parametrize(
    ("lines", "said", "ends"),
    [
        ('ends_at = "ends_at"\nelse_days = 30', None, 30),
        ('ends_at = "ends_at"\nelse_days = 30', 14, 14),
        ('ends_at = "ends_at"\nelse_days = 30', 45, 45),
        ('ends_at = "ends_at"\nelse_days = 30\ndays = 40', None, 30),
        ('ends_at = "ends_at"\nelse_days = 30\ndays = 40', 14, 14),
        ('ends_at = "ends_at"\nelse_days = 30\ndays = 40', 45, 40),
        ('ends_at = "ends_at"\ndays = 30', None, 30),
        ('ends_at = "ends_at"\ndays = 30', 45, 30),
        ("days = 30", 14, 30),
    ],
)
def test_when_it_ends(lines, said, ends):
    """By what its event says, or where that says nothing after `else_days`; `days` is the most.

    What follows it opens just then.
    """
    held = {} if said is None else {"ends_at": rfc3339(START + said * DAY_US)}
    assert under_way(ends - 0.01, lines, **held) == ["course"]
    assert under_way(ends, lines, **held) == ["mark"]
    assert under_way(ends + 5, lines, **held) == []


@pytest.mark.parametrize("said", ["soon", "", 30, None])
def test_what_says_no_end(said):
    """A value that is no instant is as good as none."""
    lines = 'ends_at = "ends_at"\nelse_days = 30'
    assert under_way(29.99, lines, ends_at=said) == ["course"]
    assert under_way(30, lines, ends_at=said) == ["mark"]


def test_how_long_it_lasts_untold():
    """The fewer of the days that are given; nothing where none are."""
    of = Commitment("c", "c", ())
    assert of.untold_days is None
    given = [(30.0, None, 30.0), (None, 9.0, 9.0), (30.0, 9.0, 9.0)]
    for days, else_days, expected in given:
        assert Commitment("c", "c", (), (), "at", days, "", else_days).untold_days == expected
