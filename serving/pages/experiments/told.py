"""An experiment as its page tells it: the ways, what came of each, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from features.clock import instant, microseconds
from features.events.log import DAY_US
from features.ladder.ladder import Ladder
from models.judging.trials.pace import weeks_until_known
from models.judging.trials.shapes import (
    AfterwardsOfExperiment,
    ArmComparison,
    ArmOfGoal,
    ExperimentReport,
    GoalOfExperiment,
    Span,
)
from models.judging.trials.wording import WORTH, leads_told_of, times
from serving.pages.common import words
from serving.pages.common.moments import ShownAt, day_of, shown_at
from serving.pages.experiments.naming import KINDS, arm_name, arm_note
from serving.pages.experiments.pictures import DrawnCourse, course_drawn
from serving.pages.experiments.verdicts import TrialVerdict, verdict_said
from serving.recommending.experiments import ExperimentWithReport

__all__ = ["AfterPurchase", "LotShare", "TrialCard", "TrialGoal", "TrialRow", "card_of", "scale_of"]

_LEAST_SCALE: Final = 0.1
"""A difference of so many at least fills half of a picture: none looks large that is small."""
TrialState = Literal["running", "stopped", "archived", "standing"]


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A way that some leads were given, and what came of them.

    Parameters
    ----------
    reached : of those whose time is over.
    effect : beside the way that the others are compared with; None of that way itself.
    worth : a difference that is worth having.
    """

    name: str
    note: str
    leads: int
    pending: int
    reached: int
    rate: float | None
    effect: Span | None = None
    said: TrialVerdict | None = None
    worth: float = WORTH

    @property
    def over(self) -> int:
        """Of how many the time is over."""
        return self.leads - self.pending

    @property
    def of(self) -> int:
        """Of how many leads the difference is told: of 100, or of more where it is small."""
        return leads_told_of(self.effect, self.worth) if self.effect else 100

    @property
    def difference(self) -> str:
        """Of so many: "+10"; "" where there is none to tell of."""
        value = self.effect["value"] if self.effect else None
        return "" if value is None else words.change(value, self.of)

    @property
    def between(self) -> str:
        """Where it surely lies: "−3 to +25"."""
        if self.effect is None:
            return ""
        return words.changes(self.effect["low"], self.effect["high"] or 0.0, self.of)


@dataclass(frozen=True, slots=True)
class TrialGoal:
    """A step or the purchase, with all ways; `most` is the difference at the ends of a picture.

    `known_from` is when the first leads' time is over, where nobody's is; else None.
    """

    id: str
    title: str
    days: float
    rows: Sequence[TrialRow]
    most: float
    courses: Sequence[DrawnCourse]
    known_from: ShownAt | None = None
    is_main: bool = False

    @property
    def is_sure(self) -> bool:
        """Whether anything is."""
        return any(row.said and row.said.kind in ("good", "bad") for row in self.rows)


@dataclass(frozen=True, slots=True)
class LotShare:
    """Whether a way got the leads that the lot gives it."""

    name: str
    meant: float
    got: float
    leads: int
    crossed: int


@dataclass(frozen=True, slots=True)
class AfterPurchase:
    """What came a lead after the purchase, by way: the mean with an interval for this one look."""

    title: str
    days: float
    rows: Sequence[tuple[str, int, float | None, float | None, float | None]]


