"""The minutes of reps by day."""

from __future__ import annotations

from features.store.people.minutes import add_minutes, minutes_of


def test_minutes(database):
    """They add up, each day by itself; of a day that was given none there are none."""
    with database.writing() as connection:
        for day, minutes in ((20_000, 5.0), (20_001, 1.0), (20_000, 2.5)):
            add_minutes(connection, day, minutes)
        assert [minutes_of(connection, day) for day in (19_999, 20_000, 20_001)] == [0.0, 7.5, 1.0]
