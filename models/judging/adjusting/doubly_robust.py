"""How much more often leads go on that had something, than they would have without it.

Where nobody drew lots, each of those that had it is compared with those like it that had not: by a
model of who has it and one of what comes without it, and it is enough that one of them is right
(Robins, Rotnitzky and Zhao 1994). Both are fitted on other leads than those they are used on
(Chernozhukov et al. 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtr

from features.arrays import Bools, Floats, Ints
from models.judging.adjusting.logistic import fit_logistic, standardised

__all__ = ["FEWEST_EACH", "Compared", "Lift", "drawn_lift", "matched_lift"]

FEWEST_EACH: Final = 40
"""Of leads that had it, and of those that had not; fewer tell nothing."""
_FEWEST_OUTCOMES: Final = 5
"""Of those that go on, and of those that do not, among either."""
_FOLDS: Final = 3
_MOST_LIKELY: Final = 0.95
"""Whoever has it with a higher chance has nobody like it that has not, and is left out."""
_FEWEST_OVERLAP: Final = 0.5
_LEAST_CONTRAST: Final = 0.3
"""Where more of those without it have it later, there is nobody without it."""


@dataclass(frozen=True, eq=False, slots=True)
class Compared:
    """Leads at instants; every array has shape (n,) but `X`.

    Parameters
    ----------
    has : whether it had it at that instant.
    later : whether it had it then or later, while that could still matter.
    went : whether it went on after that instant, in time.
    X : shape (n, n_columns), what was known before that instant.
    lead : whose; rows of one lead are not independent.
    """

    has: Bools
    later: Bools
    went: Bools
    X: Floats
    lead: Ints

    def rows(self, keep: Bools | Ints) -> Compared:
        """Some of the rows."""
        some = (getattr(self, name)[keep] for name in ("has", "later", "went", "X", "lead"))
        return Compared(*some)


@dataclass(frozen=True, slots=True)
class Lift:
    """Shares of those that go on, with it and without, and how they differ.

    Parameters
    ----------
    value, low, high : the difference of the shares, with its 95 % interval.
    p : how likely a difference of this size is by chance, either way.
    share_with, share_without : in [0, 1], of the leads that had it.
    leads_with, leads_without : how many are compared.
    """

    value: float
    low: float
    high: float
    p: float
    share_with: float
    share_without: float
    leads_with: int
    leads_without: int


def matched_lift(compared: Compared) -> Lift | str:
    """The lift among leads that had it; or why there is none to be told, in a few words.

    Who has it only later is among those without it for now; the lift is scaled by the share that
    never has it (Wald 1940), as if having it later were worth as much.
    """
    if (why := _too_few(compared)) is not None:
        return why
    X = standardised(compared.X)
    chance = _out_of_fold(X, compared.has.astype(np.float64), compared.lead, X)
    keep = chance <= _MOST_LIKELY
    if keep[compared.has].mean() < _FEWEST_OVERLAP:
        return "hardly anybody like those that had it went without it"
    trimmed = compared.rows(keep)
    if (why := _too_few(trimmed)) is not None:
        return why
    X, odds = X[keep], (chance / (1.0 - chance))[keep]
    went, error_went = _difference(trimmed, X, odds, trimmed.went)
    later, error_later = _difference(trimmed, X, odds, trimmed.later)
    if later < _LEAST_CONTRAST:
        return "most of those without it have it later"
    value = went / later
    errors = (error_went - value * error_later) / later
    return _told(value, errors, trimmed)


def drawn_lift(compared: Compared, chance: Floats) -> Lift | str:
    """The lift by lots that were drawn with known chances, shape (n,), strictly between 0 and 1."""
    if (why := _too_few(compared)) is not None:
        return why
    X, has, went = standardised(compared.X), compared.has, compared.went.astype(np.float64)
    with_it = _out_of_fold(X[has], went[has], compared.lead, X, among=has)
    without = _out_of_fold(X[~has], went[~has], compared.lead, X, among=~has)
    score = with_it - without
    score = score + np.where(has, (went - with_it) / chance, -(went - without) / (1.0 - chance))
    value = float(score.mean())
    return _told(value, (score - value) / len(score), compared)


def _too_few(compared: Compared) -> str | None:
    for group, words in ((compared.has, "had it"), (~compared.has, "went without it")):
        if len(np.unique(compared.lead[group])) < FEWEST_EACH:
            return f"fewer than {FEWEST_EACH} leads {words}"
        went = int(compared.went[group].sum())
        if min(went, int(group.sum()) - went) < _FEWEST_OUTCOMES:
            return f"too few outcomes of those that {words}"
    return None


def _folds(lead: Ints) -> Ints:
    """Shape (n,): a fold for each row, one for all rows of a lead."""
    leads, code = np.unique(lead, return_inverse=True)
    order = np.random.default_rng(len(leads)).permutation(len(leads))
    return np.asarray(order[code] % _FOLDS)


def _out_of_fold(
    X: Floats, happened: Floats, lead: Ints, wanted: Floats, among: Bools | None = None
) -> Floats:
    """Shape (n_wanted,): chances by fits on other leads.

    Parameters
    ----------
    lead : of the rows that are wanted.
    among : which of these are the rows of X; None: all.
    """
    fold = _folds(lead)
    own = fold if among is None else fold[among]
    chance = np.empty(len(wanted))
    for at in range(_FOLDS):
        chance[fold == at] = fit_logistic(X[own != at], happened[own != at], 1.0).chance(
            wanted[fold == at]
        )
    return np.clip(chance, 1e-4, 1.0 - 1e-4)


def _difference(
    compared: Compared, X: Floats, odds: Floats, happened: Bools
) -> tuple[float, Floats]:
    """Of the shares of an outcome, and what each row adds to its error, shape (n,)."""
    has, outcome = compared.has, happened.astype(np.float64)
    expected = _out_of_fold(X[~has], outcome[~has], compared.lead, X, among=~has)
    rest = outcome - expected
    weight = np.where(has, 0.0, odds)
    above, under = float(rest[has].mean()), float((weight * rest).sum() / weight.sum())
    errors = np.where(has, (rest - above) / has.sum(), -weight * (rest - under) / weight.sum())
    return above - under, errors


def _told(value: float, errors: Floats, compared: Compared) -> Lift:
    _, code = np.unique(compared.lead, return_inverse=True)
    each = np.bincount(code, errors)
    spread = float(np.sqrt((each**2).sum() * len(each) / max(len(each) - 1, 1)))
    share = float(compared.went[compared.has].mean())
    return Lift(
        value=value,
        low=value - 1.96 * spread,
        high=value + 1.96 * spread,
        p=float(2.0 * ndtr(-abs(value) / spread)) if spread > 0 else 1.0,
        share_with=share,
        share_without=float(np.clip(share - value, 0.0, 1.0)),
        leads_with=len(np.unique(compared.lead[compared.has])),
        leads_without=len(np.unique(compared.lead[~compared.has])),
    )
