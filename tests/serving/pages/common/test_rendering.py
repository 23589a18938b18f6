"""Templates say a number of things in one way."""

from __future__ import annotations

import re

from serving.pages.common import rendering


def test_a_number_of_days_can_be_one():
    """What is set in a ladder may be 1: a template leaves "day" or "days" to `things`."""
    plain = re.compile(r"format\([^}]*\) \}\} (days|hours|minutes|weeks)\b")
    templates = sorted(rendering._HERE.rglob("*.html"))
    assert len(templates) > 20
    assert [one.name for one in templates if plain.search(one.read_text("utf-8"))] == []
