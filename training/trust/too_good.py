"""A signal that alone tells the outcome nearly without fail: nothing honest is that good.

Each signal is judged alone, on leads that its rates were not made from, among points of one step.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import Floats, Ints
from features.ladder.words import in_percent
from training.trust.rows import ProbeRows, auc_within_steps
from training.trust.suspicion import Suspicion

__all__ = ["alone", "too_good"]

_BINS: Final = 24
_FOLDS: Final = 3
_NEARLY_PERFECT: Final = 0.98
"""AUC of one signal alone from which it is no signal any more."""
_VERY_GOOD: Final = 0.965
"""AUC from which it is not believed where next to nothing else is looked at besides."""
_MOST_OF_IT: Final = 0.5
"""The share of the gain that is next to everything."""
_SMOOTH: Final = 5.0
"""Rows of the step's own rate that each value begins with."""


def too_good(rows: ProbeRows, gains: Floats, goal: str) -> list[Suspicion]:
    """The signals that alone tell `goal` nearly perfectly.

    Parameters
    ----------
    gains : shape (n_columns,), each column's share of what a quick model gained, in [0, 1].
    goal : what the points' outcomes are of, in words.
    """
    if not rows.is_enough:
        return []
    found = []
    for at, column in enumerate(rows.columns):
        figure = auc_within_steps(alone(rows, at), rows.happened, rows.position)
        if figure is None or figure < _VERY_GOOD:
            continue
        if figure >= _NEARLY_PERFECT or gains[at] >= _MOST_OF_IT:
            found.append(_finding(column, figure, float(gains[at]), goal))
    return found


def _finding(column: str, auc: float, gain: float, goal: str) -> Suspicion:
    what = "the trait" if column.startswith("trait.") else "the signal"
    return Suspicion(
        column,
        "too good",
        f"{what} {column} alone ranks {goal} with an AUC of {auc:.3f} among leads at one step, and"
        f" takes {in_percent(gain)} of what a model gains: is it written when the outcome is known?"
        " Take it from what was known at the time, or leave it out of the ladder",
        figures={"auc": round(auc, 4), "gain": round(gain, 4)},
    )


def alone(rows: ProbeRows, column: int) -> Floats:
    """Shape (n,): the rate among other leads of the same step with such a value of one signal."""
    code = _codes(rows.matrix[:, column], is_category=column in rows.categories)
    cell = rows.position * (int(code.max(initial=0)) + 1) + code
    size = int(cell.max(initial=0)) + 1
    fold = rows.folds(_FOLDS)
    rate = np.zeros(len(rows))
    for at in range(_FOLDS):
        inside, held_out = fold != at, fold == at
        step = _rates(rows.position[inside], rows.happened[inside], int(rows.position.max()) + 1)
        reached = np.bincount(cell[inside], rows.happened[inside], size)[cell[held_out]]
        many = np.bincount(cell[inside], minlength=size)[cell[held_out]]
        start = _SMOOTH * step[rows.position[held_out]]
        rate[held_out] = (reached + start) / (many + _SMOOTH)
    return rate


def _rates(group: Ints, happened: Floats, size: int) -> Floats:
    rates: Floats = np.bincount(group, happened, size) / np.maximum(
        np.bincount(group, minlength=size), 1
    )
    return rates


def _codes(values: Floats, *, is_category: bool) -> Ints:
    """Shape (n,): a small number for each value; absent is 0."""
    absent = np.isnan(values)
    if is_category:
        return np.where(absent, 0, np.nan_to_num(values) + 1).astype(np.int64)
    codes = np.zeros(len(values), dtype=np.int64)
    known = values[~absent]
    if len(known):
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1], method="lower"))
        codes[~absent] = 1 + np.searchsorted(edges, known, side="left")
    return codes
