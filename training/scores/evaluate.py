"""How good a bundle is on a period it has not seen: later points, judged when the horizon is over.

Every figure stands beside the same figure of baselines that were fitted on the period before, on
the same points. The first question is whether there is anything to learn at all: a bundle that is
no better than the rates of the steps says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from features.arrays import Floats
from features.errors import NotEnoughData
from features.events.log import EventLog
from features.ladder.words import things
from models.bundle import Bundle, Scores
from models.horizons import knows_times, within_part
from models.recalibrated import Recalibrated
from models.scores.goal_model import Estimates
from models.scores.learners.learner import EstimatorError
from models.scores.recalibration import Move
from models.scores.step_rates import advancement_priors, purchase_priors
from training.decision_points import Points, decision_points
from training.labels import Outcomes, label
from training.scores.by_group import groups_of_scores
from training.scores.goals.goal import JudgedGoal
from training.scores.goals.period import JudgedPeriod
from training.scores.goals.ripening import why_empty
from training.scores.goals.signals import uses_of
from training.scores.predictions import predictions
from training.scores.reordering import Incumbent, compared
from training.scores.results import Evaluation

__all__ = ["evaluate"]

_PARTS: Final = (0.25, 0.5, 0.75)
"""Of a horizon, within which it is looked how soon a goal was reached."""


def evaluate(  # noqa: PLR0913 what is judged, when and beside what
    bundle: Bundle,
    log: EventLog,
    *,
    start: int | None = None,
    until: int,
    seed: int = 7,
    capacity: float = 0.1,
    train_points: Points | None = None,
    former: Incumbent | None = None,
    moves: Mapping[str, Sequence[Move]] | None = None,
    told: Callable[[pd.DataFrame], None] | None = None,
) -> Evaluation:
    """Judge a bundle on decision points in (`start`, `until`], by what was known at `until`.

    Parameters
    ----------
    start, until : microseconds since the epoch; `start` defaults to the end of what the bundle was
        trained on, and `until` is the last event of the log at most. The baselines learn from what
        was known by `start`.
    capacity : below 1 the share of leads that can be worked each week, else their number.
    train_points : decision points up to `start` on the same log, where the caller has them.
    former : the champion that the bundle is to follow; None compares it with none.
    moves : how outcomes move the bundle's probabilities, on the way; what is served so stands
        beside what the bundle says by itself, and the gate looks at both.
    told : is given what was said of each point and what came (`training.scores.predictions`).

    Raises
    ------
    NotEnoughData : no point in the period, none whose horizon is over, or outcomes of one kind.
    EstimatorError : an estimator of others gives NaN for a probability.
    """
    trained_until = int(bundle.manifest["until"])
    start = trained_until if start is None else start
    asked, until = until, log.judged_until(until)
    if until <= start:
        raise NotEnoughData(why_empty(log, start, asked, trained_until))
    period = JudgedPeriod(log, bundle.ladder, start, until, seed, capacity)
    judged = decision_points(log, bundle.ladder, start=start, end=until, seed=seed)
    if len(judged) == 0:
        raise NotEnoughData(f"no lead to score {period.said}")
    advanced, purchased = label(log, bundle.ladder, judged, until)
    _refuse_if_undecided(period, judged, advanced)
    train = train_points
    if train is None:
        train = decision_points(log, bundle.ladder, end=start, seed=seed)
    # What is labelled as of `start` and comes later is immature, and teaches the baselines nothing.
    advanced_before, purchased_before = label(log, bundle.ladder, train, start)
    early = train.rows(train.as_of <= start)
    scores = bundle.score(judged.snapshot)
    _refuse_if_unsaid(scores)
    served = Recalibrated(bundle, moves).score(judged.snapshot) if moves else None
    soon = _soon(bundle, served or scores)
    if told:
        told(predictions(bundle.ladder, judged, (advanced, purchased), scores))
    return Evaluation(
        ladder=bundle.ladder.name,
        title=bundle.ladder.title,
        version=str(bundle.manifest.get("hash", ""))[:12],
        start=start,
        until=until,
        trained_until=trained_until,
        seed=seed,
        capacity=capacity,
        advancement=JudgedGoal(
            goal="advancement",
            calibrator=bundle.advancement.calibrator,
            priors=advancement_priors(bundle.ladder),
            later=(judged, advanced, scores.advance),
            earlier=(train, advanced_before),
            served=served.advance if served else None,
            soon={part: advance.probability for part, (advance, _) in soon.items()},
            signals=uses_of(bundle, "advancement", early, judged),
        ).judged(period),
        purchase=JudgedGoal(
            goal="purchase",
            calibrator=bundle.purchase.calibrator,
            priors=purchase_priors(bundle.ladder),
            later=(judged, purchased, scores.purchase),
            earlier=(train, purchased_before),
            served=served.purchase if served else None,
            soon={part: purchase.probability for part, (_, purchase) in soon.items()},
            signals=uses_of(bundle, "purchase", early, judged),
        ).judged(period),
        reordering=None if former is None else compared(bundle, former, judged),
        groups=groups_of_scores(
            log,
            bundle.ladder,
            (judged, advanced),
            (served or scores).advance.probability,
            period.week(judged.as_of),
            capacity,
        ),
    )


def _soon(bundle: Bundle, scores: Scores) -> dict[float, tuple[Estimates, Estimates]]:
    """The chances of both goals within parts of their horizons."""
    parts = _PARTS if knows_times(bundle) else ()
    return {part: within_part(bundle, scores, part) for part in parts}


def _refuse_if_unsaid(scores: Scores) -> None:
    """Nobody has bought or is lost at a decision point, so that each has both chances."""
    for goal, said in (("advancement", scores.advance), ("purchase", scores.purchase)):
        unsaid = int(np.isnan(said.probability).sum())
        if unsaid:
            raise EstimatorError(
                f"{goal}: the bundle's estimator gave NaN for a probability, at {unsaid:,} of"
                f" {len(said.probability):,} points: such leads have no score, and it cannot be"
                " judged by the others alone"
            )


def _refuse_if_undecided(period: JudgedPeriod, points: Points, outcomes: Outcomes) -> None:
    decided = outcomes.happened[outcomes.decided]
    if len(decided) == 0:
        shortest = min(goal.horizon_days for goal in period.ladder.goals)
        raise NotEnoughData(
            f"{things(len(points), 'point')} {period.said}, and the horizon of none is over: the"
            f" shortest is {things(shortest, 'day')}; {period.when_over(points, 'advancement')}"
        )
    if _one_kind(decided):
        which = "advanced" if decided[0] else "did not advance"
        raise NotEnoughData(
            f"all {len(decided)} points {period.said} whose outcome is known {which}:"
            " judging takes outcomes of both kinds"
        )


def _one_kind(happened: Floats) -> bool:
    return bool((happened == happened[0]).all())
