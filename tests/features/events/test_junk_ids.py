"""Ids that stand for nobody, and ids that look a little like them and stand for somebody."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from features.events.junk_ids import JUNK_IDS, LIKE_JUNK, is_junk


@pytest.mark.parametrize("junk", sorted(JUNK_IDS))
def test_what_is_listed(junk):
    """Every listed id is junk, however it is written."""
    assert junk == junk.casefold().strip()
    for written in (junk, junk.upper(), junk.title(), f"  {junk}\t", f'"{junk}"', f"'{junk}' "):
        assert is_junk(written), written


@pytest.mark.parametrize(
    "junk", ["NaN", "[object Object]", "{{ user.id }}", "${userId}", "<%= id %>", "*|EMAIL|*", '""']
)
def test_what_programs_write(junk):
    """Values that were made a text, and templates that nobody filled."""
    assert is_junk(junk)


@pytest.mark.parametrize(
    "real",
    [
        *("0", "1", "-2", "u1", "Nil Patel", "null@example.com", "guest-17", "anonymous-000001"),
        *(
            "undefined1",
            "nulls",
            "none of it",
            "true-believer",
            "{lead_id}",
            "{{a}} b",
            "$5",
            "user",
        ),
        *("00000000-0000-0000-0000-000000000001", "nan@nan.example", "x" * 256, "{" * 256),
    ],
)
def test_what_somebody_may_be_called(real):
    """An id that only contains such a word, or may be a number of a table, is an id."""
    assert not is_junk(real)


def test_what_is_looked_through_at_once():
    """No junk is missed where very many ids are looked through by a pattern first."""
    written = [*JUNK_IDS, "NaN", "{{ user.id }}", "${userId}", "<%= id %>", "*|EMAIL|*", ' "Null" ']
    assert all(re.search(LIKE_JUNK, one, re.IGNORECASE) for one in written)
    found = pc.match_substring_regex(pa.array(written), LIKE_JUNK, ignore_case=True)
    assert all(found.to_pylist())
    others = pa.array(["u1", "nil patel", "null@example.com", "anonymous-000001"])
    assert not any(pc.match_substring_regex(others, LIKE_JUNK, ignore_case=True).to_pylist())
