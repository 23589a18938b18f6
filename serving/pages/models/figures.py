"""What an evaluation holds of one goal, as the page shows it: read from the plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from features.ladder.ladder import Ladder
from models.judging.served import (
    AS_SERVED,
    BETTER,
    BOOSTING,
    COUNTING_RULE,
    LOGISTIC,
    MODEL,
    NO_BETTER,
    NOTHING_TO_LEARN,
    POINTS_RULE,
    STEP_RATES,
    WORSE,
    AheadLook,
    ExpectedGoal,
)
from serving.pages.common.moments import ShownAt, day_of

__all__ = [
    "ExpectedCame",
    "Gains",
    "GoalFigures",
    "ModelGoal",
    "Promise",
    "Rival",
    "StepFigures",
    "expected_of",
    "figures_of",
    "nearest_promise",
]

ModelGoal = Literal["advancement", "purchase"]
"""What a model tells chances of."""
BesideRival = Literal["better", "alike", "worse", "unknown"]
_ABOUT: Final = 0.4
"""The chance that the first sentence speaks of, or the nearest to it that was told."""
_SURE: Final = 2.0
"""Standard errors from which a difference is one."""
_RIVALS: Final = {
    STEP_RATES: ("The rate of the step", "everyone at a step alike"),
    COUNTING_RULE: ("A counting rule", "by the last thing that a lead did"),
    POINTS_RULE: ("A points rule", "points for actions, that fade"),
    LOGISTIC: ("A plain formula", "logistic regression on the same facts"),
    BOOSTING: ("Another learner", "histogram gradient boosting on the same facts"),
}
_VERDICTS: Final[Mapping[str, BesideRival]] = {
    BETTER: "better",
    NO_BETTER: "alike",
    NOTHING_TO_LEARN: "alike",
    WORSE: "worse",
}


@dataclass(frozen=True, slots=True)
class Promise:
    """Chances of about the same size that were told, and what came of them.

    Parameters
    ----------
    n : how many were told; a lead counts at each instant at which it was looked at.
    told, came : the mean chance, and the share that went on.
    low, high : 95 % interval of the latter; `inside` where `told` lies in it.
    """

    n: int
    told: float
    came: float
    low: float
    high: float
    inside: bool


@dataclass(frozen=True, slots=True)
class ExpectedCame:
    """What was expected of some chances together, beside what came."""

    title: str
    since: ShownAt | None
    n: int
    leads: int
    expected: float
    came: float
    low: float
    high: float
    inside: bool


@dataclass(frozen=True, slots=True)
class StepFigures:
    """A step judged alone.

    Parameters
    ----------
    ordered : of 100 pairs of leads of whom one went on, how many had that one first; None where
        there are too few leads to say.
    standing : beside everyone at the step alike.
    """

    title: str
    whole: ExpectedCame | None
    ordered: float | None
    standing: BesideRival


@dataclass(frozen=True, slots=True)
class Rival:
    """Another way to tell chances, on the same leads; `why_not` where there is none.

    Parameters
    ----------
    off : how far its chances lie from what came, on average, in [0, 1].
    surprise : the log loss.
    standing : of the model beside it.
    """

    name: str
    note: str
    ordered: float | None
    off: float | None
    surprise: float | None
    standing: BesideRival
    why_not: str = ""
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Gains:
    """Of all who went on, the share that stands at the top of a ranking, for each share of it."""

    name: str
    shares: Sequence[float]
    found: Sequence[float]
    is_ours: bool

    def at(self, share: float) -> float:
        """What the top of so much finds; of the shares that are kept, the nearest."""
        place = min(range(len(self.shares)), key=lambda one: abs(self.shares[one] - share))
        return self.found[place]


@dataclass(frozen=True, slots=True)
class GoalFigures:
    """Everything that is shown of one goal; `note` says why there is nothing."""

    goal: ModelGoal
    note: str
    standing: BesideRival
    whole: ExpectedCame | None
    promises: Sequence[Promise]
    by_chance: float
    off: float
    steps: Sequence[StepFigures]
    spans: Sequence[ExpectedCame]
    rivals: Sequence[Rival]
    gains: Sequence[Gains]
    pending: int

    @property
    def kept(self) -> int:
        """Of how many groups of chances chance explains the difference."""
        return sum(one.inside for one in self.promises)

    @property
    def ours(self) -> Gains | None:
        """The ranking by the model."""
        return next((one for one in self.gains if one.is_ours), None)

    @property
    def by_step(self) -> Gains | None:
        """The ranking by the step alone."""
        name = _RIVALS[STEP_RATES][0]
        return next((one for one in self.gains if one.name == name), None)


def nearest_promise(promises: Sequence[Promise]) -> Promise | None:
    """The one that the first sentence speaks of: of those told, the nearest to 40 %."""
    return min(promises, key=lambda one: abs(one.told - _ABOUT), default=None)


def expected_of(ahead: AheadLook | None, goal: ModelGoal) -> ExpectedGoal | None:
    """What is expected of a goal ahead of outcomes; None where nothing is."""
    goals = ahead["goals"] if ahead else ()
    return next((one for one in goals if one["goal"] == goal and one["running"]), None)


def figures_of(evaluation: Mapping[str, Any], goal: ModelGoal, ladder: Ladder) -> GoalFigures:
    """One goal of an evaluation; figures are those of what was served, where it has them."""
    part = evaluation[goal]
    served = _served(part)
    titles = {one.id: one.title for one in ladder.goals}
    # Reports of an earlier version do not say what was expected beside what came.
    realised = [_expected(one, titles) for one in part.get("realised", ())]
    kinds = [str(one["kind"]) for one in part.get("realised", ())]
    by_id = {
        str(one["id"]): told
        for one, told in zip(part.get("realised", ()), realised, strict=True)
        if one["kind"] == "step"
    }
    return GoalFigures(
        goal=goal,
        note=str(part["note"]),
        standing=_VERDICTS.get(str(part.get("verdict", "")), "unknown"),
        whole=realised[0] if realised else None,
        promises=[_promise(one) for one in served["reliability"]] if served else [],
        by_chance=float(served["ece_by_chance"]) if served else 0.0,
        off=float(served["ece"]) if served else 0.0,
        steps=[_step(one, by_id, titles) for one in part.get("by_step", ())],
        spans=[one for one, kind in zip(realised, kinds, strict=True) if kind == "span"],
        rivals=_rivals(part, served),
        gains=_gains(part, evaluation["shares"]),
        pending=int(part["counts"]["pending"]),
    )


def _served(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The figures of what was served: moved by outcomes, where the report has that."""
    for rival in part.get("baselines", ()):
        if rival["name"] == AS_SERVED and rival["performance"] is not None:
            found: Mapping[str, Any] = rival["performance"]
            return found
    own: Mapping[str, Any] | None = part["performance"]
    return own


