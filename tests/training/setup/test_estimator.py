"""An estimator by its name."""

from __future__ import annotations

import pytest
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.pipeline import Pipeline

from models.scores.learners.rehearsal import EstimatorError
from training.setup.estimator import EstimatorChoice, build

FOREST = "sklearn.ensemble:RandomForestClassifier"


def test_a_class_with_parameters():
    """It is made with them, and not fitted."""
    made = build(EstimatorChoice(FOREST, {"n_estimators": 7, "max_features": "log2"}))
    assert type(made) is RandomForestClassifier
    assert (made.n_estimators, made.max_features) == (7, "log2")


def test_a_function_that_makes_one():
    """Whatever it gives is the estimator."""
    steps = [["impute", {"class": "sklearn.impute:SimpleImputer", "strategy": "median"}]]
    made = build(EstimatorChoice("sklearn.pipeline:Pipeline", {"steps": steps}))
    assert type(made) is Pipeline
    assert made.steps[0][1].strategy == "median"
    assert type(build(EstimatorChoice("sklearn.base:clone", {"estimator": {"class": FOREST}}))) is (
        RandomForestClassifier
    )


def test_estimators_within_an_estimator():
    """Tables with a class are estimators as well, and pairs are tuples; other values stay."""
    forest = {"class": FOREST, "n_estimators": 3, "class_weight": {"a": 1}}
    inner = {"class": "sklearn.calibration:CalibratedClassifierCV", "estimator": forest}
    parameters = {
        "estimators": [["one", forest], ["two", inner]],
        "weights": [1, 2],
        "voting": "soft",
    }
    made = build(EstimatorChoice("sklearn.ensemble:VotingClassifier", parameters))
    assert type(made) is VotingClassifier
    (one, first), (two, second) = made.estimators
    assert (one, two, made.weights) == ("one", "two", [1, 2])
    assert first.n_estimators == second.estimator.n_estimators == 3
    assert first.class_weight == {"a": 1}


@pytest.mark.parametrize(
    ("place", "parameters", "said"),
    [
        ("RandomForestClassifier", {}, "names no estimator: write module:Class"),
        ("sklearn.ensemble.RandomForestClassifier", {}, "names no estimator"),
        ("sklearn.ensemble:", {}, "names no estimator"),
        ("no_such_module:X", {}, "cannot be imported .*installed, or lie in the current folder"),
        ("sklearn.ensemble:RandomForest", {}, "has no 'RandomForest'; did you mean"),
        ("sklearn:__version__", {}, "is no class and no function"),
        (FOREST, {"trees": 3}, "cannot be made: TypeError: .*'trees'"),
        (FOREST, {"estimator": {"class": "nothing"}}, "'nothing' names no estimator"),
    ],
)
def test_refused(place, parameters, said):
    """What is wrong is named, and what would be right."""
    with pytest.raises(EstimatorError, match=said):
        build(EstimatorChoice(place, parameters))


def test_a_module_that_breaks(tmp_path, monkeypatch):
    """An error within it is told by its kind."""
    (tmp_path / "broken_module.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EstimatorError, match="broken_module cannot be imported: ZeroDivisionError"):
        build(EstimatorChoice("broken_module:X"))
