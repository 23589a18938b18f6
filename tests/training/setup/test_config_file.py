"""The configuration of a training as TOML."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeClassifier

from models.scores.goal_model import FitConfig
from models.scores.learners.boosting import BoostingConfig
from training.pipeline import TrainConfig
from training.setup.config_file import (
    ConfigError,
    Configuration,
    config_text,
    parse_config,
    read_config,
)
from training.setup.estimator import EstimatorChoice


def test_the_default_is_what_is_shown():
    """What is written of the default names every number, and reads back as the default."""
    text = config_text(TrainConfig(), "of nobody", "and for nothing")
    assert text.startswith("# of nobody\n# and for nothing\n")
    assert parse_config(text, "it") == Configuration()
    for config in (TrainConfig, FitConfig, BoostingConfig):
        for one in fields(config):
            if isinstance(one.default, int | float):
                assert f"\n{one.name} = " in text
    assert parse_config("", "nothing") == Configuration()


@given(
    learning_rate=st.floats(1e-6, 1.0),
    cat_smooth=st.floats(0.0, 1e9),
    num_leaves=st.integers(2, 1000),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**31 - 1),
)
def test_it_reads_back_as_it_was(learning_rate, cat_smooth, num_leaves, share, seed):
    """Every number, to the last digit; the seed holds for the points and the fit."""
    boosting = BoostingConfig(
        learning_rate=learning_rate, cat_smooth=cat_smooth, num_leaves=num_leaves
    )
    fit = FitConfig(boosting, calibration_share=share, seed=seed)
    config = TrainConfig(fit, most_points=5, seed=seed)
    assert parse_config(config_text(config), "it").train == config


def test_some_keys():
    """What is not named stays; a whole number will do for a number."""
    text = "seed = 3\n[fit]\nfolds = 4\n[boosting]\nlearning_rate = 1\n"
    read = parse_config(text, "it").train
    boosting = replace(BoostingConfig(), learning_rate=1.0)
    assert read == TrainConfig(FitConfig(boosting, folds=4, seed=3), seed=3)
    assert type(read.fit.boosting.learning_rate) is float


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sede = 1", "sede: is unknown (did you mean 'seed'?)"),
        ("x = 1", "x: is unknown (there are: most_points, seed, fit, boosting, estimator)"),
        ("[fit]\nleest_leads = 1", "fit.leest_leads: is unknown (did you mean 'least_leads'?)"),
        ("[fit]\nseed = 1", "fit.seed: is unknown (there are: folds, repeats,"),
        ("[fit]\nestimator = 'x'", "fit.estimator: is unknown"),
        (
            "[boosting]\nobjective = 'x'",
            "boosting.objective: is unknown (there are: learning",
        ),
        ("seed = 1.5", "seed: 1.5 will not do (write a whole number, from 0 to 2,147,483,647)"),
        ("seed = -1", "seed: -1 will not do (write a whole number, from 0"),
        ("seed = true", "seed: True will not do (write a whole number"),
        ("[fit]\nfolds = 1", "fit.folds: 1 will not do (write a whole number, from 2 to 50)"),
        (
            "[fit]\ncalibration_share = 1.0",
            "fit.calibration_share: 1.0 will not do (write a number, above 0 and below 1)",
        ),
        (
            "[boosting]\nlearning_rate = 0",
            "boosting.learning_rate: 0 will not do (write a n",
        ),
        ("[boosting]\nlearning_rate = nan", "boosting.learning_rate: nan will not do"),
        ("[boosting]\nlearning_rate = inf", "boosting.learning_rate: inf will not do"),
        (
            "[boosting]\ncat_smooth = 'a'",
            "boosting.cat_smooth: 'a' will not do (write a number",
        ),
        ("[boosting]\nnum_leaves = 1", "boosting.num_leaves: 1 will not do"),
        ("fit = 3", "fit: 3 is no table (write [fit])"),
        ("estimator = 'x:Y'", "estimator: 'x:Y' is no table (write [estimator])"),
        (
            "[estimator]\nclas = 'x:Y'",
            "estimator.clas: is unknown (there are: class, trusted",
        ),
        ("[estimator]\nclass = 3", "estimator.class: 3 will not do (write module:Class)"),
        (
            "[estimator]\nparameters = 3",
            "estimator.parameters: 3 is no table (write [estimator.",
        ),
        (
            "[estimator]\ntrusted = ['a b']",
            "estimator.trusted: is no list of types ('a b' is",
        ),
        ("seed =", "line 1: is not TOML: "),
        (f"a = {'[' * 3000}{']' * 3000}", "file: has more than 50 tables and lists in each other"),
        (".".join("a" * 3000) + " = 1", "a: has more than 50 tables and lists in each other"),
    ],
)
def test_mistakes(text, said):
    """Each is named by its key, with what is allowed."""
    with pytest.raises(ConfigError) as found:
        parse_config(text, "own.toml")
    assert str(found.value).startswith("own.toml: 1 mistake\n  " + said)


def test_a_byte_order_mark_is_passed_over(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text("seed = 7\n", encoding="utf-8-sig")
    assert read_config(file).train.seed == 7


def test_all_mistakes_at_once():
    """Whoever owns the file corrects it once."""
    text = "x = 1\n[fit]\ny = 1\nfolds = 'a'\n[boosting]\nz = 1\n[estimator]\nw = 1\n"
    with pytest.raises(ConfigError, match="own: 5 mistakes") as found:
        parse_config(text, "own")
    assert [one.path for one in found.value.mistakes] == [
        *("x", "fit.y", "fit.folds", "boosting.z", "estimator.w")
    ]


def test_a_file_that_is_no_text(tmp_path):
    """It is told like any mistake."""
    (tmp_path / "own.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is no text in UTF-8"):
        read_config(tmp_path / "own.toml")


def test_an_estimator():
    """It is read as named, made when asked for, and another can take its place."""
    text = (
        "[estimator]\nclass = 'sklearn.tree:DecisionTreeClassifier'\ntrusted = ['b.B', 'a.A']\n"
        "[estimator.parameters]\nmax_depth = 2\n"
    )
    read = parse_config(text, "it")
    tree = "sklearn.tree:DecisionTreeClassifier"
    assert read.estimator == EstimatorChoice(tree, {"max_depth": 2}, ("a.A", "b.B"))
    made = read.made()
    assert isinstance(made.fit.estimator, DecisionTreeClassifier)
    assert made.fit.estimator.max_depth == 2
    assert made.fit.trusted == ("a.A", "b.B")
    other = read.with_estimator("sklearn.tree:ExtraTreeClassifier", ["c.C", "a.A"])
    assert other.estimator == EstimatorChoice(
        "sklearn.tree:ExtraTreeClassifier", {"max_depth": 2}, ("a.A", "b.B", "c.C")
    )
    assert Configuration().with_estimator(None, []).estimator == EstimatorChoice("")
    assert Configuration().made() == TrainConfig()


def test_a_seed_for_all():
    """It is that of the points and of the fit."""
    seeded = Configuration().seeded(5).train
    assert seeded == TrainConfig(FitConfig(seed=5), seed=5)
