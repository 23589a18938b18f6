"""What the trees say of rows: each row from a root to a leaf, tree after tree.

Equal to LightGBM's answer bit by bit: the same comparisons, and the same sums in the same order.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import Floats, Ints

__all__ = [
    "ABSENT_LEFT",
    "ABSENT_RIGHT",
    "IN_SET",
    "LARGEST_CODE",
    "NODE",
    "ZERO",
    "ZERO_LEFT",
    "ZERO_RIGHT",
    "add_margins",
]

NODE: Final = np.dtype(
    [("threshold", "f8"), ("right", "i4"), ("column", "i2"), ("kind", "i2")], align=True
)
"""One node, sixteen bytes, so that four come with one line of the cache. A split's threshold is a
number, or the index of a set of codes; a leaf's is its value, and its column is -1."""

ABSENT_RIGHT: Final = 0
"""A value at most the threshold goes left; what is absent goes right."""
ABSENT_LEFT: Final = 1
ZERO_RIGHT: Final = 3
"""What is absent or zero goes right, of the rest what is at most the threshold goes left."""
ZERO_LEFT: Final = 2
IN_SET: Final = 4
"""A code in the set goes left, every other and what is absent right."""

ZERO: Final = 1e-35
"""LightGBM's kZeroThreshold: what is this near to zero is zero."""
LARGEST_CODE: Final = 2.0**31
_ROWS: Final = 256
"""Rows that go through one tree before the next: tree and rows stay near the processor."""


@numba.njit(cache=True, nogil=True)
def add_margins(  # noqa: C901 - a call a node would cost more than it does
    nodes: npt.NDArray[np.void],
    starts: Ints,
    sets: npt.NDArray[np.uint32],
    set_starts: Ints,
    matrix: Floats,
    margins: Floats,
) -> None:
    """Add to `margins`, shape (n,), what the trees say of the rows of `matrix`, (n, n_columns).

    The choice of a side is written out here and in `shapley`: as a function that takes the sets it
    would count references to them at every node, which costs more than all the rest.
    """
    values = matrix.reshape(-1)
    width = np.uint64(matrix.shape[1])
    for first in range(0, len(matrix), _ROWS):
        last = min(len(matrix), first + _ROWS)
        for tree in range(len(starts) - 1):
            for row in range(first, last):
                at = np.uint64(
                    starts[tree]
                )  # unsigned: a signed index is checked for being negative
                while nodes[at].column >= 0:
                    value = values[np.uint64(row) * width + np.uint64(nodes[at].column)]
                    threshold, kind = nodes[at].threshold, nodes[at].kind
                    if kind <= ABSENT_LEFT:
                        left = (value <= threshold) | ((value != value) & (kind == ABSENT_LEFT))
                    elif kind == IN_SET:
                        left = False
                        if -1.0 < value < LARGEST_CODE:
                            code = np.uint64(np.int64(value))
                            word = np.uint64(set_starts[np.uint64(threshold)]) + (
                                code >> np.uint64(5)
                            )
                            if word < np.uint64(set_starts[np.uint64(threshold) + np.uint64(1)]):
                                left = (sets[word] >> (code & np.uint64(31))) & 1 != 0
                    elif abs(value) <= ZERO or value != value:
                        left = kind == ZERO_LEFT
                    else:
                        left = value <= threshold
                    at = at + np.uint64(1) if left else np.uint64(nodes[at].right)
                margins[row] += nodes[at].threshold
