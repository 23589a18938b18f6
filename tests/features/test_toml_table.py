"""TOML for people who own the file: what a text may be, and how long a time may be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from features.errors import LadderError
from features.toml_table import FileOrder, Found, Table, listed, parse_toml

DEEP = 3000


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param(f"a = {'[' * DEEP}{']' * DEEP}", "file", id="lists"),
        pytest.param(f"a = {'{a = ' * DEEP}1{'}' * DEEP}", "file", id="tables in a line"),
        pytest.param(f"{'.'.join('a' * DEEP)} = 1", "a", id="dotted keys"),
        pytest.param(f"b = 1\n[{'.'.join('a' * DEEP)}]", "a", id="a header"),
        pytest.param(f"[[{'.'.join('a' * DEEP)}]]", "a", id="a header of a list"),
        pytest.param(f"a = {'[' * 51}{']' * 51}", "a", id="one too many"),
    ],
)
def test_tables_and_lists_in_each_other_without_end_are_one_mistake(text: str, path: str) -> None:
    """However they are written; without a limit what reads the values would fail by recursion."""
    with pytest.raises(LadderError) as found:
        parse_toml(text, "own.toml")
    (mistake,) = found.value.mistakes
    assert str(mistake) == f"{path}: has more than 50 tables and lists in each other"


def test_as_many_in_each_other_as_may_be() -> None:
    """Fifty, in a list, in dotted keys."""
    assert parse_toml(f"a = {'[' * 50}{']' * 50}", "own.toml")["a"]
    assert parse_toml(f"{'.'.join('a' * 51)} = 1", "own.toml")["a"]


def test_a_byte_order_mark_is_passed_over() -> None:
    """Editors on Windows write one; inside the text it is none, and lines count as they stand."""
    assert parse_toml("\ufeffa = 1\n", "own.toml") == {"a": 1}
    with pytest.raises(LadderError, match="line 2: is not TOML"):
        parse_toml("\ufeffa = 1\n\ufeffb = 2\n", "own.toml")


@pytest.mark.parametrize(
    ("unit", "most"), [("days", 36_500), ("hours", 876_000), ("minutes", 52_560_000)]
)
def test_no_time_is_longer_than_a_hundred_years(unit, most) -> None:
    """What is longer is in another unit; the message says in which it is to be."""
    found = Found()
    table = Table({"right": most, "wrong": most + 1, "far": 1e300}, "", found)
    assert table.span("right", unit=unit) == most
    assert table.span_if_any("right", unit) == most
    table.span("wrong", unit=unit)
    table.span_if_any("far", unit)
    said = f"must be at most {most}, a hundred years (it is a number of {unit})"
    assert [str(one) for one in found.mistakes] == [f"wrong: {said}", f"far: {said}"]


def test_whole_days_are_no_more_than_a_hundred_years() -> None:
    """A whole number that no float holds is refused as any other."""
    found = Found()
    table = Table({"right": 36_500, "wrong": 10**400}, "", found)
    assert table.whole_days("right") == table.whole_days("wrong") == 36_500
    assert [one.path for one in found.mistakes] == ["wrong"]


def test_where_something_is_wrong() -> None:
    """At the path of a mistake and in what holds it, and at no other that only begins alike."""
    found = Found()
    found.wrong("step[10].complete_when[0].event", "is missing")
    for path in ("step", "step[10]", "step[10].complete_when", "step[10].complete_when[0].event"):
        assert found.is_wrong(path)
    for path in ("step[1]", "step[10].complete", "step[10].complete_when[0].where", "s"):
        assert not found.is_wrong(path)
    found.wrong("offer[0]." + "." * 100_000, "is not a key")  # a path of all its parts is held once
    assert found.is_wrong("offer[0]")


def test_the_first_of_many_options_are_listed() -> None:
    """Each of many mistakes would bring the whole list."""
    assert listed(range(50)).endswith(", 48, 49")
    assert listed(range(53)).endswith(", 48, 49 and 3 more")


def test_empty_lines_are_looked_at_once() -> None:
    """A header may stand behind spaces, and the lines above it are none of it."""
    text = "a = 1\n" + "\n" * 40_000 + "  [[b]]\nc = 2\n[d]\n"
    order = FileOrder(text, parse_toml(text, "own.toml"))
    assert order.rank("a") < order.rank("b[0].c") < order.rank("d")
    assert order.rank("b[0].c")[0] == text.index("  [[b]]")


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


@pytest.mark.parametrize("text", ["a\nb", "a\r\tb", "a\u2028b", "a\x85b", "a\nb\0"])
def test_a_line_is_one(text):
    """What stands in a table has no further line; other signs of a script may be."""
    (problem,) = mistakes(text, lambda table: table.line("it"))
    assert problem == (
        "has control characters"
        if "\0" in text
        else "has a line break, a tab or another control character"
    )
    assert mistakes(text, lambda table: table.line("it", "")) == [problem]
    assert mistakes("é 🪜 | \u200eא\u200d", lambda table: table.line("it")) == []


@pytest.mark.parametrize("number", [1e308, 1.1e12, 10**13])
def test_numbers_that_are_too_large(number):
    """Sums of what a table holds are finite."""
    assert mistakes(number, lambda table: table.number("it")) == ["must be at most 1e+12"]
    assert mistakes(number, lambda table: table.number("it", above=1.0)) == [
        "must be at most 1e+12"
    ]
    assert mistakes(1e12, lambda table: table.number("it")) == []
