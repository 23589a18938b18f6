"""What is kept without pickle comes back as it was, and only with types that are trusted."""

from __future__ import annotations

import sys
import types
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from features.errors import BundleError
from models.scores.learners.archive import packed, strange_types, unpacked

HIST = HistGradientBoostingClassifier(max_iter=5, random_state=1)
FOREST = RandomForestClassifier(4, random_state=1)


def imputed(classifier):
    return make_pipeline(SimpleImputer(keep_empty_features=True), classifier)


@pytest.mark.parametrize(
    "classifier",
    [
        HIST,
        FOREST,
        ExtraTreesClassifier(4, random_state=1),
        DecisionTreeClassifier(random_state=1),
        BaggingClassifier(n_estimators=3, random_state=1),
        imputed(GradientBoostingClassifier(n_estimators=4, random_state=1)),
        imputed(AdaBoostClassifier(n_estimators=4, random_state=1)),
        imputed(CalibratedClassifierCV(GaussianNB(), cv=2)),
        imputed(MLPClassifier(max_iter=3, random_state=1)),
        VotingClassifier([("h", HIST), ("r", FOREST)], voting="soft"),
        StackingClassifier([("h", HIST), ("r", FOREST)], cv=2),
    ],
    ids=lambda one: type(one.steps[-1][1] if hasattr(one, "steps") else one).__name__,
)
def test_scikit_learn_needs_no_word(classifier):
    """Its ensembles are kept without a list of types; twice the same bytes, and bit for bit."""
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(200, 5))
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    happened = (np.nan_to_num(matrix[:, 0]) + rng.normal(size=200) > 0).astype(np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # three rounds of a network are not enough
        fitted, again = (clone(classifier).fit(matrix, happened) for _ in range(2))
    archive = packed(fitted)
    assert archive == packed(again)
    assert strange_types(archive) == ()
    read = unpacked(archive)
    np.testing.assert_array_equal(read.predict_proba(matrix), fitted.predict_proba(matrix))


class Stranger(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A type that skops has no reason to trust."""


NAME = f"{Stranger.__module__}.Stranger"


def test_a_type_has_to_be_listed_and_permitted():
    """Each alone is refused, and says what is missing."""
    archive = packed([Stranger()])
    assert strange_types(archive) == (NAME,)
    with pytest.raises(BundleError, match=rf"not trusted: {NAME}; its manifest does not list"):
        unpacked(archive, permitted=[NAME])
    with pytest.raises(
        BundleError, match=rf"runs code of its own, {NAME}: .*set RUNG_TRUSTED_TYPES={NAME}, or"
    ):
        unpacked(archive, listed=[NAME], permitted=["other.Type"])
    (read,) = unpacked(archive, listed=[NAME], permitted=[NAME, "other.Type"])
    assert type(read) is Stranger


def test_a_module_that_is_not_here(monkeypatch):
    """It is named, with what to do; nothing of another kind reaches the caller."""
    module = types.ModuleType("of_elsewhere")
    kind = type("Mine", (BaseEstimator,), {"__module__": "of_elsewhere"})
    module.Mine = kind  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "of_elsewhere", module)
    archive = packed([kind()])
    monkeypatch.delitem(sys.modules, "of_elsewhere")
    names = ["of_elsewhere.Mine"]
    with pytest.raises(BundleError, match=r"needs of_elsewhere.Mine, which is not to be"):
        unpacked(archive, names, names)
