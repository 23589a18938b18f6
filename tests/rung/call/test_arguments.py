"""Arguments that are refused before a verb runs."""

from __future__ import annotations

import pytest

from tests.rung.scene import refused


@pytest.mark.parametrize(
    ("verb", "option"),
    [
        (("train", "e.csv", "--ladder", "b2b", "--out", "b"), "--until"),
        (("score", "e.csv", "--bundle", "b", "--out", "s.csv"), "--as-of"),
        (("features", "e.csv", "--ladder", "b2b", "--out", "s.csv"), "--as-of"),
        (("evaluate", "e.csv", "--ladder", "b2b", "--bundle", "b"), "--from"),
        (("evaluate", "e.csv", "--ladder", "b2b", "--bundle", "b"), "--until"),
    ],
)
def test_a_time_without_a_zone(verb, option):
    """It could mean anything: the call is not understood, and the message says what to write."""
    said = refused(*verb, option, "2026-03-01T12:00:00", code=2)
    assert f"argument {option}: '2026-03-01T12:00:00' has no time zone" in said
    assert "write 2026-03-01T12:00:00Z for UTC" in said
    assert "is not a time" in refused(*verb, option, "yesterday", code=2)


@pytest.mark.parametrize("count", ["0", "-3", "many", "1.5"])
def test_a_count_that_is_none(count):
    """So is a number of leads that is no number."""
    assert "must be a whole number from 1" in refused("demo", f"--leads={count}", code=2)
