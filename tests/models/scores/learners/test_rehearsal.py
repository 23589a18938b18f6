"""What would end a training with an error is found on a small sample, and said."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from models.scores.learners.rehearsal import EstimatorError, rehearse

HIST = HistGradientBoostingClassifier(max_iter=3)


class Share(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Everyone's chance is the share of those who did; `flaw` says what is wrong with it."""

    def __init__(self, flaw=""):
        self.flaw = flaw

    def fit(self, _, happened):
        self.classes_ = np.unique(happened)
        self.share_ = float(happened.mean())
        if self.flaw == "random":
            self.share_ *= np.random.random()  # noqa: NPY002 that is the flaw
        if self.flaw == "breaks":
            raise KeyError("a bug of its own")
        return self

    def predict_proba(self, matrix):
        if self.flaw == "raises":
            raise RuntimeError("no\nmore")
        if self.flaw == "nan":
            return np.full((len(matrix), 2), np.nan)
        if self.flaw == "some nan":
            return np.array([[np.nan, 0.5], *[[0.5, 0.5]] * (len(matrix) - 1)])
        if self.flaw in ROWS:
            return np.tile(ROWS[self.flaw], (len(matrix), 1))
        if self.flaw == "one column":
            return np.full(len(matrix), self.share_)
        if self.flaw == "kept elsewhere":
            return np.tile([1 - self._said(), self._said()], (len(matrix), 1))
        return np.tile([1 - self.share_, self.share_], (len(matrix), 1))

    def _said(self):
        return KEPT.setdefault(id(self), 0.5 / (1 + len(KEPT)))


KEPT: dict[int, float] = {}
ROWS = {"log-odds": [-2.0, 3.0], "infinite": [np.inf, 0.5], "votes": [0.5, 0.25]}


class OfOthers(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """What it says of a row follows from the rows beside it; `how` says in which way."""

    def __init__(self, how="ranks"):
        self.how = how

    def fit(self, *_):
        self.classes_ = np.arange(2)
        return self

    def predict_proba(self, matrix):
        seen = np.nan_to_num(matrix[:, 0])
        chance = {
            "ranks": seen.argsort().argsort() / len(seen),
            "centres": (seen > seen.mean()) / 2.0,
            "counts on": np.arange(len(seen)) / len(seen),
            "squeezes": np.full(len(seen), 0.5),
        }[self.how]
        said = np.column_stack([1.0 - chance, chance])
        return said.squeeze() if self.how == "squeezes" else said


class Renames(Share):
    """Its constructor changes what it was given."""

    def __init__(self, flaw="x"):
        self.flaw = flaw + "!"


class Bare:
    """What scikit-learn would not know how to copy."""

    def fit(self, *_):
        return self

    def predict_proba(self, matrix):
        return np.full((len(matrix), 2), 0.5)


class Guess(RegressorMixin, Share):  # type: ignore[misc]
    """Says of itself that it is a regressor."""


NAME = f"{__name__}.Share"


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (LogisticRegression(), r"does not take NaN.*make_pipeline\(SimpleImputer\(.*Logistic"),
        (HistGradientBoostingRegressor(), "is a regressor"),
        (Guess(), "is a regressor"),
        (LinearSVC(), r"no predict_proba; wrap it in sklearn.calibration"),
        (VotingClassifier([("h", HIST)]), r"no predict_proba; give it voting='soft'"),
        (HistGradientBoostingClassifier, "is no estimator: it has to be an object"),
        ("hist", "is no estimator"),
        (Bare(), r"Bare cannot be cloned; derive it from sklearn.base.BaseEstimator.*: TypeError"),
        (Renames(), "Renames cannot be cloned"),
        (Share("breaks"), "cannot be fitted on a sample of 120 rows and 6 columns: KeyError"),
        (Share("raises"), "gives no probabilities: RuntimeError: no$"),
        (Share("nan"), r"two columns, of 0 and of 1: .*gave NaN in 120 of 120 rows$"),
        (Share("some nan"), "gave NaN in 1 of 120 rows$"),
        (Share("log-odds"), r"gave values outside \[0, 1\], such as -2$"),
        (Share("infinite"), r"gave values outside \[0, 1\], such as inf$"),
        (Share("votes"), "gave rows that do not sum to 1, such as to 0.75$"),
        (Share("one column"), r"gave shape \(120,\)"),
        (OfOthers("ranks"), "something else of a lead when other leads are asked about beside it"),
        (OfOthers("centres"), "something else of a lead when other leads"),
        (OfOthers("counts on"), "something else of a lead when other leads"),
        (OfOthers("squeezes"), r"gave shape \(2,\)"),
        (Share("kept elsewhere"), "something else once it was kept and read back"),
        (Share(lambda: 1), "made of types that skops does not trust: .*lambda"),
    ],
)
def test_refused(estimator, said):
    """The sentence names the estimator's own trouble, and what would do."""
    with pytest.raises(EstimatorError, match=said):
        rehearse(estimator, 6, trusted=[NAME, f"{__name__}.OfOthers"])


def test_types_that_are_not_trusted():
    """They are named, with the options that say that they are."""
    with pytest.raises(EstimatorError) as found:
        rehearse(Share(), 6)
    said = str(found.value)
    assert f"types that skops does not trust: {NAME}." in said
    assert f"--trust {NAME}," in said
    assert f'[estimator] trusted = ["{NAME}"]' in said
    assert "RUNG_TRUSTED_TYPES" in said
    assert rehearse(Share(), 6, trusted=[NAME]) == []


@pytest.mark.parametrize("columns", [1, 90])
def test_what_will_do(columns):
    """Nothing is said of what can take the trees' place; it stays as it was."""
    forest = RandomForestClassifier(3, n_jobs=2)
    for estimator in (HIST, VotingClassifier([("h", HIST), ("r", forest)], voting="soft")):
        assert rehearse(estimator, columns) == []
        assert not hasattr(estimator, "classes_")


def test_what_gains_probabilities_by_fitting():
    """What is stacked knows what is on top of it, and that this has probabilities, once fitted."""
    stacked = StackingClassifier([("h", HIST)], cv=2)
    assert not hasattr(stacked, "predict_proba")
    assert rehearse(stacked, 6) == []
    with pytest.raises(EstimatorError, match="no predict_proba; wrap it"):
        rehearse(StackingClassifier([("h", HIST)], LinearSVC(), cv=2), 6)


def test_what_works_in_place():
    """What scales the rows that it is given changes no sample, and is not taken for another."""
    imputer = SimpleImputer(keep_empty_features=True, copy=False)
    assert (
        rehearse(make_pipeline(imputer, StandardScaler(copy=False), LogisticRegression()), 6) == []
    )


def test_what_cannot_be_made_again():
    """It may be used, and that it differs each time is said."""
    (said,) = rehearse(Share("random"), 6, trusted=[NAME])
    assert "two fits of Share on the same rows differ" in said


def test_a_transformer_is_no_classifier():
    """It has fit, and no probabilities."""
    with pytest.raises(EstimatorError, match="no predict_proba"):
        rehearse(FunctionTransformer(), 6)
