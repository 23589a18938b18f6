"""The queue as a person sees it, in a real browser."""

from __future__ import annotations

import pytest

from tests.serving.browser import overflow, violations

pytestmark = pytest.mark.slow


def test_first_screen(sheet):
    """The queue names leads, and can be used by all."""
    sheet.goto("/")
    assert sheet.get_by_role("heading", level=1).inner_text()
    assert violations(sheet) == []
    assert overflow(sheet) <= 0
