"""Which signals the scores of a period rest on, and which are no longer what they were in training.

What a signal weighs is the mean size of what it adds to a probability (SHAP values, carried over as
`models.scores.reasons` does): what a model uses, which is neither what causes an outcome nor what
would be missed without it. How far a signal has moved is the population stability index of its
values, those before the period against those in it (Siddiqi, Credit Risk Scorecards, 2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from scipy.stats import f, rankdata

from features.arrays import Floats, Ints
from features.signals.snapshot import Snapshot
from models.bundle import Bundle
from models.scores.reasons import explain
from training.decision_points import Points
from training.scores.results import Leaning, SignalUse

__all__ = ["uses_of"]

_MOST_EXPLAINED: Final = 5_000
"""Points on which weights are measured: more of them change no digit that is told, and a classifier
in the place of the trees is asked about each column of each."""
_LATEST: Final = 0.75
"""Of the points before the period those after this share of them stand for training, as in the
calibration: while a log is young, all that counts days or events grows by itself."""
_RANGES: Final = 10
_CORRECTION: Final = 0.5
"""Points added to each range, so that an empty one does not make the index infinite."""
_WORTH_TELLING: Final = 0.2
"""The index from which the usual rule would have a model looked at."""
_ERROR: Final = 0.01
"""The chance at most that any signal is said to have moved where none has."""
_FEWEST_LEADS: Final = 10
"""Of fewer leads nobody can say how much their shares vary."""
_CLEAR: Final = 0.3
"""Rank correlation from which more of a signal goes with a higher, or a lower, probability."""


def uses_of(
    bundle: Bundle, goal: Literal["advancement", "purchase"], before: Points, period: Points
) -> tuple[SignalUse, ...]:
    """What each signal weighs in the probabilities of a goal, and how far it moved; heaviest first.

    Parameters
    ----------
    before, period : points up to the beginning of the period, and in it; where there are none of
        the former, nothing is known of how far signals have moved.

    Returns
    -------
    The signals that weigh something: none where the rates of the steps are all there is.
    """
    now = bundle.encoding.matrix(period.snapshot)
    some = np.unique(np.linspace(0, len(period) - 1, _MOST_EXPLAINED).round().astype(np.intp))
    added = _added(bundle, goal, now[some], period.position[some])
    weight = np.abs(added).mean(axis=0)
    used = [at for at in np.argsort(-weight, kind="stable").tolist() if weight[at] > 0.0]
    if len(before):
        before = before.rows(before.as_of >= np.quantile(before.as_of, _LATEST))
    then = bundle.encoding.matrix(before.snapshot) if len(before) else now[:0]
    level = 1.0 - _ERROR / max(1, len(used))
    uses = []
    for at in used:
        is_category = at in bundle.encoding.category_columns
        move = _Move.of(
            _Column(then[:, at], before.lead),
            _Column(now[:, at], period.lead),
            is_category=is_category,
        )
        uses.append(
            SignalUse(
                id=bundle.encoding.columns[at],
                weight=float(weight[at]),
                share=float(weight[at] / weight.sum()),
                more_of_it="" if is_category else _more_of_it(now[some, at], added[:, at]),
                known=_known(period.snapshot, at),
                known_before=_known(before.snapshot, at) if move else None,
                moved=move.index if move else None,
                moved_by_chance=move.by_chance if move else None,
                has_moved=move is not None and move.index > max(_WORTH_TELLING, move.most(level)),
            )
        )
    return tuple(uses)


def _added(
    bundle: Bundle, goal: Literal["advancement", "purchase"], matrix: Floats, position: Ints
) -> Floats:
    """Shape (n, n_signals): what each adds to the probability that is served of a goal."""
    last = position == len(bundle.ladder.goals) - 1
    is_next = last if goal == "purchase" else np.ones_like(last)  # one question has one answer
    added = np.empty_like(matrix)
    for rows, model in ((is_next, bundle.advancement), (~is_next, bundle.purchase)):
        added[rows] = explain(model, matrix[rows], position[rows]).points
    return added


def _more_of_it(values: Floats, added: Floats) -> Leaning:
    """Whether more of a signal goes with a higher or a lower probability, by Spearman's ranks."""
    held = ~np.isnan(values)
    ranks = np.stack([rankdata(values[held]), rankdata(added[held])])
    if not held.any() or (ranks == ranks[:, :1]).all(axis=1).any():
        return ""
    correlation = float(np.corrcoef(ranks)[0, 1])
    if abs(correlation) < _CLEAR:
        return "either"
    return "higher" if correlation > 0 else "lower"


