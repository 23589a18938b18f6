"""The names of types that are trusted."""

from __future__ import annotations

import pytest

from models.scores.learners.trusted import trusted_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        (" , ", ()),
        ("mine.Scorer", ("mine.Scorer",)),
        ("mine.b.Two, mine.One ,mine.One", ("mine.One", "mine.b.Two")),
    ],
)
def test_names(text, names):
    """Sorted, each once, whatever stands around the commas."""
    assert trusted_names(text) == names


@pytest.mark.parametrize("text", ["Scorer", "mine.", ".mine", "mine Scorer.x", "a:B", "1.x"])
def test_what_is_no_type(text):
    """A name needs its module; the text that is wrong is named."""
    with pytest.raises(ValueError, match="is no type; write its module and name"):
        trusted_names(f"mine.Fine,{text}")
