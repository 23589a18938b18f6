"""Shapley values by their definition: every set of columns, along the paths of LightGBM's trees."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from math import factorial
from typing import Any

import lightgbm as lgb
import numpy as np

from features.arrays import Floats


def shapley_by_definition(booster: lgb.Booster, row: Floats) -> Floats:
    """Shape (n_columns,): what each adds to the margin of one row; for trees of few columns.

    Of a tree's margin given the values of some columns is known what goes down both sides of every
    split on another column, by the share of training rows that did.
    """
    added = np.zeros(len(row))
    for tree in booster.dump_model()["tree_info"]:
        columns = sorted(_columns(tree["tree_structure"]))
        for column in columns:
            others = [other for other in columns if other != column]
            for size in range(len(others) + 1):
                weight = factorial(size) * factorial(len(others) - size) / factorial(len(columns))
                for known in combinations(others, size):
                    with_it = _given(tree["tree_structure"], row, {*known, column})
                    added[column] += weight * (
                        with_it - _given(tree["tree_structure"], row, set(known))
                    )
    return added


def _columns(node: dict[str, Any]) -> set[int]:
    if "split_feature" not in node:
        return set()
    below = _columns(node["left_child"]) | _columns(node["right_child"])
    return below | {node["split_feature"]}


def _given(node: dict[str, Any], row: Floats, known: set[int]) -> float:
    if "split_feature" not in node:
        return float(node["leaf_value"])
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return _given(left if _goes_left(node, row) else right, row, known)
    share = _count(left) / (_count(left) + _count(right))
    return share * _given(left, row, known) + (1.0 - share) * _given(right, row, known)


def _count(node: dict[str, Any]) -> float:
    return float(node["internal_count"] if "split_feature" in node else node["leaf_count"])


def _goes_left(node: dict[str, Any], row: Floats) -> bool:
    value = float(row[node["split_feature"]])
    if node["decision_type"] == "==":
        return not np.isnan(value) and str(int(value)) in str(node["threshold"]).split("||")
    missing = node["missing_type"]
    if np.isnan(value) and missing != "NaN":
        value = 0.0
    if np.isnan(value) or (missing == "Zero" and abs(value) <= 1e-35):
        return bool(node["default_left"])
    return value <= float(node["threshold"])


def shapley_in_fractions(booster: lgb.Booster, row: Floats) -> Floats:
    """The same, a leaf at a time and without rounding, for trees of many columns.

    Of a leaf, a column's value is the integral of a product of one linear factor a column; the
    product is multiplied out as a polynomial, in fractions.
    """
    added = [Fraction(0)] * len(row)
    for tree in booster.dump_model()["tree_info"]:
        for value, path in _leaves(tree["tree_structure"], row, {}):
            for column, (meets, share) in path.items():
                product = [Fraction(1)]
                for other, (other_meets, other_share) in path.items():
                    if other != column:  # (1 - t) share + t meets
                        product = _times(product, other_share, other_meets - other_share)
                integral = sum(part / (at + 1) for at, part in enumerate(product))
                added[column] += value * (meets - share) * integral
    return np.array([float(one) for one in added])


def _leaves(
    node: dict[str, Any], row: Floats, path: dict[int, tuple[int, Fraction]]
) -> Iterator[tuple[Fraction, dict[int, tuple[int, Fraction]]]]:
    if "split_feature" not in node:
        yield Fraction(node["leaf_value"]), path
        return
    column, goes_left = node["split_feature"], _goes_left(node, row)
    meets, share = path.get(column, (1, Fraction(1)))
    for child, is_there in ((node["left_child"], goes_left), (node["right_child"], not goes_left)):
        part = Fraction(int(_count(child)), int(_count(node)))
        yield from _leaves(child, row, {**path, column: (meets * is_there, share * part)})


def _times(polynomial: list[Fraction], constant: Fraction, slope: Fraction) -> list[Fraction]:
    longer = [part * constant for part in polynomial] + [Fraction(0)]
    for at, part in enumerate(polynomial):
        longer[at + 1] += part * slope
    return longer
