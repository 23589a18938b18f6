"""Boosting a fold at a time: what is merged is the mean, and nothing was seen that is judged."""

from __future__ import annotations

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from models.scores.learners.boosting import (
    SMALL,
    BoostingConfig,
    ColumnKinds,
    CrossFit,
    Examples,
    cross_fit,
    lead_folds,
    merged,
)

LEADS, PER_LEAD, FOLDS = 120, 10, 4
NUMBER, CATEGORY = 0, 2
QUICK = BoostingConfig(most_rounds=40, feature_fraction=1.0)


def planted(seed=1):
    """Leads with a telling number that is often absent, noise, and a category that tells a bit."""
    rng = np.random.default_rng(seed)
    lead = np.repeat(np.arange(LEADS), PER_LEAD)
    count = len(lead)
    matrix = np.column_stack(
        [rng.normal(size=count), rng.normal(size=count), rng.integers(0, 6, count)]
    ).astype(np.float64)
    log_odds = 2.0 * matrix[:, NUMBER] + np.where(matrix[:, CATEGORY] > 3, 1.0, -1.0)
    happened = (rng.random(count) < 1 / (1 + np.exp(-log_odds))).astype(np.float64)
    matrix[rng.random(matrix.shape) < 0.2] = np.nan
    return matrix, happened, lead


def fitted(matrix, happened, fold, config=QUICK, seed=5) -> CrossFit:
    return cross_fit(
        Examples(matrix, happened, np.ones(len(happened))),
        fold,
        rows_per_lead=PER_LEAD,
        columns=ColumnKinds([CATEGORY]),
        config=config,
        seed=seed,
    )


@pytest.fixture(scope="module")
def fit() -> CrossFit:
    matrix, happened, lead = planted()
    return fitted(matrix, happened, lead_folds(lead, FOLDS, seed=3))


def strange_rows(count=3000):
    """Rows such as were never seen: all absent, unknown codes, far values, zeros."""
    rng = np.random.default_rng(9)
    matrix = np.column_stack(
        [rng.normal(0, 5, count), rng.normal(0, 5, count), rng.integers(0, 40, count)]
    ).astype(np.float64)
    matrix[rng.random(matrix.shape) < 0.3] = np.nan
    matrix[0], matrix[1], matrix[2] = np.nan, 0.0, (1e300, -1e300, 39.0)
    return matrix


def mean_of_folds(fit, matrix, **options):
    parts = [model.predict(matrix, num_iteration=fit.rounds, **options) for model in fit.models]
    return np.mean(parts, axis=0)


def first_tree(model):
    return model.model_to_string(num_iteration=1).split("\nparameters:")[0]


def whole(*fits: CrossFit) -> lgb.Booster:
    """What folds are merged into, as LightGBM has it."""
    return lgb.Booster(model_str=merged(*fits))


def test_merged_is_the_mean_of_the_folds(fit):
    """One model's margin is the mean of the folds' margins, with absent values and categories."""
    rows = strange_rows()
    expected = mean_of_folds(fit, rows, raw_score=True)
    assert np.ptp(expected) > 1.0
    np.testing.assert_allclose(whole(fit).predict(rows, raw_score=True), expected, atol=1e-12)


def test_drawings_are_merged_with_the_same_weight(fit):
    """Two drawings, with numbers of rounds of their own: the mean of the margins of all models."""
    matrix, happened, lead = planted()
    other = replace(fitted(matrix, happened, lead_folds(lead, FOLDS, seed=8), seed=6), rounds=7)
    rows = strange_rows(500)
    raw = whole(fit, other).predict(rows, raw_score=True)
    margins = [mean_of_folds(one, rows, raw_score=True) for one in (fit, other)]
    np.testing.assert_allclose(raw, np.mean(margins, axis=0), atol=1e-12)


def test_folds_have_seeds_of_their_own():
    """Equal folds of equal rows would draw equal columns otherwise, and err together."""
    matrix, happened, _ = planted()
    twice = np.concatenate([matrix, matrix]), np.concatenate([happened, happened])
    fold = np.repeat([0, 1], len(matrix))
    one, other = fitted(*twice, fold, replace(QUICK, feature_fraction=0.4)).models
    assert not np.array_equal(one.predict(matrix), other.predict(matrix))


def test_merged_contributions_are_the_mean_too(fit):
    """Its contributions, the expected value among them, are the means of the folds'."""
    rows = strange_rows(300)
    expected = mean_of_folds(fit, rows, pred_contrib=True)
    np.testing.assert_allclose(whole(fit).predict(rows, pred_contrib=True), expected, atol=1e-9)


def test_merged_of_models_without_a_split():
    """Trees that are a single leaf can be merged: all leads are given the mean of the rates."""
    _, happened, lead = planted()
    fold = lead_folds(lead, FOLDS, seed=3)
    fit = fitted(np.zeros((len(lead), 3)), happened, fold)
    rows = np.zeros((2, 3))
    expected = mean_of_folds(fit, rows, raw_score=True)
    np.testing.assert_allclose(whole(fit).predict(rows, raw_score=True), expected, atol=1e-12)


