"""`rung train` with a configuration, a seed, estimators; what comes of it serves and explains."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.bundle import load_bundle
from serving.app import create_app
from serving.settings import Settings
from tests.rung.scene import call, done, refused

MINE = '''
"""An estimator of one's own, and a function that makes one."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Leaning(ClassifierMixin, BaseEstimator):
    """Likelier, the more a lead is like those who did; what is absent is as on average."""

    def __init__(self, strength=0.5):
        self.strength = strength

    def fit(self, X, y):
        if self.strength < 0 and len(y) > 120:
            raise ValueError("boom on real data")
        self.classes_ = np.unique(y)
        self.mean_ = np.nanmean(X, axis=0)
        self.spread_ = np.nanstd(X, axis=0) + 1e-9
        like = self._scaled(X)
        self.weights_ = like[y == 1].mean(axis=0) - like[y == 0].mean(axis=0)
        return self

    def predict_proba(self, X):
        chance = 1.0 / (1.0 + np.exp(-self.strength * (self._scaled(X) @ self.weights_)))
        return np.stack([1.0 - chance, chance], axis=1)

    def _scaled(self, X):
        return np.nan_to_num(np.clip((X - self.mean_) / self.spread_, -3.0, 3.0))


def voting():
    from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    imputed = SimpleImputer(strategy="median", keep_empty_features=True)
    straight = make_pipeline(imputed, StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    trees = HistGradientBoostingClassifier(max_iter=8)
    return VotingClassifier([("trees", trees), ("straight", straight)], voting="soft")
'''
TYPE = "mine_for_tests.Leaning"
QUICK = "[fit]\nfolds = 2\nleast_leads = 10\n[boosting]\nmost_rounds = 20\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with a module in it, which is forgotten afterwards."""
    (tmp_path / "mine_for_tests.py").write_text(MINE)
    (tmp_path / "quick.toml").write_text(QUICK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one])
    monkeypatch.delitem(sys.modules, "mine_for_tests", raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def few(simulation, tmp_path_factory):
    """The log of 120 leads."""
    path = tmp_path_factory.mktemp("few") / "few.parquet"
    events = simulation.events
    events[events["lead_id"] < "lead-120"].to_parquet(path, index=False)
    return path


def trained_with(events: object, out: object, *options: object) -> dict[str, object]:
    """The manifest of a bundle that the command trained."""
    told: dict[str, object] = done(
        *("train", events, "--ladder", "b2b", "--out", out, "--json"), *options
    ).json
    return told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "parameters", "trusted"),
    [
        ("sklearn.ensemble:HistGradientBoostingClassifier", "max_iter = 8", ()),
        ("sklearn.ensemble:RandomForestClassifier", "n_estimators = 8\nmin_samples_leaf = 5", ()),
        ("mine_for_tests:voting", "", ()),
        ("mine_for_tests:Leaning", "strength = 0.3", (TYPE,)),
    ],
    ids=["histogram", "forest", "voting", "one's own"],
)
def test_trained_saved_served_explained(events_file, here, end, name, parameters, trusted):
    """From the command line to a reason over HTTP, which add up to the probability."""
    config = f"{QUICK}[estimator]\nclass = '{name}'\n[estimator.parameters]\n{parameters}\n"
    (here / "own.toml").write_text(config)
    trust = [word for one in trusted for word in ("--trust", one)]
    told = trained_with(events_file, "bundle", "--config", "own.toml", *trust)
    assert told["trusted_types"] == list(trusted)
    scored = done(
        *("score", events_file, "--bundle", "bundle", "--out", "scores.csv", "--as-of", end),
        *("--json", *trust),
    )
    assert scored.json["bundle"] == str(told["hash"])[:12]
    store = f"sqlite:///{here / 'events.db'}"
    done("import", events_file, "--store", store)
    settings = Settings(
        database_url=store, bundle=here / "bundle", trusted_types=trusted, rescore_seconds=3600.0
    )
    with TestClient(create_app(settings), "http://127.0.0.1", client=("127.0.0.1", 5)) as client:
        answer = _score_of_someone(client)
    points = [reason["points"] for reason in answer["reasons"]]
    assert answer["base"] + sum(points) == pytest.approx(answer["probability"], abs=1e-9)
    assert any(abs(one) > 0.001 for one in points)


def _score_of_someone(client: TestClient) -> dict[str, Any]:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        leads = client.get("/v1/queue").json()["data"]
        if leads:
            answer = client.get(f"/v1/leads/{leads[0]['lead_id']}/score")
            assert answer.status_code == 200
            told: dict[str, Any] = answer.json()
            return told
        time.sleep(0.02)
    raise AssertionError("no lead was scored in a minute")


@pytest.mark.slow
def test_the_same_hash_on_one_thread_and_two(few, here):
    """Trees of scikit-learn and a matrix product add up alike, however many threads there are."""
    hashes = set()
    for threads in ("1", "2"):
        environment = os.environ | {
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), str(here)]),
        }
        out = here / threads
        subprocess.run(
            [
                *(sys.executable, "-m", "rung", "train", few, "--ladder", "b2b"),
                *("--out", out, "--config", "quick.toml", "--estimator", "mine_for_tests:voting"),
            ],
            env=environment,
            cwd=here,
            check=True,
            capture_output=True,
        )
        hashes.add(load_bundle(out).hash)
    assert len(hashes) == 1


def test_own_types_need_two_words(few, here):
    """One when it is trained, before the log is read, and one when it is loaded."""
    asked = ("train", few, "--ladder", "b2b", "--out", "bundle")
    own = ("--config", "quick.toml", "--estimator", "mine_for_tests:Leaning")
    said = refused(*asked, *own)
    assert f"Leaning is made of types that skops does not trust: {TYPE}. If you do" in said
    assert "reading" not in said
    done(*asked, *own, "--trust", TYPE)
    score = ("score", few, "--bundle", "bundle", "--out", "scores.csv")
    assert f"the bundle runs code of its own, {TYPE}: if you trust" in refused(*score)
    assert "the bundle runs code of its own" in refused(*score, "--trust", "mine.Other")
    done(*score, "--trust", TYPE)
    held = load_bundle(here / "bundle", trusted=[TYPE])
    assert type(held.advancement.learner).__name__ == "Averaged"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNG_TRUSTED_TYPES", f"a.B, {TYPE}")
        done(*score)


def test_a_seed_and_a_configuration(few, here):
    """They stand in the manifest; another seed is another bundle, the same one the same."""
    (here / "own.toml").write_text(f"seed = 11\n{QUICK}learning_rate = 0.2\n")
    own = ("--config", "own.toml")
    by_file = trained_with(few, "one", *own)
    by_option = trained_with(few, "two", *own, "--seed", "12")
    again = trained_with(few, "three", *own, "--seed", "11")
    config = by_file["config"]
    assert isinstance(config, dict)
    assert (config["seed"], config["fit"]["seed"], config["fit"]["folds"]) == (11, 11, 2)
    assert config["fit"]["boosting"]["learning_rate"] == 0.2
    assert by_file["hash"] == again["hash"] != by_option["hash"]


def test_what_is_shown_is_what_is_default(here):
    """`--show-config` needs nothing else, and its text is a configuration that changes nothing."""
    shown = done("train", "--show-config")
    assert "[boosting]\nlearning_rate = " in shown.out
    assert shown.err == ""
    (here / "shown.toml").write_text(shown.out)
    said = refused(
        *("train", "none.csv", "--ladder", "b2b", "--out", "b", "--config", "shown.toml")
    )
    assert "none.csv" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--config", "no.toml"), "no.toml: No such file"),
        (("--config", "bad.toml"), "bad.toml: 1 mistake\n  fit.fold: is unknown (did you mean"),
        (("--estimator", "nothing"), "'nothing' names no estimator"),
        (("--estimator", "sklearn.linear_model:Ridge"), "Ridge is a regressor"),
        (("--estimator", "sklearn.linear_model:LogisticRegression"), "does not take NaN"),
    ],
)
def test_refused_before_the_log_is_read(here, options, said):
    """One message, no bundle, and the log need not even be there."""
    (here / "bad.toml").write_text("[fit]\nfold = 3\n")
    told = refused("train", "none.csv", "--ladder", "b2b", "--out", "bundle", *options)
    assert said in told
    assert not (here / "bundle").exists()


def test_an_estimator_that_fails_on_the_log(few, here):
    """It did on the sample: one line says of which goal, and what it raised."""
    named = "[estimator]\nclass = 'mine_for_tests:Leaning'\nparameters = {strength = -1.0}\n"
    (here / "own.toml").write_text(QUICK + named)
    asked = ("train", few, "--ladder", "b2b", "--out", "bundle", "--config", "own.toml")
    said = refused(*asked, "--trust", TYPE)
    wrong = "rung: advancement: Leaning failed while fitting: ValueError: boom on real data"
    assert said.splitlines()[-1] == wrong
    assert not (here / "bundle").exists()


@pytest.mark.parametrize("seed", ["-1", "x", str(2**31)])
def test_what_is_no_seed(seed):
    """It is a call that cannot be understood."""
    said = call("train", "e.csv", "--ladder", "b2b", "--out", "b", f"--seed={seed}")
    assert said.code == 2
    assert "must be a whole number from 0 to 2147483647" in said.err


def test_tuned_and_trained(few, here):
    """What `rung tune` writes is what `rung train` takes, and says what it came to."""
    asked = ("tune", few, "--ladder", "b2b", "--config", "quick.toml")
    told = done(*asked, "--minutes", "0.001", "--out", "tuned.toml", "--study", "s.db", "--json")
    assert told.json["trials"] == 1
    text = (here / "tuned.toml").read_text()
    assert text.startswith("# 1 trial, of the configuration begun with, which stays: ")
    again = done(*asked, "--minutes", "0.001", "--out", "tuned.toml", "--study", "s.db")
    assert "going on from 1 trial" in again.err
    assert again.out.splitlines()[-1] == "configuration in tuned.toml"
    manifest = trained_with(few, "bundle", "--config", "tuned.toml")
    config = manifest["config"]
    assert isinstance(config, dict)
    assert config["fit"]["folds"] == 2
    assert np.isfinite(config["fit"]["boosting"]["learning_rate"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--minutes", "0", "--out", "c.toml"), "must be minutes, above 0"),
        (("--minutes", "soon", "--out", "c.toml"), "must be minutes"),
        (("--minutes", "1", "--out", "c.json"), "its name must end in .toml"),
    ],
)
def test_a_call_of_tune_that_cannot_be_understood(options, said):
    """It is refused before anything is read."""
    told = call("tune", "e.csv", "--ladder", "b2b", *options)
    assert told.code == 2
    assert said in told.err
