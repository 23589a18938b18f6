"""The search for a configuration: what it sees, keeps, takes and leaves."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from features.errors import StoreError
from models.scores.goal_model import FitConfig
from models.scores.learners.boosting import BoostingConfig
from training.pipeline import TrainConfig
from training.setup import search as searching
from training.setup.inner_loss import Proof
from training.setup.search import NoOptuna, Tuned, search

FEW = BoostingConfig(most_rounds=10, learning_rate=0.3)
QUICK = TrainConfig(FitConfig(FEW, folds=2))


@pytest.fixture(scope="module")
def until(trained):
    return trained.manifest["until"]


def test_a_bad_start_is_left(simulated_log, b2b, until):
    """Where the start is far off, what is found is taken, and is nothing but other trees."""
    poor = BoostingConfig(
        most_rounds=30, learning_rate=0.001, num_leaves=2, feature_fraction=0.01, cat_smooth=1e6
    )
    start = TrainConfig(FitConfig(poor, folds=2))
    said: list[str] = []
    found = search(
        simulated_log,
        b2b,
        until=until,
        seconds=600.0,
        config=start,
        most_trials=8,
        progress=said.append,
    )
    assert not found.is_default
    assert found.proof is not None
    assert found.proof.gain > found.proof.error > 0
    assert found.config.fit.boosting == found.best != poor
    assert found.best.most_rounds == 30
    assert found.trials == 8
    assert [line for line in said if line.startswith("trial 8: ")]
    assert found.lines()[0].endswith("and is taken")
    assert found.as_dict()["taken"] is True


def test_what_comes_later_is_not_seen(simulated_log, b2b, until):
    """The same trials on the log as it was known then, and on all of it."""
    logs = simulated_log, simulated_log.known_by(until)
    asked = {"until": until, "seconds": 600.0, "config": QUICK, "most_trials": 3}
    one, other = (search(log, b2b, **asked) for log in logs)
    assert one == other


def test_it_goes_on(simulated_log, b2b, until, tmp_path):
    """A study keeps its trials; one of other rows, or another start, begins beside it."""
    study = tmp_path / "new" / "study.db"
    asked = {"config": QUICK, "study": study, "seconds": 600.0, "most_trials": 2}
    first = search(simulated_log, b2b, until=until, **asked)
    said: list[str] = []
    again = search(simulated_log, b2b, until=until, progress=said.append, **asked)
    assert (first.trials, again.trials) == (2, 4)
    assert any(line.startswith("going on from 2 trials") for line in said)
    numbers = _learning_rates(study)
    assert len(numbers) == len(set(numbers)) == 4
    earlier = search(simulated_log, b2b, until=until - 86_400_000_000, **asked)
    assert earlier.trials == 2


def _learning_rates(study) -> list[float]:
    import optuna

    storage = optuna.storages.RDBStorage(f"sqlite:///{study}")
    (one,) = storage.get_all_studies()
    return [trial.params["learning_rate"] for trial in storage.get_all_trials(one._study_id)]


def test_no_time_at_all(simulated_log, b2b, until, tmp_path):
    """The start is tried all the same, and stays; a search that goes on tries another."""
    asked = {"config": QUICK, "study": tmp_path / "study.db", "seconds": 0.0}
    found = search(simulated_log, b2b, until=until, **asked)
    assert (found.trials, found.is_default) == (1, True)
    assert found.lines()[0].startswith("1 trial, of the configuration begun with, which stays: ")
    found = search(simulated_log, b2b, until=until, **asked)
    assert found.trials == 2
    assert found.config.fit.boosting == (FEW if found.is_default else found.best)


def test_the_time_is_kept(monkeypatch, simulated_log, b2b, until):
    """Trials end where what is left is what the proof takes."""
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def ten_seconds(_, counted, boosting, *__):
        clock[0] += 10.0
        return np.full(len(counted), boosting.learning_rate)

    monkeypatch.setattr(searching, "lead_losses", ten_seconds)
    found = search(simulated_log, b2b, until=until, seconds=100.0, config=QUICK)
    assert found.trials == 6
    assert clock[0] == 100.0


def test_what_it_says():
    """Taken, not surely better, none better."""
    sure, unsure = Proof(0.02, 0.01, 50), Proof(0.01, 0.02, 50)
    taken = Tuned(QUICK, FEW, sure, 9)
    left = Tuned(QUICK, FEW, unsure, 9)
    assert "gains +0.02000 log loss (standard error 0.01000, 50 leads" in taken.lines()[0]
    assert left.lines()[0].endswith("not surely better, not taken")
    assert Tuned(QUICK, FEW, None, 9).lines() == [
        "9 trials: none was better than the one begun with, which stays"
    ]
    assert [taken.is_default, left.is_default] == [False, True]


def test_without_optuna(monkeypatch, simulated_log, b2b, until):
    """It is said what to install."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(NoOptuna, match=r"needs Optuna: pip install 'rung\[tune\]'"):
        search(simulated_log, b2b, until=until, seconds=1.0)


def test_a_file_that_is_no_study(simulated_log, b2b, until, tmp_path):
    """It is refused and stays as it was."""
    path = tmp_path / "study.db"
    path.write_text("a letter to nobody in particular")
    with pytest.raises(StoreError, match="is no study: it is no SQLite file"):
        search(simulated_log, b2b, until=until, seconds=1.0, config=QUICK, study=path)
    assert path.read_text() == "a letter to nobody in particular"