@dataclass(frozen=True, slots=True)
class TrialCard:
    """An experiment.

    Parameters
    ----------
    kind, done_by : what differs, and who gives leads their way.
    about : "Leads who come to Value exchange"; "All leads".
    as_of : of what is told; None before it was looked at.
    verdict : what was decided when it was ended.
    is_off : the ways do not have the leads that the lot gives them: nothing here is to be believed.
    control : what the others are compared with.
    ratios : sentences on how many times as many buy.
    """

    id: str
    title: str
    address: str
    kind: str
    done_by: str
    about: str
    state: TrialState
    since: ShownAt | None
    stopped_at: ShownAt | None
    by: str
    verdict: str
    arms: Sequence[tuple[str, str]]
    control: str
    leads: int
    as_of: ShownAt | None
    is_off: bool
    lot: Sequence[LotShare]
    goals: Sequence[TrialGoal]
    ratios: Sequence[str]
    afterwards: Sequence[AfterPurchase]

    @property
    def is_open(self) -> bool:
        """Whether leads are put into it still."""
        return self.state in ("running", "standing")

    @property
    def main_goals(self) -> list[TrialGoal]:
        """What is told in a list of experiments: the step that it is about, and the purchase."""
        return [goal for goal in self.goals if goal.is_main]

    @property
    def other_goals(self) -> list[TrialGoal]:
        """The steps that it is not about, which may move all the same."""
        return [goal for goal in self.goals if not goal.is_main]

    @property
    def sure_besides(self) -> list[TrialGoal]:
        """The other steps of which something is sure."""
        return [goal for goal in self.other_goals if goal.is_sure]


def card_of(told: ExperimentWithReport, ladder: Ladder) -> TrialCard:
    """An experiment with its newest report."""
    names = {arm["id"]: arm_name(told, arm, ladder) for arm in told["arms"]}
    notes = {arm["id"]: arm_note(arm, ladder) for arm in told["arms"]}
    report = told["report"]
    kind, done_by = KINDS[told["kind"]]
    standing = told["started_at"] is None
    parts = _Parts(told, report, names, notes) if report else None
    return TrialCard(
        id=told["id"],
        title="What is Rung worth?" if standing else told["title"],
        address=f"/experiments/{quote(told['id'], safe='')}",
        kind=kind,
        done_by=done_by,
        about=_about(told["step"], ladder),
        state=_state(told["state"], standing=standing),
        since=_shown(report["since"] if report and report["since"] else told["started_at"]),
        stopped_at=_shown(told["stopped_at"]),
        by=told["by"],
        verdict=told["verdict"],
        arms=[(names[arm["id"]], notes[arm["id"]]) for arm in told["arms"]],
        control=names[told["control"]],
        leads=report["leads"] if report else 0,
        as_of=_shown(report["as_of"]) if report else None,
        is_off=bool(report and report["sample_ratio"]["alarm"]),
        lot=parts.lot() if parts else (),
        goals=parts.goals() if parts else (),
        ratios=parts.ratios() if parts else (),
        afterwards=[parts.after(one) for one in report["afterwards"]] if parts and report else (),
    )


def scale_of(effects: Sequence[Span | None]) -> float:
    """The difference at the ends of pictures that stand below each other."""
    known = [one for one in effects if one is not None and one["value"] is not None]
    ends = [max(abs(one["low"]), abs(one["high"] or 0.0)) for one in known]
    return min(1.0, max([_LEAST_SCALE, *ends]))


