"""Trees and reasons: our walks of a model, beside LightGBM's own.

A model of 300 trees with 31 leaves on 64 columns, two of them categories, a fifth of all absent.
The answers are compared before anything is timed.
"""

from __future__ import annotations

from itertools import cycle
from typing import Final

import lightgbm as lgb
import numpy as np

from benchmarks.engine.scoring import Call, in_turn
from benchmarks.tables import markdown
from features.arrays import Floats
from models.scores.trees.packed import PackedTrees

__all__ = ["fitted", "run"]

_COLUMNS: Final = 64
_TREES: Final = 300
_LEAVES: Final = 31
_TRAINED_ON: Final = 20_000
_ROTATING: Final = 256
_MOST_APART: Final = 1e-12


def run(*, small: bool = False) -> str:
    """The tables of this benchmark."""
    model, matrix = fitted(30 if small else _TREES)
    packed = PackedTrees(model.model_to_string())
    margins = np.asarray(model.predict(matrix[:2000], raw_score=True))
    added = np.asarray(model.predict(matrix[:500], pred_contrib=True))[:, :-1]
    apart = float(np.abs(packed.contributions(matrix[:500]) - added).max())
    if not np.array_equal(packed.margins(matrix[:2000]), margins) or apart > _MOST_APART:
        raise RuntimeError(f"the walks say something else than LightGBM, by {apart:.0e}")
    told = f"Margins are equal bit by bit; contributions differ by {apart:.0e} at the most."
    sizes = (1_000,) if small else (1_000, 10_000)
    title = f"**{model.num_trees()} trees, {_LEAVES} leaves, {_COLUMNS} columns**. {told}"
    parts = [_one_row(model, packed, matrix), *(_rows(model, packed, matrix, n) for n in sizes)]
    return "\n\n".join([title, *parts])


def fitted(trees: int, columns: int = _COLUMNS) -> tuple[lgb.Booster, Floats]:
    """A model, and the rows that it was fitted on."""
    chance = np.random.default_rng(0)
    matrix = chance.normal(size=(_TRAINED_ON, columns))
    matrix[:, 0], matrix[:, 1] = (
        chance.integers(0, 40, len(matrix)),
        chance.integers(0, 8, len(matrix)),
    )
    matrix[chance.random(matrix.shape) < 0.2] = np.nan
    known = np.nan_to_num(matrix)
    margin = (
        known[:, 2] + known[:, 3] * known[:, 4] + np.sin(known[:, 0]) + known[:, 5:].mean(axis=1)
    )
    happened = chance.random(len(matrix)) < 1.0 / (1.0 + np.exp(-margin))
    told = {"objective": "binary", "num_leaves": _LEAVES, "learning_rate": 0.05, "verbosity": -1}
    data = lgb.Dataset(matrix, happened.astype(float), categorical_feature=[0, 1])
    return lgb.train(told, data, trees), matrix


def _one_row(model: lgb.Booster, packed: PackedTrees, matrix: Floats) -> str:
    rows = cycle([matrix[at : at + 1].copy() for at in range(_ROTATING)])
    calls: dict[str, Call] = {
        "`Booster.predict`, one thread": lambda: model.predict(
            next(rows), raw_score=True, num_threads=1
        ),
        "**Rung, the margin**": lambda: packed.margins(next(rows)),
        "`Booster.predict(pred_contrib=True)`": lambda: model.predict(
            next(rows), pred_contrib=True, num_threads=1
        ),
        "**Rung, what each column adds**": lambda: packed.contributions(next(rows)),
    }
    return _table("one row", calls, 1)


def _rows(model: lgb.Booster, packed: PackedTrees, matrix: Floats, count: int) -> str:
    rows = matrix[:count].copy()
    calls: dict[str, Call] = {
        "`Booster.predict`, all cores": lambda: model.predict(rows, raw_score=True),
        "**Rung, margins**": lambda: packed.margins(rows),
        "**Rung, what each column adds**": lambda: packed.contributions(rows),
    }
    if count <= 1_000:
        calls["`Booster.predict(pred_contrib=True)`, all cores"] = lambda: model.predict(
            rows, pred_contrib=True
        )
    return _table(f"{count:,} rows, µs each", calls, count)


def _table(title: str, calls: dict[str, Call], rows: int) -> str:
    times = in_turn(calls)
    first = next(iter(times.values()))
    told = [
        [name, f"{1e6 * seconds / rows:,.1f}", f"{seconds / first:.2f}x"]
        for name, seconds in times.items()
    ]
    return markdown([title, "µs", "`Booster.predict` = 1"], told)
