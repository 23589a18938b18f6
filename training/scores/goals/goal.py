"""One goal, judged: every figure beside the same figure of baselines, overall and in parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from features.arrays import Bools, Floats, Ints
from models.judging import metrics
from models.scores.calibration import Calibrator
from models.scores.goal_model import Estimates
from training.decision_points import Points
from training.labels import Outcomes
from training.scores.baselines.baselines import Baseline, Missing, baselines
from training.scores.goals.counts import counts_of, step_outcomes
from training.scores.goals.period import JudgedPeriod
from training.scores.goals.realised import realised, realised_within
from training.scores.goals.verdict import verdict_on
from training.scores.performance import FEWEST_LEADS, Answers, Resampled
from training.scores.results import (
    AS_SERVED,
    MODEL,
    SHARES,
    Comparison,
    GoalEvaluation,
    SignalUse,
    Subgroup,
)

__all__ = ["JudgedGoal"]


@dataclass(frozen=True, eq=False, slots=True)
class JudgedGoal:
    """What it takes to judge one goal: the points of the period and those before it.

    Parameters
    ----------
    priors : of the goal's rates, as `models.scores.step_rates` has them.
    later : the points that are judged, their outcomes, and what the bundle says of them by itself.
    earlier : the points that the baselines learn from, and their outcomes.
    served : what is said of the points as they are served; None where that is no other.
    soon : for each part of the horizon, shape (n_points,): the chances within it.
    """

    goal: Literal["advancement", "purchase"]
    calibrator: Calibrator
    priors: Floats
    later: tuple[Points, Outcomes, Estimates]
    earlier: tuple[Points, Outcomes]
    served: Estimates | None
    soon: Mapping[float, Floats]
    signals: tuple[SignalUse, ...]

    def judged(self, period: JudgedPeriod) -> GoalEvaluation:
        """Everything about the goal; with a note instead of figures where there is too little."""
        points, outcomes, _ = self.later
        found = GoalEvaluation(
            goal=self.goal,
            counts=counts_of(points, outcomes, np.ones(len(points), dtype=np.bool_)),
            evidence=self.calibrator.evidence,
            learned=self.calibrator.learned,
            steps=step_outcomes(period.ladder, points, outcomes),
            signals=self.signals,
        )
        decided = outcomes.happened[outcomes.decided]
        if len(decided) == 0 and len(points):
            note = f"not enough data (n=0): the horizon of none of {len(points):,} points is over"
            return replace(found, note=f"{note}; {period.when_over(points, self.goal)}")
        rows = self.rows(period)
        if not rows.is_enough:
            note = _too_few(rows.happened, rows.lead)
            return replace(found, note=f"{note}; judging takes {FEWEST_LEADS} of each")
        rivals = self.rivals(period)
        rates = next(rival for rival in rivals if isinstance(rival, Baseline))
        draws = Resampled.of(rows, period.seed)
        compared = tuple(_compare(rows, rival, draws, period) for rival in rivals)
        verdict, reason = verdict_on(compared[0], self.calibrator)
        return replace(
            found,
            verdict=verdict,
            verdict_reason=reason,
            performance=draws.performance(period.seed, period.capacity),
            baselines=compared,
            by_step=_by_step(rows, rates, period),
            by_lead=_by_lead(rows, rates, period),
            gain=_gains(rows, rivals),
            realised=realised(self.told(rows), period.ladder, period.start),
            within=realised_within(
                rows,
                outcomes.reached_after[outcomes.decided],
                {part: chance[outcomes.decided] for part, chance in self.soon.items()},
            ),
        )

    def told(self, rows: Answers) -> Answers:
        """The judged rows with the probabilities that were served."""
        if self.served is None:
            return rows
        moved = self.served.probability[self.later[1].decided]
        return rows.answered_by(Baseline(AS_SERVED, moved, moved))

    def rows(self, period: JudgedPeriod) -> Answers:
        """The points whose outcome is known, with what the bundle said of them."""
        points, outcomes, estimates = self.later
        decided = outcomes.decided
        lead, as_of = points.lead[decided], points.as_of[decided]
        return Answers(
            probability=estimates.probability[decided],
            rank=estimates.probability[decided],
            happened=outcomes.happened[decided],
            lead=lead,
            position=points.position[decided],
            week=period.week(as_of),
            seen=period.seen(lead),
            weight=outcomes.weight[decided],
            interval=(estimates.low[decided], estimates.high[decided]),
        )

    def rivals(self, period: JudgedPeriod) -> tuple[Baseline | Missing, ...]:
        """What others say of the same points, the step rates first."""
        train, known = self.earlier
        decided = self.later[1].decided
        found = baselines(
            period.log,
            period.ladder,
            train=train.rows(known.decided),
            happened=known.happened[known.decided],
            judged=self.later[0].rows(decided),
            priors=self.priors,
            seed=period.seed,
        )
        if self.served is None:
            return found
        moved = self.served.probability[decided]
        return *found, Baseline(AS_SERVED, moved, moved)


def _compare(
    rows: Answers, rival: Baseline | Missing, model: Resampled, period: JudgedPeriod
) -> Comparison:
    if isinstance(rival, Missing):
        return Comparison(rival.name, rival.reason)
    theirs = Resampled.of(rows.answered_by(rival), period.seed)
    return Comparison(
        rival.name,
        performance=theirs.performance(period.seed, period.capacity),
        difference=model.minus(theirs),
    )


def _by_step(rows: Answers, rates: Baseline, period: JudgedPeriod) -> tuple[Subgroup, ...]:
    return tuple(
        _subgroup(goal.id, goal.title, rows.position == at, rows, rates, period)
        for at, goal in enumerate(period.ladder.goals)
    )


def _by_lead(rows: Answers, rates: Baseline, period: JudgedPeriod) -> tuple[Subgroup, ...]:
    return (
        _subgroup(
            "seen", "leads already known when training ended", rows.seen, rows, rates, period
        ),
        _subgroup("unseen", "leads that came later", ~rows.seen, rows, rates, period),
    )


def _subgroup(
    id_: str, title: str, keep: Bools, rows: Answers, rates: Baseline, period: JudgedPeriod
) -> Subgroup:
    ours, theirs = rows.only(keep), rows.answered_by(rates).only(keep)
    leads = len(np.unique(ours.lead))
    if not ours.is_enough:
        return Subgroup(id_, title, len(ours), leads, _too_few(ours.happened, ours.lead))
    draws = Resampled.of(ours, period.seed)
    return Subgroup(
        id_,
        title,
        len(ours),
        leads,
        performance=draws.performance(period.seed, period.capacity),
        difference=draws.minus(Resampled.of(theirs, period.seed)),
    )


def _too_few(happened: Floats, lead: Ints) -> str:
    if len(lead) == 0:
        return "not enough data (n=0)"
    reached, missed = (len(np.unique(lead[happened == kind])) for kind in (1, 0))
    leads = f"leads that reached the goal {reached}, that did not {missed}"
    return f"not enough data (n={len(lead)}: {leads})"


def _gains(
    rows: Answers, rivals: tuple[Baseline | Missing, ...]
) -> tuple[tuple[str, tuple[float, ...]], ...]:
    ranks = [(MODEL, rows.rank)]
    ranks += [(rival.name, rival.rank) for rival in rivals if isinstance(rival, Baseline)]
    curves = (
        (name, metrics.cumulative_gain(rank, rows.happened, np.array(SHARES), rows.weight))
        for name, rank in ranks
    )
    return tuple((name, tuple(curve.tolist())) for name, curve in curves if curve is not None)
