"""How far the queue's chances have moved from those that the model was calibrated on, now."""

from __future__ import annotations

from serving.process.service import Service
from serving.scoring.drift import Drift, drift_of

__all__ = ["queue_drift"]


def queue_drift(service: Service) -> Drift | None:
    """Of the queue as it was scored last; None before the model that serves has scored it."""
    scorer, run = service.scorer, service.run
    bundle, ranking = scorer.bundle, scorer.ranking
    if bundle is None or ranking is None or run is None or run.bundle != bundle.identity:
        return None
    return drift_of(ranking.probabilities, bundle.advancement.calibrator.grid)
