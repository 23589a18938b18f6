"""What each column adds to what the trees say: exact SHAP values along the paths, in one walk.

Of one leaf, with a set S of columns on its path, a column's Shapley value is the integral over t
from 0 to 1 of

    value * (o_i - z_i) * product over the other columns j of S of (t o_j + (1 - t) z_j)

where o is 1 if the row meets all of the path's conditions on the column, else 0, and z the share
of training rows that go that way (the path-dependent expectation of Lundberg, Erion and Lee, 2018,
"Consistent individualized feature attribution for tree ensembles"; the integral is of Owen's
multilinear extension, 1972). It is a polynomial in t of a degree below the size of S, so that
Gauss-Legendre quadrature with half as many nodes is exact.

At one t the products of all leaves are had by one walk down, a factor an edge, and their sums by
one walk up; what the leaves below an edge give to its column is their sum times a number of it.
A column that was asked before on the path has its former factor taken out. Both numbers of an edge
depend on the row in three ways only: its conditions hold so far, hold no longer since this edge, or
held no longer before it. All three are tabulated, for eight values of t side by side. Trees with
more than sixteen columns on a path are walked again with the next eight.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import Floats, Ints
from models.scores.trees.lanes import LANES, aligned, descend, gather
from models.scores.trees.walk import ABSENT_LEFT, IN_SET, LARGEST_CODE, ZERO, ZERO_LEFT

__all__ = ["ShapleyTables", "add_contributions", "tables"]

_SPLIT: Final = np.dtype(
    [
        ("threshold", "f8"),
        ("column", "i4"),
        ("kind", "i4"),
        ("node", "i4"),
        ("right", "i4"),
        ("left_before", "i4"),
        ("right_before", "i4"),
    ],
    align=True,
)
"""A split with the places of its node and right child in the tree; and for either child the place
of the edge that asked the same column before, 0 where none did: the root is always met."""
_STATES: Final = 3
"""Of an edge: its column's conditions hold, hold no longer, held no longer before."""
_STATE: Final = 2 * LANES
"""Numbers of one state: the factor on the way down, and the weight on the way up."""
_EDGE: Final = _STATES * _STATE
_ROWS: Final = 32
"""Rows that go through one tree before the next."""


class ShapleyTables(NamedTuple):
    """The splits of all trees, and the numbers of their edges.

    Parameters
    ----------
    splits : of `_SPLIT`, in preorder.
    starts : shape (n_trees + 1,), where each tree's splits begin.
    rounds : shape (n_trees,), how many times eight values of t a tree needs.
    offsets : shape (n_trees,), where the numbers of a tree's edges begin; an edge has its place in
        the tree, and `rounds` times three states of eight factors and eight weights.
    table : those numbers.
    largest : nodes of the largest tree.
    """

    splits: npt.NDArray[np.void]
    starts: Ints
    rounds: Ints
    offsets: Ints
    table: Floats
    largest: int


