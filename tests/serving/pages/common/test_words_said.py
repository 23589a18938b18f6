"""Words: how chances, ages and people are said."""

from __future__ import annotations

from typing import Any

import pytest

from features.events.log import DAY_US
from serving.pages.common import people, words


def test_chance():
    """A chance is never shown as certain or impossible."""
    shares = (0.0, 0.0049, 0.0051, 0.42, 0.994, 0.996, 1.0)
    said = ["under 1 %", "under 1 %", "1 %", "42 %", "99 %", "over 99 %", "over 99 %"]
    assert [words.chance(share).replace("\u00a0", " ") for share in shares] == said


@pytest.mark.parametrize(
    ("chance", "usual", "points", "told", "said"),
    [
        (0.88, 0.37, -0.07, 0, "Above the average at this step, 37 %"),
        (0.88, 0.37, 0.01, 0, "Above the average at this step, 37 %"),
        (0.10, 0.37, 0.07, 0, "Below the average at this step, 37 %"),
        (0.38, 0.37, 0.07, 0, "As likely as the average at this step"),
        (0.88, 0.37, 0.07, 1, "Above the average at this step, 37 %"),
        (0.88, None, 0.01, 0, "Below the average at this step, 94 %"),
    ],
)
def test_a_chance_beside_the_usual_one(chance, usual, points, told, said):
    """Reasons are told whose sign fits, and where there is none to tell it is no average for it."""
    reason = {"signal": "offers.extended", "text": "offered much", "points": points}
    item: Any = {"probability": chance, "usual": usual, "base": 0.94, "reasons": [reason]}
    assert len(words.telling(item)) == told
    assert words.beside_usual(item).replace("\u00a0", " ") == said


def test_words():
    """Intervals, points and ages are said in words."""
    assert words.likely(0.36, 0.48) == "likely 36 to 48"
    assert words.likely(0.361, 0.364) == "likely about 36"
    assert [words.points(value) for value in (0.061, -0.02, 0.0001)] == ["+6.1", "−2.0", "0.0"]
    now = 10**15
    ages = [0, 30_000_000, 60_000_000, 7_200_000_000, 2 * DAY_US, 800 * DAY_US]
    assert [words.ago(now - age, now) for age in ages] == [
        "just now",
        "just now",
        "1 minute ago",
        "2 hours ago",
        "2 days ago",
        "2 years ago",
    ]
    assert words.ago(None, now) == "never"
    assert words.ago(now + 5, now) == "just now"
    assert words.initials("Ada Lovelace King") == "AK"
    assert words.initials("<>") == "?"
    assert [words.change(value) for value in (0.061, -0.02, 0.004)] == ["+6", "−2", "0"]
    assert words.changes(-0.02, 0.3) == "−2 to +30"
    assert words.changes(0.0002, 0.042, 1000) == "just above 0 to +42"  # it surely is one


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({}, ("id", "")),
        ({"name": "Ada", "company": "X"}, ("Ada", "X")),
        ({"first_name": "Ada", "lastName": "L"}, ("Ada L", "")),
        ({"company": {"name": "X"}}, ("X", "id")),
        ({"name": " ", "company": 7}, ("id", "")),
        ({"name": "\u200b"}, ("id", "")),
        ({"name": "\u202e\ufeff", "company": "X"}, ("X", "id")),
        ({"name": "\u3164", "first_name": "\u2800", "last_name": "L"}, ("L", "")),
    ],
)
def test_who(traits, expected):
    """A lead is called by its name, else by its company, else by its id."""
    assert people.who("id", traits) == expected


@pytest.mark.parametrize(
    ("evidence", "leads", "said"),
    [
        ("randomised", 1214, "learned from 1,214 leads given it by lot"),
        ("observational", 1, "learned from 1 lead given it, not by lot"),
        ("prior", 53, "not known yet (53 leads given it so far)"),
        ("prior", 0, "not known yet"),
        ("randomised", 0, "not known yet"),
    ],
)
def test_what_a_model_learned_an_effect_from(evidence, leads, said):
    """Of how many leads, and that they are those that were given the offer."""
    assert words.learned_from(evidence, leads) == said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("company_size", 4885, ("Company size", "4,885")),
        ("annual_revenue", 1234567.891, ("Annual revenue", "1,234,567.89")),
        ("deal_value", 48250.5, ("Deal value", "48,250.5")),
        ("price", 19.99, ("Price", "19.99")),
        ("minutes", 15.0, ("Minutes", "15")),
        ("churn", 0.00421, ("Churn", "0.0042")),
        ("change", -1500, ("Change", "-1,500")),
        ("atoms", 6.022e23, ("Atoms", "6.022e+23")),
        ("founded", 1998, ("Founded", "1998")),
        ("fiscalYear", 2026, ("FiscalYear", "2026")),
        ("zip_code", 10115, ("Zip code", "10115")),
        ("phone", 442079460000, ("Phone", "442079460000")),
        ("watched_fraction", 0.81, ("Watched", "81 %")),
        ("flag", True, ("Flag", "yes")),
        ("gaps", ["handovers", 2, True], ("Gaps", "handovers, 2, yes")),
        ("gaps", [], ("Gaps", "none")),
        ("items", [{"id": 1}], ("Items", '[{"id": 1}]')),
    ],
)
def test_what_is_measured(name, value, said):
    """A number is told as it is, grouped where it counts something, and never as a power of ten."""
    title, told = words.measured(name, value)
    assert (title, told.replace("\u00a0", " ")) == said


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**40])
def test_a_number_that_is_none(value):
    """It is a text all the same."""
    assert words.number(value)
