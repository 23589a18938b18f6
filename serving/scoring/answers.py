"""The shapes of scores and of the queue, as they are served and as the OpenAPI describes them.

One typed dict is both: what is made here is checked by mypy and not again on its way out, and the
description of the service is made from it. Unknown members are to be ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from features.errors import OptedOut

__all__ = [
    "AccountOfLead",
    "AnyOfAnswer",
    "ChanceAnswer",
    "Details",
    "HorizonAnswer",
    "Method",
    "ModelAnswer",
    "NotFoundAnswer",
    "OptedOutAnswer",
    "QueueItem",
    "ReasonAnswer",
    "ScoreAnswer",
    "ScoreBand",
    "ScoreOrNot",
    "StepAnswer",
    "SuggestionAnswer",
    "Tab",
    "UsefulAnswer",
    "opted_out",
]

ScoreBand = Literal["low", "medium", "high"]
Tab = Literal["reply", "talk", "marketing", "quiet"]
"""Kinds of work: to answer, to talk to, to send something, to leave in peace."""
Method = Literal["venn-abers, resampled leads", "beta posterior of the step's rate"]


class StepAnswer(TypedDict):
    """A rung of the ladder."""

    id: str
    title: str


class IntervalAnswer(TypedDict):
    """Where the probability lies, at `level`."""

    low: float
    high: float
    method: Method
    level: float


class CalibrationAnswer(TypedDict):
    """Whether the probability means what it says, and what it rests on.

    `insufficient`: too few leads to learn from; the probability is the step's rate (`rates`), or
    the ladder's band alone (`prior`).
    """

    status: Literal["calibrated", "insufficient"]
    evidence: Literal["model", "rates", "prior"]
    leads: int


class PurchaseAnswer(TypedDict):
    """The chance of a purchase within its horizon."""

    probability: float
    horizon_days: float


class ChanceAnswer(TypedDict):
    """A probability and its interval."""

    probability: Annotated[float, Field(ge=0, le=1)]
    low: Annotated[float, Field(ge=0, le=1)]
    high: Annotated[float, Field(ge=0, le=1)]


class HorizonAnswer(TypedDict):
    """The chances within as many days as were asked about, counted from `features_as_of`."""

    horizon_days: float
    next_step: Annotated[
        ChanceAnswer | None,
        Field(description="Null where the step's own horizon is shorter: nothing is known beyond."),
    ]
    purchase: ChanceAnswer | None


class ReasonAnswer(TypedDict):
    """A sentence and what it adds to the probability (0.061 is 6.1 percentage points)."""

    signal: str
    text: str
    points: float


class Details(TypedDict):
    """Where a probability comes from: `base` and the points of the reasons add up to it."""

    base: float
    fit: float
    engagement: float
    reasons: list[ReasonAnswer]


class ModelAnswer(TypedDict):
    """What scored."""

    name: str
    version: str


class ScoreAnswer(TypedDict):
    """A score.

    `base` and the points of `reasons` add up to `probability`; so do `base`, `fit` and
    `engagement`. `no_score` says why in `no_score_reason`; what there is no number for is null.
    """

    status: Literal["ok", "no_score"]
    lead_id: str
    ladder: str
    step: Annotated[StepAnswer | None, Field(description="The next step; null after the purchase.")]
    position: Annotated[int, Field(description="The highest rung completed; 0 is none.")]
    probability: Annotated[
        float | None,
        Field(ge=0, le=1, description="Of completing the next step within `horizon_days`."),
    ]
    interval: IntervalAnswer | None
    horizon_days: float | None
    calibration: CalibrationAnswer
    purchase: PurchaseAnswer | None
    horizons: NotRequired[
        Annotated[
            list[HorizonAnswer],
            Field(description="Of each `horizon_days` that was asked about; else absent."),
        ]
    ]
    band: Annotated[
        ScoreBand | None,
        Field(
            description="Whether the chance is high for its step, by thresholds of the ladder;"
            " null without a score."
        ),
    ]
    rank_pct: Annotated[
        float | None,
        Field(
            ge=0,
            le=100,
            description="Percent of the queued leads before the same step at or below this one."
            " No probability. Null where none stands there, and before the queue is scored.",
        ),
    ]
    usual: Annotated[
        float | None,
        Field(
            description="The mean chance of the queued leads before the same step, at the last"
            " scoring of all; for comparison. Null before that, and with `as_of`."
        ),
    ]
    cause: Annotated[
        Literal["events", "time", "model", "recalibration"] | None,
        Field(
            description="Why it is another score than the one before, as the queue says it; null"
            " with `as_of`, and for a lead that was sent with its events."
        ),
    ]
    base: Annotated[
        float | None,
        Field(
            description="The chance of a lead typical of the step in training; points add to it."
        ),
    ]
    fit: Annotated[float | None, Field(description="What is added by who the lead is.")]
    engagement: Annotated[float | None, Field(description="What is added by what the lead does.")]
    reasons: list[ReasonAnswer]
    no_score_reason: str | None
    model: ModelAnswer
    features_as_of: str
    scored_at: str


class NotFoundAnswer(TypedDict):
    """A lead of which nothing was known."""

    status: Literal["not_found"]
    lead_id: str
    detail: str


class OptedOutAnswer(TypedDict):
    """A lead that has opted out of profiling; whether anything is known of it is not said."""

    status: Literal["opted_out"]
    lead_id: str
    detail: str


ScoreOrNot = ScoreAnswer | NotFoundAnswer | OptedOutAnswer


def opted_out(lead_id: str) -> OptedOutAnswer:
    """All that is said of a lead that has opted out."""
    return {"status": "opted_out", "lead_id": lead_id, "detail": str(OptedOut.named(lead_id))}


class OfferAnswer(TypedDict):
    """An offer of the ladder."""

    id: str
    title: str
    kind: str
    minutes: float
    framing: str


class QuietAnswer(TypedDict):
    """Quiet hours that a lead is in: when they are over, and that in words."""

    until: str
    text: str


class UsefulAnswer(TypedDict):
    """An offer to send that asks for nothing."""

    offer_id: str
    title: str


class SuggestionAnswer(TypedDict):
    """What to do next: what would be recommended most likely now; nothing is drawn or kept.

    `ladder`: by the ladder's order and what is known of its offers. `policy`: by a policy that was
    judged and promoted. `experiment`: by the arm of an experiment that the lead is in.
    """

    kind: Literal["ladder", "policy", "experiment"]
    offer_id: Annotated[str, Field(description="An offer of the ladder, `nurture` or `no_ask`.")]
    text: str
    quiet_hours: Annotated[
        QuietAnswer | None, Field(description="To wait for; null where it may be done now.")
    ]
    offer: OfferAnswer | None
    useful: Annotated[
        UsefulAnswer | None,
        Field(description="What to send where it is `nurture`; null where there is nothing."),
    ]


class AnyOfAnswer(TypedDict):
    """The chance that at least one of some leads does something.

    `value` is as if they did independently of each other; `least` and `most` hold however they hang
    together.
    """

    value: float
    least: float
    most: float


class AccountOfLead(TypedDict):
    """The company that a lead belongs to, by all its leads that have a score."""

    id: str
    name: str | None
    leads: int
    active: Annotated[int, Field(description="So many did something within seven days.")]
    probability: Annotated[
        AnyOfAnswer, Field(description="That at least one completes its next step.")
    ]
    purchase_probability: Annotated[AnyOfAnswer, Field(description="That at least one buys.")]


class QueueItem(TypedDict):
    """A lead of the queue, as it was scored last.

    Who waits for a reply stands in it also without a next step, having bought or being lost: then
    all that is told of one is null.
    """

    lead_id: str
    account: AccountOfLead | None
    ladder: str
    step: Annotated[
        StepAnswer | None,
        Field(
            description="Its next one; null for a lead that has bought, or is lost, and waits for a"
            " reply. Its chances, their interval, its band, its rank and its base are null too."
        ),
    ]
    position: int
    tab: Annotated[
        Tab | None,
        Field(
            description="Whose work it is: to answer, to talk to, to send something, to leave in"
            " peace."
        ),
    ]
    claimed_by: Annotated[str | None, Field(description="Who works with it; null for nobody.")]
    probability: float | None
    interval: dict[Literal["low", "high"], float] | None
    horizon_days: float | None
    purchase_probability: float | None
    band: ScoreBand | None
    rank_pct: float | None
    usual: Annotated[
        float | None, Field(description="The mean chance of those who stand before the same step.")
    ]
    p_week_ago: Annotated[
        float | None,
        Field(
            description="The chance of the same step a week before, as this model sees it; null"
            " where the lead was elsewhere, or it was not looked for."
        ),
    ]
    cause: Annotated[
        Literal["events", "time", "model", "recalibration"],
        Field(description="Why the score is another one than the one before."),
    ]
    base: float | None
    fit: float | None
    engagement: float | None
    reasons: list[ReasonAnswer]
    suggestion: SuggestionAnswer | None
    last_active: str | None
    waiting_since: Annotated[
        str | None,
        Field(description="When the lead asked something that nobody has replied to yet."),
    ]
    model: ModelAnswer
    features_as_of: str
    scored_at: str
