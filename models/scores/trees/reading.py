"""LightGBM's own text of a model as arrays, each tree checked before compiled code walks it.

The nodes of all trees stand in one array, those of a tree together and in preorder: a node's left
child is the next one. The text's keys are those of LightGBM's `Tree::ToString`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import Floats, Ints
from features.errors import BundleError
from models.scores.trees.walk import (
    ABSENT_LEFT,
    ABSENT_RIGHT,
    IN_SET,
    NODE,
    ZERO_LEFT,
    ZERO_RIGHT,
)

__all__ = ["TreeArrays", "read_trees"]

_MOST_COLUMNS: Final = int(np.iinfo(NODE["column"]).max)

# The bits of LightGBM's `decision_type`, and its kinds of missing values (include/LightGBM/tree.h).
_CATEGORY, _DEFAULT_LEFT = 1, 2
_MISSING_IS_ZERO, _MISSING_IS_NAN = 1, 2


class TreeArrays(NamedTuple):
    """All trees of a model.

    Parameters
    ----------
    columns : how many a row has.
    nodes : shape (n_nodes,) of `NODE`.
    starts : shape (n_trees + 1,), where each tree's nodes begin; the last is n_nodes.
    parents : shape (n_nodes,), the node above, -1 for a root.
    covers : shape (n_nodes,), how many training rows came by.
    sets : shape (n_words,) uint32, the bits of the codes that go left, set after set.
    set_starts : shape (n_sets + 1,), where each set's words begin.
    """

    columns: int
    nodes: npt.NDArray[np.void]
    starts: Ints
    parents: Ints
    covers: Floats
    sets: npt.NDArray[np.uint32]
    set_starts: Ints


def read_trees(text: str) -> TreeArrays:
    """From what `Booster.model_to_string` gives.

    Raises
    ------
    BundleError : it is no such text, or its trees do what is not walked here: several numbers a
        row, a mean instead of a sum, or lines in the leaves.
    """
    head, *blocks = text.split("\nTree=")
    header = dict(_pairs(head))
    if header.get("num_tree_per_iteration", "1") != "1":
        raise BundleError("the trees of a bundle give one number a row, these give several")
    if "average_output" in header:
        raise BundleError("the trees of a bundle add up, those of a random forest do not")
    try:
        trees = [_Tree(dict(_pairs(block.split("\nend of trees")[0]))) for block in blocks]
        return _joined(trees, int(header["max_feature_idx"]) + 1)
    except (LookupError, OverflowError, ValueError) as error:
        raise BundleError(f"this is no LightGBM model: {error}") from error


def _pairs(block: str) -> Iterator[tuple[str, str]]:
    for line in block.split("\n"):
        key, equals, value = line.partition("=")
        if equals or line == "average_output":
            yield key, value


def _joined(trees: list[_Tree], columns: int) -> TreeArrays:
    if columns > _MOST_COLUMNS:
        raise ValueError(f"it has {columns:,} columns, and {_MOST_COLUMNS:,} are the most")
    nodes, parents, covers = [np.empty(0, dtype=NODE)], [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
    sets, set_starts, starts = [np.zeros(0, dtype=np.int64)], [0], [0]
    for at, tree in enumerate(trees):
        start, splits = starts[-1], tree.count - 1
        order, above, below = _preorder(tree.left, tree.right, tree.count)
        if len(order) != tree.count + splits or (tree.column[:splits] >= columns).any():
            raise ValueError(f"tree {at} does not hang together")
        is_leaf = order < 0
        place = np.where(is_leaf, splits + ~order, order)  # the leaves stand after the splits
        here = tree.nodes()[place]
        here["threshold"] += np.where(here["kind"] == IN_SET, len(set_starts) - 1, 0)
        here["right"] = np.where(is_leaf, 0, below + start)
        nodes.append(here)
        parents.append(np.where(above < 0, -1, above + start))
        covers.append(tree.cover[place])
        sets.append(tree.words)
        set_starts.extend((set_starts[-1] + tree.bounds[1:]).tolist())
        starts.append(start + len(order))
    return TreeArrays(
        columns,
        np.concatenate(nodes),
        np.array(starts, dtype=np.int64),
        np.concatenate(parents),
        np.concatenate(covers),
        np.concatenate(sets).astype(np.uint32),
        np.array(set_starts, dtype=np.int64),
    )


class _Tree:
    """One tree in LightGBM's order: the splits, then the leaves.

    Its lines have the right lengths, and each node but the root is some split's child once.
    """

    def __init__(self, told: dict[str, str]) -> None:
        if told.get("is_linear", "0") != "0":
            raise BundleError("the trees of a bundle have a number in each leaf, these have lines")
        self._told = told
        self.count = int(told["num_leaves"])
        splits = self.count - 1
        self.column = self._ints("split_feature", splits)
        self.left, self.right = self._ints("left_child", splits), self._ints("right_child", splits)
        children = np.sort(np.concatenate([self.left, self.right]))
        expected = np.concatenate([np.arange(-self.count, 0), np.arange(1, splits)])
        if splits and not np.array_equal(children, expected):
            raise ValueError("its children are not each split and leaf once")
        if (self.column < 0).any():
            raise ValueError("it asks a column below zero")
        covers = [self._floats("internal_count", splits)]
        covers.append(self._floats("leaf_count", self.count) if splits else np.ones(1))
        self.cover = np.concatenate(covers)
        if not ((self.cover >= 0.0) & np.isfinite(self.cover)).all():
            raise ValueError("its counts of rows are none")
        has_sets = int(told.get("num_cat", "0")) > 0
        self.bounds = self._ints("cat_boundaries") if has_sets else np.zeros(1, dtype=np.int64)
        self.words = self._ints("cat_threshold", int(self.bounds[-1])) if has_sets else _NO_WORDS
        if self.bounds[0] != 0 or (np.diff(self.bounds) < 0).any():
            raise ValueError("its sets of codes are not one after the other")

    def nodes(self) -> npt.NDArray[np.void]:
        """Splits and leaves as `NODE`; the right children are not set, the sets are its own."""
        splits = self.count - 1
        nodes = np.zeros(splits + self.count, dtype=NODE)
        threshold, said = self._floats("threshold", splits), self._ints("decision_type", splits)
        missing, goes_left = (said >> 2) & 3, (said & _DEFAULT_LEFT) > 0
        # What is absent counts as 0 where LightGBM saw nothing absent in training.
        absent_left = np.where(missing == _MISSING_IS_NAN, goes_left, threshold >= 0.0)
        kind = np.where(absent_left, ABSENT_LEFT, ABSENT_RIGHT)
        of_zero = np.where(goes_left, ZERO_LEFT, ZERO_RIGHT)
        kind = np.where(missing == _MISSING_IS_ZERO, of_zero, kind)
        in_set = (said & _CATEGORY) > 0
        if (in_set & ~((threshold >= 0) & (threshold < len(self.bounds) - 1))).any():
            raise ValueError("it asks for a set of codes that there is not")
        nodes["kind"][:splits] = np.where(in_set, IN_SET, kind)
        nodes["column"][:splits], nodes["column"][splits:] = self.column, -1
        nodes["threshold"][:splits] = threshold
        nodes["threshold"][splits:] = self._floats("leaf_value", self.count)
        if np.isnan(threshold).any() or not np.isfinite(nodes["threshold"][splits:]).all():
            raise ValueError("it compares with, or adds, what is no number")
        return nodes

    def _floats(self, key: str, count: int) -> Floats:
        return np.array(self._words(key, count), dtype=np.float64)

    def _ints(self, key: str, count: int | None = None) -> Ints:
        return np.array(self._words(key, count), dtype=np.int64)

    def _words(self, key: str, count: int | None) -> list[str]:
        words = self._told.get(key, "").split()
        if count is not None and len(words) != count:
            raise ValueError(f"{key} has {len(words)} values in place of {count}")
        return words


_NO_WORDS: Final = np.zeros(0, dtype=np.int64)


@numba.njit(cache=True, nogil=True)
def _preorder(left: Ints, right: Ints, leaves: int) -> tuple[Ints, Ints, Ints]:
    """Nodes from the root, left before right; with the place of each one's parent and right child.

    A node is the index of a split, or the complement of a leaf's. Splits that hang in a ring of
    their own are not reached.
    """
    size = 2 * leaves - 1
    order, above = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    below = np.zeros(size, dtype=np.int64)
    waiting, parent_of = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    waiting[0], parent_of[0] = 0 if leaves > 1 else -1, -1
    height, at = 1, 0
    while height > 0:
        height -= 1
        node, parent = waiting[height], parent_of[height]
        order[at], above[at] = node, parent
        if parent >= 0 and parent != at - 1:
            below[parent] = at
        if node >= 0:
            waiting[height], parent_of[height] = right[node], at
            waiting[height + 1], parent_of[height + 1] = left[node], at
            height += 2
        at += 1
    return order[:at], above[:at], below[:at]
