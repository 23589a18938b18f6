"""Per-step Beta rates: the answer before there is data, and the baseline every report must beat.

The prior of a step is the ladder's band for it; outcomes pull the rate away from it as they come.
Points of one lead are no independent evidence, so a rate counts leads, not points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

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
    leads : shape (n_goals,), how many leads' outcomes are in it, beside the prior.
    """

    alpha: Floats
    beta: Floats
    leads: Floats

    @classmethod
    def prior(cls, means: Floats, strength: float = PRIOR_LEADS) -> StepRates:
        """Rates known from the bands alone."""
        return cls(means * strength, (1.0 - means) * strength, np.zeros(len(means)))

    def updated(
        self,
        position: Ints,
        happened: Floats,
        lead: Ints,
        weight: Floats | None = None,
    ) -> StepRates:
        """The posterior after outcomes: the rate of the points, with the weight of their leads.

        `weight`, shape (n,), is what a point counts in that rate; None counts all alike.
        """
        weight = np.ones(len(lead)) if weight is None else weight
        alpha, beta_, counted = self.alpha.copy(), self.beta.copy(), self.leads.copy()
        for at in range(len(alpha)):
            here = position == at
            if here.any():
                leads = len(np.unique(lead[here]))
                rate = float(np.average(happened[here], weights=weight[here]))
                alpha[at] += rate * leads
                beta_[at] += (1.0 - rate) * leads
                counted[at] += leads
        return StepRates(alpha, beta_, counted)

    def faded(self, prior: StepRates, most: float) -> StepRates:
        """The same rates from at most so many leads at each position; the prior stays whole."""
        share = np.minimum(1.0, most / np.maximum(self.leads, 1.0))
        return StepRates(
            prior.alpha + share * (self.alpha - prior.alpha),
            prior.beta + share * (self.beta - prior.beta),
            share * self.leads,
        )

    @property
    def mean(self) -> Floats:
        """Shape (n_goals,), in (0, 1)."""
        return self.alpha / (self.alpha + self.beta)

    def interval(self, level: float = 0.9) -> tuple[Floats, Floats]:
        """The equal-tailed credible interval of each rate, which holds the rate itself.

        A prior of nearly 0 or 1 makes a posterior so skewed that its tails leave out its own mean.
        And n leads cannot tell a rate of 1 in n from none, nor from all: it reaches as far, or to
        one half after a single lead.
        """
        tail, least = (1.0 - level) / 2, 1.0 / np.maximum(self.leads, 2.0)
        has_leads = self.leads > 0
        low = np.minimum(betaincinv(self.alpha, self.beta, tail), self.mean)
        high = np.maximum(betaincinv(self.alpha, self.beta, 1.0 - tail), self.mean)
        return (
            np.where(has_leads, np.minimum(low, 1.0 - least), low),
            np.where(has_leads, np.maximum(high, least), high),
        )
