"""P(goal within its horizon) for any lead at any instant; advancement and purchase are goals.

A model is no scikit-learn estimator: what it says of a row needs the row's position on the ladder,
and what it learns needs the row's lead and instant, so `fit_goal` takes all of them. The classifier
that takes the place of the trees (`FitConfig.estimator`) is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from features.arrays import Floats, Ints
from models.scores.boosting import BoostingConfig, ColumnKinds, cross_fit, lead_folds, merged
from models.scores.calibration import Basis, Calibrator, calibrate, uncalibrated
from models.scores.learner import BoostedTrees, Learner, cross_fit_classifier
from models.scores.step_rates import StepRates

__all__ = ["Estimates", "FitConfig", "GoalModel", "TrainingRows", "fit_goal"]


_MOST_FOR_TYPICAL: Final = 400
"""Rows on which the typical contributions of each position are measured."""
_FEWEST_FOR_TYPICAL: Final = 20


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How a model is fitted.

    Parameters
    ----------
    least_leads : leads with the goal reached, and leads without, below which the rates of the steps
        are all that is served.
    calibration_share : the share of points, the latest ones, that the calibration is fitted on.
    least_calibration : outcomes of either kind that a later period must hold to be calibrated on;
        with fewer, the held-out folds of all points are used.
    estimator : a scikit-learn classifier that takes the place of the boosted trees; it meets NaN
        where a signal is absent, and codes for categories.
    trusted : types of the estimator that skops does not know, and that whoever trains vouches for;
        such as "mymodule.MyClass".
    """

    boosting: BoostingConfig = field(default_factory=BoostingConfig)
    folds: int = 5
    least_leads: int = 30
    calibration_share: float = 0.25
    least_calibration: int = 200
    seed: int = 7
    estimator: Any = None
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class TrainingRows:
    """Mature decision points as a model sees them; all arrays have a row a point.

    Parameters
    ----------
    category_columns, monotone : as in `ColumnKinds`.
    """

    matrix: Floats
    category_columns: list[int]
    position: Ints
    lead: Ints
    as_of: Ints
    happened: Floats
    monotone: tuple[int, ...] = ()

    def rows(self, keep: npt.NDArray[np.bool_]) -> TrainingRows:
        """Some of the rows, by mask."""
        return TrainingRows(
            self.matrix[keep],
            self.category_columns,
            self.position[keep],
            self.lead[keep],
            self.as_of[keep],
            self.happened[keep],
            self.monotone,
        )


@dataclass(frozen=True, eq=False, slots=True)
class Estimates:
    """Probabilities with their intervals, shape (n,) each."""

    probability: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class GoalModel:
    """A learner, its calibrator, and what is typical of each position.

    Parameters
    ----------
    learner : None where the rates of the steps are all there is.
    typical : shape (n_goals, n_columns), the mean contribution of each column to the margin of
        leads at each position: the reasons for a score are told against it.
    """

    learner: Learner | None
    calibrator: Calibrator
    typical: Floats

    @property
    def evidence(self) -> Basis:
        """Where the probabilities come from."""
        return self.calibrator.evidence

    def margins(self, matrix: Floats) -> Floats:
        """Shape (n,), log-odds before calibration."""
        if self.learner is None or not self.calibrator.slope.any() or len(matrix) == 0:
            return np.zeros(len(matrix))
        return self.learner.margins(matrix)

    def estimate(self, matrix: Floats, position: Ints) -> Estimates:
        """The probability of each row, with its interval."""
        probability = expit(self.calibrator.log_odds(position, self.margins(matrix)))
        return Estimates(probability, *self.calibrator.interval(position, probability))

    def predict_proba(self, matrix: Floats, position: Ints) -> Floats:
        """Shape (n, 2): columns are "not" and "reached", as in scikit-learn's `predict_proba`."""
        probability = self.estimate(matrix, position).probability
        return np.stack([1.0 - probability, probability], axis=1)

    def contributions(self, matrix: Floats) -> Floats:
        """Shape (n, n_columns): what each column adds to the margin."""
        if self.learner is None or len(matrix) == 0:
            return np.zeros_like(matrix)
        return self.learner.contributions(matrix)


def fit_goal(
    rows: TrainingRows,
    prior: StepRates,
    config: FitConfig,
    progress: Callable[[str], None] = lambda _: None,
) -> GoalModel:
    """Fit on the earlier points of each lead's folds, calibrate on later points of unseen leads."""
    n_goals = len(prior.mean)
    nothing = np.zeros((n_goals, rows.matrix.shape[1]))
    if len(rows.lead) == 0:
        return GoalModel(None, uncalibrated(prior), nothing)
    rates = prior.updated(rows.position, rows.happened, rows.lead)
    if _fewest_leads(rows) < config.least_leads:
        return GoalModel(None, uncalibrated(rates, len(np.unique(rows.lead))), nothing)
    earlier, later = _periods(rows, config)
    fold = lead_folds(rows.lead, config.folds, config.seed)
    fit, learner = _learn(rows.rows(earlier), fold[earlier], config, progress)
    unseen = rows.rows(later)
    typical, typical_margin = _typical(learner, rows, n_goals, config.seed)
    calibrator = calibrate(
        rates if earlier[later].all() else _later_rates(prior, rates, rows, later),
        unseen.position,
        fit.margins(unseen.matrix, fold[later]),
        unseen.happened,
        unseen.lead,
        typical_margin,
        _leads_at(rows, n_goals),
        config.seed,
    )
    return GoalModel(learner, calibrator, typical)


