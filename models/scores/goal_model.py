"""P(goal within its horizon) for any lead at any instant; advancement and purchase are goals.

A model is no scikit-learn estimator: what it says of a row needs the row's position on the ladder,
and what it learns needs the row's lead and instant, so `fit_goal` takes all of them. The classifier
that takes the place of the trees (`FitConfig.estimator`) is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from features.arrays import Floats, Ints
from models.scores.calibration import Basis, Calibrator, calibrate, uncalibrated
from models.scores.censoring import Censoring
from models.scores.learners.boosting import (
    SMALL,
    BoostingConfig,
    ColumnKinds,
    Examples,
    cross_fit,
    lead_folds,
    merged,
)
from models.scores.learners.learner import BoostedTrees, Learner, cross_fit_classifier
from models.scores.step_rates import StepRates
from models.scores.timing import Timing, fit_timing
from models.scores.venn_abers import Unseen

if TYPE_CHECKING:
    from models.judging.readiness import Level  # what scores alone needs no answer shapes

__all__ = [
    "Estimates",
    "FitConfig",
    "GoalModel",
    "TrainingRows",
    "fit_goal",
    "level_of",
    "newest_points",
]


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
    repeats : how often the folds are drawn where rows are few; once where they are many.
    calibration_share : the share of points, the latest ones, that the calibration is fitted on.
    least_calibration : outcomes of either kind that a later period must hold to be calibrated on;
        with fewer, all points are used.
    estimator : a scikit-learn classifier that takes the place of the boosted trees; it meets NaN
        where a signal is absent, and codes for categories.
    trusted : types of the estimator that skops does not know, and that whoever trains vouches for;
        such as "mymodule.MyClass".
    """

    boosting: BoostingConfig = field(default_factory=BoostingConfig)
    folds: int = 5
    repeats: int = 2
    least_leads: int = 30
    calibration_share: float = 0.25
    least_calibration: int = 200
    seed: int = 7
    estimator: Any = None
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class TrainingRows:
    """Decided decision points as a model sees them; all arrays have a row a point.

    Parameters
    ----------
    category_columns, monotone : as in `ColumnKinds`.
    weight : shape (n,), what each counts; all the same where nothing else is said.
    reached_after : shape (n,), the part of the horizon after which it happened; NaN where it did
        not, or nobody knows.
    censoring : of rows that may be decided before their horizon is over.
    """

    matrix: Floats
    category_columns: list[int]
    position: Ints
    lead: Ints
    as_of: Ints
    happened: Floats
    monotone: tuple[int, ...] = ()
    weight: Floats = field(default_factory=lambda: np.ones(0))
    censoring: Censoring | None = None
    reached_after: Floats = field(default_factory=lambda: np.ones(0))

    def __post_init__(self) -> None:
        if len(self.weight) != len(self.lead):
            object.__setattr__(self, "weight", np.ones(len(self.lead)))
        if len(self.reached_after) != len(self.lead):
            object.__setattr__(self, "reached_after", np.full(len(self.lead), np.nan))

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
            self.weight[keep],
            self.censoring and self.censoring.rows(keep),
            self.reached_after[keep],
        )


@dataclass(frozen=True, eq=False, slots=True)
class Estimates:
    """Probabilities with their intervals, shape (n,) each."""

    probability: Floats
    low: Floats
    high: Floats

    def where(self, mask: npt.NDArray[np.bool_], others: Estimates) -> Estimates:
        """These estimates where the mask says so, else the others."""
        if not mask.any():
            return others
        return Estimates(
            np.where(mask, self.probability, others.probability),
            np.where(mask, self.low, others.low),
            np.where(mask, self.high, others.high),
        )


