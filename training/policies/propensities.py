"""How likely others were to choose what they chose, where nobody drew it."""

from __future__ import annotations

from typing import Final

import lightgbm as lgb
import numpy as np

from features.arrays import Bools, Floats, Ints
from models.offers.learning import Tried
from models.scores.learners.boosting import lead_folds

__all__ = ["comparable", "propensities"]

_FEWEST_FOR_TREES: Final = 300
_RAREST: Final = 0.02
"""No estimated propensity is lower: one decision must not weigh more than fifty."""
_OVERLAP: Final = 0.1


def propensities(tried: Tried, seed: int) -> Floats:
    """Shape (n, n_options): how likely others were to choose each possible option, cross-fitted."""
    found = tried.probability.copy()
    for at in np.unique(tried.position):
        here = np.flatnonzero(tried.position == at)
        possible = np.flatnonzero(tried.probability[here[0]] > 0)
        shares = _chances(tried, here, possible, seed)
        shares = np.maximum(shares, _RAREST)
        found[np.ix_(here, possible)] = shares / shares.sum(axis=1, keepdims=True)
    return found


def comparable(tried: Tried) -> Bools:
    """Shape (n,): where both to ask and not to ask were likely: elsewhere nothing can be compared.

    The rule is that of Crump, Hotz, Imbens and Mitnik (2009).
    """
    not_asked = tried.probability[:, -1]
    return (not_asked >= _OVERLAP) & (not_asked <= 1.0 - _OVERLAP)


def _chances(tried: Tried, here: Ints, possible: Ints, seed: int) -> Floats:
    """Shape (n_here, n_possible): by trees, or as often as it was where there are few decisions."""
    chosen = np.searchsorted(possible, tried.chosen[here])
    counts = np.bincount(chosen, minlength=len(possible)) + 1.0
    usual = np.tile(counts / counts.sum(), (len(here), 1))
    if len(here) < _FEWEST_FOR_TREES or (counts > 1).sum() < 2:
        return usual
    fold = lead_folds(tried.lead[here], 3, seed)
    parameters = {
        "objective": "multiclass",
        "num_class": len(possible),
        "num_leaves": 6,
        "min_data_in_leaf": max(20, len(here) // 50),
        "learning_rate": 0.08,
        "feature_fraction": 0.5,
        "verbosity": -1,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
    }
    for at in np.unique(fold):
        rest = here[fold != at]
        data = lgb.Dataset(
            tried.matrix[rest], chosen[fold != at], categorical_feature=tried.category_columns
        )
        model = lgb.train(parameters, data, 40)
        usual[fold == at] = np.asarray(model.predict(tried.matrix[here[fold == at]]))
    return usual
