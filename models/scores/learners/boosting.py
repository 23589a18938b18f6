"""Gradient boosting, fitted once a fold of leads and merged into one LightGBM model.

Each fold's model has not seen the fold's leads, so its margins there are honest: calibration and
evidence come from them. What serves is the average of the folds' models, as one text file. The
folds are drawn more than once, with other seeds: what one drawing of few rows happens to find is
averaged out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from joblib import Parallel, delayed

from features.arrays import Bools, Floats, Ints

if TYPE_CHECKING:
    import lightgbm as lgb

__all__ = [
    "SMALL",
    "BoostingConfig",
    "ColumnKinds",
    "CrossFit",
    "Examples",
    "cross_fit",
    "lead_folds",
    "merged",
    "threads_for",
]


SMALL: Final = 30_000
"""Rows below which one thread is enough; from here on a larger learning rate loses nothing."""
_SEEDS: Final = 1000
"""More than there are folds: no two share a seed."""


@dataclass(frozen=True, slots=True)
class BoostingConfig:
    """What LightGBM is told. The defaults were chosen on cross-validation and hold for small data.

    `feature_fraction` is low because the signals of a step say much the same thing; `cat_smooth`
    keeps rare categories quiet; up to `max_cat_to_onehot` categories are split one against the
    rest, which together with a code for the absent (`models.scores.encoding`) lets a tree ask
    whether something was said at all. Classes are never re-weighted: that would undo calibration.
    """

    learning_rate: float = 0.06
    num_leaves: int = 15
    min_data_in_leaf: int = 20
    feature_fraction: float = 0.35
    bagging_fraction: float = 0.8
    bagging_freq: int = 1
    cat_smooth: float = 20.0
    max_cat_to_onehot: int = 64
    most_rounds: int = 1500
    patience: int = 60

    def parameters(self, rows: int, rows_per_lead: float, seed: int = 0) -> dict[str, object]:
        """LightGBM's parameters for a training set of this size; deterministic."""
        values: dict[str, object] = asdict(self)
        del values["most_rounds"], values["patience"]
        if rows >= SMALL:
            values["learning_rate"] = max(self.learning_rate, 0.1)
            values["num_leaves"] = max(self.num_leaves, 31)
        # A leaf should hold some leads, not twenty instants of one.
        values["min_data_in_leaf"] = round(self.min_data_in_leaf * min(rows_per_lead, 10.0))
        return values | {
            "objective": "binary",
            "verbosity": -1,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": threads_for(rows),
        }


@dataclass(frozen=True, slots=True)
class ColumnKinds:
    """What the columns of a matrix are.

    Parameters
    ----------
    category : indices of those that hold codes.
    monotone : of each column, -1 where more of it never raises the probability, 1 where it never
        lowers it, 0 where either may be; empty means 0 for all.
    """

    category: list[int]
    monotone: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """What is learned from; every array has a row an example.

    Parameters
    ----------
    matrix : shape (n, n_columns), NaN where absent.
    happened, weight : shape (n,), 1.0 or 0.0, and what each counts.
    """

    matrix: Floats
    happened: Floats
    weight: Floats

    def dataset(self, rows: Bools, columns: ColumnKinds, **told: Any) -> lgb.Dataset:
        """Some of the rows, by mask, as LightGBM takes them."""
        import lightgbm as lgb  # fitting alone needs it: serving starts without

        return lgb.Dataset(
            self.matrix[rows],
            self.happened[rows],
            weight=None if (self.weight == 1.0).all() else self.weight[rows],
            categorical_feature=columns.category,
            **told,
        )


@dataclass(frozen=True, eq=False, slots=True)
class CrossFit:
    """One drawing of folds: their models, each of which has not seen the leads of one."""

    models: tuple[lgb.Booster, ...]
    rounds: int

    def margins(self, matrix: Floats, fold: Ints) -> Floats:
        """Shape (n,): log-odds from the model that has not seen the row's fold."""
        margins = np.zeros(len(matrix))
        for at, model in enumerate(self.models):
            rows = np.flatnonzero(fold == at)
            if len(rows):
                margins[rows] = model.predict(
                    matrix[rows], raw_score=True, num_iteration=self.rounds
                )
        return margins


