"""What is agreed with a lead is told with its time, as long as it is under way."""

from __future__ import annotations

import pytest

from features.clock import rfc3339
from features.events.log import DAY_US
from features.ladder.file import read_ladder
from serving.pages.queue.agreed import agreed_with

LADDER = read_ladder("b2b")
NOW = 1_800_000_000_000_000
BEGINS, ENDS = NOW + DAY_US, NOW + 2 * DAY_US


def row(name, at, **properties):
    return (name, at, at, {key: rfc3339(moment) for key, moment in properties.items()})


def booked(at=NOW - DAY_US, **properties):
    return row("session_booked", at, **properties)


@pytest.mark.parametrize(
    ("rows", "at", "is_start"),
    [
        ([booked(ends_at=ENDS)], ENDS, False),
        ([booked(starts_at=BEGINS, ends_at=ENDS)], BEGINS, True),
        ([booked(starts_at=BEGINS)], BEGINS, True),
        ([booked(starts_at=NOW, ends_at=ENDS)], ENDS, False),  # it has begun
        # Booked again for another day: the later word counts.
        ([booked(NOW - 9, ends_at=ENDS), booked(ends_at=NOW + 9 * DAY_US)], ENDS, False),
        # By when it was said: what came late is no later word, nor what is not known yet.
        (
            [
                ("session_booked", NOW - 3 * DAY_US, NOW - 1, {"ends_at": rfc3339(BEGINS)}),
                booked(NOW - 2 * DAY_US, ends_at=ENDS),
                ("session_booked", NOW - 1, NOW + 1, {"ends_at": rfc3339(BEGINS)}),
            ],
            ENDS,
            False,
        ),
        # Nor has something else that happens since an end of it.
        ([booked(ends_at=ENDS), row("page_viewed", NOW - 1, ends_at=BEGINS)], ENDS, False),
        ([booked(NOW, ends_at=ENDS)], ENDS, False),
        # Of several the first.
        ([booked(ends_at=ENDS), row("webinar_registered", NOW - 1, ends_at=BEGINS)], BEGINS, False),
    ],
)
def test_when_it_is(rows, at, is_start):
    """When it begins, where that is known and to come; else until when it goes."""
    found = agreed_with(sorted(rows, key=lambda one: one[1]), LADDER, NOW)
    assert found is not None
    assert (found.at.iso, found.is_start) == (rfc3339(at), is_start)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row("page_viewed", NOW - 1, ends_at=ENDS)],
        [booked()],  # nobody said when
        [booked(ends_at=NOW - 1)],
        [booked(ends_at=ENDS), row("session_cancelled", NOW - 1)],
        [booked(starts_at=NOW - 1)],
        [booked(NOW + 1, ends_at=ENDS)],  # not known by now
    ],
)
def test_nothing_is_agreed(rows):
    """Nothing was booked, or nobody knows when, or it is over."""
    assert agreed_with(rows, LADDER, NOW) is None
