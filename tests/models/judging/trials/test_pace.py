"""How long it will take until something is known."""

from __future__ import annotations

import pytest

from features.events.log import DAY_US
from models.judging.trials.pace import weeks_until_known


def weeks(more: int, leads: int, days: float, horizon_days: float = 14.0) -> float | None:
    as_of = round(days * DAY_US)
    return weeks_until_known(more, leads=leads, since=0, as_of=as_of, horizon_days=horizon_days)


@pytest.mark.parametrize(
    ("more", "leads", "days", "expected"),
    [
        (100, 200, 70, 5.0),  # twenty a week
        (100, 20, 7, 6.0),  # the same, and the first lead has a week to go
        (0, 200, 70, 0.0),
        (100, 0, 70, None),
    ],
)
def test_at_the_pace_so_far(more, leads, days, expected):
    """Leads come as they came, and each takes its time."""
    assert weeks(more, leads, days) == (None if expected is None else pytest.approx(expected))


def test_on_the_first_hour():
    """Who came in the first minutes is no pace for years."""
    found = weeks(700, 3, 0.01)
    assert found is not None
    assert found == pytest.approx(2 - 1 / 7 + 700 / 21)
