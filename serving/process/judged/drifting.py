"""How far what serves has moved from what it was trained on: its chances, signals and outcomes."""

from __future__ import annotations

from typing import cast

from models.judging.served import AHEAD, AheadLook
from serving.process.judged.looks import Look, look_of
from serving.process.judged.moved import movements
from serving.process.service import Service
from serving.scoring.drift import Drift, drift_of

__all__ = ["ahead_of", "has_drifted", "look_ahead_of", "queue_drift"]


def queue_drift(service: Service) -> Drift | None:
    """Of the queue as it was scored last; None before the model that serves has scored it."""
    scorer, run = service.scorer, service.run
    bundle, ranking = scorer.bundle, scorer.ranking
    if bundle is None or ranking is None or run is None or run.bundle != bundle.identity:
        return None
    return drift_of(ranking.probabilities, bundle.advancement.calibrator.grid)


def look_ahead_of(service: Service) -> Look:
    """The newest look at what is known of the model that serves before outcomes are."""
    bundle = service.scorer.bundle
    about = bundle.hash if bundle else ""
    return look_of(service, AHEAD, about, seconds=service.settings.judge_seconds)


def ahead_of(service: Service) -> AheadLook | None:
    """What it found; None before it was looked at."""
    return cast("AheadLook | None", look_ahead_of(service).body)


def has_drifted(service: Service) -> bool:
    """Whether the world is surely another one than the model that serves has learned from.

    Outcomes have moved its chances far, or signals have moved.
    """
    ahead = ahead_of(service)
    return any(one.is_far for one in movements(service)) or bool(ahead and ahead["moved"])
