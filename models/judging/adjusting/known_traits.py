"""What was known of leads, as columns that comparisons are adjusted by."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import Floats
from features.funnel.activity_rows import KnownThen
from features.funnel.stays import Stays

__all__ = ["activity_columns", "trait_columns"]

_MOST_VALUES: Final = 8
"""Of a trait; what is rarer is one group with the unknown."""


def trait_columns(stays: Stays) -> Floats:
    """Shape (n, n_columns): whether each had one of the values that most had, trait by trait."""
    columns = []
    for codes in stays.traits:
        values, count = np.unique(codes[codes >= 0], return_counts=True)
        most = values[np.argsort(-count, kind="stable")[:_MOST_VALUES]]
        columns += [codes == one for one in most.tolist()]
    held = np.array(columns, dtype=np.float64).reshape(len(columns), len(stays))
    return np.ascontiguousarray(held.T)


def activity_columns(known: KnownThen) -> Floats:
    """Shape (n, 4): activity so far and lately, and how long it was silent, each as a logarithm.

    The square of the first is among them: who does little is not half as keen as who does twice.
    """
    actions = np.log1p(known.actions)
    return np.column_stack(
        [actions, actions**2, np.log1p(known.recent), np.log1p(known.silent_days)]
    )
