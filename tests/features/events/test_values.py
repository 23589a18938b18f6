"""What a value of an event may be, alone and in a column: one verdict."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.values import (
    EVENT_NAME,
    LEAD_ID,
    MESSAGE_ID,
    NEGATIVE,
    NOT_A_NUMBER,
    NOT_FINITE,
    STORED_MESSAGE_ID,
    id_text,
    number_fault,
)

RULES = [LEAD_ID, EVENT_NAME, MESSAGE_ID, STORED_MESSAGE_ID]
odd = st.sampled_from([*"\0\t\n\r\x1f\x7f\x80\x85\xa0\u200b\u2028\u3000aé "])
texts = st.one_of(
    st.text(st.one_of(odd, st.characters(codec="utf-8")), min_size=1, max_size=5),
    st.builds(lambda letter, count: letter * count, odd, st.sampled_from([99, 100, 132, 200, 257])),
)


@given(st.lists(texts, max_size=8))
def test_a_column_is_judged_as_each_of_its_texts(column):
    """Whatever stands beside it."""
    for rule in RULES:
        assert rule.refuses(pa.array(column, pa.string())).tolist() == [
            not rule.accepts(text) for text in column
        ]


def test_every_character_alone():
    """Blanks and control characters are no id, all others are."""
    letters = [chr(code) for code in range(0x11_0000) if not 0xD800 <= code < 0xE000]
    refused = [c for c, no in zip(letters, LEAD_ID.refuses(pa.array(letters)), strict=True) if no]
    assert set(refused) == {c for c in letters if c.isspace() or unicodedata.category(c) == "Cc"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[("ann", "ann"), (7, "7"), (7.0, "7"), (-7, "-7"), (2**53, str(2**53)), (" a ", " a ")],
        *[(True, None), ([], None), ({}, None), (7.5, None), (2**53 + 1, None), (None, None)],
        *[(float("nan"), None), (float("inf"), None), (1e300, None), (b"ann", None)],
    ],
)
def test_ids(value, text):
    """An id is a text, or a whole number that no JSON reader rounds."""
    assert id_text(value) == text


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        *[("minutes", 0, ""), ("minutes", "4.5", ""), ("minutes", True, ""), ("minutes", None, "")],
        *[("minutes", "few", NOT_A_NUMBER), ("minutes", [1], NOT_A_NUMBER)],
        *[("minutes", "inf", NOT_FINITE), ("minutes", -(10**400), NOT_FINITE)],
        *[("minutes", -1, NEGATIVE), ("watched_fraction", "-0.1", NEGATIVE), ("amount", -1, "")],
    ],
)
def test_numbers(name, value, fault):
    """What a ladder reads as a number is one, finite, and no duration or share below zero."""
    assert number_fault(name, value) == fault
