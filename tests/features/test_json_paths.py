"""Paths into JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.json_paths import parse_path, value_at


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("id", ("id",)),
        ("data.items[0].id", ("data", "items", 0, "id")),
        ("[2][0]", (2, 0)),
        ("a-b.c d[10]", ("a-b", "c d", 10)),
        ("0.1", ("0", "1")),
    ],
)
def test_parts(text, parts):
    """A path is names and places, from the outside in."""
    assert parse_path(text) == parts


@pytest.mark.parametrize(
    "text", [".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[0]b", "a[-1]", "a.[0]", "a]"]
)
def test_no_path(text):
    """What is no path has no parts."""
    assert parse_path(text) is None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a[1].b", 5),
        ("a[1]", {"b": 5}),
        ("a[2]", None),
        ("a.b", None),
        ("c[0]", None),
        ("x.y", None),
    ],
)
def test_value(path, found):
    """A path leads to a value, or nowhere."""
    assert value_at({"a": [1, {"b": 5}], "c": {"0": 1}}, parse_path(path) or ()) == found


JSON = st.recursive(
    st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(st.text(), JSON)
def test_any_path(text, value):
    """No text and no value breaks anything."""
    path = parse_path(text)
    if path is not None:
        value_at(value, path)
