"""The benchmark of a changing world: what is served is nearer to what came than what is frozen."""

from __future__ import annotations

import pytest

from benchmarks.quality import drift
from features.ladder.file import read_ladder
from models.judging import metrics
from training.simulation.config import SimulationConfig, WorldChange


@pytest.mark.slow
def test_odds_that_grow(monkeypatch, tmp_path):
    """The moved probabilities lose less than the frozen ones, and the picture is drawn."""
    monkeypatch.setattr(drift, "_retrained", lambda _log, _ladder, points, *_: points.as_of * 0.0)
    config = SimulationConfig(350, 330.0, 5, drift=WorldChange(150.0, log_odds=1.2))
    judged = drift._judged(read_ladder("b2b"), config)
    frozen, moved = (
        metrics.log_loss(judged.said[way], judged.happened) for way in ("frozen", "recalibrated")
    )
    assert frozen is not None
    assert moved is not None
    assert moved < frozen
    judged.said["retrained weekly"] = judged.said["frozen"]
    drift._draw({"odds grow": judged}, tmp_path / "drift.png")
    assert (tmp_path / "drift.png").stat().st_size > 10_000
