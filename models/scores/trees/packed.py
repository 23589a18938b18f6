"""The trees of a model as compiled code walks them: margins, and what each column adds.

LightGBM stays the oracle: a walk compares the same numbers and adds them up in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from itertools import pairwise
from typing import Final

import numpy as np

from features.arrays import Floats
from features.errors import BundleError
from features.threads import in_threads, processors
from models.scores.trees.reading import TreeArrays, read_trees
from models.scores.trees.shapley import ShapleyTables, add_contributions, tables
from models.scores.trees.walk import add_margins

__all__ = ["PackedTrees"]

_ROWS_A_THREAD: Final = 2048
"""Fewer rows are walked sooner than another thread is woken."""
_ROWS_A_THREAD_EXPLAINED: Final = 128


class PackedTrees:
    """All trees of a model, from what `Booster.model_to_string` gives.

    Raises
    ------
    BundleError : as in `read_trees`.
    """

    def __init__(self, text: str) -> None:
        self.arrays: TreeArrays = read_trees(text)

    @property
    def count(self) -> int:
        """How many trees there are."""
        return len(self.arrays.starts) - 1

    @cached_property
    def shapley(self) -> ShapleyTables:
        """What contributions need beyond the trees; made when they are first asked for."""
        nodes, starts = self.arrays.nodes, self.arrays.starts
        return tables(nodes, starts, self.arrays.parents, self.arrays.covers)

    def margins(self, matrix: Floats) -> Floats:
        """Shape (n,): what the leaves of each row add up to, as `Booster.predict(raw_score=True)`.

        Parameters
        ----------
        matrix : shape (n, n_columns), NaN where absent.
        """
        rows = self._rows(matrix)
        margins = np.zeros(len(rows))
        trees = self.arrays

        def walk(first: int, last: int) -> None:
            part = rows[first:last], margins[first:last]
            add_margins(trees.nodes, trees.starts, trees.sets, trees.set_starts, *part)

        _side_by_side(walk, len(rows), _ROWS_A_THREAD)
        return margins

    def contributions(self, matrix: Floats) -> Floats:
        """Shape (n, n_columns): each column's SHAP value, as `Booster.predict(pred_contrib=True)`.

        Exact up to rounding, along the paths of the trees (`models.scores.trees.shapley`).
        """
        rows = self._rows(matrix)
        added = np.zeros_like(rows)
        told, trees = self.shapley, self.arrays

        def explain(first: int, last: int) -> None:
            part = rows[first:last], added[first:last]
            add_contributions(told, trees.sets, trees.set_starts, *part)

        _side_by_side(explain, len(rows), _ROWS_A_THREAD_EXPLAINED)
        return added

    def _rows(self, matrix: Floats) -> Floats:
        if matrix.ndim != 2 or matrix.shape[1] != self.arrays.columns:
            raise BundleError(
                f"the trees ask {self.arrays.columns} columns, and the matrix has the shape"
                f" {matrix.shape}"
            )
        return np.ascontiguousarray(matrix, dtype=np.float64)


def _side_by_side(work: Callable[[int, int], None], rows: int, least: int) -> None:
    """Parts of the rows at a time, in threads where they are many."""
    parts = min(processors(), rows // least)
    if parts <= 1:
        work(0, rows)
        return
    cuts = np.linspace(0, rows, parts + 1).astype(int).tolist()
    in_threads([partial(work, first, last) for first, last in pairwise(cuts)])
