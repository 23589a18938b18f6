"""Another estimator in the place of the boosted trees."""

from __future__ import annotations

import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from features.errors import BundleError
from models.bundle import Bundle, load_bundle, save_bundle
from models.scores.goal_model import FitConfig, GoalModel, TrainingRows, fit_goal
from models.scores.learners import learner as learning
from models.scores.learners.learner import Averaged, EstimatorError, column_of_one, repeatable
from models.scores.step_rates import StepRates

LOGISTIC = make_pipeline(
    SimpleImputer(keep_empty_features=True), StandardScaler(), LogisticRegression()
)
PRIOR = StepRates.prior(np.full(6, 0.5))
"""Of as many steps as the ladder has whose bundle holds such a model."""
ESTIMATORS = [LOGISTIC, make_pipeline(SimpleImputer(keep_empty_features=True), GaussianNB())]


def rows(columns: int = 4) -> TrainingRows:
    """600 leads whose first two columns matter; a tenth of three is absent, and all of the rest."""
    rng = np.random.default_rng(3)
    matrix = np.full((600, columns), np.nan)
    matrix[:, :3] = rng.normal(size=(600, 3))
    matrix[:, :3][rng.random((600, 3)) < 0.1] = np.nan
    log_odds = np.nan_to_num(matrix[:, 0]) - 0.5 * np.nan_to_num(matrix[:, 1])
    happened = (rng.random(600) < 1 / (1 + np.exp(-log_odds))).astype(float)
    at = np.arange(600)
    return TrainingRows(matrix, [], at % 2, at, at, happened)


def fitted(estimator: object, columns: int = 4) -> GoalModel:
    """A model with the estimator in place."""
    return fit_goal(rows(columns), PRIOR, FitConfig(estimator=estimator, folds=3))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_another_estimator_takes_the_place(estimator):
    """Its probabilities are calibrated, and what the columns add sums to the margin."""
    model, data = fitted(estimator), rows()
    assert model.evidence == "model"
    assert isinstance(model.learner, Averaged)
    probability = model.estimate(data.matrix, data.position).probability
    assert abs(probability.mean() - data.happened.mean()) < 0.03
    assert probability[data.happened == 1].mean() > probability[data.happened == 0].mean() + 0.1
    way = model.margins(data.matrix) - model.margins(model.learner.usual[None, :])
    np.testing.assert_allclose(model.contributions(data.matrix).sum(axis=1), way, atol=1e-9)
    assert not np.isnan(model.contributions(data.matrix)).any()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_it_is_kept_without_pickle(estimator, trained: Bundle, tmp_path):
    """A bundle with it gives the same bytes twice, loads, and gives the same probabilities."""
    columns = len(trained.encoding.columns)
    model = fitted(estimator, columns)
    bundle = replace(trained, advancement=model)
    hashes = {save_bundle(bundle, tmp_path / name).hash for name in ("one", "two")}
    again = load_bundle(tmp_path / "one").advancement
    assert len(hashes) == 1
    assert (tmp_path / "one" / "advancement.skops").read_bytes().startswith(b"PK")
    data = rows(columns)
    np.testing.assert_array_equal(
        again.estimate(data.matrix, data.position).probability,
        model.estimate(data.matrix, data.position).probability,
    )


class Stranger(LogisticRegression):  # type: ignore[misc]
    """A type that skops has no reason to trust."""


def test_a_strange_type_is_refused():
    """What skops does not trust is neither kept nor loaded."""
    model = fitted(make_pipeline(SimpleImputer(keep_empty_features=True), Stranger()))
    assert model.learner is not None
    with pytest.raises(BundleError, match=r"Stranger cannot be kept safely"):
        model.learner.to_bytes()
    assert isinstance(model.learner, Averaged)
    archive = skops.io.dumps({"classifiers": list(model.learner.classifiers)})
    with pytest.raises(BundleError, match=r"not trusted: .*Stranger"):
        Averaged.of_bytes(archive)


def test_a_type_that_is_listed_is_kept(trained: Bundle, tmp_path):
    """It comes back where the bundle's manifest lists it and whoever loads it permits it."""
    own = f"{Stranger.__module__}.Stranger"
    estimator = make_pipeline(SimpleImputer(keep_empty_features=True), Stranger())
    data = rows(len(trained.encoding.columns))
    model = fit_goal(data, PRIOR, FitConfig(estimator=estimator, folds=3, trusted=(own,)))
    bundle = replace(
        trained, advancement=model, manifest=trained.manifest | {"trusted_types": [own]}
    )
    save_bundle(bundle, tmp_path / "bundle")
    again = load_bundle(tmp_path / "bundle", trusted=[own]).advancement
    np.testing.assert_array_equal(again.margins(data.matrix), model.margins(data.matrix))
    assert isinstance(again.learner, Averaged)
    assert again.learner.to_bytes() == model.learner.to_bytes()  # type: ignore[union-attr]
    with pytest.raises(BundleError, match=r"runs code of its own, .*Stranger: .*RUNG_"):
        load_bundle(tmp_path / "bundle")
    save_bundle(replace(bundle, manifest=trained.manifest), tmp_path / "unlisted")
    with pytest.raises(BundleError, match=r"not trusted: .*Stranger; its manifest does not list"):
        load_bundle(tmp_path / "unlisted", trusted=[own])


