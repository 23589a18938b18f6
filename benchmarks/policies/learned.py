"""Rung on a trial: what it learns of the arms from one half, asked about the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import expit

from benchmarks.policies.trials import Trial
from features.arrays import Floats
from features.ladder.file import parse_ladder
from features.ladder.ladder import PolicySettings
from models.offers.expected import Kind
from models.offers.learning import OutcomeEffects, Tried, learn_effects, scale_of
from models.offers.options import Options, options_of
from models.offers.policy import Beliefs, policy

__all__ = ["Learned", "learn"]


_TRIAL = """
[ladder]
name = "trial"

[[step]]
id = "asked"
title = "Asked"
horizon_days = 14
complete_when = [{ event = "asked" }]

[[step]]
id = "came"
title = "Came"
horizon_days = 14
band = [0.05, 0.2]
complete_when = [{ event = "came" }]

[purchase]
horizon_days = 14
complete_when = [{ event = "bought" }]
"""


_ARM = """
[[offer]]
id = "{id}"
step = "asked"
title = "{id}"
kind = "mail"
effort = {{ minutes = 1 }}
"""


@dataclass(frozen=True, eq=False, slots=True)
class Learned:
    """What Rung learned from one half of a trial."""

    options: Options
    effects: OutcomeEffects
    expected: Callable[[Floats], Floats]

    def beliefs(self, matrix: Floats) -> Beliefs:
        """What each arm adds to the outcome; the control is no ask, and nobody can be nurtured."""
        expected = self.expected(matrix)
        z = self.effects.of(matrix, expected)
        shape = (len(matrix), len(self.options))
        nothing = np.zeros(shape)
        possible = np.full(shape, True)
        possible[:, self.options.nurture] = False
        scale = scale_of(expected, self.effects.kind)[:, None]
        gained = scale * self.effects.effects.tau(nothing, z)
        spread = scale * self.effects.effects.deviation(nothing, z)

        def draws() -> Floats:
            return np.asarray(scale * self.effects.effects.drawn(nothing, z), dtype=np.float64)

        return Beliefs(
            options=self.options,
            eligible=possible,
            advance=gained,
            uplift_sd=spread,
            uplift_draws=draws,
            gain=gained,
            gain_sd=spread,
            gain_draws=draws,
            topic=np.full(shape, False),
            is_active=np.full(len(matrix), True),
        )

    def uplift(self, matrix: Floats) -> Floats:
        """Shape (n, arms): by how much each arm moves the outcome; 0 for the control."""
        gained = self.beliefs(matrix).gain
        return np.column_stack([np.zeros(len(matrix)), gained[:, :-2]])

    def shares(self, matrix: Floats, name: str) -> Floats:
        """Shape (n, arms): what a policy chooses; whom it would rather nurture is sent nothing."""
        chosen = policy(name, self.options)(self.beliefs(matrix), PolicySettings())
        return np.column_stack([chosen[:, -2:].sum(axis=1), chosen[:, :-2]])


@lru_cache
def _options(arms: int) -> Options:
    offers = [_ARM.format(id=f"arm-{at}") for at in range(1, arms)]
    return options_of(parse_ladder("\n".join([_TRIAL, *offers])))


def learn(train: Trial, kind: Kind) -> Learned:
    """Arm a is option a - 1; the control is the last option, no ask."""
    options, n = _options(train.arms), len(train)
    probability = np.full((n, len(options)), 1.0 / train.arms)
    probability[:, options.nurture] = 0.0
    tried = Tried(
        matrix=train.matrix,
        columns=train.columns,
        category_columns=train.category_columns,
        fit_columns=[],
        position=np.zeros(n, dtype=np.int64),
        lead=np.arange(n),
        chosen=np.where(train.arm == 0, options.no_ask, train.arm - 1),
        probability=probability,
        topic=np.zeros(probability.shape),
        reach=np.ones(probability.shape),
        as_of=np.zeros(len(probability), dtype=np.int64),
        is_lot=np.full(len(probability), True),
    )
    effects, expected = learn_effects(options, tried, train.outcome, kind)
    if expected.learner is None:
        raise RuntimeError("the trial is too small to expect anything of a person")
    margins, least = expected.learner.margins, float(expected.mean.min())
    if kind == "share":
        return Learned(options, effects, lambda matrix: expit(margins(matrix)))
    return Learned(options, effects, lambda matrix: np.maximum(margins(matrix), least))