def _known(snapshot: Snapshot, at: int) -> float:
    """The share of rows in which a signal has a value."""
    return float((~np.isnan(snapshot.values[:, at])).mean())


class _Column(NamedTuple):
    """A signal at some points, each of a lead; shape (n,) both."""

    values: Floats
    lead: Ints


@dataclass(frozen=True, slots=True)
class _Move:
    """How far a signal has moved.

    Parameters
    ----------
    index : the population stability index.
    by_chance : what it would be on average had nothing changed.
    ranges, leads : of how many ranges, and of how many leads on the side that has fewer.
    """

    index: float
    by_chance: float
    ranges: int
    leads: int

    @classmethod
    def of(cls, then: _Column, now: _Column, *, is_category: bool) -> _Move | None:
        """Of a signal then and now; None where there was no point then.

        A number's ranges are tenths of what it was, a category's its codes; the absent are one.
        """
        if not len(then.values):
            return None
        held = then.values[~np.isnan(then.values)]
        if is_category:
            borders = np.unique(np.concatenate([held, now.values[~np.isnan(now.values)]]))[1:]
        else:
            tenths = np.arange(1, _RANGES) / _RANGES
            borders = np.unique(np.quantile(held, tenths)) if len(held) else held
        sides = [_ByLead.of(side, borders) for side in (then, now)]
        some = np.any([side.held > 0 for side in sides], axis=0)
        share = np.array([side.held[some] + _CORRECTION for side in sides])
        share /= share.sum(axis=1, keepdims=True)
        index = ((share[1] - share[0]) * np.log(share[1] / share[0])).sum()
        variance = sum(side.variance[some] for side in sides)
        by_chance = float((variance / share.mean(axis=0)).sum())
        return cls(float(index), by_chance, int(some.sum()), min(side.leads for side in sides))

    def most(self, level: float) -> float:
        """What chance alone stays below with a probability of `level`.

        The index is nearly a sum of squares of shares' differences over the shares, which here
        vary by leads and not by points: Rao and Scott's correction, with as many degrees of freedom
        as leads (Annals of Statistics 15, 1987).
        """
        if self.leads < _FEWEST_LEADS:
            return np.inf
        return self.by_chance * float(f.ppf(level, max(1, self.ranges - 1), self.leads - 1))


class _ByLead(NamedTuple):
    """How many points lie in each range, and the variance of the share of each; of some leads."""

    held: Floats
    variance: Floats
    leads: int

    @classmethod
    def of(cls, column: _Column, borders: Floats) -> _ByLead:
        """A range goes from its border up to the next one; the absent come last."""
        ranges = len(borders) + 2
        place = np.searchsorted(borders, column.values, side="right")
        place[np.isnan(column.values)] = ranges - 1
        lead = np.unique(column.lead, return_inverse=True)[1]
        of_lead = np.bincount(lead).astype(np.float64)
        # A category may have a thousand codes: a table of all leads by them would be mostly zeros.
        pairs, counts = np.unique(lead * ranges + place, return_counts=True)
        times = counts.astype(np.float64)
        whose, where = pairs // ranges, pairs % ranges
        held = np.bincount(where, times, minlength=ranges).astype(np.float64)
        share = held / held.sum()
        # The squares of what each lead has beyond its share, summed over all leads.
        beyond = (
            np.bincount(where, times**2, minlength=ranges)
            - 2.0 * share * np.bincount(where, times * of_lead[whose], minlength=ranges)
            + share**2 * (of_lead**2).sum()
        )
        leads = len(of_lead)
        variance = np.maximum(0.0, beyond) / held.sum() ** 2 * leads / max(1, leads - 1)
        return cls(held, variance, leads)
