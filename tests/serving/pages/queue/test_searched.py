"""Why a search finds a lead that goes by another name, or another id, by now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.ladder.file import read_ladder
from features.ladder.ladder import Trait
from serving.pages.common.people import person_of
from serving.pages.queue.searched import found_as

B2B = read_ladder("b2b")
ROWS = [
    ("identify", 1, 1, {"name": "Anna Alpha", "company": "Acme", "gender": "f"}),
    ("identify", 2, 2, {"name": "Berta Beta", "email": "berta@acme.example"}),
    ("page_viewed", 3, 3, {"name": "Carla"}),
    ("identify", 4, 99, {"name": "Later"}),
]


def found(text: str, ladder=B2B) -> str:
    return found_as(text, person_of("b", ROWS, ladder, 10), ROWS, ladder, 10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("berta", ""),
        ("berta acme", ""),  # what it is called, as several events tell it
        ("acme.example", ""),
        ("b", ""),
        ("", ""),
        ("anna", "Anna Alpha"),
        (" ALPHA acme ", "Anna Alpha"),
        ("anna berta", "anna berta"),
        ("old-id", "old-id"),
        ("?", "?"),
        ("later", "later"),  # not known yet
    ],
)
def test_found_as(text, expected):
    """A former name where that is why, else what was asked for; nothing for what it is called."""
    assert found(text) == expected


def test_a_protected_trait_is_not_told():
    """A name that is protected is on no page, be it a former one."""
    ladder = replace(B2B, protected=(Trait("name", "category"),))
    assert found("alpha", ladder) == "alpha"
