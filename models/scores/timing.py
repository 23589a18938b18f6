"""How the chance of reaching a goal within its horizon spreads over the days before.

A lead that reaches a goal within the horizon with probability p does so within a share u of it with

    1 - (1 - p) ** w(u),    w(0) = 0, w(1) = 1, w rising,

so chances of several horizons contradict neither each other nor the one that is served, whatever
outcomes that came later make of it. w is the share of the cumulative hazard that has passed, by
Breslow's estimator (discussion of Cox 1972), where each lead's hazard goes with -log(1 - p). Leads
that are likelier than others have mostly been active just now, and hurry: w is estimated apart for
the less and the more likely of a step, and read between them.

How exactly w is known follows from how many leads it was seen of, those included that the curves it
was drawn to count for: as of a share of so many, with the prior that is drawn to, its quantiles are
those of a Beta distribution, which rise with w. So the ends of an interval rise with the days too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.special import betaincinv

from features.arrays import Bools, Floats, Ints
from models.scores.venn_abers import LEVEL

__all__ = ["Passed", "Timing", "fit_timing", "spread", "spread_ends"]

_KNOTS: Final = 24
_GROUPS: Final = 3
_OF_STEP: Final = 10.0
"""How many leads that reached the goal an even pace is worth in the curve of all steps, and that of
all steps in the curve of one."""
_OF_GROUP: Final = 30.0
"""The same of the curve of a step, in that of a group of its leads: they differ by less."""
_FEWEST: Final = 30
"""Leads of a step that reached the goal, from which on the likely ones are looked at apart."""
_SURE: Final = 1e-12
"""How far chances are kept from 0 and 1."""


class Passed(NamedTuple):
    """w of some leads, with the ends of its interval at `calibration.LEVEL`; shape (n,) each."""

    w: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False, slots=True)
class Timing:
    """The shares of a goal's hazard that have passed after shares of its horizon.

    Parameters
    ----------
    level : shape (n_goals, 3), log(-log(1 - p)) of the typical lead of each group; not falling.
    share : shape (n_goals, 3, 25), w at the shares `knots()` of the horizon, from 0 to 1; rising.
    leads : shape (n_goals, 3), above 0: of how many leads' worth each curve is known; None of what
        was learned by an earlier version of Rung, which did not say.
    """

    level: Floats
    share: Floats
    leads: Floats | None = None

    @staticmethod
    def knots() -> Floats:
        """Shape (25,): the shares of a horizon at which w is known; it changes most at first."""
        return np.asarray((np.arange(_KNOTS + 1) / _KNOTS) ** 2)

    def passed(self, chance: Floats, position: Ints, part: Floats) -> Passed:
        """W of each lead after a part of the horizon; NaN where there is no chance.

        Parameters
        ----------
        chance : shape (n,), of reaching the goal within the whole horizon, or NaN.
        position : shape (n,).
        part : shape (n_goals,), in [0, 1]: the part that is asked about, at each position; NaN
            where nothing is known of it.
        """
        found = np.full((len(Passed._fields), len(chance)), np.nan)
        level = np.log(-np.log1p(-np.clip(chance, _SURE, 1.0 - _SURE)))
        for at in np.unique(position).tolist():
            here = position == at
            of_groups = np.array([np.interp(part[at], self.knots(), one) for one in self.share[at]])
            leads = None if self.leads is None else self.leads[at]
            for row, curve in enumerate((of_groups, *_ends(of_groups, leads))):
                found[row, here] = np.interp(level[here], self.level[at], curve)
        return Passed(*found)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        held = {name: getattr(self, name) for name in self.__slots__}
        return {name: one.tolist() for name, one in held.items() if one is not None}

    @classmethod
    def of_dict(cls, values: dict[str, Any]) -> Timing:
        """The reverse of `as_dict`."""
        return cls(**{name: np.array(one, dtype=np.float64) for name, one in values.items()})

    def check(self, goals: int) -> None:
        """ValueError unless it is of so many goals, and its curves rise from 0 to 1."""
        leads = np.ones((goals, _GROUPS)) if self.leads is None else self.leads
        shapes = [np.shape(one) for one in (self.level, leads, self.share)]
        if shapes != [(goals, _GROUPS), (goals, _GROUPS), (goals, _GROUPS, _KNOTS + 1)]:
            raise ValueError("what it knows of time is not that of a ladder with so many steps")
        rises = (np.diff(self.share) >= 0.0).all() and (np.diff(self.level) >= 0.0).all()
        ends = (self.share[..., 0] == 0.0).all() and (self.share[..., -1] == 1.0).all()
        if not (rises and ends and np.isfinite(self.level).all()):
            raise ValueError("what it knows of time does not rise from 0 to 1")
        if not (np.isfinite(leads).all() and (leads > 0.0).all()):
            raise ValueError("what it knows of time was seen of no leads")


def _ends(w: Floats, leads: Floats | None) -> tuple[Floats, Floats]:
    """Shapes of w: between what it lies at LEVEL, as a share that was seen of so many leads."""
    low, high = w.copy(), w.copy()
    if leads is not None:
        open_ = (w > 0.0) & (w < 1.0)
        came, rest = (leads * w)[open_], (leads * (1.0 - w))[open_]
        low[open_] = betaincinv(came, rest, (1.0 - LEVEL) / 2.0)
        high[open_] = betaincinv(came, rest, (1.0 + LEVEL) / 2.0)
    return np.minimum(low, w), np.maximum(high, w)


def spread(chance: Floats, passed: Floats) -> Floats:
    """Shape (n,): the part of chances that w has passed of; the chance itself, to the bit, of 1."""
    return np.where(
        passed == 1.0, chance, np.minimum(_chance(_hazard(chance, 0.0) * passed), chance)
    )


def spread_ends(
    chance: Floats, ends: tuple[Floats, Floats], passed: Passed
) -> tuple[Floats, Floats]:
    """Shapes (n,), (n,): the interval of the part of chances that w has passed of.

    A chance's own interval and that of w are as if of two sources: as factors of the hazard, their
    distances are sides of a right angle. Where w = 1 the interval is the chance's own, to the bit;
    both ends rise with w and its own ends.

    Parameters
    ----------
    ends : shape (n,) each, of the interval of the chances within the whole horizon.
    """
    hazard, middle = _hazard(chance, _SURE), spread(chance, passed.w)
    found = []
    for sign, end, w_end in zip((-1.0, 1.0), ends, passed[1:], strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):  # of w = 0, which makes nothing likely
            of_chance = np.log(_hazard(end, _SURE) / hazard)
            away = np.exp(sign * np.hypot(of_chance, np.log(w_end / passed.w)))
        there = np.where(passed.w == 0.0, 0.0, _chance(hazard * passed.w * away))
        there = np.minimum(there, middle) if sign < 0.0 else np.maximum(there, middle)
        found.append(np.where(passed.w == 1.0, end, there))
    return found[0], found[1]


def _hazard(chance: Floats, least: float) -> Floats:
    return np.asarray(-np.log1p(-np.clip(chance, least, 1.0 - _SURE)))


def _chance(hazard: Floats) -> Floats:
    return np.asarray(-np.expm1(-hazard))


@dataclass(frozen=True, eq=False, slots=True)
class _Reached:
    """Points whose horizon is over, all of shape (n,); `took` is NaN where nothing was reached."""

    hazard: Floats
    took: Floats
    weight: Floats
    lead: Ints

    def rows(self, keep: Bools) -> _Reached:
        return _Reached(self.hazard[keep], self.took[keep], self.weight[keep], self.lead[keep])

    @property
    def leads(self) -> int:
        """Leads that reached the goal."""
        return len(np.unique(self.lead[~np.isnan(self.took)]))

    def known_of(self, worth: float) -> float:
        """Of how many leads' worth the curve is known that is drawn so; all above 0.

        Leads that count more than others make it less exact than as many alike.
        """
        own = np.bincount(self.lead, self.weight * ~np.isnan(self.took))
        alike = own.sum() ** 2 / (own**2).sum() if own.any() else 0.0
        sampled = self.leads**2 / alike if alike else 0.0
        return float((self.leads + worth) ** 2 / (sampled + worth))

    def curve(self, parent: Floats, worth: float) -> Floats:
        """Shape (25,): w, drawn to a parent's by as many leads as that is worth."""
        reached = ~np.isnan(self.took)
        if not reached.any():
            return parent
        order = np.argsort(np.where(reached, self.took, np.inf), kind="stable")
        took = self.took[order][: int(reached.sum())]
        at_risk = np.cumsum((self.weight * self.hazard)[order][::-1])[::-1]
        first = np.searchsorted(took, took, side="left")  # all of one instant are at risk at it
        passed = np.cumsum(self.weight[order][: len(took)] / at_risk[first])
        seen = np.searchsorted(took, Timing.knots(), side="right")
        found = np.concatenate([[0.0], passed])[seen] / passed[-1]
        mixed = (self.leads * found + worth * parent) / (self.leads + worth)
        mixed[0], mixed[-1] = 0.0, 1.0
        return np.asarray(np.minimum(mixed, 1.0), dtype=np.float64)


