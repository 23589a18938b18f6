"""The shapes of Azure Personalizer 1.0 and 1.1, as its clients send and read them."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, Field, StrictBool
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from serving.routes.decision_schemas import DecisionId, Id

__all__ = [
    "ActionRequest",
    "MultiSlotRankAnswer",
    "MultiSlotRankRequest",
    "MultiSlotRewardRequest",
    "RankAnswer",
    "RankRequest",
    "RewardRequest",
    "ServiceConfiguration",
    "SlotRequest",
]

_MOST: Final = 50
_Features = list[Any] | None
_Reward = Annotated[float, Field(ge=-1, le=1, strict=True)]


# ---------------------------------------------------------------------------------------- Requests
# Members that Personalizer does not have are ignored, as it did.


class ActionRequest(BaseModel):
    """What may be shown, and what it is like. Of offers of the ladder features are not read."""

    id: Id
    features: _Features = None


class SlotRequest(BaseModel):
    """A place where one action is shown."""

    id: Id
    features: _Features = None
    excludedActions: list[Id] | None = None  # noqa: N815 Personalizer's names
    baselineAction: Id | None = Field(  # noqa: N815
        None, description="What is shown to who must not be profiled."
    )


_Named = TypeVar("_Named", ActionRequest, SlotRequest)


def _each_once(sent: list[_Named]) -> list[_Named]:
    """The same actions or slots, if none of their ids stands there twice."""
    seen: set[str] = set()
    for one in sent:
        if one.id in seen:
            raise PydanticCustomError("twice", "{id} stands there twice", {"id": repr(one.id)})
        seen.add(one.id)
    return sent


class _Ranked(BaseModel):
    actions: Annotated[list[ActionRequest], AfterValidator(_each_once)] = Field(
        min_length=1, max_length=_MOST
    )
    contextFeatures: _Features = Field(  # noqa: N815
        None,
        description='What the situation is like. {"lead_id": "..."} in one of the objects, or just'
        " below, names the lead.",
    )
    eventId: DecisionId | None = None  # noqa: N815
    deferActivation: StrictBool | None = None  # noqa: N815


class RankRequest(_Ranked):
    """Which of some actions to show."""

    excludedActions: list[Id] | None = None  # noqa: N815


class MultiSlotRankRequest(_Ranked):
    """Which action to show in each of some slots; none is shown twice."""

    slots: Annotated[list[SlotRequest], AfterValidator(_each_once)] = Field(
        min_length=1, max_length=_MOST
    )


class RewardRequest(BaseModel):
    """What came of a rank event: from -1 to 1, of an offer of the ladder from 0."""

    value: _Reward


class SlotReward(BaseModel):
    """What came of a slot."""

    slotId: Id  # noqa: N815
    value: _Reward


class MultiSlotRewardRequest(BaseModel):
    """What came of some slots of an event."""

    reward: list[SlotReward] = Field(min_length=1, max_length=_MOST)


# ----------------------------------------------------------------------------------------- Answers


class RankedActionAnswer(TypedDict):
    """An action, and the probability that it was chosen with; 0 where it could not be."""

    id: str
    probability: float


class RankAnswer(TypedDict):
    """The actions that were sent, the likeliest first, and which of them was chosen."""

    ranking: list[RankedActionAnswer]
    eventId: str
    rewardActionId: str


class SlotAnswer(TypedDict):
    """What was chosen for a slot."""

    id: str
    rewardActionId: str


class MultiSlotRankAnswer(TypedDict):
    """What was chosen for each slot, in their order."""

    slots: list[SlotAnswer]
    eventId: str


class ServiceConfiguration(TypedDict):
    """How it is learned, in Personalizer's words; times are ISO 8601 durations."""

    rewardWaitTime: str
    defaultReward: float
    rewardAggregation: str
    explorationPercentage: float
    modelExportFrequency: str
    logMirrorEnabled: bool
    logRetentionDays: int
    learningMode: str
