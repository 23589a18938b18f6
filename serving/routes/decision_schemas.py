"""The shapes of requests for recommendations, and of outcomes."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, Field, StrictBool
from pydantic_core import PydanticCustomError

from features.events.values import TextRule
from serving.edge.schemas import StrictRequest, Text, stored_text
from serving.recommending.answers import RecommendedAnswer, UnaskedAnswer
from serving.routes.schemas import Happened
from serving.scoring.answers import NotFoundAnswer

__all__ = [
    "DecisionId",
    "Id",
    "OutcomeRequest",
    "RecommendationRequest",
    "RecommendationsAnswer",
    "RecommendationsRequest",
]

MOST_DECISIONS: Final = 200

_DECISION_ID: Final = TextRule(256)


def _addressed(value: str) -> str:
    """The same id, if an address can hold it: with control characters none finds its way back."""
    if not _DECISION_ID.accepts(value):
        raise PydanticCustomError("invalid_id", "an id is {right}", {"right": _DECISION_ID.right})
    return value


Id = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(stored_text)]
DecisionId = Annotated[
    str, Field(min_length=1, max_length=_DECISION_ID.longest), AfterValidator(_addressed)
]
"""The id of a decision or a rank event, which stands in the addresses of what came of it."""


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
    decision_id: DecisionId | None = Field(
        None, description="Your own; the same one gives the same answer. Left out: a new one."
    )


class RecommendationsRequest(_Restricted):
    """Leads to decide for, each by itself."""

    lead_ids: list[Text] = Field(min_length=1, max_length=MOST_DECISIONS)


class OutcomeRequest(StrictRequest):
    """What came of a decision."""

    value: float = Field(ge=0, le=1, strict=True)
    kind: Id = "outcome"
    occurred_at: Happened | None = Field(None, description="Now, where it is left out.")


# ----------------------------------------------------------------------------------------- Answers


class RecommendationsAnswer(BaseModel):
    """A result for each lead of the request, in its order."""

    results: list[RecommendedAnswer | NotFoundAnswer | UnaskedAnswer]
