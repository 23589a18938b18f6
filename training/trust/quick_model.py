"""A small model of the points, judged on leads it has not seen: enough to see what there is."""

from __future__ import annotations

from typing import Final

import lightgbm as lgb
import numpy as np

from features.arrays import Floats
from training.trust.rows import ProbeRows

__all__ = ["fitted_ranks"]

_FOLDS: Final = 3
_ROUNDS: Final = 30
_PARAMETERS: Final = {
    "objective": "binary",
    "learning_rate": 0.15,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.5,
    "max_bin": 63,
    "cat_smooth": 20.0,
    "verbosity": -1,
    "seed": 7,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
}


def fitted_ranks(rows: ProbeRows, happened: Floats) -> tuple[Floats, Floats]:
    """Each row's margin from a model that has not seen its lead, and the columns' shares of gain.

    The second has shape (n_columns,): the share, in [0, 1], of what all splits gained.
    """
    margins, gains = np.zeros(len(rows)), np.zeros(len(rows.columns))
    fold = rows.folds(_FOLDS)
    categories = list(rows.categories)
    data = lgb.Dataset(rows.matrix, happened, categorical_feature=categories, params=_PARAMETERS,
                       free_raw_data=False)  # fmt: skip
    for at in range(_FOLDS):
        held_out = fold == at
        if not held_out.any() or held_out.all() or len(np.unique(happened[~held_out])) < 2:
            continue
        model = lgb.train(_PARAMETERS, data.subset(np.flatnonzero(~held_out).tolist()), _ROUNDS)
        margins[held_out] = model.predict(rows.matrix[held_out], raw_score=True)
        gains += model.feature_importance("gain")
    return margins, gains / max(float(gains.sum()), 1e-12)