def tables(
    nodes: npt.NDArray[np.void], starts: Ints, parents: Ints, covers: Floats
) -> ShapleyTables:
    """From trees as `packed.PackedTrees` has them."""
    sizes = np.diff(starts)
    before, share, met, met_before, on_path = _edges(nodes, starts, parents, covers)
    most = np.maximum.reduceat(on_path, starts[:-1]) if len(sizes) else np.zeros(0, dtype=np.int64)
    rounds = np.maximum(1, -(-most // (2 * LANES)))
    offsets = np.concatenate([[0], np.cumsum(sizes * rounds * _EDGE)])
    table = aligned(int(offsets[-1]))
    of_node = np.repeat(rounds, sizes)
    value = np.where(nodes["column"] < 0, nodes["threshold"], 1.0)
    first = np.repeat(offsets[:-1], sizes) + _places(sizes) * of_node * _EDGE
    for count in np.unique(rounds).tolist():
        some = np.flatnonzero(of_node == count)
        numbers = _numbers(count, share[some], met[some], met_before[some], value[some])
        table[first[some, None] + np.arange(count * _EDGE)] = numbers
    is_split = nodes["column"] >= 0
    splits = np.zeros(int(is_split.sum()), dtype=_SPLIT)
    node = np.flatnonzero(is_split)
    start = np.repeat(starts[:-1], sizes)[node]
    for field in ("threshold", "column", "kind"):
        splits[field] = nodes[field][node]
    splits["node"], splits["right"] = node - start, nodes["right"][node] - start
    splits["left_before"], splits["right_before"] = before[node + 1], before[nodes["right"][node]]
    ends = np.concatenate([[0], np.cumsum(is_split)])
    largest = int(sizes.max(initial=1))
    return ShapleyTables(
        splits, ends[starts].astype(np.int64), rounds, offsets[:-1], table, largest
    )


def _places(sizes: Ints) -> Ints:
    """0, 1, 2 ... in each tree."""
    return np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _numbers(count: int, share: Floats, met: Floats, met_before: Floats, value: Floats) -> Floats:
    """Shape (n_edges, count * _EDGE): factors and weights of edges, in the order of the table."""
    at, weight = np.polynomial.legendre.leggauss(count * LANES)
    t, weight = (at + 1.0) / 2.0, weight / 2.0
    z, former = met[:, None], met_before[:, None]
    holds, held = t + (1.0 - t) * z, t + (1.0 - t) * former
    fails = np.broadcast_to((1.0 - t) * z, holds.shape)
    taken_out = (1.0 - former) / held
    numbers = np.zeros((len(share), count, _STATES, 2, LANES))
    parts = (
        (holds / held, (1.0 - z) / holds - taken_out),
        (fails / held, -1.0 / (1.0 - t) - taken_out),
        (np.broadcast_to(share[:, None], holds.shape), np.zeros_like(holds)),
    )
    for state, (factor, added) in enumerate(parts):
        numbers[:, :, state, 0] = (factor * value[:, None]).reshape(-1, count, LANES)
        numbers[:, :, state, 1] = (added * weight).reshape(-1, count, LANES)
    return numbers.reshape(len(share), count * _EDGE)


@numba.njit(cache=True, nogil=True)
def _edges(
    nodes: npt.NDArray[np.void], starts: Ints, parents: Ints, covers: Floats
) -> tuple[Ints, Floats, Floats, Floats, Ints]:
    """Of the edge to each node, of a root those of an edge that asks nothing.

    The place in the tree of the edge that asked the same column before (0: none did); the share of
    rows that take it; the share of rows that meet all of the path's conditions on its column, with
    it and before it; and how many columns the path has.
    """
    size = len(nodes)
    before = np.zeros(size, dtype=np.int64)
    on_path = np.zeros(size, dtype=np.int64)
    share, met, met_before = np.ones(size), np.ones(size), np.ones(size)
    for tree in range(len(starts) - 1):
        for node in range(starts[tree] + 1, starts[tree + 1]):
            above = parents[node]
            if covers[above] > 0.0:
                share[node] = covers[node] / covers[above]
            asked, former = nodes[above].column, above
            while parents[former] >= 0 and nodes[parents[former]].column != asked:
                former = parents[former]
            is_first = parents[former] < 0
            if not is_first:
                before[node], met_before[node] = former - starts[tree], met[former]
            met[node] = met_before[node] * share[node]
            on_path[node] = on_path[above] + (1 if is_first else 0)
    return before, share, met, met_before, on_path


def add_contributions(
    told: ShapleyTables,
    sets: npt.NDArray[np.uint32],
    set_starts: Ints,
    matrix: Floats,
    added: Floats,
) -> None:
    """Add to `added`, shape (n, n_columns), what each column adds for the rows of `matrix`."""
    width = matrix.shape[1]
    products = aligned(told.largest * LANES)
    sums = aligned(min(_ROWS, len(matrix)) * width * LANES)
    state = np.zeros((2, told.largest), dtype=np.uint64)
    for first in range(0, len(matrix), _ROWS):
        last = min(len(matrix), first + _ROWS)
        sums[:] = 0.0
        rows = matrix[first:last].reshape(-1)
        _walk(told, sets, set_starts, rows, width, products, state[0], state[1], sums)
        eights = sums[: len(rows) * LANES].reshape(last - first, width, LANES)
        added[first:last] += eights.sum(axis=2)


@numba.njit(cache=True, nogil=True)
def _walk(  # noqa: C901, PLR0913, PLR0917 - a call a row would cost more than it does
    told: ShapleyTables,
    sets: npt.NDArray[np.uint32],
    set_starts: Ints,
    rows: Floats,
    width: int,
    products: Floats,
    meets: npt.NDArray[np.uint64],
    weights: npt.NDArray[np.uint64],
    sums: Floats,
) -> None:
    """Down and up each tree, for each row.

    Parameters
    ----------
    rows : shape (n * width,).
    products : shape (largest * LANES,), of each node what the edges above it multiply to; on the
        way up, of the leaves below it the sum.
    meets : shape (largest,), of each node 1 where its edge's conditions hold, else 0.
    weights : shape (largest,), where the weight of the edge to each node stands.
    sums : shape (n * width * LANES,), of each row and column.
    """
    # Locals, and unsigned: numba counts a reference at each use of a field, and checks whether a
    # signed index is negative.
    splits, starts, rounds = told.splits, told.starts, told.rounds
    offsets, table = told.offsets, told.table
    lanes, edge, one_state = np.uint64(LANES), np.uint64(_EDGE), np.uint64(_STATE)
    one, two, five = np.uint64(1), np.uint64(2), np.uint64(5)
    n_columns = np.uint64(width)
    meets[0] = 1
    for tree in range(len(starts) - 1):
        first, last = np.uint64(starts[tree]), np.uint64(starts[tree + 1])
        per_node = np.uint64(rounds[tree]) * edge
        for turn in range(rounds[tree]):
            offset = np.uint64(offsets[tree]) + np.uint64(turn) * edge
            for row in range(len(rows) // width):
                start = np.uint64(row) * n_columns
                for lane in range(LANES):
                    products[np.uint64(lane)] = 1.0
                at = first
                while at < last:
                    value, threshold = (
                        rows[start + np.uint64(splits[at].column)],
                        splits[at].threshold,
                    )
                    kind = splits[at].kind
                    # As in `walk.add_margins`, as a number.
                    if kind <= ABSENT_LEFT:
                        left = np.uint64(
                            (value <= threshold) | ((value != value) & (kind == ABSENT_LEFT))
                        )
                    elif kind == IN_SET:
                        left = np.uint64(0)
                        if -1.0 < value < LARGEST_CODE:
                            code = np.uint64(np.int64(value))
                            word = np.uint64(set_starts[np.uint64(threshold)]) + (code >> five)
                            if word < np.uint64(set_starts[np.uint64(threshold) + one]):
                                left = np.uint64(sets[word] >> (code & np.uint64(31))) & one
                    elif abs(value) <= ZERO or value != value:
                        left = np.uint64(kind == ZERO_LEFT)
                    else:
                        left = np.uint64(value <= threshold)
                    node, after = np.uint64(splits[at].node), np.uint64(splits[at].right)
                    next_ = node + one
                    met_left = meets[np.uint64(splits[at].left_before)]
                    met_right = meets[np.uint64(splits[at].right_before)]
                    meets[next_], meets[after] = met_left & left, met_right & (one - left)
                    # 0, 1 or 2: holds, holds no longer, held no longer before. No branch: the
                    # processor could not guess it.
                    to_left = (
                        offset + next_ * per_node + (two - met_left - meets[next_]) * one_state
                    )
                    to_right = (
                        offset + after * per_node + (two - met_right - meets[after]) * one_state
                    )
                    weights[next_], weights[after] = to_left + lanes, to_right + lanes
                    descend(
                        products,
                        node * lanes,
                        next_ * lanes,
                        after * lanes,
                        table,
                        to_left,
                        to_right,
                    )
                    at += one
                while at > first:
                    at -= one
                    node, after = np.uint64(splits[at].node), np.uint64(splits[at].right)
                    gather(
                        products,
                        node * lanes,
                        (node + one) * lanes,
                        after * lanes,
                        table,
                        weights[node + one],
                        weights[after],
                        sums,
                        (start + np.uint64(splits[at].column)) * lanes,
                    )
