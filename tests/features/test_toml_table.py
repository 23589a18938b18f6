"""What values of a table may be, whatever the file is of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from features.toml_table import Found, Table


def mistakes(value: object, read: Callable[[Table], object]) -> list[str]:
    """What is wrong with the value of the key `it`."""
    found = Found()
    read(Table({"it": value}, "offer", found))
    assert {one.path for one in found.mistakes} <= {"offer.it"}
    return [one.problem for one in found.mistakes]


@pytest.mark.parametrize("text", ["a\0b", "\x1b[31mred", "a\x7f", "a\x0b"])
def test_texts_without_control_characters(text):
    """No database takes a NUL, and no page shows the others."""
    assert mistakes(text, lambda table: table.text("it")) == ["has control characters"]
    assert mistakes(text, lambda table: table.text("it", "")) == ["has control characters"]
    assert mistakes(["a", text], lambda table: table.texts("it")) == ["has control characters"]


@pytest.mark.parametrize("text", ["a\nb", "a\r\n\tb", "é\u2028", "🪜"])
def test_texts_of_several_lines(text):
    """Lines and tabs are no mistake."""
    assert mistakes(text, lambda table: table.text("it")) == []
    assert mistakes([text], lambda table: table.texts("it")) == []


@pytest.mark.parametrize("number", [1e308, 1.1e12, 10**13])
def test_numbers_that_are_too_large(number):
    """Sums of what a table holds are finite."""
    assert mistakes(number, lambda table: table.number("it")) == ["must be at most 1e+12"]
    assert mistakes(number, lambda table: table.number("it", above=1.0)) == [
        "must be at most 1e+12"
    ]
    assert mistakes(number, lambda table: table.days("it")) == ["must be at most 1e+12"]
    assert mistakes(1e12, lambda table: table.number("it")) == []


@pytest.mark.parametrize("days", [36_501, 2**62, 10**30])
def test_days_of_more_than_a_hundred_years(days):
    """What lies so many days ahead is no instant."""
    assert mistakes(days, lambda table: table.whole_days("it")) == ["must be at most 36,500 days"]
    assert len(mistakes(days, lambda table: table.days("it"))) == 1
    assert mistakes(36_500, lambda table: (table.whole_days("it"), table.days("it"))) == []
