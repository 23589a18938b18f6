"""Per-step Beta rates: the answer before there is data, and the baseline every report must beat.

The prior of a step is the ladder's band for it; outcomes pull the rate away from it as they come.
Points of one lead are no independent evidence, so a rate counts leads, not points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from features.arrays import Floats, Ints
from features.ladder.ladder import Band, Ladder

__all__ = ["StepRates", "advancement_priors", "purchase_priors"]

PRIOR_LEADS = 4.0
"""How many leads' worth of evidence a band is."""
_NO_BAND = Band(0.2, 0.6)
"""The prior of a step without a band (the first): wide, and below one half."""


def advancement_priors(ladder: Ladder) -> Floats:
    """Shape (n_goals,): the middle of each goal's band."""
    bands = [goal.band or _NO_BAND for goal in ladder.goals]
    return np.array([(band.low + band.high) / 2 for band in bands], dtype=np.float64)


def purchase_priors(ladder: Ladder) -> Floats:
    """Shape (n_goals,): from each position, the product of the bands' middles up to purchase."""
    return np.asarray(np.cumprod(advancement_priors(ladder)[::-1])[::-1], dtype=np.float64)


@dataclass(frozen=True, eq=False, slots=True)
class StepRates:
    """A Beta posterior for each position.

    Parameters
    ----------
    alpha, beta : shape (n_goals,), the parameters for leads at each position.
    """

    alpha: Floats
    beta: Floats

    @classmethod
    def prior(cls, means: Floats, strength: float = PRIOR_LEADS) -> StepRates:
        """Rates known from the bands alone."""
        return cls(means * strength, (1.0 - means) * strength)

    def updated(
        self,
        position: Ints,
        happened: Floats,
        lead: Ints,
    ) -> StepRates:
        """The posterior after outcomes: the rate of the points, with the weight of their leads."""
        alpha, beta_ = self.alpha.copy(), self.beta.copy()
        for at in range(len(alpha)):
            here = position == at
            if here.any():
                leads = len(np.unique(lead[here]))
                rate = float(happened[here].mean())
                alpha[at] += rate * leads
                beta_[at] += (1.0 - rate) * leads
        return StepRates(alpha, beta_)

    @property
    def mean(self) -> Floats:
        """Shape (n_goals,), in (0, 1)."""
        return self.alpha / (self.alpha + self.beta)

    def interval(self, level: float = 0.9) -> tuple[Floats, Floats]:
        """The equal-tailed credible interval of each rate."""
        tail = (1.0 - level) / 2
        return (
            beta.ppf(tail, self.alpha, self.beta),
            beta.ppf(1.0 - tail, self.alpha, self.beta),
        )