def _promise(one: Mapping[str, Any]) -> Promise:
    return Promise(
        int(one["n"]), one["predicted"], one["observed"], one["low"], one["high"], one["inside"]
    )


def _expected(one: Mapping[str, Any], titles: Mapping[str, str]) -> ExpectedCame:
    since = day_of(one["id"]) if one["kind"] == "span" else None
    return ExpectedCame(
        title=titles.get(str(one["id"]), ""),
        since=since,
        n=int(one["n"]),
        leads=int(one["leads"]),
        expected=one["expected"],
        came=one["came"],
        low=one["low"],
        high=one["high"],
        inside=one["inside"],
    )


def _step(
    one: Mapping[str, Any], by_id: Mapping[str, ExpectedCame], titles: Mapping[str, str]
) -> StepFigures:
    figures = one["performance"]
    return StepFigures(
        title=titles.get(str(one["id"]), str(one["title"])),
        whole=by_id.get(str(one["id"])),
        ordered=figures["auc"] if figures else None,
        standing=_standing(one["difference"]),
    )


def _rivals(part: Mapping[str, Any], served: Mapping[str, Any] | None) -> list[Rival]:
    if served is None:
        return []
    ours = Rival(
        "This model",
        "as it was served",
        served["auc"],
        served["ece"],
        served["log_loss"],
        "unknown",
        is_ours=True,
    )
    return [ours, *(_rival(one) for one in part["baselines"] if one["name"] != AS_SERVED)]


def _rival(one: Mapping[str, Any]) -> Rival:
    name, note = _RIVALS.get(str(one["name"]), (str(one["name"]).capitalize(), ""))
    figures = one["performance"]
    if figures is None:
        return Rival(name, note, None, None, None, "unknown", why_not=str(one["reason"]))
    return Rival(
        name,
        note,
        figures["auc"],
        figures["ece"],
        figures["log_loss"],
        _standing(one["difference"]),
    )


def _standing(difference: Mapping[str, Any] | None) -> BesideRival:
    """Of the model beside another, by the log loss: what is lower is better."""
    if difference is None:
        return "unknown"
    gap, error = difference["log_loss"], difference["log_loss_error"] or 0.0
    if gap < -_SURE * error and gap < 0:
        return "better"
    return "worse" if gap > _SURE * error and gap > 0 else "alike"


def _gains(part: Mapping[str, Any], shares: Sequence[float]) -> list[Gains]:
    return [
        Gains(
            "This model" if name == MODEL else _RIVALS.get(name, (name.capitalize(), ""))[0],
            shares,
            found,
            name == MODEL,
        )
        for name, found in part.get("gain", ())
        if name != AS_SERVED
    ]