def fit_timing(
    position: Ints, chance: Floats, took: Floats, weight: Floats, lead: Ints, n_goals: int
) -> Timing:
    """Learn from points whose outcome is decided how soon goals are reached.

    Parameters
    ----------
    position, lead : shape (n,).
    chance : shape (n,), of reaching the goal within the horizon, from models that have not seen the
        point's lead.
    took : shape (n,), after which part of the horizon it was reached, in [0, 1]; NaN where it was
        not.
    weight : shape (n,), what a point counts.
    """
    hazard = -np.log1p(-np.clip(chance, _SURE, 1.0 - _SURE))
    points = _Reached(hazard, took, weight, lead)
    even = Timing.knots()  # the hazard is always the same
    overall = points.curve(even, _OF_STEP)
    level, share = np.zeros((n_goals, _GROUPS)), np.tile(overall, (n_goals, _GROUPS, 1))
    leads = np.zeros((n_goals, _GROUPS))
    for at in range(n_goals):
        here = points.rows(position == at)
        of_step = here.curve(overall, _OF_STEP)
        share[at], leads[at] = of_step, here.known_of(_OF_STEP)
        if here.leads < _FEWEST:
            continue
        reached = here.hazard[~np.isnan(here.took)]
        cuts = np.quantile(reached, np.arange(1, _GROUPS) / _GROUPS)
        group = np.searchsorted(cuts, here.hazard, side="right")
        middles = np.arange(1, 2 * _GROUPS, 2) / (2 * _GROUPS)
        level[at] = np.log(np.quantile(reached, middles))
        groups = [here.rows(group == one) for one in range(_GROUPS)]
        share[at] = [one.curve(of_step, _OF_GROUP) for one in groups]
        leads[at] = [one.known_of(_OF_GROUP) for one in groups]
    return Timing(level, share, leads)
