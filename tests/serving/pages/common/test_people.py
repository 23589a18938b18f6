"""How somebody is called, and reached."""

from __future__ import annotations

import pytest

from features.ladder.file import read_ladder
from serving.pages.common.people import person_of


@pytest.mark.parametrize(
    ("phone", "call"),
    [
        ("+49 (0)30 123-456", "tel:+4930123456"),
        ("0049 ( 0 ) 30 123456", "tel:004930123456"),
        ("0049 (0)30 123456", "tel:004930123456"),
        ("(030) 123-456", "tel:030123456"),
        ("(0)30 123456", "tel:030123456"),
        ("", ""),
    ],
)
def test_call(phone, call):
    """What is in brackets is dialled at home alone."""
    rows = [("identify", 1, 1, {"phone": phone, "name": "Ann"})]
    assert person_of("ann", rows, read_ladder("b2b"), 5).call == call