@dataclass(frozen=True, eq=False)
class GoalModel:
    """A learner, its calibrator, and what is typical of each position.

    Parameters
    ----------
    learner : None where the rates of the steps are all there is.
    typical : shape (n_goals, n_columns), the mean contribution of each column to the margin of
        leads at each position: the reasons for a score are told against it.
    timing : how soon the goal is reached; None where an earlier version of Rung trained it.
    """

    learner: Learner | None
    calibrator: Calibrator
    typical: Floats
    timing: Timing | None = None

    def check(self, goals: int, columns: int) -> None:
        """ValueError unless it can be asked about so many goals by so many columns."""
        self.calibrator.check(goals)
        if self.timing is not None:
            self.timing.check(goals)
        if np.shape(self.typical) != (goals, columns) or not np.isfinite(self.typical).all():
            raise ValueError("what is typical is not told of each step and column")
        if isinstance(self.learner, BoostedTrees):
            asked = self.learner.trees.arrays.columns
            if asked != columns:
                raise ValueError(f"its trees ask {asked} columns, and it has {columns}")

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
        probability = self.probability(matrix, position)
        return Estimates(probability, *self.calibrator.interval(position, probability))

    def probability(self, matrix: Floats, position: Ints) -> Floats:
        """Shape (n,), as `estimate` has it."""
        chances: Floats = expit(self.calibrator.log_odds(position, self.margins(matrix)))
        return chances

    def predict_proba(self, matrix: Floats, position: Ints) -> Floats:
        """Shape (n, 2): columns are "not" and "reached", as in scikit-learn's `predict_proba`."""
        probability = self.probability(matrix, position)
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
    """Fit on all points but those of a fold of leads, calibrate on the later points of that fold.

    What serves has learned from the newest outcomes too. The calibration meets the margins of its
    twins that have not seen the lead, on the latest points alone: base rates drift.
    """
    n_goals = len(prior.mean)
    nothing = np.zeros((n_goals, rows.matrix.shape[1]))
    no_margin = np.zeros(len(rows.lead))
    if len(rows.lead) == 0:
        return _timed(GoalModel(None, uncalibrated(prior), nothing), rows, no_margin)
    rates = _updated(prior, rows)
    if _fewest_leads(rows) < config.least_leads:
        calibrator = uncalibrated(rates, len(np.unique(rows.lead)))
        return _timed(GoalModel(None, calibrator, nothing), rows, no_margin)
    later = _later(rows, config)
    margin, learner = _learn(rows, config, progress)
    unseen = _weighed_anew(rows.rows(later), is_newest=True)
    typical, typical_margin = _typical(learner, rows, n_goals, config.seed)
    calibrator = calibrate(
        rates if later.all() else _later_rates(prior, rates, rows, later),
        Unseen(unseen.position, margin[later], unseen.happened, unseen.lead, unseen.weight),
        typical_margin,
        _leads_at(rows, n_goals),
        config.seed,
    )
    return _timed(GoalModel(learner, calibrator, typical), rows, margin)


def _timed(model: GoalModel, rows: TrainingRows, margin: Floats) -> GoalModel:
    """The model with how soon its goal is reached; the margins have not seen the rows' leads."""
    chance = expit(model.calibrator.log_odds(rows.position, margin))
    timing = fit_timing(
        *(rows.position, chance, rows.reached_after, rows.weight, rows.lead),
        n_goals=len(model.typical),
    )
    return replace(model, timing=timing)


def _updated(rates: StepRates, rows: TrainingRows) -> StepRates:
    return rates.updated(rows.position, rows.happened, rows.lead, rows.weight)


def _learn(
    rows: TrainingRows, config: FitConfig, progress: Callable[[str], None]
) -> tuple[Floats, Learner]:
    """Shape (n,), margins from models that have not seen the row's lead, and what serves.

    What serves is all of those models together.
    """
    if config.estimator is not None:
        fold = lead_folds(rows.lead, config.folds, config.seed)
        folded = cross_fit_classifier(
            config.estimator,
            rows.matrix,
            rows.happened,
            fold,
            seed=config.seed,
            trusted=config.trusted,
            progress=progress,
        )
        return folded.margins(rows.matrix, fold), folded.learner()
    examples = Examples(rows.matrix, rows.happened, rows.weight)
    margins, fits = [], []
    repeats = config.repeats if len(rows.lead) < SMALL else 1
    for at in range(repeats):
        seed = config.seed + _APART * at
        fold = lead_folds(rows.lead, config.folds, seed)
        fit = cross_fit(
            examples,
            fold,
            rows_per_lead=len(rows.lead) / len(np.unique(rows.lead)),
            columns=ColumnKinds(rows.category_columns, rows.monotone),
            config=config.boosting,
            seed=seed,
            progress=progress if repeats == 1 else partial(_of_drawing, at, progress),
        )
        margins.append(fit.margins(rows.matrix, fold))
        fits.append(fit)
    return np.mean(margins, axis=0), BoostedTrees(merged(*fits))


