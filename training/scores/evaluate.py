"""How good a bundle is on a period it has not seen: later points, judged when the horizon is over.

Every figure stands beside the same figure of baselines that were fitted on the period before, on
the same points. The first question is whether there is anything to learn at all: a bundle that is
no better than the rates of the steps says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from features.arrays import Bools, Floats, Ints
from features.clock import said_at, said_from
from features.errors import NotEnoughData
from features.events.log import DAY_US, EventLog
from features.funnel.states import State
from features.ladder.ladder import Ladder
from features.ladder.words import things
from models.bundle import Bundle, Scores
from models.horizons import knows_times, within_part
from models.judging import intervals, metrics
from models.judging.trials.wording import about_count
from models.recalibrated import Recalibrated
from models.scores.calibration import WORTH, Calibrator, leads_to_learn
from models.scores.goal_model import Estimates
from models.scores.recalibration import Move
from models.scores.step_rates import advancement_priors, purchase_priors
from training.decision_points import Points, decision_points
from training.labels import Outcomes, label
from training.scores.baselines.baselines import Baseline, Missing, baselines
from training.scores.by_group import groups_of_scores
from training.scores.performance import FEWEST_LEADS, Answers, Resampled
from training.scores.predictions import predictions
from training.scores.realised import realised, realised_within
from training.scores.reordering import Incumbent, compared
from training.scores.results import (
    AS_SERVED,
    BETTER,
    MODEL,
    NO_BETTER,
    NOT_SURE,
    NOTHING_TO_LEARN,
    SHARES,
    WORSE,
    Comparison,
    Counts,
    Evaluation,
    GoalEvaluation,
    Performance,
    SignalUse,
    StepOutcomes,
    Subgroup,
)
from training.scores.ripening import when_over, why_empty
from training.scores.signals import uses_of

__all__ = ["evaluate"]

_SURE: Final = 2.0
"""Standard errors from which a difference is one."""
_WEEK_US: Final = 7 * DAY_US
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
    """
    trained_until = int(bundle.manifest["until"])
    start = trained_until if start is None else start
    asked, until = until, log.judged_until(until)
    if until <= start:
        raise NotEnoughData(why_empty(log, start, asked, trained_until))
    period = _Period(log, bundle.ladder, start, until, seed, capacity)
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
    served = Recalibrated(bundle, moves).score(judged.snapshot) if moves else None
    soon = _soon(bundle, served or scores)
    if told:
        outcomes = advanced, purchased
        told(predictions(bundle.ladder, judged, outcomes, scores))
    return Evaluation(
        ladder=bundle.ladder.name,
        title=bundle.ladder.title,
        version=str(bundle.manifest.get("hash", ""))[:12],
        start=start,
        until=until,
        trained_until=trained_until,
        seed=seed,
        capacity=capacity,
        advancement=_Goal(
            "advancement",
            bundle.advancement.calibrator,
            advancement_priors(bundle.ladder),
            (judged, advanced, scores.advance),
            (train, advanced_before),
            served.advance if served else None,
            {part: advance.probability for part, (advance, _) in soon.items()},
            uses_of(bundle, "advancement", early, judged),
        ).judged(period),
        purchase=_Goal(
            "purchase",
            bundle.purchase.calibrator,
            purchase_priors(bundle.ladder),
            (judged, purchased, scores.purchase),
            (train, purchased_before),
            served.purchase if served else None,
            {part: purchase.probability for part, (_, purchase) in soon.items()},
            uses_of(bundle, "purchase", early, judged),
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


@dataclass(frozen=True, eq=False, slots=True)
class _Period:
    log: EventLog
    ladder: Ladder
    start: int
    until: int
    seed: int
    capacity: float

    @property
    def said(self) -> str:
        return f"between {said_from(self.start)} and {said_at(self.until)}"

    def week(self, as_of: Ints) -> Ints:
        """Shape (n,): the week of the period, from 0, in which each instant lies."""
        return (as_of - self.start - 1) // _WEEK_US

    def seen(self, lead: Ints) -> Bools:
        """Shape (n,): whether anything was known of the lead by `start`."""
        first = np.full(len(self.log.leads), np.iinfo(np.int64).max)
        np.minimum.at(first, self.log.lead_of_rows(), self.log.known)
        early: Bools = first[lead] <= self.start
        return early


def _refuse_if_undecided(period: _Period, points: Points, outcomes: Outcomes) -> None:
    decided = outcomes.happened[outcomes.decided]
    if len(decided) == 0:
        shortest = min(goal.horizon_days for goal in period.ladder.goals)
        raise NotEnoughData(
            f"{things(len(points), 'point')} {period.said}, and the horizon of none is over: the"
            f" shortest is {things(shortest, 'day')}; {_when_over(period, points, 'advancement')}"
        )
    if _one_kind(decided):
        which = "advanced" if decided[0] else "did not advance"
        raise NotEnoughData(
            f"all {len(decided)} points {period.said} whose outcome is known {which}:"
            " judging takes outcomes of both kinds"
        )


def _when_over(period: _Period, points: Points, goal: str) -> str:
    return when_over(period.log, period.ladder, points, goal, period.until)


def _one_kind(happened: Floats) -> bool:
    return bool((happened == happened[0]).all())


@dataclass(frozen=True, eq=False, slots=True)
class _Goal:
    """What it takes to judge one goal: the points of the period and those of before."""

    goal: Literal["advancement", "purchase"]
    calibrator: Calibrator
    priors: Floats
    period: tuple[Points, Outcomes, Estimates]
    before: tuple[Points, Outcomes]
    served: Estimates | None
    soon: Mapping[float, Floats]
    signals: tuple[SignalUse, ...]

    def judged(self, period: _Period) -> GoalEvaluation:
        points, outcomes, _ = self.period
        everyone = np.ones(len(points), dtype=np.bool_)
        common = {
            "goal": self.goal,
            "counts": _counts(points, outcomes, everyone),
            "evidence": self.calibrator.evidence,
            "learned": self.calibrator.learned,
            "steps": _step_outcomes(period.ladder, points, outcomes),
            "signals": self.signals,
        }
        decided = outcomes.happened[outcomes.decided]
        if len(decided) == 0 and len(points):
            note = f"not enough data (n=0): all {len(points):,} points are pending"
            note += f"; {_when_over(period, points, self.goal)}"
            return GoalEvaluation(**common, note=note)  # type: ignore[arg-type]
        rows = self.rows(period)
        if not rows.is_enough:
            note = _too_few(rows.happened, rows.lead)
            note += f"; judging takes {FEWEST_LEADS} of each"
            return GoalEvaluation(**common, note=note)  # type: ignore[arg-type]
        rivals = self.rivals(period)
        rates = next(rival for rival in rivals if isinstance(rival, Baseline))
        draws = Resampled.of(rows, period.seed)
        compared = tuple(_compare(rows, rival, draws, period) for rival in rivals)
        verdict, reason = _verdict(compared[0], self.calibrator)
        return GoalEvaluation(
            **common,  # type: ignore[arg-type]
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
        moved = self.served.probability[self.period[1].decided]
        return rows.answered_by(Baseline(AS_SERVED, moved, moved))

    def rows(self, period: _Period) -> Answers:
        points, outcomes, estimates = self.period
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

    def rivals(self, period: _Period) -> tuple[Baseline | Missing, ...]:
        train, known = self.before
        decided = self.period[1].decided
        found = baselines(
            period.log,
            period.ladder,
            train=train.rows(known.decided),
            happened=known.happened[known.decided],
            judged=self.period[0].rows(decided),
            priors=self.priors,
            seed=period.seed,
        )
        if self.served is None:
            return found
        moved = self.served.probability[decided]
        return *found, Baseline(AS_SERVED, moved, moved)


def _compare(
    rows: Answers, rival: Baseline | Missing, model: Resampled, period: _Period
) -> Comparison:
    if isinstance(rival, Missing):
        return Comparison(rival.name, rival.reason)
    theirs = Resampled.of(rows.answered_by(rival), period.seed)
    return Comparison(
        rival.name,
        performance=theirs.performance(period.seed, period.capacity),
        difference=model.minus(theirs),
    )


def _verdict(rates: Comparison, calibrator: Calibrator) -> tuple[str, str]:
    """Better only where this period shows it and the signals had something to say in training.

    That it is no better is said only where the interval of the difference leaves out a gain that
    is worth having; that there is nothing to learn, where training had the leads to learn it from.
    """
    if rates.difference is None or rates.performance is None:
        return NOT_SURE, rates.reason
    gap, error = rates.difference.log_loss, rates.difference.log_loss_error or 0.0
    ours = rates.performance.log_loss + gap
    learned = "told" if calibrator.learned else "could not tell"
    reason = (
        f"log loss {ours:.4f} against {rates.performance.log_loss:.4f} of the step rates,"
        f" difference {gap:+.4f} with a standard error of {error:.4f} over leads; in training the"
        f" signals {learned} leads"
        " apart beyond chance"
    )
    if gap > _SURE * error and gap > 0:
        return WORSE, reason
    if gap < -_SURE * error and calibrator.learned:
        return BETTER, reason
    worth = WORTH * rates.performance.log_loss
    missing = 0 if calibrator.learned else _leads_missing(rates.performance, calibrator)
    if gap - _SURE * error >= -worth and missing <= 0:
        return NO_BETTER if calibrator.learned else NOTHING_TO_LEARN, reason
    if missing > 0:
        what = "more leads to learn from until a gain that is worth having can be seen"
        return NOT_SURE, f"{reason}; it takes at least {about_count(missing)} {what}"
    # Sure of a difference once the interval leaves out 0, and of none once it leaves out `worth`.
    too_wide = _SURE * error / max(abs(gap), worth + gap)
    more = round(rates.performance.leads * (too_wide**2 - 1.0))
    wait = f"; about {about_count(more)} more leads will tell" if more > 0 else ""
    return NOT_SURE, reason + wait


def _leads_missing(rates: Performance, calibrator: Calibrator) -> int:
    """How many more leads training takes until what is worth having would have shown."""
    return leads_to_learn(rates.log_loss) - calibrator.leads


def _by_step(rows: Answers, rates: Baseline, period: _Period) -> tuple[Subgroup, ...]:
    return tuple(
        _subgroup(goal.id, goal.title, rows.position == at, rows, rates, period)
        for at, goal in enumerate(period.ladder.goals)
    )


def _by_lead(rows: Answers, rates: Baseline, period: _Period) -> tuple[Subgroup, ...]:
    return (
        _subgroup(
            "seen", "leads already known when training ended", rows.seen, rows, rates, period
        ),
        _subgroup("unseen", "leads that came later", ~rows.seen, rows, rates, period),
    )


def _subgroup(
    id_: str, title: str, keep: Bools, rows: Answers, rates: Baseline, period: _Period
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


def _counts(points: Points, outcomes: Outcomes, keep: Bools) -> Counts:
    state, decided = outcomes.state[keep], keep & outcomes.decided
    lead, happened = points.lead[decided], outcomes.happened[decided]
    return Counts(
        points=len(state),
        leads=len(np.unique(points.lead[keep])),
        advanced=int((state == State.ADVANCED).sum()),
        lapsed=int((state == State.LAPSED).sum()),
        lost=int((state == State.LOST).sum()),
        pending=int((state == State.PENDING).sum()),
        mature=int(outcomes.mature[keep].sum()),
        decided=len(lead),
        decided_leads=len(np.unique(lead)),
        reached_leads=len(np.unique(lead[happened == 1])),
        missed_leads=len(np.unique(lead[happened == 0])),
    )


def _step_outcomes(ladder: Ladder, points: Points, outcomes: Outcomes) -> tuple[StepOutcomes, ...]:
    return tuple(_outcomes_of_step(ladder, at, points, outcomes) for at in range(len(ladder.goals)))


def _outcomes_of_step(ladder: Ladder, at: int, points: Points, outcomes: Outcomes) -> StepOutcomes:
    goal, here = ladder.goals[at], points.position == at
    counts = _counts(points, outcomes, here)
    decided = here & outcomes.decided
    happened, lead = outcomes.happened[decided], points.lead[decided]
    weight, group = outcomes.weight[decided], np.zeros(len(happened), dtype=np.int64)
    rate = float(np.average(happened, weights=weight)) if len(happened) else None
    worth = len(happened) / intervals.design_effect(happened, lead, group, weight)
    low, high = intervals.wilson((rate or 0.0) * worth, worth)
    return StepOutcomes(
        goal.id,
        goal.title,
        counts,
        rate,
        low,
        high,
        counts.advanced / counts.points if counts.points else None,
    )
