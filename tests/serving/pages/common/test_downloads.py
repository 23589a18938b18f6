"""Tables as CSV."""

from __future__ import annotations

import csv
import io

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from serving.pages.common.downloads import csv_answer, named_table


def asked(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


def test_cells():
    """Nothing is an empty cell, numbers are as they are, and no text is a formula."""
    rows = [(None, 1.5, True, "a, b"), ("=1+1", -2, False, "\u202eabc"), ("+49", 0, True, "@x")]
    answer = csv_answer("steps", (("a", "b", "c", "d"), rows))
    found = list(csv.reader(io.StringIO(bytes(answer.body).decode())))
    assert found == [
        ["a", "b", "c", "d"],
        ["", "1.5", "true", "a, b"],
        ["'=1+1", "-2", "false", " abc"],
        ["'+49", "0", "true", "'@x"],
    ]
    assert answer.media_type == "text/csv"
    assert answer.headers["content-disposition"] == 'attachment; filename="steps.csv"'
    assert answer.headers["cache-control"] == "no-store"


def test_which_table_is_asked_for():
    """By its name; without one, or for another format, it is the page."""
    assert named_table(asked("table=steps&format=csv"), ("steps",)) == "steps"
    assert named_table(asked("table=steps"), ("steps",)) == "steps"
    assert named_table(asked("table=steps&format=html"), ("steps",)) is None
    assert named_table(asked(""), ("steps",)) is None
    with pytest.raises(HTTPException, match="no table 'stops' here, but steps, offers"):
        named_table(asked("table=stops"), ("steps", "offers"))
