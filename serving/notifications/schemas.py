"""The shapes of requests and answers about endpoints of notifications."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StrictBool,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from features.errors import did_you_mean
from features.store.kept.notifications import TYPES
from models.judging.funnel.cause_shapes import DiagnosisAnswer, DropCause, ExperimentDraft
from models.judging.funnel.shapes import Rate, StepBand
from serving.edge.schemas import EachOnce, Instant, StrictRequest, Text, stored_text
from serving.notifications.bodies import INCLUDES, Include
from serving.scoring.answers import ScoreBand
from serving.scoring.changes import Cause

__all__ = [
    "NOTIFICATIONS",
    "ChangeRequest",
    "DeliveriesAnswer",
    "DeliveriesQuery",
    "EndpointAnswer",
    "EndpointRequest",
    "EndpointsAnswer",
    "NotificationBody",
    "ReplayAnswer",
    "ReplayRequest",
    "SecretAnswer",
    "SentAnswer",
    "described_webhooks",
]


def _known_type(value: str) -> str:
    if value not in TYPES:
        hint = did_you_mean(value, TYPES) or f"; they are {', '.join(TYPES)}"
        raise PydanticCustomError("type", "{reason}", {"reason": f"no such type{hint}"})
    return value


class NotificationBody(BaseModel):
    """What an endpoint gets: a Standard Webhook. Members of `data` that you do not know: ignore."""

    type: str
    timestamp: str = Field(description="When it was found, RFC 3339.")
    data: dict[str, Any] = Field(
        description="What it tells; of a lead, with its `lead_id`, and with what the endpoint's "
        "`include` asks for: `ids` (a list of texts), `traits` (an object), `offer` (an object of "
        "`id`, `gain` and `rep_minutes`, or null), `reasons` (a list of objects of `signal` and "
        "`text`)."
    )


# ------------------------------------------------------------------------------- Of each type


class IncludedOffer(TypedDict):
    """What is suggested to a lead, or was decided."""

    id: str
    gain: float | None
    rep_minutes: float | None


class IncludedReason(TypedDict):
    """Why a lead was scored so."""

    signal: str
    text: str


class _Included(TypedDict, total=False):
    ids: list[str]
    traits: dict[str, str | float | None]
    offer: IncludedOffer | None
    reasons: list[IncludedReason]


class StepCompletedData(_Included):
    """A lead completed a step of the ladder; `next_step` is null after the last."""

    lead_id: str
    ladder: str
    step: str
    position: int
    next_step: str | None
    features_as_of: str


class ScoreBandChangedData(_Included):
    """A lead of the queue moved to another band; `former_band` is null where it had none."""

    lead_id: str
    ladder: str
    band: ScoreBand
    former_band: ScoreBand | None
    step: str
    probability: float | None
    cause: Cause
    model_version: str
    features_as_of: str


class RecommendationCreatedData(_Included):
    """A next step was recommended; `step` is null where the lead has bought."""

    decision_id: str
    lead_id: str
    offer_id: str
    gain: float | None
    rep_minutes: float
    step: str | None
    probability_chosen: float
    policy: str
    expires_at: str
    exposed: bool


class ModelPromotedData(TypedDict):
    """Another model, or another policy, serves from now on."""

    ladder: str
    model_version: str
    policy: str


class ReplyOverdueData(_Included):
    """A lead has waited too long for a reply."""

    lead_id: str
    ladder: str
    waiting_since: str
    limit_minutes: float
    band: ScoreBand | None


class DropoffDetectedData(TypedDict):
    """Surely fewer go on at a step than its band says.

    `experiment` is what to try next; null where no cause is known.
    """

    ladder: str
    step: str
    title: str
    rate: Rate
    band: StepBand
    answer: DiagnosisAnswer
    causes: list[DropCause]
    says: str
    experiment: ExperimentDraft | None
    as_of: str


class DriftedSignal(TypedDict):
    """A signal that has moved: what it says of the usual lead lately, and said in training."""

    id: str
    moved: float
    says: str
    says_before: str


class DriftDetectedData(TypedDict):
    """Signals before a step are surely not what they were in training; the heaviest first."""

    ladder: str
    model_version: str
    step: str
    title: str
    signals: list[DriftedSignal]
    says: str
    as_of: str


class WebhookDisabledData(TypedDict):
    """Another endpoint gets nothing more."""

    endpoint_id: str
    why: str


class WebhookTestData(_Included):
    """Someone asked for a test; it has an example of what `include` names."""

    endpoint_id: str


class OmittedData(TypedDict):
    """What stands for data that would make a body too long."""

    lead_id: str | None
    omitted: Literal[True]


_DATA: Final[Mapping[str, Any]] = {
    "score.band_changed": ScoreBandChangedData | OmittedData,
    "step.completed": StepCompletedData | OmittedData,
    "recommendation.created": RecommendationCreatedData | OmittedData,
    "model.promoted": ModelPromotedData,
    "reply.overdue": ReplyOverdueData | OmittedData,
    "dropoff.detected": DropoffDetectedData,
    "drift.detected": DriftDetectedData,
    "webhook.disabled": WebhookDisabledData,
    "webhook.test": WebhookTestData,
}


def _named(type_: str) -> str:
    return "".join(map(str.capitalize, re.split("[._]", type_)))


def _body_of(type_: str, told: str) -> type[BaseModel]:
    only: Any = Literal
    return create_model(
        f"{_named(type_)}Notification",
        __base__=NotificationBody,
        __doc__=f"{told[0].upper()}{told[1:]}.",
        type=(only[type_], ...),
        data=(_DATA[type_], ...),
    )


NOTIFICATIONS: Final[Mapping[str, type[BaseModel]]] = {
    type_: _body_of(type_, told) for type_, told in TYPES.items()
}
"""The body of each type of notification."""


def described_webhooks() -> dict[str, Any]:
    """The notifications as the `webhooks` of an OpenAPI description (3.1)."""
    return {
        type_: {
            "post": {
                "operationId": f"on{_named(type_)}",
                "summary": told[0].upper() + told[1:],
                "tags": ["notifications"],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "$ref": f"#/components/schemas/{NOTIFICATIONS[type_].__name__}"
                            }
                        }
                    },
                },
                "responses": {"2XX": {"description": "Taken; anything else is tried again later"}},
            }
        }
        for type_, told in TYPES.items()
    }


# ---------------------------------------------------------------------------- Requests and answers


_Type = Annotated[str, AfterValidator(_known_type), Field(json_schema_extra={"enum": [*TYPES]})]
_ONCE: Final = {"uniqueItems": True}
Types = Annotated[list[_Type], Field(max_length=len(TYPES), json_schema_extra=_ONCE), EachOnce]
Includes = Annotated[
    list[Include], Field(max_length=len(INCLUDES), json_schema_extra=_ONCE), EachOnce
]
Url = Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(stored_text)]
Description = Annotated[str, Field(max_length=500), AfterValidator(stored_text)]


class EndpointRequest(StrictRequest):
    """A new endpoint. `types` says what it gets; none named: everything.

    `include` says what bodies about a lead hold beside ids and figures; none named: nothing.
    """

    url: Url
    description: Description = ""
    types: Types = Field(default_factory=list)
    include: Includes = Field(default_factory=list)


class ChangeRequest(StrictRequest):
    """What is to change; what is left out stays."""

    url: Url | None = None
    description: Description | None = None
    types: Types | None = None
    include: Includes | None = None
    enabled: StrictBool | None = Field(
        None, description="False: it gets nothing, and what waits for it has failed."
    )


class DeliveriesQuery(StrictRequest):
    """Which deliveries."""

    state: Literal["waiting", "delivered", "failed"] | None = Field(
        None, description="`failed`: no further attempt is made. All, where it is left out."
    )
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(
        None, max_length=4096, description="`next_cursor` of the page before."
    )


class ReplayRequest(StrictRequest):
    """Either these notifications, delivered or not, or all that failed since an instant."""

    notification_ids: list[Text] | None = Field(None, min_length=1, max_length=1000)
    since: Instant | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.notification_ids is None) == (self.since is None):
            raise PydanticCustomError("replay", "give either notification_ids or since")
        return self


class EndpointAnswer(BaseModel):
    """An endpoint. Its secret is shown when it is made, and in no other answer."""

    id: str
    url: str
    description: str
    types: list[str] = Field(description="What it gets; none named: everything.")
    include: list[str] = Field(description="What bodies about a lead hold beside; see `data`.")
    enabled: bool
    disabled_at: str | None
    disabled_why: str | None
    created_at: str
    former_secret_until: str | None = Field(
        description="Until then a former secret signs too; null where none does."
    )


class SecretAnswer(EndpointAnswer):
    """An endpoint with its secret: keep it, it is not shown again."""

    secret: str


class EndpointsAnswer(BaseModel):
    """Every endpoint, the oldest first."""

    data: list[EndpointAnswer]


class DeliveryAnswer(BaseModel):
    """One notification on its way to one endpoint.

    `waiting`: another attempt is made at `next_attempt_at`. `failed`: none is.
    """

    notification_id: str
    webhook_id: str = Field(description="What the receiver sees; the same for every attempt.")
    type: str
    lead_id: str | None
    created_at: str
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    last_attempt_at: str | None
    next_attempt_at: str | None
    delivered_at: str | None
    status: int | None = Field(description="Of the last answer; null where there was none.")
    error: str | None = Field(description="Why the last attempt failed.")
    body: NotificationBody = Field(description="As the receiver gets it: a sample to build on.")


class DeliveriesAnswer(BaseModel):
    """A page of deliveries, the latest notification first."""

    data: list[DeliveryAnswer]
    next_cursor: str | None


class SentAnswer(BaseModel):
    """The notification that is on its way."""

    notification_id: str


class ReplayAnswer(BaseModel):
    """How many are sent again, and which ids are not kept, or never were."""

    replayed: int
    unknown: list[str]
