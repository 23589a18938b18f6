"""What values of properties become, and how they are stored."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from features.events.properties import as_number, as_text, as_value, property_json
from tests.features.events.scene import cells


@settings(deadline=None)
@given(st.one_of(cells.filter(bool), st.text(st.characters(codec="utf-8"))))
def test_cells_lose_nothing(text):
    """What the store makes of a cell reads back as the same text and the same number."""
    value = as_value(text)
    assert as_text(value) == as_text(text)
    ours, theirs = as_number(value), as_number(text)
    assert ours == theirs or (ours != ours and theirs != theirs)


def test_property_json():
    """Properties are stored with sorted keys, without what is absent, whole numbers whole."""
    said = {"b": 3.0, "a": {"x": float("nan"), "y": [1.0]}, "c": None, "d": float("inf"), "é": True}
    assert property_json(said) == '{"a":{"x":null,"y":[1]},"b":3,"é":true}'
