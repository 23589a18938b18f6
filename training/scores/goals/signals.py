"""Which signals the scores of a period rest on, and which are no longer what they were in training.

What a signal weighs is the mean size of what it adds to a probability (SHAP values, carried over as
`models.scores.reasons` does): what a model uses, which is neither what causes an outcome nor what
would be missed without it.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from scipy.stats import rankdata

from features.arrays import Floats, Ints
from features.signals.snapshot import Snapshot
from models.bundle import Bundle
from models.scores.reasons import explain
from training.decision_points import Points
from training.scores.goals.stability import SignalValues, Stability, latest
from training.scores.results import Leaning, SignalUse

__all__ = ["added_to", "uses_of"]

_MOST_EXPLAINED: Final = 5_000
"""Points on which weights are measured: more of them change no digit that is told, and a classifier
in the place of the trees is asked about each column of each."""
_ERROR: Final = 0.01
"""The chance at most that any signal is said to have moved where none has."""
_CLEAR: Final = 0.3
"""Rank correlation from which more of a signal goes with a higher, or a lower, probability."""


def uses_of(
    bundle: Bundle, goal: Literal["advancement", "purchase"], before: Points, period: Points
) -> tuple[SignalUse, ...]:
    """What each signal weighs in the probabilities of a goal, and how far it moved; heaviest first.

    Parameters
    ----------
    before, period : points up to the beginning of the period, and in it; where there are none of
        the former, nothing is known of how far signals have moved.

    Returns
    -------
    The signals that weigh something: none where the rates of the steps are all there is.
    """
    now = bundle.encoding.matrix(period.snapshot)
    some, added = added_to(bundle, goal, period, now)
    weight = np.abs(added).mean(axis=0)
    used = [at for at in np.argsort(-weight, kind="stable").tolist() if weight[at] > 0.0]
    before = latest(before)
    then = bundle.encoding.matrix(before.snapshot) if len(before) else now[:0]
    level = 1.0 - _ERROR / max(1, len(used))
    uses = []
    for at in used:
        is_category = at in bundle.encoding.category_columns
        move = Stability.of(
            SignalValues(then[:, at], before.lead),
            SignalValues(now[:, at], period.lead),
            is_category=is_category,
        )
        uses.append(
            SignalUse(
                id=bundle.encoding.columns[at],
                weight=float(weight[at]),
                share=float(weight[at] / weight.sum()),
                more_of_it="" if is_category else _more_of_it(now[some, at], added[:, at]),
                known=_known(period.snapshot, at),
                known_before=_known(before.snapshot, at) if move else None,
                moved=move.index if move else None,
                moved_by_chance=move.by_chance if move else None,
                has_moved=move is not None and move.has_moved(level),
            )
        )
    return tuple(uses)


def added_to(
    bundle: Bundle, goal: Literal["advancement", "purchase"], points: Points, matrix: Floats
) -> tuple[Ints, Floats]:
    """What signals add to the probabilities of some of the points, as (rows, added).

    Parameters
    ----------
    matrix : shape (n_points, n_signals), the points as the bundle encodes them.

    Returns
    -------
    rows : shape (n,), which points, evenly over all of them.
    added : shape (n, n_signals), in probability.
    """
    rows = np.unique(np.linspace(0, len(points) - 1, _MOST_EXPLAINED).round().astype(np.intp))
    return rows, _added(bundle, goal, matrix[rows], points.position[rows])


def _added(
    bundle: Bundle, goal: Literal["advancement", "purchase"], matrix: Floats, position: Ints
) -> Floats:
    """Shape (n, n_signals): what each adds to the probability that is served of a goal."""
    last = position == len(bundle.ladder.goals) - 1
    is_next = last if goal == "purchase" else np.ones_like(last)  # one question has one answer
    added = np.empty_like(matrix)
    for rows, model in ((is_next, bundle.advancement), (~is_next, bundle.purchase)):
        added[rows] = explain(model, matrix[rows], position[rows]).points
    return added


def _more_of_it(values: Floats, added: Floats) -> Leaning:
    """Whether more of a signal goes with a higher or a lower probability, by Spearman's ranks."""
    held = ~np.isnan(values)
    ranks = np.stack([rankdata(values[held]), rankdata(added[held])])
    if not held.any() or (ranks == ranks[:, :1]).all(axis=1).any():
        return ""
    correlation = float(np.corrcoef(ranks)[0, 1])
    if abs(correlation) < _CLEAR:
        return "either"
    return "higher" if correlation > 0 else "lower"


def _known(snapshot: Snapshot, at: int) -> float:
    """The share of rows in which a signal has a value."""
    return float((~np.isnan(snapshot.values[:, at])).mean())
