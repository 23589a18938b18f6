"""Instants as pages show them."""

from __future__ import annotations

import pytest

from serving.pages.common.moments import day_of, moment_in, shown_at


def test_day_and_minute():
    """With the year, in UTC, and as a machine reads it."""
    found = day_of("2026-11-02T14:02:59.5Z")
    assert (found.day, found.minute) == ("2 Nov 2026", "2 Nov 2026, 14:02 UTC")
    assert found.iso == "2026-11-02T14:02:59.500000Z"
    assert shown_at(0).day == "1 Jan 1970"


@pytest.mark.parametrize(
    ("text", "minute"),
    [
        ("2026-12-02T11:00:00Z", "2 Dec 2026, 11:00 UTC"),
        ("2026-12-02T11:00:00.123456Z", "2 Dec 2026, 11:00 UTC"),
        ("2026-12-02T12:00+01:00", "2 Dec 2026, 11:00 UTC"),
        ("2026-12-02", None),  # a day is the same everywhere
        ("2026-12-02T11:00:00", None),  # nobody knows by which clock
        ("2026-13-02T11:00:00Z", None),
        ("On 2026-12-02T11:00:00Z", None),
        ("20", None),
        ("", None),
    ],
)
def test_an_instant_in_a_property(text, minute):
    """It is told in words; what only looks like one is left as it is."""
    found = moment_in(text)
    assert (found and found.minute) == minute