@dataclass(frozen=True, slots=True)
class _Parts:
    """An experiment's report, and what its arms are called."""

    told: ExperimentWithReport
    report: ExperimentReport
    names: dict[str, str]
    notes: dict[str, str]

    def goals(self) -> list[TrialGoal]:
        """Those that somebody stood before: the step that it is about first, then the purchase."""
        found = [
            self._goal(goal, is_purchase=at == 0) for at, goal in enumerate(self.report["goals"])
        ]
        there = [goal for goal in found if any(row.leads for row in goal.rows)]
        return sorted(there, key=lambda goal: goal.id != self.told["step"])

    def _goal(self, goal: GoalOfExperiment, *, is_purchase: bool) -> TrialGoal:
        beside = {one["arm"]: one for one in goal["comparisons"]}
        control = next(one for one in goal["arms"] if one["arm"] == self.told["control"])
        rows = [self._row(goal, one, beside.get(one["arm"]), control) for one in goal["arms"]]
        rows.sort(key=lambda row: row.effect is not None)
        drawn = [course_drawn(self.names[one["arm"]], one["course"]) for one in beside.values()]
        nobody = not any(row.over for row in rows)
        since, horizon = _micros(self.report["since"]), round(goal["horizon_days"] * DAY_US)
        return TrialGoal(
            id=goal["id"],
            title=goal["title"],
            days=goal["horizon_days"],
            rows=rows,
            most=scale_of([row.effect for row in rows]),
            courses=[one for one in drawn if one is not None],
            known_from=shown_at(since + horizon) if nobody and since else None,
            is_main=is_purchase or goal["id"] == self.told["step"],
        )

    def _row(
        self,
        goal: GoalOfExperiment,
        arm: ArmOfGoal,
        beside: ArmComparison | None,
        control: ArmOfGoal,
    ) -> TrialRow:
        effect = beside["effect"] if beside else None
        said = self._said(goal, arm["leads"] + control["leads"], beside) if beside else None
        return TrialRow(
            self.names[arm["arm"]],
            self.notes[arm["arm"]],
            arm["leads"],
            arm["pending"],
            arm["reached"],
            arm["rate"],
            effect,
            said,
            beside.get("worth", WORTH) if beside else WORTH,
        )

    def _said(self, goal: GoalOfExperiment, leads: int, beside: ArmComparison) -> TrialVerdict:
        if self.report["sample_ratio"]["alarm"]:
            return TrialVerdict("Not to be believed", "open", "the lot is off")
        weeks, more, since = None, beside["more"], _micros(self.report["since"])
        if more is not None and since is not None:
            weeks = weeks_until_known(
                more,
                leads=leads,
                since=since,
                as_of=_micros(self.report["as_of"]) or since,
                horizon_days=goal["horizon_days"],
            )
        is_over = self.told["state"] != "running"
        worth = beside.get("worth")
        return verdict_said(beside["verdict"], more, weeks, worth=worth, is_over=is_over)

    def lot(self) -> list[LotShare]:
        """What each way was meant to get of the leads, and what it got."""
        leads = max(self.report["leads"], 1)
        return [
            LotShare(
                self.names[arm["id"]],
                arm["share"],
                arm["leads"] / leads,
                arm["leads"],
                arm["crossed"],
            )
            for arm in self.report["arms"]
        ]

    def ratios(self) -> list[str]:
        """How many times as many buy in each way as in the one to compare with."""
        if self.report["sample_ratio"]["alarm"]:
            return []
        beside = self.names[self.told["control"]]
        return [
            _ratio_said(self.names[one["arm"]], beside, one["ratio"]["value"], one["ratio"])
            for one in self.report["goals"][0]["comparisons"]
            if one["ratio"]["value"] is not None
        ]

    def after(self, one: AfterwardsOfExperiment) -> AfterPurchase:
        """What came after the purchase."""
        rows = [
            (self.names[arm["arm"]], arm["leads"], arm["mean"], arm["low"], arm["high"])
            for arm in one["arms"]
        ]
        return AfterPurchase(one["title"], one["days"], rows)


def _ratio_said(name: str, beside: str, value: float, ratio: Span) -> str:
    """How many times as many: a ratio without an upper end says so."""
    high = "with no upper end yet" if ratio["high"] is None else f"to {times(ratio['high'])}"
    return (
        f"{name}: {times(value)} times as many purchases as “{beside}”"
        f" ({times(ratio['low'])} {high})"
    )


def _about(step: str, ladder: Ladder) -> str:
    title = next((goal.title for goal in ladder.goals if goal.id == step), "")
    return f"Leads who come to “{title}”" if title else "All leads"


def _state(state: str, *, standing: bool) -> TrialState:
    if standing:
        return "standing"
    return "running" if state == "running" else "archived" if state == "archived" else "stopped"


def _shown(text: str | None) -> ShownAt | None:
    return None if text is None else day_of(text)


def _micros(text: str | None) -> int | None:
    return None if text is None else microseconds(instant(text))
