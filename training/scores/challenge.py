"""Bundles on the same later points: a champion, and whoever wants its place.

Every difference is in pairs (the same points, the same resampled leads), each as it would have
served, its probabilities moved by the outcomes known at each instant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.clock import rfc3339, said_at, said_from
from features.errors import BundleError, NotEnoughData
from features.events.log import DAY_US, EventLog
from features.ladder.words import in_percent
from models.bundle import Bundle, signals_fingerprint
from models.judging import intervals, metrics
from models.judging.orders import kept_at_the_top
from models.recalibrated import Recalibrated
from models.scores.recalibration import Move
from training.decision_points import Points, decision_points
from training.labels import Outcomes, label
from training.scores.goals.ripening import why_empty
from training.scores.performance import Answers
from training.scores.reordering import by_next_step
from training.scores.written.wording import WENT_ON

__all__ = [
    "Challenge",
    "Contender",
    "GoalChallenge",
    "Pair",
    "Verdict",
    "challenge",
    "require_alike",
]

Verdict = Literal["better", "worse", "undecided"]
_SURE: Final = 1.645
"""Standard errors: whoever is not better is called so once in twenty."""
_TOP: Final = 100
_CAPACITY: Final = 0.1
_WEEK_US: Final = 7 * DAY_US
_MOST_SEGMENTS: Final = 6


@dataclass(frozen=True, eq=False, slots=True)
class Contender:
    """A bundle as it was trained, and how outcomes have moved it."""

    bundle: Bundle
    moves: Mapping[str, Sequence[Move]]

    @property
    def trained_until(self) -> int:
        """When its knowledge ends, in microseconds since the epoch."""
        return int(self.bundle.manifest["until"])


@dataclass(frozen=True, slots=True)
class Pair:
    """One figure of both, and the difference: the challenger's less the champion's.

    Parameters
    ----------
    error : of the difference, over resampled leads; None where there are too few.
    is_better : whether a difference above 0 speaks for the challenger.
    is_money : whether it is in the ladder's currency.
    """

    name: str
    champion: float | None
    challenger: float | None
    difference: float | None
    error: float | None
    is_better: bool
    is_money: bool = False

    @property
    def verdict(self) -> Verdict:
        """Whether the difference is beyond what chance does once in twenty."""
        if self.difference is None or self.error is None:
            return "undecided"
        for_it = self.difference if self.is_better else -self.difference
        if for_it > _SURE * self.error and for_it > 0:
            return "better"
        return "worse" if -for_it > _SURE * self.error and for_it < 0 else "undecided"


@dataclass(frozen=True, slots=True)
class GoalChallenge:
    """One goal: all points, then parts of them.

    Parameters
    ----------
    pairs : none where `note` says why.
    parts : of each step and segment its name, points, leads, and the pair of log losses.
    note : why there are no figures; empty where there are.
    """

    goal: str
    points: int
    leads: int
    pairs: tuple[Pair, ...]
    parts: tuple[tuple[str, int, int, Pair], ...]
    note: str = ""

    def pair(self, name: str) -> Pair:
        """The pair of a figure."""
        return next(one for one in self.pairs if one.name == name)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenger beside the champion.

    Parameters
    ----------
    top, top_changed : of the leads at the champion's top today, by the chance of a purchase, how
        many would be others.
    step_top, step_top_changed : the same of the tops before each step, by the chance of that step;
        where purchases rest on rates many leads share a chance of one, and this alone tells.
    """

    champion: str
    challenger: str
    start: int
    until: int
    goals: tuple[GoalChallenge, ...]
    top: int
    top_changed: float
    step_top: int = 0
    step_top_changed: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Better where the next step's log loss is, and no goal is worse in log loss or AUC."""
        judged = [goal for goal in self.goals if not goal.note]
        pairs = [goal.pair(name) for goal in judged for name in ("log loss", "AUC")]
        if any(pair.verdict == "worse" for pair in pairs):
            return "worse"
        return self.goals[0].pair("log loss").verdict

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; instants as RFC 3339."""
        instants = {name: rfc3339(getattr(self, name)) for name in ("start", "until")}
        return asdict(self) | instants | {"verdict": self.verdict}


def challenge(
    log: EventLog,
    champion: Contender,
    challenger: Contender,
    *,
    until: int,
    start: int | None = None,
    seed: int = 7,
) -> Challenge:
    """Judge both on the points of (`start`, `until`], by what was known at `until`.

    Parameters
    ----------
    start, until : microseconds since the epoch; `start` is when the later of both was trained.

    Raises
    ------
    BundleError : they do not score the same steps and signals.
    NotEnoughData : one of them was trained on part of the period, or nothing there can be judged.
    """
    require_alike(champion.bundle, challenger.bundle)
    trained = max(one.trained_until for one in (champion, challenger))
    start = trained if start is None else start
    if start < trained:
        raise NotEnoughData(
            f"one of them was trained on what was known until {said_from(trained)}: judge them from"
            " then on"
        )
    if until <= start:
        raise NotEnoughData(why_empty(log, start, until, trained))
    ladder = champion.bundle.ladder
    points = decision_points(log, ladder, start=start, end=until, seed=seed)
    if not len(points):
        raise NotEnoughData(f"no lead to score between {said_from(start)} and {said_at(until)}")
    came = label(log, ladder, points, until)
    scores = [
        Recalibrated(one.bundle, one.moves).score(points.snapshot) for one in (champion, challenger)
    ]
    goals = []
    for goal, outcomes in zip(("advancement", "purchase"), came, strict=True):
        estimates = [one.advance if goal == "advancement" else one.purchase for one in scores]
        told = [one.probability for one in estimates]
        goals.append(_of_goal(goal, champion.bundle, points, outcomes, told, seed))
    if goals[0].note:
        raise NotEnoughData(
            f"between {said_from(start)} and {said_at(until)} outcomes of both kinds are not known"
            f" yet: {goals[0].note}: judge a longer period, or judge later"
        )
    last = _last_of_each(points)
    before, after = (one.purchase.probability[last] for one in scores)
    top = min(_TOP, len(last) // 2)
    is_last = np.isin(np.arange(len(points)), last)
    chances = [one.advance.probability[is_last] for one in scores]
    by_step = by_next_step(champion.bundle, points.rows(is_last), *chances)
    return Challenge(
        champion.bundle.version,
        challenger.bundle.version,
        start,
        until,
        tuple(goals),
        top,
        top - kept_at_the_top(before, after, top) if top else 0.0,
        by_step.top,
        by_step.top - by_step.kept,
    )


def require_alike(champion: Bundle, challenger: Bundle) -> None:
    """BundleError unless both answer the same questions, by the same signals.

    A chance within other days, or of a step that is completed otherwise, is the answer to another
    question: what came does not tell which of the two is better.
    """
    ladders = [one.ladder for one in (champion, challenger)]
    steps = [[goal.id for goal in one.goals] for one in ladders]
    ends = [
        ([(goal.horizon_days, goal.complete_when) for goal in one.goals], one.lost_when)
        for one in ladders
    ]
    if steps[0] != steps[1] or len({signals_fingerprint(one) for one in ladders}) > 1:
        what = "steps or signals"
    elif ends[0] != ends[1]:
        what = "horizons, or steps that end otherwise,"
    else:
        return
    raise BundleError(
        f"{challenger.version} scores other {what} than {champion.version}: judge"
        " each by itself, with rung evaluate"
    )


def _of_goal(
    goal: str,
    bundle: Bundle,
    points: Points,
    outcomes: Outcomes,
    told: Sequence[Floats],
    seed: int,
) -> GoalChallenge:
    keep = outcomes.decided
    happened, lead = outcomes.happened[keep], points.lead[keep]
    week = (points.as_of[keep] - int(points.as_of.min())) // _WEEK_US
    both = [
        Answers(
            one[keep], one[keep], happened, lead, points.position[keep], week,
            np.ones(len(lead), dtype=np.bool_), outcomes.weight[keep], None,
        )
        for one in told
    ]  # fmt: skip
    if not both[0].is_enough:
        reached, missed = (len(np.unique(lead[happened == kind])) for kind in (1, 0))
        did = WENT_ON[goal]
        note = f"not enough data (leads that {did} {reached:,}, that did not {missed:,})"
        return GoalChallenge(goal, len(lead), len(np.unique(lead)), (), (), note)
    parts = [
        (name, int(some.sum()), len(np.unique(lead[some])), _losses(both, some, seed))
        for name, some in _parts(bundle, points.rows(keep))
        if both[0].only(some).is_enough
    ]
    return GoalChallenge(
        goal, len(lead), len(np.unique(lead)), tuple(_pairs(both, bundle, goal, seed)), tuple(parts)
    )


def _parts(bundle: Bundle, points: Points) -> list[tuple[str, Bools]]:
    """Steps, then the most frequent values of each trait that is a category."""
    found = [
        (f"before {goal.title}", points.position == at)
        for at, goal in enumerate(bundle.ladder.goals)
    ]
    snapshot = points.snapshot
    for trait in bundle.ladder.traits:
        words = snapshot.categories.get(f"trait.{trait.id}")
        if words is None:
            continue
        at = [signal.id for signal in snapshot.signals].index(f"trait.{trait.id}")
        codes = snapshot.values[:, at]
        held = codes[~np.isnan(codes)].astype(np.int64)
        often = np.argsort(-np.bincount(held, minlength=len(words)), kind="stable")
        found += [(f"{trait.id} {words[code]}", codes == code) for code in often[:_MOST_SEGMENTS]]
    return found


def _losses(both: Sequence[Answers], some: Bools, seed: int) -> Pair:
    rows = [one.only(some) for one in both]
    weights = intervals.lead_weights(rows[0].lead, seed)
    draws = [
        metrics.log_loss_draws(one.probability, one.happened, weights, one.weight) for one in rows
    ]
    values = [metrics.log_loss(one.probability, one.happened, one.weight) for one in rows]
    return _pair("log loss", values, draws, is_better=False)


def _pairs(both: Sequence[Answers], bundle: Bundle, goal: str, seed: int) -> list[Pair]:
    weights = intervals.lead_weights(both[0].lead, seed)
    every = np.ones(len(both[0]), dtype=np.bool_)
    found = [_losses(both, every, seed)]
    draws = [metrics.auc_draws(one.rank, one.happened, weights, one.weight) for one in both]
    values = [metrics.auc(one.rank, one.happened, one.weight) for one in both]
    found.append(_pair("AUC", values, draws, is_better=True))

    def over(figure: Any) -> tuple[list[float | None], list[Floats]]:
        drawn = []
        for one in both:
            each = [figure(one, one.weight * draw[weights.cluster]) for draw in weights.draws]
            drawn.append(np.array([np.nan if value is None else value for value in each]))
        return [figure(one, one.weight) for one in both], drawn

    def error_of(one: Answers, weight: Floats) -> float | None:
        return metrics.ece(one.probability, one.happened, weight=weight)

    def lift_of(one: Answers, weight: Floats) -> float | None:
        if not (weight * one.happened).any():
            return None
        return metrics.lift(one.rank, one.happened, _CAPACITY, weight)

    found.append(_pair("calibration error", *over(error_of), is_better=False))
    found.append(_pair(f"lift of the top {in_percent(_CAPACITY)}", *over(lift_of), is_better=True))
    if goal == "purchase":
        worth = bundle.ladder.value.purchase

        def value_of(one: Answers, weight: Floats) -> float | None:
            part = metrics.found(one.rank, one.happened, _CAPACITY, weight)
            rate = float(np.average(one.happened, weights=weight)) if weight.any() else 0.0
            return None if part is None else 100.0 * part * rate * worth

        money = bundle.ladder.value.currency
        name = f"value in the top {in_percent(_CAPACITY)}, {money} a hundred scores"
        found.append(replace(_pair(name, *over(value_of), is_better=True), is_money=True))
    return found


def _pair(
    name: str, values: Sequence[float | None], draws: Sequence[Floats], *, is_better: bool
) -> Pair:
    first, second = values
    gap = None if first is None or second is None else second - first
    error = intervals.standard_error(draws[1] - draws[0])
    return Pair(name, first, second, gap, error, is_better)


def _last_of_each(points: Points) -> Ints:
    """The index of each lead's last point."""
    order = np.lexsort((points.as_of, points.lead))
    lead = points.lead[order]
    last = np.append(lead[1:] != lead[:-1], True)
    found: Ints = order[last]
    return found
