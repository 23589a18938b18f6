"""The shapes of recommendations and of what becomes of them; the others are in `schemas`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, Field, StrictBool

from serving.routes.schemas import (
    Instant,
    NotFoundAnswer,
    StepAnswer,
    StrictRequest,
    Text,
    stored_text,
)

__all__ = [
    "ActionRequest",
    "DecisionAnswer",
    "ExposureAnswer",
    "OutcomeAnswer",
    "OutcomeRequest",
    "RankAnswer",
    "RankRequest",
    "RecommendationAnswer",
    "RecommendationRequest",
    "RecommendationsAnswer",
    "RecommendationsRequest",
    "RewardRequest",
    "UnaskedAnswer",
]

MOST_DECISIONS: Final = 200
MOST_ACTIONS: Final = 50

Id = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(stored_text)]


# ---------------------------------------------------------------------------------------- Requests


class _Restricted(StrictRequest):
    channel: Text | None = Field(None, description="Where it would be extended; open if left out.")
    candidate_offers: list[Text] | None = Field(
        None, max_length=1000, description="The only offers to consider; all, where left out."
    )
    exclude: list[Text] = Field(
        default_factory=list, max_length=1000, description="Offers to leave out."
    )
    defer_exposure: StrictBool = Field(
        False, description="The lead has not seen it until its exposure is posted."
    )


class RecommendationRequest(_Restricted):
    """Whom to decide for, and among what."""

    lead_id: Text
    decision_id: Id | None = Field(
        None, description="Your own; the same one gives the same answer. Left out: a new one."
    )


class RecommendationsRequest(_Restricted):
    """Leads to decide for, each by itself."""

    lead_ids: list[Text] = Field(min_length=1, max_length=MOST_DECISIONS)


class OutcomeRequest(StrictRequest):
    """What came of a decision."""

    value: float = Field(ge=0, le=1, strict=True)
    kind: Id = "outcome"
    occurred_at: Instant | None = Field(None, description="Now, where it is left out.")


class ActionRequest(BaseModel):
    """An offer of the ladder, by its id. Features are not read: the ladder has them."""

    id: Id
    features: list[Any] | None = None


class RankRequest(BaseModel):
    """A rank request of Personalizer. Members that it does not have are ignored."""

    actions: list[ActionRequest] = Field(min_length=1, max_length=MOST_ACTIONS)
    contextFeatures: list[Any] | None = Field(  # noqa: N815 Personalizer's name
        None,
        description='One of the objects names the lead: {"lead_id": "..."}. No other is read.',
    )
    excludedActions: list[Id] | None = None  # noqa: N815
    eventId: Id | None = None  # noqa: N815
    deferActivation: bool | None = None  # noqa: N815


class RewardRequest(BaseModel):
    """What came of a rank event."""

    value: float = Field(ge=0, le=1, strict=True)


# ----------------------------------------------------------------------------------------- Answers


class FramingAnswer(BaseModel):
    """How to put it; `id` is null where the offer has one way only."""

    id: str | None
    text: str


class AgendaAnswer(BaseModel):
    """A part of a session, and its minutes."""

    topic: str
    minutes: float


class PersonalisationAnswer(BaseModel):
    """What makes an offer this lead's own.

    `gaps` are what the lead's last assessment revealed, and `agenda` is made of them; `form_fields`
    are those that the offer needs and that are not known; `ask_field` is one more worth asking.
    """

    topic: str | None
    continues: list[str]
    gaps: list[str]
    agenda: list[AgendaAnswer]
    form_fields: list[str]
    ask_field: str | None


class OfferOfDecision(BaseModel):
    """What was chosen. Of `nurture` and `no_ask` all but the id is null."""

    id: str
    step: str | None
    title: str | None
    kind: str | None
    framing: FramingAnswer | None
    duration_min: float | None
    topic: str | None
    personalisation: PersonalisationAnswer | None


class UpliftAnswer(BaseModel):
    """What it adds to the chance of the next step under no ask, with its interval at `level`."""

    value: float
    low: float
    high: float
    level: float


class RankedAnswer(BaseModel):
    """An option: how likely it was chosen, and what is believed of it.

    `propensity` is how it is chosen with and says nothing of the lead; `p_advance` is the chance of
    the next step with it; `gain` is what it adds to the value of no ask, costs taken off.
    """

    offer_id: str
    propensity: float = Field(gt=0, le=1)
    p_advance: float | None = Field(ge=0, le=1)
    uplift: UpliftAnswer | None
    gain: float | None
    evidence: Literal["randomised", "observational", "prior"]
    leads: int


class ExcludedAnswer(BaseModel):
    """An offer that is not eligible: a code, and the fact in words."""

    offer_id: str
    reason: str
    text: str


class PolicyAnswer(BaseModel):
    """What chose: a policy, and the version of the model that it chose with."""

    name: str
    version: str


class RecommendationAnswer(BaseModel):
    """A decision, drawn with the propensities of its ranking, and kept."""

    decision_id: str
    lead_id: str
    step: StepAnswer | None = Field(description="The next step; null after the purchase.")
    offer: OfferOfDecision
    text: str = Field(description="The decision as a sentence for a salesperson.")
    probability_chosen: float = Field(gt=0, le=1)
    ranking: list[RankedAnswer] = Field(
        description="All options, `nurture` and `no_ask` among them; propensities add up to 1."
    )
    excluded: list[ExcludedAnswer] = Field(description="All other offers of the ladder.")
    policy: PolicyAnswer
    as_of: str
    expires_at: str = Field(description="When the window for an outcome closes.")
    exposed: bool = Field(description="Whether the lead is taken to have seen it at once.")


class RecommendedAnswer(RecommendationAnswer):
    """The decision for one lead of many."""

    status: Literal["ok"]


class UnaskedAnswer(BaseModel):
    """Nothing is decided for a lead that has opted out of profiling, and nothing is kept.

    `offer` is always `no_ask`. There is no decision id, no ranking and no probability.
    """

    status: Literal["opted_out"]
    lead_id: str
    offer: OfferOfDecision
    detail: str


class RecommendationsAnswer(BaseModel):
    """A result for each lead of the request, in its order."""

    results: list[RecommendedAnswer | NotFoundAnswer | UnaskedAnswer]


class ExposureAnswer(BaseModel):
    """That a decision reached its lead, and when."""

    decision_id: str
    lead_id: str
    offer_id: str
    exposed_at: str


class OutcomeOfDecision(BaseModel):
    """What was reported; `late` where it happened after the window: it is kept, and not counted."""

    value: float
    kind: str
    occurred_at: str
    late: bool


class OutcomeAnswer(OutcomeOfDecision):
    """The same, with its decision."""

    decision_id: str
    lead_id: str


class DecisionAnswer(RecommendationAnswer):
    """A decision with what became of it so far."""

    exposed_at: str | None
    outcome: OutcomeOfDecision | None


class RankedAction(BaseModel):
    """An action, and the probability that it was chosen with; 0 where it could not be."""

    id: str
    probability: float


class RankAnswer(BaseModel):
    """A rank answer of Personalizer; `rewardActionId` may be `nurture` or `no_ask`."""

    ranking: list[RankedAction]
    eventId: str  # noqa: N815
    rewardActionId: str  # noqa: N815
