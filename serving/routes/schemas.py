"""The shapes of requests and answers. Requests are checked by them; answers are described by them.

Unknown members of a request are refused; unknown members of an answer are to be ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from features.clock import instant, microseconds
from features.errors import TimeError

__all__ = [
    "BatchAnswer",
    "BatchRequest",
    "Instant",
    "LeadEvents",
    "NotFoundAnswer",
    "OptedOutAnswer",
    "ProblemAnswer",
    "QueueAnswer",
    "QueueQuery",
    "ReadyAnswer",
    "ScoreAnswer",
    "ScoreQuery",
    "StepAnswer",
    "StrictRequest",
    "Text",
    "stored_text",
]

MOST_LEADS: Final = 1000
MOST_PER_PAGE: Final = 200


def _instant(value: object) -> int:
    if isinstance(value, str):
        try:
            return microseconds(instant(value))
        except TimeError as error:
            raise PydanticCustomError("time", "{reason}", {"reason": str(error)}) from error
    shown = repr(value)[:40]
    raise PydanticCustomError(
        "time", "{shown} is not a time; write 2026-03-01T12:00:00Z", {"shown": shown}
    )


def stored_text(value: str) -> str:
    """The same text, if a database takes it."""
    if "\0" in value:
        raise PydanticCustomError("text", "a NUL is in no id and no name")
    return value


Instant = Annotated[
    int,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T12:00:00Z"]}),
]
"""RFC 3339 outside, microseconds since the epoch inside."""
Text = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(stored_text)]


# ---------------------------------------------------------------------------------------- Requests


class StrictRequest(BaseModel):
    """A request whose unknown members are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ScoreQuery(StrictRequest):
    """The query of a score."""

    as_of: Instant | None = Field(
        None, description="Score from what was known then; now, where it is left out."
    )


class QueueQuery(StrictRequest):
    """The query of the queue."""

    limit: int = Field(50, ge=1, le=MOST_PER_PAGE)
    cursor: str | None = Field(
        None, max_length=4096, description="`next_cursor` of the page before."
    )
    step: str | None = Field(None, max_length=200, description="Only leads whose next step it is.")


class EventOfLead(StrictRequest):
    """Something that happened. Known when it happened, where `known_at` is left out."""

    name: Text
    occurred_at: Instant
    known_at: Instant | None = None
    properties: dict[str, Any] = Field(default_factory=dict)


class LeadEvents(StrictRequest):
    """A lead that the store need not know, with all that is to be known of it."""

    lead_id: Text
    events: list[EventOfLead] = Field(max_length=10_000)


def _kind_of_lead(value: object) -> str:
    return "<events>" if isinstance(value, dict | LeadEvents) else "<id>"


BatchLead = Annotated[
    Annotated[Text, Tag("<id>")] | Annotated[LeadEvents, Tag("<events>")],
    Discriminator(_kind_of_lead),
]


class BatchRequest(StrictRequest):
    """Leads to score: ids of stored leads, or leads with their events."""

    leads: list[BatchLead] = Field(min_length=1, max_length=MOST_LEADS)
    as_of: Instant | None = None


# ----------------------------------------------------------------------------------------- Answers


class StepAnswer(BaseModel):
    """A rung of the ladder."""

    id: str
    title: str


class IntervalAnswer(BaseModel):
    """Where the probability lies, at `level`."""

    low: float
    high: float
    method: Literal["venn-abers, resampled leads", "beta posterior of the step's rate"]
    level: float


class CalibrationAnswer(BaseModel):
    """Whether the probability means what it says, and what it rests on.

    `insufficient`: too few leads to learn from; the probability is the step's rate (`rates`), or
    the ladder's band alone (`prior`).
    """

    status: Literal["calibrated", "insufficient"]
    evidence: Literal["model", "rates", "prior"]
    leads: int


class PurchaseAnswer(BaseModel):
    """The chance of a purchase within its horizon."""

    probability: float
    horizon_days: float