def test_same_seed_same_text():
    """The same rows and seed give the same model, byte for byte; another seed gives another."""
    matrix, happened, lead = planted()
    fold = lead_folds(lead, FOLDS, seed=3)
    first, again, other = (merged(fitted(matrix, happened, fold, seed=seed)) for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_a_folds_model_never_saw_its_outcomes():
    """Whatever came of a fold's leads, the trees that judge them are the same."""
    matrix, happened, lead = planted()
    fold = lead_folds(lead, FOLDS, seed=3)
    config = replace(QUICK, most_rounds=15, patience=100)
    before = fitted(matrix, happened, fold, config)
    for at in range(FOLDS):
        after = fitted(matrix, np.where(fold == at, 1.0 - happened, happened), fold, config)
        pairs = zip(before.models, after.models, strict=True)
        same = [first_tree(one) == first_tree(other) for one, other in pairs]
        assert same == [model == at for model in range(FOLDS)]


def test_knowing_the_lead_does_not_help_on_unseen_leads():
    """A lead's own number gives its outcome away to a model that saw it, and to no other."""
    rng = np.random.default_rng(2)
    lead = np.repeat(np.arange(400), 25)
    happened = rng.integers(0, 2, 400).astype(np.float64)[lead]
    matrix = np.column_stack([rng.permutation(400)[lead], np.zeros((len(lead), 2))]).astype(float)
    fold = lead_folds(lead, FOLDS, seed=3)
    config = replace(QUICK, most_rounds=60, patience=100, num_leaves=200, min_data_in_leaf=1)
    fit = replace(fitted(matrix, happened, fold, config), rounds=60)
    assert roc_auc_score(happened, fit.margins(matrix, (fold + 1) % FOLDS)) > 0.9
    first = np.unique(lead, return_index=True)[1]
    held_out = fit.margins(matrix, fold)[first]
    assert abs(roc_auc_score(happened[first], held_out) - 0.5) < 0.1


def test_margins_of_rows_in_no_fold_of_the_fit(fit):
    """A fold without rows is no error, and the margins stand in the order of the rows."""
    rows = strange_rows(50)
    only = np.full(50, 2)
    expected = fit.models[2].predict(rows, raw_score=True, num_iteration=fit.rounds)
    np.testing.assert_array_equal(fit.margins(rows, only), expected)


def test_folds_are_of_leads():
    """All rows of a lead are in one fold, folds are of equal size, and the seed decides."""
    lead = np.random.default_rng(0).integers(0, 100, 5000)
    fold = lead_folds(lead, 5, seed=1)
    assert len(fold) == len(lead)
    assert all(len(set(fold[lead == one].tolist())) == 1 for one in range(100))
    of_lead = fold[np.unique(lead, return_index=True)[1]]
    assert np.bincount(of_lead).tolist() == [20] * 5
    np.testing.assert_array_equal(fold, lead_folds(lead, 5, seed=1))
    assert (fold != lead_folds(lead, 5, seed=2)).any()


def test_rounds_are_those_of_the_lowest_mean_loss():
    """With nothing to learn, boosting stops early; with much to learn, it goes on."""
    matrix, happened, lead = planted()
    fold = lead_folds(lead, FOLDS, seed=3)
    config = replace(QUICK, most_rounds=200, patience=20)
    noise = np.random.default_rng(1).permutation(happened)
    assert fitted(matrix, noise, fold, config).rounds < 20
    assert fitted(matrix, happened, fold, config).rounds > 30


def test_all_folds_have_the_same_number_of_rounds():
    """A fold's own best number of rounds has no say: it would fit the noise of the fold."""
    matrix, happened, lead = planted()
    config = replace(QUICK, most_rounds=300, patience=20)
    fit = fitted(matrix, happened, lead_folds(lead, FOLDS, seed=3), config)
    assert min(model.num_trees() for model in fit.models) >= fit.rounds
    assert whole(fit).num_trees() == FOLDS * fit.rounds


def test_parameters():
    """Large data learn faster with larger trees, a leaf holds leads, and all is deterministic."""
    config = BoostingConfig()
    small, large = config.parameters(SMALL - 1, 3.0, 1), config.parameters(SMALL, 30.0, 1)
    assert (small["learning_rate"], small["num_leaves"]) == (0.06, 15)
    assert (large["learning_rate"], large["num_leaves"]) == (0.1, 31)
    assert (small["min_data_in_leaf"], large["min_data_in_leaf"]) == (60, 200)
    assert (small["num_threads"], large["num_threads"]) == (1, 0)
    assert small["deterministic"]
    assert "most_rounds" not in small
    assert not {"scale_pos_weight", "is_unbalance", "class_weight"} & set(small)


def test_progress_names_each_fold():
    """A progress function hears of every fold once."""
    matrix, happened, lead = planted()
    told: list[str] = []
    cross_fit(
        Examples(matrix, happened, np.ones(len(happened))),
        lead_folds(lead, 2, seed=3),
        rows_per_lead=PER_LEAD,
        columns=ColumnKinds([]),
        config=replace(QUICK, most_rounds=2),
        seed=1,
        progress=told.append,
    )
    assert sorted(told) == ["boosting fold 1", "boosting fold 2"]
