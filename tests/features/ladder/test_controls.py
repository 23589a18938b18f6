"""Leads that are left alone on purpose: what the file may say."""

from __future__ import annotations

import pytest

from features.ladder.controls import Controls
from features.ladder.file import parse_ladder, read_ladder


@pytest.mark.parametrize("share", [0, 0.05, 0.5])
def test_a_share(share):
    """Any share up to a half, and no part of the fingerprint: a model goes on with another one."""
    source = read_ladder("b2b").source
    ladder = parse_ladder(source.replace("none = 0 ", f"none = {share} "))
    assert ladder.controls == Controls(share)
    assert ladder.fingerprint == read_ladder("b2b").fingerprint


def test_off():
    """Left out, nobody is left alone on purpose."""
    assert [read_ladder(name).controls for name in ("b2c", "b2b-assessment")] == [Controls(0.0)] * 2
