"""A small log and a quick way to train on it."""

from __future__ import annotations

from functools import cache

from features.events.log import EventLog
from models.bundle import Bundle
from tests.training.scores.scene import LADDER, small_bundle, small_log
from training.scores.backtest.folds import DEFAULT, Backtest, TrainingChoice, backtest

SHORT = TrainingChoice(20.0)


def fit(log: EventLog, until: int, choice: TrainingChoice) -> Bundle:
    """Trained in a moment; with a look-back, which is to be worse, on a seventh of the leads."""
    known = log.known_by(until)
    if choice.look_back_days is None:
        return _bundle(known, until)
    return _bundle(known.only((known.starts[:-1] % 7) == 0), until)


def _bundle(log: EventLog, until: int) -> Bundle:
    bundle: Bundle = small_bundle(log, until)
    return bundle


@cache
def small_backtest() -> Backtest:
    return backtest(small_log(), LADDER, fit, folds=3, choices=(DEFAULT, SHORT))
