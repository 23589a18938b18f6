"""A backtest: folds one after the other in time, each judged by bundles that knew what came before.

A choice is a way to train. All choices answer for the same points of a fold, so that they are
compared in pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.clock import rfc3339, said_at, said_from
from features.errors import NotEnoughData
from features.events.log import DAY_US, EventLog
from features.ladder.ladder import Ladder
from features.ladder.words import things
from models.bundle import Bundle
from models.judging import intervals, metrics
from models.scores.step_rates import StepRates, advancement_priors, purchase_priors
from training.decision_points import Points, decision_points
from training.labels import Outcomes, arrival_delays, label
from training.scores.backtest.figures import FoldFigures, FoldResult

__all__ = ["DEFAULT", "Backtest", "TrainingChoice", "backtest", "origins"]

_EARLIEST: Final = 0.4
"""The share of the log, up to the last origin that can be judged, that the first fold trains on."""
_FIRST: Final = 0.01
"""The share of the events that come before the log is said to begin: some are dated long before."""
_FEWEST_LEADS: Final = 10
"""Leads of either outcome, below which a fold has no figures."""
_SEED: Final = 7
_GOALS: Final = ("advancement", "purchase")


@dataclass(frozen=True, slots=True)
class TrainingChoice:
    """A way to train.

    Parameters
    ----------
    look_back_days : only points so young at the end of training are learned from; None means all.
    """

    look_back_days: float | None = None

    @property
    def name(self) -> str:
        """What it is called in reports."""
        if self.look_back_days is None:
            return "all history"
        return f"the last {things(self.look_back_days, 'day')}"


DEFAULT: Final = TrainingChoice()


@dataclass(frozen=True, eq=False, slots=True)
class Backtest:
    """All folds of all choices.

    Parameters
    ----------
    until : by what was known then all is judged, in microseconds since the epoch.
    folds : in order of time; each has a result a choice and goal.
    losses : for each choice and goal, (lead, log loss) of all judged points of all folds, in one
        order for all choices; each of shape (n,).
    """

    ladder: str
    until: int
    choices: tuple[TrainingChoice, ...]
    folds: tuple[FoldResult, ...]
    losses: dict[tuple[str, str], tuple[Ints, Floats]]


Fit = Callable[[EventLog, int, TrainingChoice], Bundle]
"""Trains on what of a log was known by an instant (microseconds), in a way."""


def backtest(
    log: EventLog,
    ladder: Ladder,
    fit: Fit,
    *,
    folds: int = 6,
    choices: Sequence[TrainingChoice] = (DEFAULT,),
    seed: int = 7,
    progress: Callable[[str], None] = lambda _: None,
) -> Backtest:
    """Train at each origin in each way, and judge on the points up to the next origin.

    Outcomes are those known at the end of the log; a point that is pending then is not judged.

    Raises
    ------
    NotEnoughData : the log is too short for so many folds, or has no point to judge.
    """
    until = log.judged_until(None)
    edges = origins(log, ladder, folds)
    points = decision_points(log, ladder, start=edges[0], end=edges[-1], seed=seed)
    if not len(points):
        raise NotEnoughData(f"no lead to score after {said_from(edges[0])}: nothing to judge on")
    outcomes = label(log, ladder, points, until)
    done: list[FoldResult] = []
    losses: dict[tuple[str, str], list[tuple[Ints, Floats]]] = {}
    for at, (start, end) in enumerate(pairwise(edges)):
        inside = (points.as_of > start) & (points.as_of <= end)
        fold = _Fold(points.rows(inside), inside, outcomes, _rates(log, ladder, start), seed)
        result: list[FoldFigures] = []
        for choice in choices:
            day = rfc3339(start)[:10]
            progress(f"fold {at + 1} of {folds}, trained until {day}: {choice.name}")
            for figures, lead, loss in fold.judged(fit(log, start, choice), choice):
                result.append(figures)
                losses.setdefault((choice.name, figures.goal), []).append((lead, loss))
        done.append(FoldResult(start, end, tuple(result)))
    together = {
        key: (np.concatenate([one[0] for one in parts]), np.concatenate([one[1] for one in parts]))
        for key, parts in losses.items()
    }
    return Backtest(ladder.name, until, tuple(choices), tuple(done), together)


def origins(log: EventLog, ladder: Ladder, folds: int) -> list[int]:
    """The ends of training of each fold, and the end of the last fold; evenly over the later part.

    The last point of the last fold has its step's horizon, late news counted, before the log ends.

    Raises
    ------
    NotEnoughData : the log is too short.
    """
    if not len(log):
        raise NotEnoughData("there is no event")
    first, last = int(np.quantile(log.known, _FIRST)), log.judged_until(None)
    days = max(goal.horizon_days for goal in (ladder.steps or ladder.goals))
    latest = last - round(days * DAY_US) - int(arrival_delays(log, ladder, last).max())
    earliest = first + round(_EARLIEST * (latest - first))
    if latest - earliest < folds * DAY_US:
        raise NotEnoughData(
            f"the log is too short for {folds} folds: it goes from {said_from(first)} to"
            f" {said_at(last)}, and a step may take {things(days, 'day')} to come about; take"
            " fewer folds, or wait until it is longer"
        )
    return [round(edge) for edge in np.linspace(earliest, latest, folds + 1)]


def _rates(log: EventLog, ladder: Ladder, origin: int) -> tuple[StepRates, StepRates]:
    """The rates of the steps by what was known at an origin: of advancement, of purchase."""
    known = log.known_by(origin)
    before = decision_points(known, ladder, end=origin, seed=_SEED)
    priors = advancement_priors(ladder), purchase_priors(ladder)
    one, two = (
        _updated(StepRates.prior(prior), before, came)
        for prior, came in zip(priors, label(known, ladder, before, origin), strict=True)
    )
    return one, two


def _updated(rates: StepRates, points: Points, came: Outcomes) -> StepRates:
    if not came.mature.any():
        return rates
    some = points.rows(came.mature)
    return rates.updated(some.position, came.happened[came.mature], some.lead)


@dataclass(frozen=True, eq=False, slots=True)
class _Fold:
    """The points of a fold; `inside` says which of all points, of all outcomes, they are."""

    points: Points
    inside: Bools
    outcomes: tuple[Outcomes, Outcomes]
    rates: tuple[StepRates, StepRates]
    seed: int

    def judged(
        self, bundle: Bundle, choice: TrainingChoice
    ) -> list[tuple[FoldFigures, Ints, Floats]]:
        """The figures of each goal, with the lead and the log loss of each judged point."""
        scores = bundle.score(self.points.snapshot)
        said = scores.advance.probability, scores.purchase.probability
        goals = zip(_GOALS, said, self.outcomes, self.rates, strict=True)
        return [self._goal(choice.name, *goal) for goal in goals]

    def _goal(
        self, choice: str, goal: str, said: Floats, came: Outcomes, by_step: StepRates
    ) -> tuple[FoldFigures, Ints, Floats]:
        mature = came.mature[self.inside]
        happened, probability = came.happened[self.inside][mature], said[mature]
        lead, position = self.points.lead[mature], self.points.position[mature]
        reached, missed = (len(np.unique(lead[happened == kind])) for kind in (1, 0))
        counted = FoldFigures(choice, goal, len(happened), int((~mature).sum()))
        if min(reached, missed) < _FEWEST_LEADS:
            few = f"not enough data: leads that reached the goal {reached}, that did not {missed}"
            return FoldFigures(*_counts(counted), note=few), lead[:0], np.empty(0)
        loss = metrics.losses(probability, happened)
        rates = by_step.mean[position]
        group = metrics.equal_count_bins(probability)
        effect = intervals.design_effect(happened, lead, group)
        figures = FoldFigures(
            *_counts(counted),
            rate=float(happened.mean()),
            auc=metrics.auc(probability, happened),
            log_loss=float(loss.mean()),
            ece=metrics.ece(probability, happened),
            ece_by_chance=metrics.ece_by_chance(probability, self.seed, effect=effect),
            rates_log_loss=metrics.log_loss(rates, happened),
            rates_auc=metrics.auc(rates, happened),
        )
        return figures, lead, loss


def _counts(figures: FoldFigures) -> tuple[str, str, int, int]:
    return figures.choice, figures.goal, figures.n, figures.pending
