"""The drift of the queue, as metrics and the page of models tell it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.judging.served import AHEAD
from serving.process.judged import drifting
from serving.process.judged.drifting import ahead_of, has_drifted, queue_drift
from serving.process.judged.moved import movements
from serving.scoring.drift import drift_of
from tests.serving.process.judged.scene import keep


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


def look(*moved: str) -> dict[str, object]:
    return {"moved": [{"step": step, "signals": []} for step in moved], "goals": [], "note": ""}


def test_signals_that_have_moved(own):
    """By the newest look at the model that serves; of another model it says nothing."""
    assert ahead_of(own) is None
    assert not has_drifted(own)
    keep(own, AHEAD, look("content"), "another")
    assert not has_drifted(own)
    serves = own.scorer.bundle.hash
    keep(own, AHEAD, look(), serves, age_days=0.1)
    assert not has_drifted(own)
    keep(own, AHEAD, look("content"), serves)
    assert has_drifted(own)


def test_outcomes_that_moved_chances_far(own, monkeypatch):
    """The world is another one also where its signals look as they did."""
    far = [replace(one, is_far=True) for one in movements(own)]
    monkeypatch.setattr(drifting, "movements", lambda _: far)
    assert has_drifted(own)


def test_without_a_model_nothing_has_drifted(bare):
    assert not has_drifted(bare)
