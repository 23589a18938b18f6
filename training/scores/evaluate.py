"""How good a bundle is on a period it has not seen: later points, judged when the horizon is over.

Every figure stands beside the same figure of baselines that were fitted on the period before, on
the same points. The first question is whether there is anything to learn at all: a bundle that is
no better than the rates of the steps says so.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from features.arrays import Floats, Ints
from features.clock import rfc3339
from features.errors import NotEnoughData
from features.events.log import DAY_US, EventLog
from features.ladder.ladder import Ladder
from models.bundle import Bundle
from models.judging import intervals, metrics
from models.judging.metrics import Bin, Queue
from models.scores.calibration import Calibrator, Evidence
from models.scores.goal_model import Estimates
from models.scores.step_rates import advancement_priors, purchase_priors
from training.decision_points import Points, decision_points
from training.labels import Label, Outcomes, label
from training.scores.baselines import Baseline, Missing, baselines

__all__ = [
    "BETTER",
    "NOTHING_TO_LEARN",
    "WORSE",
    "Comparison",
    "Counts",
    "Difference",
    "Evaluation",
    "GoalEvaluation",
    "Part",
    "Performance",
    "StepOutcomes",
    "evaluate",
]

Masks = npt.NDArray[np.bool_]

BETTER: Final = "better than the step rates"
NOTHING_TO_LEARN: Final = "no better than the step rates: nothing to learn here"
WORSE: Final = "worse than the step rates"
MODEL: Final = "this bundle"
SHARES: Final = tuple(at / 50 for at in range(51))
"""The shares of the ranking at which the gain curves are given."""

_SURE: Final = 2.0
"""Standard errors from which a difference is one."""
_FEWEST_LEADS: Final = 10
"""Leads with either outcome, below which a part is not judged on its own."""
_BINS, _FEWEST_BINS = 10, 3
"""Groups of the reliability table: ten, or fewer where there are not ten leads for each."""
_WEEK_US: Final = 7 * DAY_US


@dataclass(frozen=True, slots=True)
class Performance:
    """One set of probabilities against what came. See `models.judging.metrics` for each figure.

    Parameters
    ----------
    n, leads : mature points and the leads they belong to.
    ece_by_chance : what perfectly calibrated probabilities like these would show.
    bins_inside : share of the reliability bins that chance explains; 0.95 is perfect.
    interval_coverage : share of the bins whose observed rate lies in the mean interval that was
        served; None for baselines, which serve none.
    queue : what working the top of the ranking each week comes to.
    """

    n: int
    leads: int
    rate: float
    mean_probability: float
    auc: float | None
    auc_error: float | None
    average_precision: float | None
    log_loss: float
    log_loss_error: float | None
    brier: float
    ece: float
    ece_by_chance: float
    design_effect: float
    lift_10: float | None
    lift_20: float | None
    found_10: float | None
    found_20: float | None
    queue: Queue
    reliability: tuple[Bin, ...]
    bins_inside: float
    interval_coverage: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """The model's figure minus another's on the same points; errors over resampled leads."""

    log_loss: float
    log_loss_error: float | None
    auc: float | None
    auc_error: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A baseline beside the model, or why there is none (`reason`)."""

    name: str
    reason: str = ""
    performance: Performance | None = None
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the points judged alone: a step, or leads seen or unseen in training.

    Parameters
    ----------
    note : why there are no figures; empty where there are.
    difference : against the step rates.
    """

    id: str
    title: str
    n: int
    leads: int
    note: str = ""
    performance: Performance | None = None
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of the points of the period. Pending is unknown, not lost."""

    points: int
    leads: int
    advanced: int
    lapsed: int
    pending: int
    mature: int


@dataclass(frozen=True, slots=True)
class StepOutcomes:
    """The outcomes of the points below one rung, and its rate with and without the usual mistake.

    Parameters
    ----------
    rate : advanced among mature points, with its 95 % interval; None without mature points.
    naive_rate : advanced among all points, as if pending were lost.
    """

    id: str
    title: str
    counts: Counts
    rate: float | None
    low: float
    high: float
    naive_rate: float | None


