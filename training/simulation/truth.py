"""What is really so in a simulated world: Bayes' rule on everything that was observable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from features.arrays import Floats, Ints
from features.events.log import DAY_US
from features.ladder.ladder import Ladder
from training.simulation.config import (
    BUSY_PER_DAY,
    FADE_DAYS,
    LISTENS_DAYS,
    QUIET_PER_DAY,
    REFUSES_BOUND,
    REFUSES_QUIET,
    SHAPE,
)

__all__ = ["SimulatedStays", "Told", "Truth"]


@dataclass(frozen=True, eq=False, slots=True)
class SimulatedStays:
    """SimulatedStays of leads on rungs, arrays of shape (n,).

    Parameters
    ----------
    rung : as many as there are goals after the purchase.
    chance : of being bound to go on.
    scale : of the delay until then, in days.
    """

    lead: Ints
    rung: Ints
    reached_at: Ints
    chance: Floats
    scale: Floats

    @classmethod
    def sorted(cls, parts: Sequence[SimulatedStays]) -> SimulatedStays:
        """All of them by lead, then time."""
        lead, rung, reached_at, chance, scale = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("lead", "rung", "reached_at", "chance", "scale")
        )
        order = np.lexsort([rung, reached_at, lead])
        return cls(lead[order], rung[order], reached_at[order], chance[order], scale[order])


@dataclass(frozen=True, eq=False, slots=True)
class Told:
    """What actions tell, arrays of shape (n,): log-odds of being bound to go on."""

    lead: Ints
    acted_at: Ints
    log_odds: Floats

    @classmethod
    def sorted(cls, parts: Sequence[Told]) -> Told:
        """All of them by lead, then time."""
        lead, acted_at, log_odds = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("lead", "acted_at", "log_odds")
        )
        order = np.lexsort([acted_at, lead])
        return cls(lead[order], acted_at[order], log_odds[order])


@dataclass(frozen=True, eq=False, slots=True)
class Truth:
    """The chances of the leads of a simulation; both parts sorted by lead, then time.

    Parameters
    ----------
    refusals : as in the configuration; that none came tells as well.
    """

    ladder: Ladder
    stays: SimulatedStays
    told: Told
    refusals: float = 0.0

    def chance(self, lead: Ints, as_of: Ints) -> Floats:
        """P(the next step within its horizon | everything observed by `as_of`), shape (n,).

        NaN before a lead's first event and after its purchase.
        """
        stays, actions = self.stays, self.told
        at = _last_before(stays.lead, stays.reached_at, lead, as_of)
        found = (at >= 0) & (stays.lead[np.maximum(at, 0)] == lead)
        at = np.maximum(at, 0)
        rung = stays.rung[at]
        found &= rung < len(self.ladder.goals)
        rung = np.minimum(rung, len(self.ladder.goals) - 1)
        days = (as_of - stays.reached_at[at]) / DAY_US
        horizon = np.array([goal.horizon_days for goal in self.ladder.goals])[rung]
        total = np.concatenate([[0.0], np.cumsum(actions.log_odds)])
        told = total[1 + _last_before(actions.lead, actions.acted_at, lead, as_of)]
        told -= total[1 + _last_before(actions.lead, actions.acted_at, lead, stays.reached_at[at])]
        heard = np.minimum(days, LISTENS_DAYS)
        silence = BUSY_PER_DAY * heard - QUIET_PER_DAY * FADE_DAYS * -np.expm1(-heard / FADE_DAYS)
        silence -= self.refusals * (REFUSES_QUIET - REFUSES_BOUND) * heard
        still = np.exp(-((days / stays.scale[at]) ** SHAPE))
        later = np.exp(-(((days + horizon) / stays.scale[at]) ** SHAPE))
        bound = expit(logit(stays.chance[at]) + np.log(still) + told - silence)
        return np.where(found, bound * (1.0 - later / still), np.nan)


def _last_before(lead: Ints, row_at: Ints, wanted_lead: Ints, as_of: Ints) -> Ints:
    """Index of the last row of (lead, row_at) that is not after each wanted one; -1 if none.

    Rows of another lead may come back: the caller compares.
    """
    order = np.lexsort(
        [
            np.concatenate([np.zeros(len(lead)), np.ones(len(wanted_lead))]),
            np.concatenate([row_at, as_of]),
            np.concatenate([lead, wanted_lead]),
        ]
    )
    is_row = order < len(lead)
    before = np.cumsum(is_row) - 1
    result = np.empty(len(wanted_lead), dtype=np.int64)
    result[order[~is_row] - len(lead)] = before[~is_row]
    return result
