"""`rung tune`: a configuration of the trees, looked for in a given time.

Optuna proposes, `inner_loss` judges on two thirds of the leads; the best is then held against the
default on the other third, with other folds, and takes its place only where it is better by more
than one standard error. Nothing that became known after `until` is seen.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.errors import StoreError, Unusable
from features.events.log import EventLog
from features.ladder.ladder import Ladder
from features.ladder.words import things
from models.scores.learners.boosting import BoostingConfig
from training.pipeline import TrainConfig, fingerprint
from training.setup.inner_loss import (
    Proof,
    compared,
    inner_rows,
    lead_losses,
    set_apart,
)

__all__ = ["NoOptuna", "Tuned", "search"]

_PROOF_FOLDS: Final = 2
"""Drawings of folds that the proof is averaged over."""
_STARTING: Final = 10
"""Trials that are drawn at random before Optuna learns from them."""


class NoOptuna(Unusable):
    """The package that searches is not installed; the message says how it is."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search came to.

    Parameters
    ----------
    config : what to train with: the default one, unless the best is surely better.
    best : the best trial.
    proof : of the best against the default, on leads that the search never counted; None where
        the default was the best.
    trials : in all, those of earlier searches of the same study included.
    """

    config: TrainConfig
    best: BoostingConfig
    proof: Proof | None
    trials: int

    @property
    def is_default(self) -> bool:
        """Whether the default stays."""
        return self.proof is None or not self.proof.is_better

    def lines(self) -> list[str]:
        """What it came to, in sentences."""
        if self.trials == 1:  # a search begins with the one that is to be beaten
            return [
                "1 trial, of the configuration begun with, which stays: the time was too short for"
                " another and its proof"
            ]
        tried = things(self.trials, "trial")
        if self.proof is None:
            return [f"{tried}: none was better than the one begun with, which stays"]
        told = (
            f"{self.proof.gain:+.5f} log loss (standard error {self.proof.error:.5f},"
            f" {self.proof.leads:,} leads that the search did not count)"
        )
        if self.is_default:
            return [f"{tried}: the best gains {told}: not surely better, not taken"]
        return [f"{tried}: the best gains {told} and is taken"]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "trials": self.trials,
            "taken": not self.is_default,
            "proof": None if self.proof is None else asdict(self.proof),
            "best": asdict(self.best),
            "boosting": asdict(self.config.fit.boosting),
        }


def search(
    log: EventLog,
    ladder: Ladder,
    *,
    until: int,
    seconds: float,
    config: TrainConfig | None = None,
    study: Path | None = None,
    most_trials: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Look for a better configuration of the trees than a given one.

    Parameters
    ----------
    until : microseconds since the epoch; what became known later is not looked at.
    seconds : the time for trials and proof. What runs when it is over is finished, and one trial is
        made in any case: the first is what is to be beaten.
    config : what is to be beaten, and where its parts that are not looked for come from; its
        estimator is left out.
    study : an SQLite file that keeps the trials, so that a later search goes on from them; it goes
        on only with the same rows, ladder, seed and starting configuration.
    most_trials : an end by number, beside the one by time; of this call.

    Raises
    ------
    NoOptuna : Optuna is not installed.
    NotEnoughData : there is nothing that trees would be fitted on.
    StoreError : the file of the study is none.
    """
    optuna = _optuna()
    ends = time.monotonic() + seconds
    start = config or TrainConfig()
    start = replace(start, fit=replace(start.fit, estimator=None, trusted=()))
    until = log.judged_until(until)
    progress("drawing decision points")
    rows = inner_rows(log, ladder, until, start)
    seed = start.seed
    apart = set_apart(rows, seed)
    told = ", ".join(f"{len(one.lead):,} of {goal}" for goal, one in rows.items())
    progress(f"{told}; {int(apart.sum()):,} leads set apart for the proof")

    def loss(boosting: BoostingConfig) -> float:
        return float(lead_losses(rows, ~apart, boosting, start.fit, seed).sum())

    opened = _opened(optuna, study, _name(log, ladder, until, start), seed)
    _run(optuna, opened, loss, start.fit.boosting, ends, most_trials, progress)
    best = replace(start.fit.boosting, **opened.best_trial.params)
    proof = None
    if best != start.fit.boosting:
        progress("the proof, on the leads that were set apart")
        these, those = (
            np.mean(
                [lead_losses(rows, apart, one, start.fit, at) for at in _proof_seeds(seed)], axis=0
            )
            for one in (start.fit.boosting, best)
        )
        proof = compared(these, those, apart)
    trials = len(_complete(optuna, opened))
    if proof is None or not proof.is_better:
        return Tuned(start, best, proof, trials)
    return Tuned(replace(start, fit=replace(start.fit, boosting=best)), best, proof, trials)


