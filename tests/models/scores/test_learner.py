"""Another estimator in the place of the boosted trees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import skops.io
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from features.errors import BundleError
from models.bundle import Bundle, load_bundle, save_bundle
from models.scores.goal_model import FitConfig, GoalModel, TrainingRows, fit_goal
from models.scores.learner import Averaged
from models.scores.step_rates import StepRates

LOGISTIC = make_pipeline(
    SimpleImputer(keep_empty_features=True), StandardScaler(), LogisticRegression()
)
ESTIMATORS = [LOGISTIC, make_pipeline(SimpleImputer(keep_empty_features=True), GaussianNB())]


def rows() -> TrainingRows:
    """600 leads whose first two columns matter; one value in ten is absent, and column 3 always."""
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(600, 4))
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    matrix[:, 3] = np.nan
    log_odds = np.nan_to_num(matrix[:, 0]) - 0.5 * np.nan_to_num(matrix[:, 1])
    happened = (rng.random(600) < 1 / (1 + np.exp(-log_odds))).astype(float)
    at = np.arange(600)
    return TrainingRows(matrix, [], at % 2, at, at, happened)


def fitted(estimator: object) -> GoalModel:
    """A model with the estimator in place."""
    prior = StepRates.prior(np.array([0.5, 0.5]))
    return fit_goal(rows(), prior, FitConfig(estimator=estimator, folds=3))


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
    model = fitted(estimator)
    bundle = replace(trained, advancement=model)
    hashes = {save_bundle(bundle, tmp_path / name).hash for name in ("one", "two")}
    again = load_bundle(tmp_path / "one").advancement
    assert len(hashes) == 1
    assert (tmp_path / "one" / "advancement.skops").read_bytes().startswith(b"PK")
    data = rows()
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