@dataclass(frozen=True, slots=True)
class GoalEvaluation:
    """Everything about one goal.

    Parameters
    ----------
    note : why there are no figures; empty where there are.
    baselines : the step rates first.
    learned : whether the signals told leads apart beyond chance in training.
    gain : for each name, the share of successes found at each of `SHARES`.
    """

    goal: Literal["advancement", "purchase"]
    counts: Counts
    evidence: Evidence
    learned: bool
    steps: tuple[StepOutcomes, ...]
    note: str = ""
    verdict: str = ""
    verdict_reason: str = ""
    performance: Performance | None = None
    baselines: tuple[Comparison, ...] = ()
    by_step: tuple[Part, ...] = ()
    by_lead: tuple[Part, ...] = ()
    gain: tuple[tuple[str, tuple[float, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A bundle judged on the points of (`start`, `until`], by what was known at `until`.

    Parameters
    ----------
    start, until : microseconds since the epoch.
    capacity : of the queue, a share of the leads each week, or a number of them if 1 or more.
    trained_until : when the bundle's knowledge ends; after `start` the figures flatter it.
    """

    ladder: str
    title: str
    version: str
    start: int
    until: int
    trained_until: int
    seed: int
    capacity: float
    advancement: GoalEvaluation
    purchase: GoalEvaluation

    @property
    def verdict(self) -> str:
        """Whether the advancement model beats the step rates, in a few words."""
        return self.advancement.verdict

    @property
    def flatters(self) -> bool:
        """Whether the bundle was trained on part of what it is judged on."""
        return self.trained_until > self.start

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; instants as RFC 3339."""
        instants = {
            name: rfc3339(getattr(self, name)) for name in ("start", "until", "trained_until")
        }
        derived = {"verdict": self.verdict, "flatters": self.flatters, "shares": list(SHARES)}
        return asdict(self) | instants | derived


def evaluate(
    bundle: Bundle,
    log: EventLog,
    *,
    start: int | None = None,
    until: int,
    seed: int = 7,
    capacity: float = 0.1,
    train_points: Points | None = None,
) -> Evaluation:
    """Judge a bundle on decision points in (`start`, `until`], by what was known at `until`.

    Parameters
    ----------
    start, until : microseconds since the epoch; `start` defaults to the end of what the bundle was
        trained on. The baselines learn from what was known by `start`.
    capacity : below 1 the share of leads that can be worked each week, else their number.
    train_points : decision points up to `start` on the same log, where the caller has them.

    Raises
    ------
    NotEnoughData : no point in the period, none whose horizon is over, or outcomes of one kind.
    """
    trained_until = int(bundle.manifest["until"])
    start = trained_until if start is None else start
    period = _Period(log, bundle.ladder, start, until, seed, capacity)
    judged = decision_points(log, bundle.ladder, start=start, end=until, seed=seed)
    if len(judged) == 0:
        raise NotEnoughData(f"no lead to score {period.said}")
    advanced, purchased = label(log, bundle.ladder, judged, until)
    _refuse_if_immature(period, judged, advanced)
    train = train_points
    if train is None:
        train = decision_points(log, bundle.ladder, end=start, seed=seed)
    # What is labelled as of `start` and comes later is immature, and teaches the baselines nothing.
    advanced_before, purchased_before = label(log, bundle.ladder, train, start)
    scores = bundle.score(judged.snapshot)
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
        ).judged(period),
        purchase=_Goal(
            "purchase",
            bundle.purchase.calibrator,
            purchase_priors(bundle.ladder),
            (judged, purchased, scores.purchase),
            (train, purchased_before),
        ).judged(period),
    )


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
        return f"between {rfc3339(self.start)} and {rfc3339(self.until)}"

    def seen(self, lead: Ints) -> Masks:
        """Shape (n,): whether anything was known of the lead by `start`."""
        first = np.full(len(self.log.leads), np.iinfo(np.int64).max)
        np.minimum.at(first, self.log.lead_of_rows(), self.log.known)
        early: Masks = first[lead] <= self.start
        return early


def _refuse_if_immature(period: _Period, points: Points, outcomes: Outcomes) -> None:
    mature = outcomes.happened[outcomes.mature]
    if len(mature) == 0:
        shortest = min(goal.horizon_days for goal in period.ladder.goals)
        raise NotEnoughData(
            f"{len(points)} points {period.said}, and the horizon of none is over: the shortest is"
            f" {shortest:g} days; judge a longer period, or judge later"
        )
    if _one_kind(mature):
        which = "advanced" if mature[0] else "lapsed"
        raise NotEnoughData(
            f"all {len(mature)} points {period.said} whose horizon is over {which}:"
            " judging takes outcomes of both kinds"
        )


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

    def judged(self, period: _Period) -> GoalEvaluation:
        points, outcomes, _ = self.period
        everyone = np.ones(len(points), dtype=np.bool_)
        common = {
            "goal": self.goal,
            "counts": _counts(points, outcomes, everyone),
            "evidence": self.calibrator.evidence,
            "learned": self.calibrator.learned,
            "steps": _step_outcomes(period.ladder, points, outcomes),
        }
        mature = outcomes.happened[outcomes.mature]
        if len(mature) == 0 or _one_kind(mature):
            return GoalEvaluation(**common, note=_too_few(mature, points.lead[outcomes.mature]))  # type: ignore[arg-type]
        rows = self.rows(period)
        rivals = self.rivals(period)
        rates = next(rival for rival in rivals if isinstance(rival, Baseline))
        draws = _Draws.of(rows, period.seed)
        compared = tuple(_compare(rows, rival, draws, period) for rival in rivals)
        verdict, reason = _verdict(compared[0], self.calibrator)
        return GoalEvaluation(
            **common,  # type: ignore[arg-type]
            verdict=verdict,
            verdict_reason=reason,
            performance=draws.performance(period),
            baselines=compared,
            by_step=_by_step(rows, rates, period),
            by_lead=_by_lead(rows, rates, period),
            gain=_gains(rows, rivals),
        )

    def rows(self, period: _Period) -> _Rows:
        points, outcomes, estimates = self.period
        mature = outcomes.mature
        lead, as_of = points.lead[mature], points.as_of[mature]
        return _Rows(
            probability=estimates.probability[mature],
            rank=estimates.probability[mature],
            happened=outcomes.happened[mature],
            lead=lead,
            position=points.position[mature],
            week=(as_of - period.start - 1) // _WEEK_US,
            seen=period.seen(lead),
            interval=(estimates.low[mature], estimates.high[mature]),
        )

    def rivals(self, period: _Period) -> tuple[Baseline | Missing, ...]:
        train, known = self.before
        return baselines(
            period.log,
            period.ladder,
            train=train.rows(known.mature),
            happened=known.happened[known.mature],
            judged=self.period[0].rows(self.period[1].mature),
            priors=self.priors,
            seed=period.seed,
        )


@dataclass(frozen=True, eq=False, slots=True)
class _Rows:
    """Mature points with somebody's answers; every array has a row a point, by lead and time."""

    probability: Floats
    rank: Floats
    happened: Floats
    lead: Ints
    position: Ints
    week: Ints
    seen: Masks
    interval: tuple[Floats, Floats] | None

    def __len__(self) -> int:
        return len(self.lead)

    def only(self, keep: Masks) -> _Rows:
        """Some of the rows, by mask."""
        return _Rows(
            self.probability[keep],
            self.rank[keep],
            self.happened[keep],
            self.lead[keep],
            self.position[keep],
            self.week[keep],
            self.seen[keep],
            self.interval and (self.interval[0][keep], self.interval[1][keep]),
        )

    def answered_by(self, rival: Baseline) -> _Rows:
        """The same rows with the answers of a baseline."""
        return _Rows(
            rival.probability,
            rival.rank,
            self.happened,
            self.lead,
            self.position,
            self.week,
            self.seen,
            None,
        )


@dataclass(frozen=True, eq=False, slots=True)
class _Draws:
    """Rows, with their AUC and log loss over resampled leads: the same leads for the same seed."""

    rows: _Rows
    auc: Floats
    log_loss: Floats

    @classmethod
    def of(cls, rows: _Rows, seed: int) -> _Draws:
        weights = intervals.lead_weights(rows.lead, seed)
        return cls(
            rows,
            metrics.auc_draws(rows.rank, rows.happened, weights),
            metrics.log_loss_draws(rows.probability, rows.happened, weights),
        )

    def performance(self, period: _Period) -> Performance:
        rows = self.rows
        probability, rank, happened = rows.probability, rows.rank, rows.happened
        leads = len(np.unique(rows.lead))
        most = min(_BINS, max(_FEWEST_BINS, leads // _FEWEST_LEADS))
        bins = metrics.reliability(probability, happened, rows.lead, most)
        group = metrics.equal_count_bins(probability, most)
        effect = intervals.design_effect(happened, rows.lead, group)
        return Performance(
            n=len(rows),
            leads=leads,
            rate=float(happened.mean()),
            mean_probability=float(probability.mean()),
            auc=metrics.auc(rank, happened),
            auc_error=intervals.standard_error(self.auc),
            average_precision=metrics.average_precision(rank, happened),
            log_loss=_number(metrics.log_loss(probability, happened)),
            log_loss_error=intervals.standard_error(self.log_loss),
            brier=_number(metrics.brier(probability, happened)),
            ece=_number(metrics.ece(probability, happened)),
            ece_by_chance=_number(metrics.ece_by_chance(probability, period.seed, effect=effect)),
            design_effect=effect,
            lift_10=metrics.lift(rank, happened, 0.1),
            lift_20=metrics.lift(rank, happened, 0.2),
            found_10=metrics.found(rank, happened, 0.1),
            found_20=metrics.found(rank, happened, 0.2),
            queue=_weekly_queue(rows, period.capacity),
            reliability=bins,
            bins_inside=float(np.mean([line.inside for line in bins])),
            interval_coverage=_interval_coverage(rows, group),
        )

    def minus(self, other: _Draws) -> Difference:
        ours, theirs = self.rows, other.rows
        auc, their_auc = (metrics.auc(rows.rank, rows.happened) for rows in (ours, theirs))
        loss = metrics.losses(ours.probability, ours.happened)
        return Difference(
            float((loss - metrics.losses(theirs.probability, theirs.happened)).mean()),
            intervals.standard_error(self.log_loss - other.log_loss),
            None if auc is None or their_auc is None else auc - their_auc,
            intervals.standard_error(self.auc - other.auc),
        )


def _number(value: float | None) -> float:
    """A figure of rows that exist."""
    return float("nan") if value is None else value


def _weekly_queue(rows: _Rows, capacity: float) -> Queue:
    """The queue of each week, with each lead in it once, by its first score of that week."""
    _, first = np.unique(np.stack([rows.lead, rows.week]), axis=1, return_index=True)
    return metrics.queue(rows.rank[first], rows.happened[first], rows.week[first], capacity)


def _interval_coverage(rows: _Rows, group: Ints) -> float | None:
    if rows.interval is None:
        return None
    n = np.bincount(group)
    observed, low, high = (
        np.bincount(group, values) / n for values in (rows.happened, *rows.interval)
    )
    return float(((low <= observed) & (observed <= high)).mean())


def _compare(rows: _Rows, rival: Baseline | Missing, model: _Draws, period: _Period) -> Comparison:
    if isinstance(rival, Missing):
        return Comparison(rival.name, rival.reason)
    theirs = _Draws.of(rows.answered_by(rival), period.seed)
    return Comparison(
        rival.name, performance=theirs.performance(period), difference=model.minus(theirs)
    )


def _verdict(rates: Comparison, calibrator: Calibrator) -> tuple[str, str]:
    """Better only where this period shows it and the signals had something to say in training."""
    if rates.difference is None or rates.performance is None:
        return NOTHING_TO_LEARN, rates.reason
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
    return NOTHING_TO_LEARN, reason


def _by_step(rows: _Rows, rates: Baseline, period: _Period) -> tuple[Part, ...]:
    return tuple(
        _part(goal.id, goal.title, rows.position == at, rows, rates, period)
        for at, goal in enumerate(period.ladder.goals)
    )


def _by_lead(rows: _Rows, rates: Baseline, period: _Period) -> tuple[Part, ...]:
    return (
        _part("seen", "leads already known when training ended", rows.seen, rows, rates, period),
        _part("unseen", "leads that came later", ~rows.seen, rows, rates, period),
    )


def _part(id_: str, title: str, keep: Masks, rows: _Rows, rates: Baseline, period: _Period) -> Part:
    ours, theirs = rows.only(keep), rows.answered_by(rates).only(keep)
    leads = len(np.unique(ours.lead))
    if not _enough(ours):
        return Part(id_, title, len(ours), leads, _too_few(ours.happened, ours.lead))
    draws = _Draws.of(ours, period.seed)
    return Part(
        id_,
        title,
        len(ours),
        leads,
        performance=draws.performance(period),
        difference=draws.minus(_Draws.of(theirs, period.seed)),
    )


def _enough(rows: _Rows) -> bool:
    reached = len(np.unique(rows.lead[rows.happened == 1]))
    missed = len(np.unique(rows.lead[rows.happened == 0]))
    return min(reached, missed) >= _FEWEST_LEADS


def _too_few(happened: Floats, lead: Ints) -> str:
    if len(lead) == 0:
        return "not enough data (n=0)"
    reached, missed = (len(np.unique(lead[happened == kind])) for kind in (1, 0))
    leads = f"leads that reached the goal {reached}, that did not {missed}"
    return f"not enough data (n={len(lead)}: {leads})"


def _gains(
    rows: _Rows, rivals: tuple[Baseline | Missing, ...]
) -> tuple[tuple[str, tuple[float, ...]], ...]:
    ranks = [(MODEL, rows.rank)]
    ranks += [(rival.name, rival.rank) for rival in rivals if isinstance(rival, Baseline)]
    curves = (
        (name, metrics.cumulative_gain(rank, rows.happened, np.array(SHARES)))
        for name, rank in ranks
    )
    return tuple((name, tuple(curve.tolist())) for name, curve in curves if curve is not None)


def _counts(points: Points, outcomes: Outcomes, keep: Masks) -> Counts:
    state = outcomes.state[keep]
    return Counts(
        points=len(state),
        leads=len(np.unique(points.lead[keep])),
        advanced=int((state == Label.ADVANCED).sum()),
        lapsed=int((state == Label.LAPSED).sum()),
        pending=int((state == Label.PENDING).sum()),
        mature=int(outcomes.mature[keep].sum()),
    )


def _step_outcomes(ladder: Ladder, points: Points, outcomes: Outcomes) -> tuple[StepOutcomes, ...]:
    return tuple(_outcomes_of_step(ladder, at, points, outcomes) for at in range(len(ladder.goals)))


def _outcomes_of_step(ladder: Ladder, at: int, points: Points, outcomes: Outcomes) -> StepOutcomes:
    goal, here = ladder.goals[at], points.position == at
    counts = _counts(points, outcomes, here)
    mature = here & outcomes.mature
    happened, lead = outcomes.happened[mature], points.lead[mature]
    effect = intervals.design_effect(happened, lead, np.zeros(len(happened), dtype=np.int64))
    low, high = intervals.wilson(happened.sum() / effect, len(happened) / effect)
    return StepOutcomes(
        goal.id,
        goal.title,
        counts,
        float(happened.mean()) if len(happened) else None,
        low,
        high,
        counts.advanced / counts.points if counts.points else None,
    )
