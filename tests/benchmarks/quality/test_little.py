"""Few leads: what is served is no worse than the better of bands and rates, but for noise."""

from __future__ import annotations

import pytest

from benchmarks.quality.little import losses
from features.ladder.file import read_ladder

NOISE = 0.01
"""Nats of log loss."""


@pytest.mark.slow
@pytest.mark.parametrize("leads", [30, 120])
def test_what_is_served_is_no_worse(leads):
    """With rates alone and with a first model; and no way is better than the truth."""
    ladder = read_ladder("b2b")
    for world in (0, 1):
        bands, rates, served, truth = losses(ladder, leads, world)
        assert truth <= min(bands, rates, served)
        assert served <= min(bands, rates) + NOISE
        assert rates < bands