def _proof_seeds(seed: int) -> range:
    """Of folds that the search did not draw."""
    return range(seed + 1, seed + 1 + _PROOF_FOLDS)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise NoOptuna("rung tune needs Optuna: pip install 'rung[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _name(log: EventLog, ladder: Ladder, until: int, start: TrainConfig) -> str:
    """What a study is of: its trials mean something for the same rows and judge alone."""
    told = (fingerprint(log.known_by(until)), ladder.fingerprint, until, asdict(start))
    return hashlib.sha256(repr((*told, version("rung"))).encode()).hexdigest()[:16]


def _opened(optuna: Any, study: Path | None, name: str, seed: int) -> Any:
    """The study of a name: from the file, if it has it, or a new one."""
    if study is not None and study.exists() and not _is_sqlite(study):
        raise StoreError(
            f"{study} is no study: it is no SQLite file; name one that is not there yet"
        )
    try:
        storage = None
        if study is not None:
            study.parent.mkdir(parents=True, exist_ok=True)
            storage = optuna.storages.RDBStorage(f"sqlite:///{study}")
        held = optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
    except (RuntimeError, optuna.exceptions.StorageInternalError) as error:
        raise StoreError(f"{study} cannot be used as a study: {error}") from error
    drawn = seed + len(held.trials)  # else a search that goes on would draw the same again
    held.sampler = optuna.samplers.TPESampler(seed=drawn, n_startup_trials=_STARTING)
    return held


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(16)
    return start in (b"", b"SQLite format 3\0")


def _complete(optuna: Any, study: Any) -> list[Any]:
    return [one for one in study.trials if one.state == optuna.trial.TrialState.COMPLETE]


def _run(
    optuna: Any,
    study: Any,
    loss: Callable[[BoostingConfig], float],
    start: BoostingConfig,
    ends: float,
    most: int | None,
    progress: Callable[[str], None],
) -> None:
    """Try configurations until the time that is left is what the proof takes."""
    held = len(_complete(optuna, study))
    if held:
        progress(f"going on from {things(held, 'trial')}, the best {study.best_value:.5f}")
    else:
        study.enqueue_trial(_own(start))
    longest, done = 0.0, 0
    while most is None or done < most:
        left = ends - time.monotonic()
        if done and left < longest * (1 + 2 * _PROOF_FOLDS):
            break
        began = time.monotonic()
        trial = study.ask()
        value = loss(_proposed(trial, start))
        study.tell(trial, value)
        longest, done = max(longest, time.monotonic() - began), done + 1
        progress(
            f"trial {held + done:,}: {value:.5f}, the best {study.best_value:.5f};"
            f" {max(0.0, ends - time.monotonic()):,.0f} s left"
        )


_SPACE: Final[dict[str, tuple[float, float, bool]]] = {
    "learning_rate": (0.02, 0.2, True),
    "num_leaves": (3, 63, True),
    "min_data_in_leaf": (5, 200, True),
    "feature_fraction": (0.1, 1.0, False),
    "bagging_fraction": (0.5, 1.0, False),
    "cat_smooth": (1.0, 100.0, True),
}
"""From, to, and whether a factor counts rather than a difference."""


def _own(start: BoostingConfig) -> dict[str, Any]:
    """The starting configuration as a trial."""
    return {name: getattr(start, name) for name in _SPACE}


def _proposed(trial: Any, start: BoostingConfig) -> BoostingConfig:
    values: dict[str, Any] = {}
    for name, (low, high, by_factor) in _SPACE.items():
        own = getattr(start, name)
        # The starting configuration has to be within, wherever its owner has set it.
        low, high = min(low, own), max(high, own)
        if isinstance(own, int):
            values[name] = trial.suggest_int(name, int(low), int(high), log=by_factor)
        else:
            values[name] = trial.suggest_float(name, low, high, log=by_factor and low > 0)
    return replace(start, **values)
