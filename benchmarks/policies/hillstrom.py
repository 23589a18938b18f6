"""Hillstrom's e-mails, two arms and three: learned on one half, judged on the other.

No method sees the other half before; the splits are the published one and those of seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from benchmarks.policies.judged import Judged, judged
from benchmarks.policies.learned import learn
from benchmarks.policies.qini import deviation, qini, uplift_of_first
from benchmarks.policies.rankers import RANKERS, Ranker
from benchmarks.policies.trials import ARMS, Trial, hillstrom
from features.arrays import Floats, Ints
from models.judging.off_policy import Logged
from training.policies.predicted_values import predicted_values

__all__ = ["UpliftRanking", "three_arms", "two_arms"]


_PUBLISHED_SPLIT: Final = 42


@dataclass(frozen=True, slots=True)
class UpliftRanking:
    """How well one method orders customers by what the womens' mail does to visits.

    Parameters
    ----------
    qini, first : on the published split, `first` the uplift of the 30 % that come first.
    qini_error, first_error : standard errors of 200 bootstraps of its test half.
    qinis, firsts : of half splits by other seeds.
    people : of the test half.
    """

    tool: str
    qini: float
    first: float
    qini_error: float
    first_error: float
    qinis: tuple[float, ...]
    firsts: tuple[float, ...]
    people: int


def two_arms(seeds: int) -> list[UpliftRanking]:
    """Womens' mail or none, outcome visit: the published half split, and those of some seeds."""
    trial = hillstrom([ARMS[0], ARMS[2]], "visit")
    return [_ranked(tool, ranker, trial, seeds) for tool, ranker in RANKERS.items()]


def _ranked(tool: str, ranker: Ranker, trial: Trial, seeds: int) -> UpliftRanking:
    train, test = trial.halves(_PUBLISHED_SPLIT)
    uplift = ranker(train, test.matrix)

    def of(figure: Callable[[Floats, Floats, Ints], float], rows: Ints) -> float:
        return figure(uplift[rows], test.outcome[rows], test.arm[rows])

    pairs = [_figures(ranker, trial, seed) for seed in range(seeds)]
    return UpliftRanking(
        tool=tool,
        qini=qini(uplift, test.outcome, test.arm),
        first=uplift_of_first(uplift, test.outcome, test.arm),
        qini_error=deviation(partial(of, qini), len(test)),
        first_error=deviation(partial(of, uplift_of_first), len(test)),
        qinis=tuple(one for one, _ in pairs),
        firsts=tuple(one for _, one in pairs),
        people=len(test),
    )


def _figures(ranker: Ranker, trial: Trial, seed: int) -> tuple[float, float]:
    train, test = trial.halves(seed)
    uplift = ranker(train, test.matrix)
    return qini(uplift, test.outcome, test.arm), uplift_of_first(uplift, test.outcome, test.arm)


def three_arms(outcome: str, seeds: int) -> list[list[Judged]]:
    """Which mail to send, if any: a list of policies a seed. `outcome` is visit or spend."""
    trial = hillstrom(ARMS, outcome)
    return [_mailed(*trial.halves(seed), binary=outcome == "visit") for seed in range(seeds)]


def _mailed(train: Trial, test: Trial, *, binary: bool) -> list[Judged]:
    n = len(test)
    even = np.full((n, test.arms), 1.0 / test.arms)
    logged = Logged(even, test.arm, test.outcome, np.arange(n))
    predicted = predicted_values(test.matrix, logged, binary=binary)
    means = [train.outcome[train.arm == arm].mean() for arm in range(train.arms)]
    each = np.eye(test.arms)
    best = np.tile(each[int(np.argmax(means))], (n, 1))
    learned = learn(train, "share" if binary else "amount")
    policies = {
        "**Rung, learned**": learned.shares(test.matrix, "learned"),
        "Rung, thompson": learned.shares(test.matrix, "thompson"),
        "best single arm of the training half": best,
        **{f"always {ARMS[arm]}": np.tile(each[arm], (n, 1)) for arm in range(test.arms)},
        "uniform": even,
    }
    return judged(logged, policies, best, predicted)
