"""Ways to order people by uplift: Rung, and peers on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import lightgbm as lgb
import numpy as np

from benchmarks.policies.learned import learn
from benchmarks.policies.trials import HILLSTROM_COLUMNS, Trial
from features.arrays import Floats

__all__ = ["RANKERS", "Ranker", "rule"]


Ranker = Callable[[Trial, Floats], Floats]
"""From one half of a trial and the matrix of the other to its uplifts, shape (n,)."""


_SMALL_TREES: Final[dict[str, Any]] = {
    "n_estimators": 100, "num_leaves": 8, "min_child_samples": 200, "learning_rate": 0.05,
}  # fmt: skip


def _rung(train: Trial, matrix: Floats) -> Floats:
    return learn(train, "share").uplift(matrix)[:, 1]


def _one_model(train: Trial, matrix: Floats) -> Floats:
    """An S-learner: the arm is one more column."""
    asked = np.column_stack([train.matrix, train.arm])
    model = _boosted(asked, train.outcome, train.category_columns, small=True)
    none, all_of_them = np.zeros(len(matrix)), np.ones(len(matrix))
    sent = _chance(model, np.column_stack([matrix, all_of_them]))
    return sent - _chance(model, np.column_stack([matrix, none]))


def _two_models(train: Trial, matrix: Floats) -> Floats:
    """A model an arm, as LightGBM comes."""
    chances = []
    for arm in range(2):
        rows = train.arm == arm
        model = _boosted(
            train.matrix[rows], train.outcome[rows], train.category_columns, small=False
        )
        chances.append(_chance(model, matrix))
    return chances[1] - chances[0]


def _boosted(
    matrix: Floats, outcome: Floats, category_columns: list[int], *, small: bool
) -> lgb.Booster:
    settings = _SMALL_TREES if small else {}
    model = lgb.LGBMClassifier(random_state=0, verbosity=-1, n_jobs=1, **settings)
    return model.fit(matrix, outcome, categorical_feature=category_columns).booster_


def _chance(model: lgb.Booster, matrix: Floats) -> Floats:
    return np.asarray(model.predict(matrix), dtype=np.float64)


def rule(_: Trial, matrix: Floats) -> Floats:
    """Past buyers of womens' goods first, then whoever spent more: known of this data set."""
    womens, history = HILLSTROM_COLUMNS.index("womens"), HILLSTROM_COLUMNS.index("history")
    return 1e6 * matrix[:, womens] + matrix[:, history]


RANKERS: Final[dict[str, Ranker]] = {
    "**Rung**": _rung,
    "S-learner, LightGBM small trees": _one_model,
    "two-model, LightGBM default": _two_models,
    "rule: past womens buyers first, then history": rule,
}
