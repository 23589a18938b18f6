"""Numbers of things in sentences."""

from __future__ import annotations

import pytest

from features.ladder.file import read_ladder
from features.ladder.words import (
    Counted,
    in_percent,
    of_money,
    one_line,
    things,
    visible,
    worth_of,
)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 steps"), (1, "1 step"), (1.04, "1 step"), (2.54, "2.5 steps"), (1500, "1,500 steps")],
)
def test_counted(number, expected):
    """One thing has no s; a number that is not whole has one decimal."""
    assert f"{Counted(number):step}" == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0 minutes"),
        (1.0, "1 minute"),
        (0.5, "0.5 minutes"),
        (0.1 + 0.2, "0.3 minutes"),
        (1500, "1,500 minutes"),
        (1234.5, "1,234.5 minutes"),
        (1_234_567.0, "1,234,567 minutes"),
        (1_234_567.5, "1,234,568 minutes"),
        (-1, "-1 minutes"),
        (float("inf"), "inf minutes"),
    ],
)
def test_things(number, expected):
    """Whole numbers are said to the last digit, others to six; thousands are set apart."""
    assert things(number, "minute") == expected


def test_several_people():
    """One is a person, and several are no persons."""
    assert [things(count, "person") for count in (1, 40)] == ["1 person", "40 people"]
    (size,) = (trait for trait in read_ladder("b2b").traits if trait.id == "company_size")
    assert size.says.format(value=1.0, count=Counted(1.0)) == "company of 1 person"


@pytest.mark.parametrize(
    ("share", "places", "sign", "expected"),
    [
        (0.634, 0, "", "63 %"),
        (0.1234, 1, "", "12.3 %"),
        (-0.2, 1, "+", "-20.0 %"),
        (0.2, 1, "+", "+20.0 %"),
        (1, 0, "", "100 %"),
    ],
)
def test_in_percent(share, places, sign, expected):
    """A share stands as everywhere, a space before its sign."""
    assert in_percent(share, places, sign) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\x1b[2Jgone\x07\r", "\\x1b[2Jgone\\x07\\x0d"),
        ("\x9b31mred", "\\x9b31mred"),
        ("abc\u202ecba", "abc\\u202ecba"),
        ("a\tb\nÄpfel – 5\xa0% ☂", "a\tb\nÄpfel – 5\xa0% ☂"),
    ],
)
def test_visible(text, told):
    """What others wrote steers no terminal; letters, tabs and ends of lines stay as they are."""
    assert visible(text) == told


@pytest.mark.parametrize(
    ("effort", "expected"),
    [
        (1.0, "1 minute's worth of effort"),
        (2.5, "2.5 minutes' worth of effort"),
        (10_000_000.0, "10,000,000 minutes' worth of effort"),
        (560.005, "560 minutes' worth of effort"),
        (12.34, "12.3 minutes' worth of effort"),
        (0.04, "0.04 minutes' worth of effort"),
    ],
)
def test_worth(effort, expected):
    assert worth_of(effort) == expected


def test_one_line():
    """What would end a line, or move along it, is spelt out; a text without stays itself."""
    assert one_line("a\nb\tc\r\x1bd") == r"a\nb\tc\x0d\x1bd"
    assert one_line("Größe | 1") == "Größe | 1"


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(2000.0, "2,000 EUR"), (49.9, "49.90 EUR"), (0.005, "0.005 EUR"), (1e9, "1,000,000,000 EUR")],
)
def test_of_money(amount, expected):
    """With cents, or none; what is less than a cent to the last."""
    assert of_money(amount, "EUR") == expected
