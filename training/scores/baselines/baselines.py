"""What a model must beat: simple and usual ways to score, fitted on the same points.

* step rates: what the ladder alone says, a rate for each rung;
* the counting rule: how often leads of a rung went on after an event of the name of their last;
* the points rule: what marketing tools do, points for actions that fade over 90 days;
* logistic regression: one-hot categories, medians with indicators, standard scaling;
* histogram gradient boosting: scikit-learn's default, categories as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US, EventLog, Times
from features.ladder.ladder import Ladder
from features.signals.linked_log import link
from features.signals.program import compile_ladder
from models.judging.served import BOOSTING, COUNTING_RULE, LOGISTIC, POINTS_RULE, STEP_RATES
from models.scores.encoding import Encoding
from models.scores.learners.boosting import SMALL
from models.scores.step_rates import StepRates
from training.decision_points import Points
from training.scores.baselines.counting import counting_rule

__all__ = ["Baseline", "Missing", "baselines", "event_points", "points_at"]


POINTS_FADE_DAYS: Final = 90.0
_POINTS_ENGAGED: Final = 1.0
_POINTS_COMPLETED: Final = 5.0
"""Points on the first rung; on rung k they count k times."""
_DECIMALS: Final = 4
"""Sums over a long log carry rounding errors, which must not break ties between leads."""
_MOST_CATEGORIES: Final = 255
_MOST_ONE_HOT: Final = 50


@dataclass(frozen=True, eq=False, slots=True)
class Baseline:
    """The answers of one baseline on the judged points.

    Parameters
    ----------
    probability : shape (n,), in [0, 1].
    rank : shape (n,), what it ranks leads by; the probability itself, but for the points rule.
    """

    name: str
    probability: Floats
    rank: Floats


@dataclass(frozen=True, slots=True)
class Missing:
    """A baseline that could not be fitted, and why."""

    name: str
    reason: str


def baselines(
    log: EventLog,
    ladder: Ladder,
    *,
    train: Points,
    happened: Floats,
    judged: Points,
    priors: Floats,
    seed: int,
) -> tuple[Baseline | Missing, ...]:
    """Fit every baseline on the training points, and ask it about the judged ones.

    Parameters
    ----------
    train, happened : mature points and whether the goal was reached; shapes (m,).
    judged : the points to answer for, n of them.
    priors : shape (n_goals,), the rates that the ladder's bands expect of the goal.
    """
    rates = StepRates.prior(priors)
    if len(train):
        rates = rates.updated(train.position, happened, train.lead)
    by_step = rates.mean[judged.position]
    first = Baseline(STEP_RATES, by_step, by_step)
    reason = _why_not(happened)
    if reason:
        rivals = (COUNTING_RULE, POINTS_RULE, LOGISTIC, BOOSTING)
        return first, *(Missing(name, reason) for name in rivals)
    counted = counting_rule(log, ladder, rates, train, happened, judged)
    encoding = Encoding.learn(train.snapshot)
    matrix, unseen = encoding.matrix(train.snapshot), encoding.matrix(judged.snapshot)
    return (
        first,
        Baseline(COUNTING_RULE, counted, counted),
        _points_rule(log, ladder, train, happened, judged),
        _fitted(LOGISTIC, _logistic(encoding.category_columns, matrix), matrix, happened, unseen),
        _boosted(encoding.category_columns, matrix, happened, unseen, seed),
    )


def _why_not(happened: Floats) -> str:
    if len(happened) == 0:
        return "no training points"
    return "one class only" if (happened == happened[0]).all() else ""


def _fitted(name: str, model: Any, matrix: Floats, happened: Floats, unseen: Floats) -> Baseline:
    model.fit(matrix, happened)
    probability = np.asarray(model.predict_proba(unseen)[:, 1], dtype=np.float64)
    return Baseline(name, probability, probability)


def _logistic(category_columns: list[int], matrix: Floats) -> Pipeline:
    numbers = [at for at in range(matrix.shape[1]) if at not in category_columns]
    prepare = ColumnTransformer(
        [
            (
                "numbers",
                SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
                numbers,
            ),
            (
                "categories",
                OneHotEncoder(  # an absent category is one of its own
                    handle_unknown="infrequent_if_exist",
                    max_categories=_MOST_ONE_HOT,
                    sparse_output=False,
                ),
                category_columns,
            ),
        ]
    )
    # Newton's method: a hundred signals that say much the same thing are slow for the default.
    return make_pipeline(prepare, StandardScaler(), LogisticRegression(solver="newton-cholesky"))


def _boosted(
    category_columns: list[int], matrix: Floats, happened: Floats, unseen: Floats, seed: int
) -> Baseline:
    held = np.flatnonzero(~np.isnan(matrix).all(axis=0))  # it cannot bin a column without a value
    categories = np.isin(held, category_columns)
    model = HistGradientBoostingClassifier(categorical_features=categories, random_state=seed)
    before, now = (_frequent(part[:, held], categories) for part in (matrix, unseen))
    # On few rows its threads wait for each other longer than they work.
    with threadpool_limits(1 if len(matrix) < SMALL else None):
        return _fitted(BOOSTING, model, before, happened, now)


def _frequent(matrix: Floats, categories: Bools) -> Floats:
    """The matrix with only the most frequent categories; codes are in order of frequency."""
    rare = categories & (matrix >= _MOST_CATEGORIES)
    return np.where(rare, np.nan, matrix)


def _points_rule(
    log: EventLog, ladder: Ladder, train: Points, happened: Floats, judged: Points
) -> Baseline:
    """Ranked by the points; as a probability, through a logistic curve fitted on training.

    Points are a rank and no probability. The curve (Platt's, over log(1 + points), so that it is
    monotone) is their best chance at log loss and calibration.
    """
    worth = event_points(log, ladder)
    before = points_at(log, worth, train.lead, train.as_of)
    now = points_at(log, worth, judged.lead, judged.as_of)
    curve = _fitted(
        POINTS_RULE,
        make_pipeline(StandardScaler(), LogisticRegression(C=1e6)),
        np.log1p(before)[:, None],
        happened,
        np.log1p(now)[:, None],
    )
    return Baseline(POINTS_RULE, curve.probability, now)


def event_points(log: EventLog, ladder: Ladder) -> Floats:
    """Shape (n_events,): k points for an action of rung k, 5 k if it completes the rung."""
    worth = np.zeros(len(log))
    linked = link(log, compile_ladder(ladder))
    for at, goal in enumerate(ladder.goals):
        engaged = np.isin(np.array(log.names, dtype=object), goal.engaged_by)[log.name]
        completed = linked.meets(at)
        points = np.where(completed, _POINTS_COMPLETED, _POINTS_ENGAGED * engaged)
        worth = np.maximum(worth, points * (at + 1))
    return worth


def points_at(log: EventLog, worth: Floats, lead: Ints, as_of: Times) -> Floats:
    """Shape (n,): each lead's points at each instant, from the events known by then.

    An event loses its worth evenly over 90 days from when it happened: it is worth
    `worth * (1 - age / 90 days)` from when it is known until then.
    """
    fade = round(POINTS_FADE_DAYS * DAY_US)
    counts = (worth > 0) & (log.known < log.occurred + fade)
    worth, occurred = worth[counts], log.occurred[counts]
    whose, known = log.lead_of_rows()[counts], log.known[counts]
    origin = int(occurred.min()) if len(occurred) else 0
    # Sums of worth and of worth x time, of events that came in and have not yet faded out.
    sums = np.stack([worth, worth * ((occurred - origin) / DAY_US)])
    came = _sums_until(whose, known, sums, lead, as_of)
    went = _sums_until(whose, occurred + fade, sums, lead, as_of)
    total, timed = came - went
    age = (as_of - origin) / DAY_US * total - timed
    points: Floats = np.maximum(np.round(total - age / POINTS_FADE_DAYS, _DECIMALS), 0.0)
    return points


def _sums_until(lead: Ints, row_at: Times, values: Floats, of: Ints, as_of: Times) -> Floats:
    """Shape (n_values, n): sums of values of the same lead with `row_at` at most `as_of`."""
    asked = np.repeat([False, True], [len(lead), len(of)])
    order = np.lexsort([asked, np.concatenate([row_at, as_of]), np.concatenate([lead, of])])
    padded = np.concatenate([values, np.zeros((len(values), len(of)))], axis=1)[:, order]
    running = np.cumsum(padded, axis=1)
    everyone = np.concatenate([lead, of])[order]
    first = np.searchsorted(everyone, everyone)
    before = running[:, first] - padded[:, first]
    sums = np.empty((len(values), len(of)))
    place = asked[order]
    sums[:, order[place] - len(lead)] = (running - before)[:, place]
    return sums
