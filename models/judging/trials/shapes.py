"""What came of an experiment, as it is kept, printed, drawn and served.

Leads count in the arm that they were put into, whatever was done with them since (intention to
treat), and only once the horizon is over for them. Unknown members are to be ignored.
"""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

__all__ = [
    "AfterwardsOfArm",
    "AfterwardsOfExperiment",
    "ArmComparison",
    "ArmOfExperiment",
    "ArmOfGoal",
    "ComparisonVerdict",
    "CoursePoint",
    "ExperimentReport",
    "FramingsByLot",
    "GoalOfExperiment",
    "OfferByLot",
    "OffersByLot",
    "SampleRatioCheck",
    "Span",
]

ComparisonVerdict = Literal["helps", "hurts", "no_difference", "unknown"]
"""Whether an arm surely does better or worse than the control, differs by less than is worth
having, or none of it is sure yet."""


class Span(TypedDict):
    """A figure with an interval that holds at 95 %, however often one looks; null is not known."""

    value: float | None
    low: float
    high: float | None


class ArmOfGoal(TypedDict):
    """What came of the leads of an arm, for one goal; `pending` still have time.

    `rate` is of the others. Where not all could have come into the arm with the same chance, each
    counts by one over its own: it is what the rate would be if they could.
    """

    arm: str
    leads: int
    pending: int
    reached: int
    rate: float | None


class CoursePoint(TypedDict):
    """The interval of a difference as it was after so many leads of both arms.

    `value` is the estimate of then, with what was known before the lot taken out.
    """

    leads: int
    value: float
    low: float
    high: float


class ArmComparison(TypedDict):
    """An arm beside the control.

    `effect` is the difference of the arms' rates, `ratio` how many times as many reach the goal.
    `leads` are those of both arms whose horizon is over; after `decided_after` of them it was sure
    which does better. `worth` is a difference of shares below which it is not worth having. `more`
    is how many more leads it will take, about; null where nothing more is to be known.
    """

    arm: str
    leads: int
    effect: Span
    ratio: Span
    decided_after: int | None
    verdict: ComparisonVerdict
    worth: float
    more: int | None
    says: str
    course: list[CoursePoint]


class GoalOfExperiment(TypedDict):
    """A step, or the purchase: reached within so many days after the lot, or not."""

    id: str
    title: str
    horizon_days: float
    arms: list[ArmOfGoal]
    comparisons: list[ArmComparison]


class ArmOfExperiment(TypedDict):
    """An arm. `crossed` came to another arm by an id that turned out to be theirs."""

    id: str
    share: float
    is_control: bool
    leads: int
    crossed: int


class SampleRatioCheck(TypedDict):
    """Whether the arms got the leads that the lot gives them; below `p` of 0.01 they did not."""

    p: float
    alarm: bool
    says: str


class AfterwardsOfArm(TypedDict):
    """What came a lead of an arm, on average, with an interval for this one look at 95 %.

    `leads` are those for whom all the days are over; null without two of them.
    """

    arm: str
    leads: int
    mean: float | None
    low: float | None
    high: float | None


class AfterwardsOfExperiment(TypedDict):
    """What came after the purchase, such as renewals or referrals, within so many days."""

    id: str
    title: str
    days: float
    arms: list[AfterwardsOfArm]


class ExperimentReport(TypedDict):
    """What an experiment has shown by what was known at `as_of`; the purchase comes first."""

    ladder: str
    id: str
    title: str
    kind: str
    step: str
    state: str
    as_of: str
    since: str | None
    leads: int
    arms: list[ArmOfExperiment]
    sample_ratio: SampleRatioCheck
    goals: list[GoalOfExperiment]
    afterwards: list[AfterwardsOfExperiment]
    says: str
    notes: list[str]


class OfferByLot(TypedDict):
    """An offer beside leaving leads alone, where either was drawn by lot with known chances.

    Each lead counts once, by the first of its draws that either could have won. `leads` are those
    of both whose horizon is over; `since` is the first draw. The others are as in an experiment.
    """

    offer: str
    step: str
    horizon_days: float
    since: str
    asked: ArmOfGoal
    alone: ArmOfGoal
    leads: int
    effect: Span
    verdict: ComparisonVerdict
    worth: float
    more: int | None


class FramingsByLot(TypedDict):
    """The ways to put an offer beside each other, where each was drawn with known chances.

    Each lead counts once, by the first time that the offer was drawn for it and put one of them.
    `control` is the first of the ladder; the other members are as of a goal of an experiment.
    """

    offer: str
    step: str
    horizon_days: float
    since: str
    control: str
    arms: list[ArmOfGoal]
    comparisons: list[ArmComparison]


class OffersByLot(TypedDict):
    """What is known of offers by lot at `as_of`; those of a step are sure together at 95 %.

    `worth`: what the `worth` of each is at most. `framings` of a step's offers are sure together as
    well; an offer without several that were drawn is not among them.
    """

    ladder: str
    as_of: str
    worth: float
    offers: list[OfferByLot]
    framings: list[FramingsByLot]