class ReasonAnswer(BaseModel):
    """A sentence and what it adds to the probability (0.061 is 6.1 percentage points)."""

    signal: str
    text: str
    points: float


class ModelAnswer(BaseModel):
    """What scored."""

    name: str
    version: str


class ScoreAnswer(BaseModel):
    """A score.

    `base` and the points of `reasons` add up to `probability`; so do `base`, `fit` and
    `engagement`. `no_score` says why in `no_score_reason`; what there is no number for is null.
    """

    status: Literal["ok", "no_score"]
    lead_id: str
    ladder: str
    step: StepAnswer | None = Field(description="The next step; null after the purchase.")
    position: int = Field(description="The highest rung completed; 0 is none.")
    probability: float | None = Field(
        ge=0, le=1, description="Of completing the next step within `horizon_days`."
    )
    interval: IntervalAnswer | None
    horizon_days: float | None
    calibration: CalibrationAnswer
    purchase: PurchaseAnswer | None
    band: Literal["low", "medium", "high"] | None = Field(
        description="Bottom half, middle and top fifth of the queue, by rank; null when unknown."
    )
    rank_pct: float | None = Field(
        ge=0, le=100, description="Percent of queued leads at or below this one. No probability."
    )
    base: float | None = Field(description="The probability of a typical lead on this rung.")
    fit: float | None = Field(description="What is added by who the lead is.")
    engagement: float | None = Field(description="What is added by what the lead does.")
    reasons: list[ReasonAnswer]
    no_score_reason: str | None
    model: ModelAnswer
    features_as_of: str
    scored_at: str


class NotFoundAnswer(BaseModel):
    """A lead of which nothing was known."""

    status: Literal["not_found"]
    lead_id: str
    detail: str


class OptedOutAnswer(BaseModel):
    """A lead that has opted out of profiling; whether anything is known of it is not said."""

    status: Literal["opted_out"]
    lead_id: str
    detail: str


class BatchAnswer(BaseModel):
    """A result for each lead of the request, in its order."""

    results: list[ScoreAnswer | NotFoundAnswer | OptedOutAnswer]


class OfferAnswer(BaseModel):
    """An offer of the ladder."""

    id: str
    title: str
    kind: str
    minutes: float
    framing: str


class SuggestionAnswer(BaseModel):
    """What to do next: what would be recommended most likely now; nothing is drawn or kept.

    `ladder`: by the ladder's rules. `policy`: by a policy that was judged and promoted.
    """

    kind: Literal["ladder", "policy"]
    offer_id: str = Field(description="An offer of the ladder, `nurture` or `no_ask`.")
    text: str
    offer: OfferAnswer | None


class QueueItem(BaseModel):
    """A lead of the queue, as it was scored last."""

    lead_id: str
    ladder: str
    step: StepAnswer
    position: int
    probability: float
    interval: dict[Literal["low", "high"], float]
    horizon_days: float | None
    purchase_probability: float
    band: Literal["low", "medium", "high"] | None
    rank_pct: float | None
    base: float | None
    fit: float | None
    engagement: float | None
    reasons: list[ReasonAnswer]
    suggestion: SuggestionAnswer | None
    last_active: str | None
    waiting_since: str | None = Field(
        description="When the lead asked something that nobody has replied to yet."
    )
    model: ModelAnswer
    features_as_of: str
    scored_at: str


class QueueAnswer(BaseModel):
    """A page of the queue, the best chance first."""

    data: list[QueueItem]
    next_cursor: str | None


class ReadyAnswer(BaseModel):
    """All that the service needs is there."""

    status: Literal["ready"]
    checks: dict[str, str]


class FaultAnswer(BaseModel):
    """One wrong value: a JSON pointer into {path, query, header, body}, a code, a sentence."""

    pointer: str
    code: str
    detail: str


class ProblemAnswer(BaseModel):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    retryable: bool
    errors: list[FaultAnswer] | None = None
