"""The shapes of requests for scores and the queue, and of the pages that answer them."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    SkipValidation,
    Strict,
    Tag,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from features.clock import instant, microseconds
from features.errors import TimeError
from features.events.values import EVENT_NAME
from features.store.kept.queue import Order
from serving.edge.schemas import (
    AS_DATE_TIME,
    MOST_PER_PAGE,
    Instant,
    NewLeadId,
    StrictPart,
    StrictRequest,
    Text,
)
from serving.ingestion.values import EventRefused, instant_of
from serving.scoring.answers import QueueItem, ScoreOrNot

__all__ = [
    "AliveAnswer",
    "BatchAnswer",
    "BatchLead",
    "BatchRequest",
    "EventOfLead",
    "Happened",
    "LeadByMail",
    "LeadEvents",
    "QueueAnswer",
    "QueueQuery",
    "ReadyAnswer",
    "ScoreQuery",
]

MOST_LEADS: Final = 1000
MOST_HORIZONS: Final = 10


# ---------------------------------------------------------------------------------------- Requests


def _happened(value: object, info: ValidationInfo) -> int:
    """What `instant_of` says of it; what will do is read in half the time."""
    if isinstance(value, str):
        with suppress(TimeError):
            return microseconds(instant(value, may_be_day=False))
    try:
        return instant_of(value, info.field_name or "it")
    except EventRefused as refused:
        raise PydanticCustomError("invalid_time", "{why}", {"why": str(refused)}) from refused


Happened = Annotated[int, BeforeValidator(_happened), AS_DATE_TIME]
"""When something happened, as every door for events takes it: a day alone will not do."""
_Days = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_HORIZONS: Final = Field(
    max_length=MOST_HORIZONS,
    description="Days to tell the chances within as well, such as 7 and 30; at most the longest"
    " horizon of the ladder.",
)
Horizons = Annotated[list[_Days], _HORIZONS]
"""As an address has them."""


WhichModel = Annotated[
    Literal["current"] | None,
    Field(description="`current`: beside an `as_of`, the model of now and not that of then."),
]


class ScoreQuery(StrictRequest):
    """The query of a score."""

    as_of: Instant | None = Field(
        None,
        description="Score from what was known then, by the model that served then; now, where it"
        " is left out.",
    )
    model: WhichModel = None
    horizon_days: Horizons = Field(default_factory=list)
    ladder: Text | None = Field(
        None, description="The ladder that is asked about; the only one, where it is left out."
    )


class QueueQuery(StrictRequest):
    """The query of the queue."""

    limit: int = Field(50, ge=1, le=MOST_PER_PAGE)
    cursor: str | None = Field(
        None, max_length=4096, description="`next_cursor` of the page before."
    )
    step: str | None = Field(None, max_length=200, description="Only leads whose next step it is.")
    account: Text | None = Field(None, description="Only leads of this company.")
    hands: Literal["any", "free"] = Field(
        "any",
        description="`free`: without leads that others work with than whoever the key is named for,"
        " as the page of the queue has them.",
    )
    order: Order = Field(
        "work",
        description="By the work that leads are, or by the `probability` of the next step or of a"
        " `purchase`. By the former the leads before one step come together, those furthest up the"
        " ladder first: chances of different steps have different horizons.",
    )
    ladder: Text | None = Field(
        None, description="The ladder that is asked about; the only one, where it is left out."
    )


class EventOfLead(StrictPart):
    """Something that happened. Known when it happened, where `known_at` is left out."""

    name: str = Field(min_length=1, max_length=EVENT_NAME.longest)
    occurred_at: Happened
    known_at: Happened | None = None
    properties: dict[str, Any] = Field(default_factory=dict)


class LeadEvents(StrictRequest):
    """A lead that the store need not know, with all that is to be known of it."""

    lead_id: NewLeadId
    events: list[EventOfLead] = Field(max_length=10_000)


class LeadByMail(StrictRequest):
    """A stored lead, by its address."""

    email: Text


def _kind_of_lead(value: object) -> str:
    if isinstance(value, LeadByMail) or (isinstance(value, dict) and "email" in value):
        return "<email>"
    return "<events>" if isinstance(value, dict | LeadEvents) else "<id>"


BatchLead = Annotated[
    Annotated[Text, Tag("<id>")]
    | Annotated[LeadEvents, Tag("<events>")]
    | Annotated[LeadByMail, Tag("<email>")],
    Discriminator(_kind_of_lead),
]


class BatchRequest(StrictRequest):
    """Leads to score: ids or addresses of stored leads, or leads with their events."""

    # They are checked past the framework: `serving.routes.scores.checking`.
    leads: list[SkipValidation[BatchLead]] = Field(min_length=1, max_length=MOST_LEADS)
    as_of: Instant | None = None
    model: WhichModel = None
    horizon_days: Annotated[list[Annotated[_Days, Strict()]], _HORIZONS] = Field(
        default_factory=list
    )
    ladder: Text | None = Field(
        None, description="The ladder that is asked about; the only one, where it is left out."
    )


# ----------------------------------------------------------------------------------------- Answers


class BatchAnswer(BaseModel):
    """A result for each lead of the request, in its order."""

    results: list[ScoreOrNot]


class QueueAnswer(BaseModel):
    """A page of the queue: by work, then the most to gain for a minute of a rep first."""

    data: list[QueueItem]
    next_cursor: str | None


class AliveAnswer(BaseModel):
    """The process answers."""

    status: Literal["alive"]


class ReadyAnswer(BaseModel):
    """All that the service needs is there."""

    status: Literal["ready"]
    checks: dict[str, str]
