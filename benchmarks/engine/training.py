"""What training costs beside LightGBM's own time for the same fits, on a million rows.

A goal's model is fitted once a fold, its margins are found for the rows that each fold has not
seen, and it is calibrated; of all that time a part is spent within LightGBM.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final
from unittest.mock import patch

import lightgbm as lgb
import numpy as np

from benchmarks.tables import markdown, met
from models.scores.goal_model import FitConfig, TrainingRows, fit_goal
from models.scores.learners.boosting import BoostingConfig
from models.scores.step_rates import StepRates

__all__ = ["run"]

_STEPS: Final = 5
_CATEGORIES: Final = 10
_CODES: Final = 12
_POINTS: Final = 20
"""Of each lead."""
_ROUNDS: Final = 100
"""Far fewer than training would do on so many rows: what is not LightGBM's weighs the more."""
_MOST: Final = 1.3
_WHOLE: Final = "**a goal's model: folds, margins, calibration**"


def run(*, small: bool = False) -> str:
    """The table: a training as it is, and the time within LightGBM in it."""
    count, columns = (40_000, 40) if small else (1_000_000, 100)
    rows = _rows(count, columns)
    config = FitConfig(boosting=BoostingConfig(most_rounds=_ROUNDS, patience=_ROUNDS))
    within: list[float] = []

    def timed(*given: Any, _train: Callable[..., Any] = lgb.train, **more: Any) -> Any:
        started = time.perf_counter()
        try:
            return _train(*given, **more)
        finally:
            within.append(time.perf_counter() - started)

    with patch("lightgbm.train", timed):
        started = time.perf_counter()
        fit_goal(rows, _prior(), config)
        whole = time.perf_counter() - started
    lightgbm = sum(within)
    table = markdown(
        ["", "s", "LightGBM = 1"],
        [
            [_WHOLE, f"{whole:.1f}", f"{whole / lightgbm:.2f}x"],
            [f"LightGBM alone: the same {len(within)} fits", f"{lightgbm:.1f}", "1.00x"],
        ],
    )
    return (
        f"**{count:,} rows of {count // _POINTS:,} leads, {columns} columns, {_ROUNDS} rounds**"
        f"\n\n{table}\n\nat most {_MOST} times LightGBM's own time: {whole / lightgbm:.2f}"
        f" ({met(whole <= _MOST * lightgbm)})"
    )


def _rows(count: int, columns: int) -> TrainingRows:
    """Rows whose outcome follows from a fifth of their columns."""
    draw = np.random.default_rng(4)
    matrix = draw.normal(size=(count, columns))
    matrix[:, -_CATEGORIES:] = draw.integers(0, _CODES, (count, _CATEGORIES))
    matrix[draw.random((count, columns)) < 0.1] = np.nan
    telling = columns // 5
    margin = np.nan_to_num(matrix[:, :telling]) @ draw.normal(0.0, 0.3, telling) - 1.5
    happened = (draw.random(count) < 1.0 / (1.0 + np.exp(-margin))).astype(np.float64)
    return TrainingRows(
        matrix,
        list(range(columns - _CATEGORIES, columns)),
        draw.integers(0, _STEPS, count),
        np.repeat(np.arange(count // _POINTS), _POINTS),
        np.tile(np.arange(_POINTS), count // _POINTS),
        happened,
    )


def _prior() -> StepRates:
    return StepRates(np.full(_STEPS, 2.0), np.full(_STEPS, 8.0), np.zeros(_STEPS))