TREES = VotingClassifier(
    [
        ("hist", HistGradientBoostingClassifier(max_iter=5)),
        ("forest", RandomForestClassifier(5, min_samples_leaf=5, n_jobs=2)),
    ],
    voting="soft",
)


def test_contributions_are_those_of_column_after_column(monkeypatch):
    """As if one column at a time is taken away, however many rows are asked of at once."""
    learner, matrix = fitted(TREES).learner, rows().matrix[:40]
    assert isinstance(learner, Averaged)
    whole, start = learner.margins(matrix), learner.margins(learner.usual[None, :])[0]
    slow = np.zeros_like(matrix)
    for column in learner.columns:
        without = matrix.copy()
        without[:, column] = learner.usual[column]
        slow[:, column] = whole - learner.margins(without)
    rest = whole - start - slow.sum(axis=1)
    share = np.abs(slow) / np.abs(slow).sum(axis=1, keepdims=True)
    found = learner.contributions(matrix)
    np.testing.assert_allclose(found, slow + share * rest[:, None], atol=1e-12)
    monkeypatch.setattr(learning, "_MOST_AT_ONCE", 7)
    np.testing.assert_array_equal(learner.contributions(matrix), found)
    np.testing.assert_array_equal(learner.contributions(matrix[3:4]), found[3:4])
    assert learner.contributions(matrix[:0]).shape == (0, 4)
    assert (found[:, 3] == 0).all()  # a column without a value


def test_fitted_again_it_is_the_same():
    """Open seeds are set, and threads do not add up in another order."""
    one, other = (fitted(TREES).learner for _ in range(2))
    assert one is not None
    assert other is not None
    assert one.to_bytes() == other.to_bytes()


class Weird(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Takes a small sample, and fails on what is real."""

    def __init__(self, fails="fit"):
        self.fails = fails

    def fit(self, matrix, happened):
        self.classes_ = np.unique(happened)
        if self.fails == "fit" and len(matrix) > 120:
            raise ValueError("boom on\nreal data")
        return self

    def predict_proba(self, matrix):
        if self.fails == "predict" and len(matrix) > 120:
            raise KeyError
        said = np.full((len(matrix), 2), 0.5)
        if self.fails == "nan" and len(matrix) > 120:
            said[:3] = np.nan
        return said


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        ("fit", "Weird failed while fitting: ValueError: boom on$"),
        ("predict", "Weird failed while giving probabilities: KeyError$"),
    ],
)
def test_an_estimator_that_fails_on_what_is_real(fails, said):
    """It is told in its own words, and where it was raised is kept."""
    with pytest.raises(EstimatorError, match=said) as found:
        fitted(Weird(fails))
    told = "".join(traceback.format_exception(found.value))
    assert f"in {'predict_proba' if fails == 'predict' else 'fit'}\n    raise" in told


def test_no_number_is_no_probability():
    """What gives NaN of what is real is refused before it is kept; then a lead has no score."""
    with pytest.raises(EstimatorError, match="Weird gave NaN for a probability, in 3 of 2"):
        fitted(Weird("nan"))
    kept = Averaged(
        (Weird("nan").fit(np.zeros((2, 1)), np.array([0, 1])),), np.arange(1), np.ones(1)
    )
    assert np.isnan(kept.margins(np.zeros((121, 1)))).sum() == 3


class Backwards(LogisticRegression):  # type: ignore[misc]
    """Names 1 first, and its columns stand so."""

    def fit(self, matrix, happened):
        super().fit(np.nan_to_num(matrix), happened)
        self.classes_ = np.array([1, 0])
        return self

    def predict_proba(self, matrix):
        return super().predict_proba(np.nan_to_num(matrix))[:, ::-1]


def test_the_column_of_one():
    """Which column is that of 1 the classifier says itself."""
    told, data = fitted(Backwards()), rows()
    probability = told.estimate(data.matrix, data.position).probability
    assert told.evidence == "model"
    assert probability[data.happened == 1].mean() > probability[data.happened == 0].mean() + 0.1


@pytest.mark.parametrize(
    ("classes", "column"),
    [((0, 1), 1), ((1, 0), 0), ((False, True), 1), (("no", "yes"), 1), ((0,), 1)],
)
def test_classes(classes, column):
    """Where 1 is none of them, the second column is meant."""
    classifier = Weird()
    classifier.classes_ = np.array(classes)
    assert column_of_one(classifier) == column
    assert column_of_one(object()) == 1


def test_an_error_of_ours_is_not_the_estimators(monkeypatch):
    """What fails around an estimator is told as it is."""
    monkeypatch.setattr(learning, "repeatable", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fitted(Weird())


def test_asked_from_several_threads():
    """The filters of warnings stay as they were, and nobody is warned of what is not theirs."""
    model, matrix = fitted(TREES), rows().matrix
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: model.margins(matrix), range(40)))
    assert warnings.filters == before
    assert all(np.array_equal(one, said[0]) for one in said)


def test_repeatable():
    """Seeds that were left open are set, others stay, and so does the original."""
    forest = RandomForestClassifier(n_jobs=-1)
    seeded = RandomForestClassifier(random_state=3)
    both = VotingClassifier([("a", forest), ("b", seeded)], n_jobs=2)
    copy = repeatable(both, 11)
    assert [one.random_state for _, one in copy.estimators] == [11, 3]
    assert (copy.n_jobs, copy.estimators[0][1].n_jobs) == (1, 1)
    assert (both.n_jobs, forest.n_jobs, forest.random_state) == (2, -1, None)
