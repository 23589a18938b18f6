"""The drift of the queue, as metrics and the page of models tell it."""

from __future__ import annotations

import numpy as np
import pytest

from serving.process.judged.drifting import queue_drift
from serving.scoring.drift import drift_of


def test_before_anything_was_scored(own, bare):
    """There is nothing to tell."""
    assert queue_drift(own) is None
    assert queue_drift(bare) is None


def test_of_the_queue(service):
    """As it was scored last, beside what the model was calibrated on."""
    found = queue_drift(service)
    assert found is not None
    ranking, bundle = service.scorer.ranking, service.scorer.bundle
    assert found == drift_of(ranking.probabilities, bundle.advancement.calibrator.grid)
    assert found.mean == pytest.approx(float(np.mean(ranking.probabilities)))