def threads_for(rows: int) -> int:
    """For LightGBM: one thread for few rows, else all (0).

    Where another process has a core, waiting for the second thread costs more than it saves.
    """
    return 1 if rows < SMALL else 0


def lead_folds(lead: Ints, folds: int, seed: int) -> Ints:
    """Shape (n,): a fold for each row, the same for all rows of a lead."""
    of_lead = np.random.default_rng(seed).permutation(int(lead.max()) + 1) % folds
    return of_lead[lead]


def cross_fit(
    examples: Examples,
    fold: Ints,
    *,
    rows_per_lead: float,
    columns: ColumnKinds,
    config: BoostingConfig,
    seed: int,
    progress: Callable[[str], None] = lambda _: None,
) -> CrossFit:
    """A model a fold, fitted on the other folds, all with the number of rounds best for all.

    One number of rounds for all folds, from their mean held-out loss: a number a fold would fit the
    fold's noise and make its held-out margins look better than they are. Each fold has a seed of
    its own: models that drew the same columns and rows would err together.
    """
    import lightgbm as lgb  # fitting alone needs it: serving starts without

    rows = len(examples.matrix)
    parameters = config.parameters(rows, rows_per_lead)
    if any(columns.monotone):
        parameters["monotone_constraints"] = list(columns.monotone)

    def fit(at: int) -> tuple[lgb.Booster, list[float]]:
        progress(f"boosting fold {at + 1}")
        curve: dict[str, dict[str, list[float]]] = {}
        told = parameters | {"seed": _SEEDS * seed + at}
        train = examples.dataset(fold != at, columns, params=told)
        held_out = examples.dataset(fold == at, columns, reference=train)
        model = lgb.train(
            told,
            train,
            config.most_rounds,
            valid_sets=[held_out],
            valid_names=["held_out"],
            callbacks=[
                lgb.early_stopping(config.patience, verbose=False),
                lgb.record_evaluation(curve),
            ],
            keep_training_booster=True,  # else the rounds after the fold's own best are dropped
        )
        return model, curve["held_out"]["binary_logloss"]

    # Small folds take one thread each, so that several can be fitted at once.
    at_once = -1 if rows < SMALL else 1
    fitted = Parallel(n_jobs=at_once, prefer="threads")(
        delayed(fit)(at) for at in range(int(fold.max()) + 1)
    )
    models, curves = zip(*fitted, strict=True)
    shortest = min(len(curve) for curve in curves)
    mean = np.mean([curve[:shortest] for curve in curves], axis=0)
    return CrossFit(tuple(models), int(mean.argmin()) + 1)


def merged(*fits: CrossFit) -> str:
    """LightGBM's text of one model: its margin is the mean over all folds of all drawings."""
    import lightgbm as lgb  # fitting alone needs it: serving starts without

    texts = [
        model.model_to_string(num_iteration=fit.rounds).split("\nTree=")
        for fit in fits
        for model in fit.models
    ]
    header = re.sub(r"\ntree_sizes=.*", "", texts[0][0])
    footer = texts[0][-1][texts[0][-1].index("\nend of trees") :]
    trees = []
    for _, *blocks in texts:
        for block in blocks:
            body = block.split("\nend of trees")[0].split("\n", 1)[1].rstrip("\n")
            trees.append(_VALUES.sub(lambda found: _scaled(found, 1.0 / len(texts)), body))
    body = "\n\n\n".join(f"Tree={at}\n{tree}" for at, tree in enumerate(trees))
    whole = lgb.Booster(model_str=f"{header}\n{body}\n\n\n{footer.lstrip()}")
    return str(whole.model_to_string())


_VALUES: Final = re.compile(r"^(leaf_value|internal_value)=(.*)$", re.MULTILINE)


def _scaled(found: re.Match[str], by: float) -> str:
    values = " ".join(repr(float(value) * by) for value in found[2].split())
    return f"{found[1]}={values}"
