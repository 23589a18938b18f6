"""Packed trees against LightGBM: the same margins bit by bit, the same contributions to 1e-12."""

from __future__ import annotations

from functools import cache
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.arrays import Floats
from features.errors import BundleError
from models.scores.trees.packed import PackedTrees
from tests.oracles.shapley_oracle import shapley_by_definition, shapley_in_fractions

COLUMNS = 8
KINDS: dict[str, dict[str, Any]] = {
    "usual": {},
    "one against the rest": {"max_cat_to_onehot": 64},
    "zero as missing": {"zero_as_missing": True},
    "nothing missing": {"use_missing": False},
    "deep": {"num_leaves": 63, "min_data_in_leaf": 2, "min_sum_hessian_in_leaf": 0.0},
    "monotone": {"monotone_constraints": [0, 0, 1, -1, 0, 0, 0, 0]},
    "amounts": {"objective": "tweedie"},
}


def rows(count: int, columns: int = COLUMNS, seed: int = 1) -> Floats:
    """Two columns of codes, one of small whole numbers with many zeros, the rest normal; a fifth of
    all absent."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, columns))
    matrix[:, 0] = rng.integers(0, 40, count)
    matrix[:, 1] = rng.integers(0, 5, count)
    matrix[:, 2] = rng.poisson(0.7, count)
    matrix[rng.random(matrix.shape) < 0.2] = np.nan
    return matrix


@cache
def booster(kind: str, trees: int = 30, columns: int = COLUMNS) -> lgb.Booster:
    """Fitted on 3,000 rows of which all columns matter, some together."""
    matrix = rows(3000, columns)
    known = np.nan_to_num(matrix)
    margin = np.sin(known[:, 0]) + (known[:, 1] == 2) * known[:, 3] + known[:, 4] * known[:, 5]
    margin += known[:, 6:].sum(axis=1) / np.sqrt(columns) - np.isnan(matrix[:, 2])
    chance = 1.0 / (1.0 + np.exp(-margin))
    happened = (np.random.default_rng(2).random(len(matrix)) < chance).astype(float)
    told = {
        "objective": "binary",
        "num_leaves": 15,
        "max_cat_to_onehot": 4,
        "min_data_per_group": 5,
        "verbosity": -1,
        "num_threads": 1,
        "seed": 3,
        **KINDS[kind],
    }
    return lgb.train(told, lgb.Dataset(matrix, happened, categorical_feature=[0, 1]), trees)


@pytest.mark.parametrize("kind", KINDS)
def test_margins_are_lightgbms(kind):
    """Bit by bit, on rows it was fitted on and on others, with codes it has never seen."""
    model = booster(kind)
    packed = PackedTrees(model.model_to_string())
    matrix = np.concatenate([rows(3000), rows(2000, seed=9)])
    matrix[::7, 0], matrix[::11, 1] = 1000.0, -1.0
    matrix[::13, 3], matrix[::17, 4], matrix[::19, 5] = np.inf, -np.inf, 0.0
    matrix[::23, 2], matrix[::29, 2], matrix[::31, 3] = 1e-36, -1e-36, -0.0
    matrix[::37, 0], matrix[::41, 0], matrix[::43, 0] = -0.5, 2.9, 31.0
    expected = np.asarray(model.predict(matrix, raw_score=True))
    np.testing.assert_array_equal(packed.margins(matrix), expected)
    one_by_one = [packed.margins(matrix[at : at + 1])[0] for at in range(0, 5000, 50)]
    np.testing.assert_array_equal(one_by_one, expected[::50])


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_are_lightgbms(kind):
    """To 1e-12, and together with its base they are the margin."""
    model = booster(kind)
    packed = PackedTrees(model.model_to_string())
    matrix = np.concatenate([rows(400), rows(400, seed=9)])
    expected = np.asarray(model.predict(matrix, pred_contrib=True))
    added = packed.contributions(matrix)
    np.testing.assert_allclose(added, expected[:, :-1], rtol=0.0, atol=1e-12)
    whole = added.sum(axis=1) + expected[:, -1]
    np.testing.assert_allclose(whole, packed.margins(matrix), rtol=0.0, atol=1e-12)
    one_by_one = [packed.contributions(matrix[at : at + 1])[0] for at in range(0, 800, 80)]
    np.testing.assert_array_equal(one_by_one, added[::80])


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_are_the_definition(kind):
    """The same as weighing every set of columns, of which there are up to 256."""
    model = booster(kind, trees=3)
    packed = PackedTrees(model.model_to_string())
    for row in rows(4, seed=5):
        np.testing.assert_allclose(
            packed.contributions(row[None, :])[0],
            shapley_by_definition(model, row),
            rtol=0.0,
            atol=1e-12,
        )


@pytest.mark.parametrize("asked", [16, 17, 40])
def test_paths_of_many_columns(asked):
    """A tree that is one long path asks more columns than eight values of t are exact for."""
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(4000, asked))
    together = np.minimum.accumulate(matrix > -1.5, axis=1).sum(axis=1).astype(float)
    told = {
        "objective": "regression",
        "num_leaves": asked + 1,
        "min_data_in_leaf": 1,
        "min_sum_hessian_in_leaf": 0.0,
        "verbosity": -1,
        "num_threads": 1,
    }
    model = lgb.train(told, lgb.Dataset(matrix, together), 3)
    packed = PackedTrees(model.model_to_string())
    if asked == 40:
        assert packed.shapley.rounds.max() > 1
    for row in matrix[: 1 if asked > 20 else 3]:  # LightGBM's own sums are off by 1e-8 here
        expected = shapley_in_fractions(model, row)
        added = packed.contributions(row[None, :])[0]
        np.testing.assert_allclose(added, expected, rtol=0.0, atol=1e-12)
    np.testing.assert_array_equal(
        packed.margins(matrix[:200]), model.predict(matrix[:200], raw_score=True)
    )


@given(seed=st.integers(0, 10_000), leaves=st.integers(2, 12), trees=st.integers(1, 4))
def test_any_small_model(seed, leaves, trees):
    """Of any small model: margins bit by bit, contributions by the definition."""
    rng = np.random.default_rng(seed)
    matrix = np.round(rng.normal(size=(80, 4)), 1)
    matrix[:, 0] = rng.integers(0, 6, 80)
    matrix[rng.random(matrix.shape) < rng.random() * 0.5] = np.nan
    told = {
        "objective": "binary",
        "num_leaves": leaves,
        "min_data_in_leaf": 2,
        "min_data_in_bin": 1,
        "max_cat_to_onehot": int(rng.integers(1, 8)),
        "min_data_per_group": 2,
        "cat_smooth": 0.1,
        "verbosity": -1,
        "num_threads": 1,
        "zero_as_missing": bool(rng.integers(2)),
    }
    happened = rng.integers(0, 2, 80).astype(float)
    model = lgb.train(told, lgb.Dataset(matrix, happened, categorical_feature=[0]), trees)
    packed = PackedTrees(model.model_to_string())
    np.testing.assert_array_equal(packed.margins(matrix), model.predict(matrix, raw_score=True))
    np.testing.assert_allclose(
        packed.contributions(matrix[:2]),
        [shapley_by_definition(model, row) for row in matrix[:2]],
        rtol=0.0,
        atol=1e-12,
    )


def test_nothing_to_split():
    """A model whose trees are single leaves says the same of every row, and no column adds."""
    matrix = rows(50)
    model = lgb.train(
        {"objective": "binary", "verbosity": -1, "min_data_in_leaf": 1000},
        lgb.Dataset(matrix, (np.arange(50) % 3 == 0).astype(float)),
        3,
    )
    packed = PackedTrees(model.model_to_string())
    np.testing.assert_array_equal(packed.margins(matrix), model.predict(matrix, raw_score=True))
    assert not packed.contributions(matrix).any()
    assert packed.contributions(matrix[:0]).shape == (0, COLUMNS)
    assert packed.margins(matrix[:0]).shape == (0,)


def test_many_rows_in_several_threads():
    """Each row by itself: how many go together, and in which thread, changes no bit."""
    packed = PackedTrees(booster("usual").model_to_string())
    matrix = rows(9001, seed=6)
    parts = [matrix[:1], matrix[1:300], matrix[300:5000], matrix[5000:]]
    np.testing.assert_array_equal(
        packed.margins(matrix), np.concatenate([packed.margins(part) for part in parts])
    )
    np.testing.assert_array_equal(
        packed.contributions(matrix[:1000]),
        np.concatenate([packed.contributions(part) for part in (matrix[:3], matrix[3:1000])]),
    )


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"objective": "multiclass", "num_class": 3}, "several"),
        ({"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1}, "random forest"),
        ({"objective": "regression", "linear_tree": True}, "lines"),
    ],
)
def test_other_trees_are_refused(told, said):
    """What these walks do not do is said, not done wrongly."""
    rng = np.random.default_rng(8)
    matrix, wanted = rng.normal(size=(300, 3)), rng.integers(0, 3, 300).astype(float)
    if told["objective" if "objective" in told else "boosting"] == "rf":
        wanted = (wanted > 0).astype(float)
        told = {"objective": "binary", **told}
    model = lgb.train({"verbosity": -1, **told}, lgb.Dataset(matrix, wanted), 2)
    with pytest.raises(BundleError, match=said):
        PackedTrees(model.model_to_string())


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        ("threshold=", "gone="),
        ("left_child=", "gone="),
        ("leaf_value=", "gone="),
        ("leaf_count=", "leaf_count=7 "),
        ("split_feature=", "split_feature=99 "),
        ("split_feature=", "split_feature=-2 "),
        ("cat_threshold=", "gone="),
        ("num_leaves=15", "num_leaves=14"),
        ("decision_type=", "decision_type=x "),
        ("max_feature_idx=", "gone="),
        ("max_feature_idx=7", "max_feature_idx=3"),
        ("cat_boundaries=", "cat_boundaries=\ngone="),
        ("cat_threshold=", f"cat_threshold={10**30}\ngone="),
        ("num_leaves=15", f"num_leaves={10**30}"),
    ],
)
def test_a_broken_text_is_refused(line, broken):
    """A line that is missing, short or wrong is an error of the bundle, and never walked."""
    text = booster("usual", trees=2).model_to_string()
    assert line in text
    with pytest.raises(BundleError, match="no LightGBM model"):
        PackedTrees(text.replace(line, broken, 1))


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        *(("leaf_value", wrong) for wrong in ("nan", "inf", "-1e999")),
        *(("leaf_count", wrong) for wrong in ("nan", "-1", "inf")),
        *(("internal_count", "nan"), ("threshold", "nan")),
    ],
)
def test_what_is_no_number_is_refused(key, wrong):
    """No leaf adds it, no split compares with it, and no share of the rows is made of it."""
    held = booster("usual", trees=1).model_to_string()
    before, _, rest = held.partition(f"\n{key}=")
    with pytest.raises(BundleError, match="no LightGBM model"):
        PackedTrees(f"{before}\n{key}={wrong} {rest.partition(' ')[2]}")


@pytest.mark.parametrize(("left", "right"), [("0", "1"), ("1", "-4"), ("-1", "-1"), ("5", "-2")])
def test_children_that_are_no_tree_are_refused(left, right):
    """A ring, a child of two, a child that there is not."""
    text = booster("usual", trees=1).model_to_string()

    def put(key: str, first: str, broken: str) -> str:
        start = broken.index(f"\n{key}=") + len(key) + 2
        return broken[:start] + first + broken[broken.index(" ", start) :]

    with pytest.raises(BundleError, match="no LightGBM model"):
        PackedTrees(put("right_child", right, put("left_child", left, text)))


def test_a_ring_beside_the_tree_is_refused():
    """Each node is a child once, and some cannot be reached."""
    tree = {
        "num_leaves": "4",
        "num_cat": "0",
        "split_feature": "0 0 0",
        "threshold": "0 0 0",
        "decision_type": "8 8 8",
        "left_child": "-1 2 1",
        "right_child": "-2 -3 -4",
        "leaf_value": "1 2 3 4",
        "leaf_count": "1 1 1 1",
        "internal_count": "4 3 2",
    }
    lines = "\n".join(f"{key}={value}" for key, value in tree.items())
    with pytest.raises(BundleError, match="tree 0 does not hang together"):
        PackedTrees(f"max_feature_idx=0\nTree=0\n{lines}\nend of trees")


@pytest.mark.parametrize("shape", [(3, COLUMNS - 1), (3, COLUMNS + 1), (COLUMNS,)])
def test_other_rows_are_refused(shape):
    """Rows of another width are of another model."""
    packed = PackedTrees(booster("usual", trees=2).model_to_string())
    for asked in (packed.margins, packed.contributions):
        with pytest.raises(BundleError, match="8 columns"):
            asked(np.zeros(shape))
