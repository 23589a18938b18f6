"""Lists as files."""

from __future__ import annotations

import pytest

from serving.pages.settings.tables import csv_answer


@pytest.mark.parametrize("text", ["=1+1", "+49", "-2", "@here", "\tx", "\rx"])
def test_no_cell_is_a_formula(text):
    """What a spreadsheet would work out is shown as text."""
    body = bytes(csv_answer("x", ("a",), [(text,)]).body).decode()
    assert f"'{text.strip()}" in body or f"'{text}" in body


def test_values():
    """Numbers stay numbers, nothing is empty, a truth is a word, half a character is no error."""
    answer = csv_answer("x", ("a", "b", "c", "d"), [(1.5, None, True, "\ud800,")])
    assert bytes(answer.body).decode() == 'a,b,c,d\n1.5,,yes,"?,"\n'
