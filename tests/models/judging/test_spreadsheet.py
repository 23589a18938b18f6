"""Tables for a spreadsheet: the figures as they are, and no text that is a formula."""

from __future__ import annotations

import pandas as pd
import pytest

from models.judging.spreadsheet import as_text, csv_of


@pytest.mark.parametrize(
    "text", ["=1+1", "+49 30", "-2", "@sum(a1)", "\tx", "\rx", "\n=1", "\uff1d1", "\uff20x"]
)
def test_no_text_is_a_formula(text):
    """What a spreadsheet would work out is shown as text."""
    assert as_text(text) == f"'{text}"


@pytest.mark.parametrize("value", [-2, -0.5, None, True, "a=1", "", "'=1"])
def test_all_else_is_as_it_is(value):
    assert as_text(value) is value


def test_a_table():
    """Numbers stay numbers, below zero as well; what is absent stays absent."""
    table = pd.DataFrame(
        {"value": ["=a", "b", None], "change": [-0.5, 0.25, None], "count": [-1, 2, 3]}
    )
    assert csv_of(table) == "value,change,count\n'=a,-0.5,-1\nb,0.25,2\n,,3\n"
    assert csv_of(table.iloc[:0]) == "value,change,count\n"
    mixed = pd.DataFrame({"@x": pd.Series([-1, "-1", 0.5, None], dtype=object)})
    assert csv_of(mixed) == "'@x\n-1\n'-1\n0.5\n\"\"\n"
    kinds = pd.DataFrame({"kind": pd.Categorical(["=a", "b"])})
    assert csv_of(kinds) == "kind\n'=a\nb\n"
