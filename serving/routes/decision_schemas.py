"""The shapes of requests for recommendations, and of outcomes."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, Field, StrictBool
from typing_extensions import TypedDict

from serving.edge.schemas import Instant, StrictRequest, Text, stored_text
from serving.recommending.answers import RecommendedAnswer, UnaskedAnswer
from serving.scoring.answers import NotFoundAnswer

__all__ = [
    "ActionRequest",
    "OutcomeRequest",
    "RankAnswer",
    "RankRequest",
    "RecommendationRequest",
    "RecommendationsAnswer",
    "RecommendationsRequest",
    "RewardRequest",
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
    ladder: Text | None = Field(
        None, description="The ladder that is asked about; the only one, where it is left out."
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


class RecommendationsAnswer(BaseModel):
    """A result for each lead of the request, in its order."""

    results: list[RecommendedAnswer | NotFoundAnswer | UnaskedAnswer]


class RankedAction(TypedDict):
    """An action, and the probability that it was chosen with; 0 where it could not be."""

    id: str
    probability: float


class RankAnswer(TypedDict):
    """A rank answer of Personalizer; `rewardActionId` may be `nurture` or `no_ask`."""

    ranking: list[RankedAction]
    eventId: str
    rewardActionId: str