def _of_drawing(at: int, progress: Callable[[str], None], what: str) -> None:
    progress(f"{what}, drawing {at + 1}")


_APART: Final = 7919
"""Between the seeds of two drawings, so that theirs and those of other seeds do not meet."""


_EARLIER_LEADS: Final = 10.0
"""How many leads' worth of evidence the earlier period is for the rates of the later one."""


def _later_rates(
    prior: StepRates, rates: StepRates, rows: TrainingRows, later: npt.NDArray[np.bool_]
) -> StepRates:
    """Rates of the later period, with the earlier one as weak evidence: base rates drift.

    Where all came to the same in both periods nothing drifted, and both count in full (`rates`).
    """
    before = _weighed_anew(rows.rows(~later), is_newest=False)
    after = _weighed_anew(rows.rows(later), is_newest=True)
    found = _updated(_updated(prior, before).faded(prior, _EARLIER_LEADS), after)
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


def newest_points(rows: TrainingRows, config: FitConfig) -> npt.NDArray[np.bool_]:
    """Shape (n,): the latest share of the points, that calibration looks at first.

    Where outcomes may be decided early, it is the latest share of each step's points whose horizon
    is over, with all after them: a step with a long horizon would else be seen by its early
    decisions alone.
    """
    censoring, share = rows.censoring, 1.0 - config.calibration_share
    if not len(rows.lead):
        return np.zeros(0, dtype=np.bool_)
    if censoring is None:
        return np.asarray(rows.as_of > np.quantile(rows.as_of, share))
    newest = np.ones(len(rows.lead), dtype=np.bool_)
    for at in np.unique(rows.position):
        here = rows.position == at
        if (here & censoring.over).any():
            cut = np.quantile(rows.as_of[here & censoring.over], share)
            newest[here] = rows.as_of[here] > cut
    return newest


def level_of(rows: TrainingRows, config: FitConfig) -> Level:
    """What some rows allow: the rules by which `fit_goal` goes."""
    if len(rows.lead) == 0:
        return "bands"
    if _fewest_leads(rows) < config.least_leads:
        return "rates"
    return "model" if _later(rows, config).all() else "calibrated"


def _later(rows: TrainingRows, config: FitConfig) -> npt.NDArray[np.bool_]:
    """Shape (n,): the points to calibrate on, which may be all."""
    later = newest_points(rows, config)
    reached = int(rows.happened[later].sum())
    enough = min(reached, int(later.sum()) - reached) >= config.least_calibration
    if later.any() and enough and _fewest_leads(rows.rows(~later)) >= config.least_leads:
        return later
    return np.ones(len(later), dtype=np.bool_)


def _weighed_anew(rows: TrainingRows, *, is_newest: bool) -> TrainingRows:
    """The rows of a period with what they count in it: of the newest, late decisions are missing.

    The period of each step is that of its rows; if it is the newest, with all that comes after.
    """
    censoring = rows.censoring
    if censoring is None or not len(rows.lead):
        return rows
    period = {}
    for at in np.unique(rows.position).tolist():
        as_of = rows.as_of[rows.position == at]
        period[at] = (
            int(as_of.min()) - 1,
            censoring.waits.until if is_newest else int(as_of.max()),
        )
    weight = censoring.waits.weights(rows.position, censoring.took, period)
    return replace(rows, weight=weight)


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