class _OutOfFold(Protocol):
    """Models that have not seen a fold each."""

    def margins(self, matrix: Floats, fold: Ints) -> Floats:
        """Log-odds from the model that has not seen the row's fold."""


def _learn(
    rows: TrainingRows, fold: Ints, config: FitConfig, progress: Callable[[str], None]
) -> tuple[_OutOfFold, Learner]:
    """A model a fold, and what serves: all of them together."""
    if config.estimator is not None:
        progress(f"fitting {type(config.estimator).__name__} on {config.folds} folds")
        folded = cross_fit_classifier(
            config.estimator,
            rows.matrix,
            rows.happened,
            fold,
            seed=config.seed,
            trusted=config.trusted,
        )
        return folded, folded.learner()
    fit = cross_fit(
        rows.matrix,
        rows.happened,
        fold,
        rows_per_lead=len(rows.lead) / len(np.unique(rows.lead)),
        columns=ColumnKinds(rows.category_columns, rows.monotone),
        config=config.boosting,
        seed=config.seed,
        progress=progress,
    )
    return fit, BoostedTrees(merged(fit))


_EARLIER_LEADS: Final = 10.0
"""How many leads' worth of evidence the earlier period is for the rates of the later one."""


def _later_rates(
    prior: StepRates, rates: StepRates, rows: TrainingRows, later: npt.NDArray[np.bool_]
) -> StepRates:
    """Rates of the later period, with the earlier one as weak evidence: base rates drift.

    Where all came to the same in both periods nothing drifted, and both count in full (`rates`).
    """
    before, after = rows.rows(~later), rows.rows(later)
    found = prior.updated(before.position, before.happened, before.lead)
    found = found.faded(prior, _EARLIER_LEADS)
    found = found.updated(after.position, after.happened, after.lead)
    reached = np.bincount(rows.position, rows.happened, minlength=len(prior.mean))
    points = np.bincount(rows.position, minlength=len(prior.mean))
    alike = (reached == 0) | (reached == points)
    return StepRates(
        np.where(alike, rates.alpha, found.alpha),
        np.where(alike, rates.beta, found.beta),
        np.where(alike, rates.leads, found.leads),
    )


def _fewest_leads(rows: TrainingRows) -> int:
    reached = len(np.unique(rows.lead[rows.happened == 1]))
    missed = len(np.unique(rows.lead[rows.happened == 0]))
    return min(reached, missed)


def _periods(
    rows: TrainingRows, config: FitConfig
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Masks of the points to fit on and of those to calibrate on (which may be the same)."""
    cut = np.quantile(rows.as_of, 1.0 - config.calibration_share)
    later = rows.as_of > cut
    reached = int(rows.happened[later].sum())
    enough = min(reached, int(later.sum()) - reached) >= config.least_calibration
    earlier = rows.rows(~later)
    if enough and _fewest_leads(earlier) >= config.least_leads:
        return ~later, later
    everything = np.ones(len(later), dtype=np.bool_)
    return everything, everything


def _leads_at(rows: TrainingRows, n_goals: int) -> Floats:
    """How many leads stood at each position."""
    stood = np.unique(np.stack([rows.position, rows.lead]), axis=1)[0]
    return np.bincount(stood, minlength=n_goals).astype(np.float64)


def _typical(
    learner: Learner, rows: TrainingRows, n_goals: int, seed: int
) -> tuple[Floats, Floats]:
    """Mean contributions, and the mean margin, of the leads at each position.

    Where too few stood, those of all that were looked at.
    """
    shuffled = np.random.default_rng(seed).permutation(len(rows.lead))
    rank = _rank_within(rows.position[shuffled], n_goals)
    some = shuffled[rank < _MOST_FOR_TYPICAL]
    matrix, position = rows.matrix[some], rows.position[some]
    added, margin = learner.contributions(matrix), learner.margins(matrix)
    typical = np.tile(added.mean(axis=0), (n_goals, 1))
    typical_margin = np.full(n_goals, margin.mean())
    for at in range(n_goals):
        here = position == at
        if here.sum() >= _FEWEST_FOR_TYPICAL:
            typical[at], typical_margin[at] = added[here].mean(axis=0), margin[here].mean()
    return typical, typical_margin


def _rank_within(position: Ints, n_goals: int) -> Ints:
    """For each row, how many rows of the same position stand before it."""
    rank = np.empty(len(position), dtype=np.int64)
    for at in range(n_goals):
        here = np.flatnonzero(position == at)
        rank[here] = np.arange(len(here))
    return rank
