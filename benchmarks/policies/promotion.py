"""Starbucks' promotion: whom to promote to, learned on one half, judged on the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.policies.qini import deviation
from benchmarks.policies.rankers import RANKERS, Ranker, rule
from benchmarks.policies.trials import Trial, promotion_trial
from features.arrays import Bools, Floats, Ints

__all__ = ["SPENT", "Promoted", "promotion"]


SPENT: Final = 0.15
"""What a promotion costs; a purchase brings 10."""


_PRICE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Promoted:
    """What promoting to those whom a rule picks brings, on the other half.

    Parameters
    ----------
    revenue, error : net incremental revenue, and its standard error by 200 bootstraps.
    rate : incremental response: the rate of the treated less that of the control, among the picked.
    picked : how many people the rule picks, of both arms.
    """

    policy: str
    revenue: float
    error: float
    rate: float
    picked: int
    people: int


def promotion(seeds: int) -> list[list[Promoted]]:
    """Whom to promote to: the rules' figures, a list a seed."""
    trial = promotion_trial()
    return [_promoted(*trial.halves(seed)) for seed in range(seeds)]


def _promoted(train: Trial, test: Trial) -> list[Promoted]:
    return [
        *(
            _of_rule(f"{tool}: 10 × uplift > 0.15", _worth_it(ranker, train, test), test)
            for tool, ranker in RANKERS.items()
            if ranker is not rule
        ),
        _of_rule("everyone", np.full(len(test), True), test),
    ]


def _worth_it(ranker: Ranker, train: Trial, test: Trial) -> Bools:
    return _PRICE * ranker(train, test.matrix) > SPENT


def _of_rule(name: str, picked: Bools, test: Trial) -> Promoted:
    def revenue(rows: Ints) -> float:
        return _revenue(test.outcome[rows], test.arm[rows], picked[rows])[0]

    found, rate = _revenue(test.outcome, test.arm, picked)
    error = deviation(revenue, len(test))
    return Promoted(name, found, error, rate, int(picked.sum()), len(test))


def _revenue(bought: Floats, arm: Ints, picked: Bools) -> tuple[float, float]:
    """Net incremental revenue and response of the picked.

    Chance gave the promotion to one half, but not to exactly one half of those who are picked: the
    buyers of the control count as if there were as many control people as treated ones.
    """
    treated, control = picked & (arm == 1), picked & (arm == 0)
    if not treated.any() or not control.any():
        return 0.0, 0.0
    sent = float(treated.sum())
    with_it, without = float(bought[treated].mean()), float(bought[control].mean())
    return sent * (_PRICE * (with_it - without) - SPENT), with_it - without
