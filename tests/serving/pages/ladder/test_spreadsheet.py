"""Tables for a spreadsheet: the figures as they are, and no text that is a formula."""

from __future__ import annotations

import pandas as pd
import pytest

from serving.pages.ladder.spreadsheet import as_text, csv_of


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-2", "@sum(a1)", "\tx", "\rx"])
def test_no_text_is_a_formula(text):
    assert as_text(text) == f"'{text}"


def test_a_table():
    """Numbers stay numbers, below zero as well; what is absent stays absent."""
    table = pd.DataFrame({"value": ["=a", "b", None], "change": [-0.5, 0.25, None]})
    assert csv_of(table) == "value,change\n'=a,-0.5\nb,0.25\n,\n"
    assert csv_of(table.iloc[:0]) == "value,change\n"
