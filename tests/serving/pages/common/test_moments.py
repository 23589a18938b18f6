"""Instants as pages show them."""

from __future__ import annotations

from serving.pages.common.moments import day_of, shown_at


def test_day_and_minute():
    """With the year, in UTC, and as a machine reads it."""
    found = day_of("2026-11-02T14:02:59.5Z")
    assert (found.day, found.minute) == ("2 Nov 2026", "2 Nov 2026, 14:02 UTC")
    assert found.iso == "2026-11-02T14:02:59.500000Z"
    assert shown_at(0).day == "1 Jan 1970"
