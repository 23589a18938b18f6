"""The funnel as it is kept, printed, drawn and served. Unknown members are to be ignored.

A rate is a share within the horizon of its step; times are in days; shares are in [0, 1].
"""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

__all__ = [
    "BandVerdict",
    "BandedWay",
    "CohortCell",
    "Days",
    "Funnel",
    "LeadCounts",
    "Lever",
    "Rate",
    "SegmentCell",
    "StepBand",
    "StepFunnel",
    "Trend",
    "Whole",
]

BandVerdict = Literal["below", "within", "above", "undetermined", "no band"]


class Rate(TypedDict):
    """The share that goes on within the horizon, with its 95 % interval.

    `value` is null until the horizon of a first lead is over; `low` holds even then. `leads` is how
    many, all waited for to the end, would tell as much.
    """

    value: float | None
    low: float
    high: float
    leads: float


class LeadCounts(TypedDict):
    """Leads that came to stand before a step, by what came of them.

    `passed` never stood there, as they completed a step above the one before: they are among
    `came` and `advanced`.
    """

    came: int
    advanced: int
    pending: int
    lapsed: int
    lost: int
    left: int
    passed: int


class CohortCell(TypedDict):
    """Those who came to the step from an instant on, for a week or a month."""

    since: str
    counts: LeadCounts
    rate: Rate


class SegmentCell(TypedDict):
    """Those of whom a trait was known when they came; `value` is null where it was not."""

    value: str | None
    counts: LeadCounts
    rate: Rate


class Days(TypedDict):
    """Days until those who stood before the step went on within its horizon; null without any.

    The median and the time of nine in ten allow for those who still have time.
    """

    least: float | None
    median: float | None
    most_of_them: float | None
    most: float | None


class Trend(TypedDict):
    """The newest stretch of `days` beside the one before it; null where one of them has no rate."""

    days: float
    newest: Rate
    before: Rate
    difference: float | None
    low: float | None
    high: float | None


class StepBand(TypedDict):
    """The healthy share of a step, by the ladder."""

    low: float
    high: float


class StepFunnel(TypedDict):
    """One step. `so_far` is the share that has gone on by now, in its horizon or later.

    `says` tells it in a sentence.
    """

    id: str
    title: str
    horizon_days: float
    band: StepBand | None
    counts: LeadCounts
    rate: Rate
    verdict: BandVerdict
    so_far: float | None
    days: Days
    trend: Trend | None
    cohorts: list[CohortCell]
    segments: dict[str, list[SegmentCell]]
    says: str


class BandedWay(TypedDict):
    """From the first of the last steps that all have a band, `step`, to the purchase.

    `followed`: the share of those who come to that step that purchases within the horizons from
    there on. `band` multiplies the bands of the same steps.
    """

    step: str
    title: str
    followed: Rate
    so_far: float | None
    band: StepBand
    verdict: BandVerdict


class Whole(TypedDict):
    """From the first step to the purchase.

    `product` multiplies the rates of the steps. `followed` is what came of the leads themselves:
    the share that purchases within all horizons together, whatever each step took. They need not be
    the same: who goes on late counts in the second alone. `band` multiplies the bands, where every
    step has one; where the first have none, `banded` is the rest of the way, with its own rate.
    """

    product: Rate
    followed: Rate
    so_far: float | None
    band: StepBand | None
    verdict: BandVerdict
    banded: BandedWay | None


class Lever(TypedDict):
    """The step below its band that would bring the most at its lower end, `worth`.

    `now` and `then`: the share of those who begin that completes `end`, the last step whose rate is
    known: the rates multiplied, as they are and with this one at `worth`. It takes for granted that
    whoever would come through besides goes on as the others do; that is seldom so, and the most
    that can be hoped for. `is_sure`: whether the step is surely below its band.
    """

    step: str
    title: str
    rate: float
    worth: float
    is_sure: bool
    end: str
    end_title: str
    now: float
    then: float


class Funnel(TypedDict):
    """What became of leads on a ladder, by what was known at `as_of`.

    `counted_until`: what happened later is not counted yet, as news of it may still come.
    `entered_from`, `entered_to`: of those who came to a step in between; null is open.
    `only`: of those of whom this was known then, trait by trait.
    """

    ladder: str
    as_of: str
    counted_until: str
    entered_from: str | None
    entered_to: str | None
    only: dict[str, str | None]
    every: Literal["week", "month"]
    leads: int
    whole: Whole
    steps: list[StepFunnel]
    lever: Lever | None
    notes: list[str]
