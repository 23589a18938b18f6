"""What is expected of a lead whatever is done: the m(x) that effects are told apart from.

Small trees, fitted once a fold of leads: a lead's own outcome must not be in what is expected of
it, or its residual is too small and so is every effect. With few rows or leads it is the rate of
the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from scipy.special import expit, logit

from features.arrays import Bools, Floats, Ints
from models.scores.learners.boosting import CrossFit, lead_folds, merged, threads_for
from models.scores.learners.learner import BoostedTrees

if TYPE_CHECKING:
    import lightgbm as lgb

__all__ = ["Expected", "Kind", "expect", "log_odds"]


Kind = Literal["share", "amount"]
"""A yes-or-no outcome (or a share of one), or an amount of money."""

_FEWEST_ROWS: Final = 300
_ROUNDS: Final = 100
_FOLDS: Final = 5
_RATE_ROWS: Final = 4.0
"""How many rows the rate of all steps counts as, at a step with few."""
_UNKNOWN: Final = 0.5
"""What is expected where no other lead tells anything."""
_SURELY: Final = 0.005
"""How close to 0 and 1 an expected share may come."""


@dataclass(frozen=True, eq=False, slots=True)
class Expected:
    """What is expected of the training rows, and a learner for others.

    Parameters
    ----------
    mean : shape (n,), of each training row, by a model that has not seen its lead.
    learner : gives log-odds of a share, or an amount; None where the step's rate is all there is.
    """

    mean: Floats
    learner: BoostedTrees | None

    def importance(self, columns: int) -> Floats:
        """Shape (n_columns,): how much each column tells; zeros without a learner."""
        if self.learner is None:
            return np.zeros(columns)
        gain = self.learner.booster.feature_importance("gain")
        return np.asarray(gain, dtype=np.float64)


def expect(
    matrix: Floats,
    outcome: Floats,
    lead: Ints,
    position: Ints,
    category_columns: list[int],
    kind: Kind,
    seed: int = 7,
) -> Expected:
    """The expected outcome of each row, cross-fitted by lead."""
    fold = lead_folds(lead, _FOLDS, seed) if len(lead) else lead
    rate = _rates(outcome, position, fold)
    too_few = len(outcome) < _FEWEST_ROWS or len(np.unique(fold)) < _FOLDS
    if too_few or outcome.min() == outcome.max():
        return Expected(_bounded(rate, fold, kind), None)
    models = []
    mean = np.empty(len(outcome))
    for at in range(_FOLDS):
        model = _fitted(matrix, outcome, fold != at, category_columns, kind, seed)
        here = fold == at
        raw = model.predict(matrix[here], raw_score=True, num_threads=threads_for(len(matrix)))
        mean[here] = expit(raw) if kind == "share" else raw
        models.append(model)
    learner = BoostedTrees(merged(CrossFit(tuple(models), _ROUNDS)))
    return Expected(_bounded(mean, fold, kind), learner)


def _rates(outcome: Floats, position: Ints, fold: Ints) -> Floats:
    """The mean outcome of the other folds' rows at the same step, drawn to the mean of all."""
    rate = np.empty(len(outcome))
    for at in np.unique(fold):
        others = fold != at
        overall = float(outcome[others].mean()) if others.any() else _UNKNOWN
        for step in np.unique(position[~others]):
            there = others & (position == step)
            held = outcome[there].sum() + _RATE_ROWS * overall
            rate[~others & (position == step)] = held / (there.sum() + _RATE_ROWS)
    return rate


def _fitted(
    matrix: Floats,
    outcome: Floats,
    rows: Bools,
    category_columns: list[int],
    kind: Kind,
    seed: int,
) -> lgb.Booster:
    import lightgbm as lgb  # fitting alone needs it: serving starts without

    parameters: dict[str, object] = {
        "objective": "cross_entropy" if kind == "share" else "regression",
        "num_leaves": 8,
        "min_data_in_leaf": int(np.clip(rows.sum() // 60, 20, 200)),
        "learning_rate": 0.05,
        "feature_fraction": 0.5,
        "cat_smooth": 20.0,
        "verbosity": -1,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads_for(len(matrix)),
    }
    data = lgb.Dataset(
        matrix[rows], outcome[rows], categorical_feature=category_columns, params=parameters
    )
    return lgb.train(parameters, data, _ROUNDS)


def _bounded(mean: Floats, fold: Ints, kind: Kind) -> Floats:
    """A share away from 0 and 1; an amount not below a twentieth of what is usual in its fold."""
    if kind == "share":
        return np.clip(mean, _SURELY, 1.0 - _SURELY)
    usual = np.bincount(fold, np.abs(mean)) / np.maximum(np.bincount(fold), 1)
    return np.maximum(mean, 0.05 * np.maximum(usual, 1e-9)[fold])


def log_odds(share: Floats) -> Floats:
    """Of shares, kept away from 0 and 1."""
    return np.asarray(logit(np.clip(share, _SURELY, 1.0 - _SURELY)), dtype=np.float64)
