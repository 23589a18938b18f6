"""The bodies that events are sent in, as the description of the service has them.

They describe and do not check: `serving.ingestion.values` does, in microseconds an event.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from features.events.values import EVENT_NAME, LEAD_ID, MESSAGE_ID
from serving.edge.schemas import StrictRequest
from serving.ingestion.storing import MOST_EVENTS

__all__ = [
    "CALLS",
    "CLOUD_HEADERS",
    "PREFER",
    "AnyCall",
    "CloudEvent",
    "EventsRequest",
    "IngestionAnswer",
    "PosthogBatch",
    "PosthogEvent",
    "SegmentBatch",
    "described",
    "described_cloud_events",
]

_TEXT: Final = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
_Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
_Id = Annotated[str, Field(min_length=1, max_length=LEAD_ID.longest, pattern=_TEXT)]
_MessageId = Annotated[str, Field(min_length=1, max_length=MESSAGE_ID.longest, pattern=_TEXT)]
_Name = Annotated[str, Field(min_length=1, max_length=EVENT_NAME.longest, pattern=_TEXT)]
_Time = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-03-01T12:00:00Z"])
]
_LooseId = _Id | _Whole


# ----------------------------------------------------------------------------------------- Segment

_SOMEBODY: Final[dict[str, Any]] = {
    "anyOf": [
        {"required": [one], "properties": {one: {"type": ["string", "integer"]}}}
        for one in ("userId", "anonymousId")
    ]
}


class _Call(BaseModel):
    """What all calls have. Members that are not named here are let through and not kept."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel, json_schema_extra=_SOMEBODY)

    user_id: _LooseId | None = None
    anonymous_id: _LooseId | None = None
    message_id: _MessageId | _Whole | None = Field(
        None, description="Sent again, it is a duplicate. Left out, it follows from the content."
    )
    timestamp: _Time | None = Field(None, description="When it happened; left out, now.")
    original_timestamp: _Time | None = None
    sent_at: _Time | None = Field(None, description="By the same clock; corrects `timestamp`.")
    context: dict[str, Any] | None = Field(
        None, description="Its `campaign` and `groupId` become properties."
    )
    write_key: str | None = Field(None, description="A key, where no header has one.")


class Track(_Call):
    """Something that happened."""

    event: _Name
    properties: dict[str, Any] | None = None


class Identify(_Call):
    """What is known of somebody."""

    traits: dict[str, Any] | None = None


class Page(_Call):
    """A page, or a screen, that was seen."""

    name: str | None = None
    category: str | None = None
    properties: dict[str, Any] | None = None


class GroupCall(_Call):
    """The company that somebody belongs to."""

    group_id: _LooseId
    traits: dict[str, Any] | None = None


class Alias(_Call):
    """Two ids that are one lead."""

    model_config = ConfigDict(extra="allow", json_schema_extra={})

    user_id: _LooseId
    previous_id: _LooseId


class SegmentItem(_Call):
    """A call in a batch."""

    type: Literal["track", "identify", "page", "screen", "group", "alias"]
    event: _Name | None = Field(None, description="Of a track call.")
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    name: str | None = None
    category: str | None = None
    group_id: _LooseId | None = Field(None, description="Of a group call.")
    previous_id: _LooseId | None = Field(None, description="Of an alias call.")


class AnyCall(SegmentItem):
    """A call that says itself what it is."""


class PosthogEvent(BaseModel):
    """An event of PostHog's libraries. Members that are not named here are let through."""

    model_config = ConfigDict(extra="allow")

    event: _Name
    distinct_id: _LooseId = Field(description="Who it is; older libraries say so in `properties`.")
    properties: dict[str, Any] | None = None
    timestamp: _Time | None = None
    uuid: _MessageId | None = Field(None, description="Sent again, it is a duplicate.")
    api_key: str | None = None


class PosthogBatch(BaseModel):
    """Several events of PostHog's libraries."""

    model_config = ConfigDict(extra="allow")

    batch: list[PosthogEvent] = Field(max_length=MOST_EVENTS)
    api_key: str | None = None
    sent_at: _Time | None = None


class SegmentBatch(BaseModel):
    """Several calls."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel)

    batch: list[SegmentItem] = Field(max_length=MOST_EVENTS)
    context: dict[str, Any] | None = Field(None, description="Holds where a call has none.")
    sent_at: _Time | None = None
    write_key: str | None = None


class _Described(NamedTuple):
    summary: str
    model: type[BaseModel]


CALLS: Final = {
    "identify": _Described("What is known of somebody, as Segment's identify", Identify),
    "track": _Described("Something that happened, as Segment's track", Track),
    "page": _Described("A page that was seen, as Segment's page", Page),
    "screen": _Described("A screen that was seen, as Segment's screen", Page),
    "group": _Described("The company somebody belongs to, as Segment's group", GroupCall),
    "alias": _Described("Two ids that are one lead, as Segment's alias", Alias),
}
"""The calls that have an address of their own."""


# ------------------------------------------------------------------------------------------ Events


class EventRequest(StrictRequest):
    """Something that happened."""

    message_id: _MessageId
    lead_id: _Id
    anonymous_id: _Id | None = Field(None, description="An id that the lead had before.")
    previous_id: _Id | None = Field(None, description="Another id of the same lead.")
    name: _Name
    occurred_at: _Time
    properties: dict[str, Any] | None = None


class EventsRequest(StrictRequest):
    """Several events."""

    events: list[EventRequest] = Field(max_length=MOST_EVENTS)


# ------------------------------------------------------------------------------------- CloudEvents


class CloudEvent(BaseModel):
    """An event as CloudEvents 1.0 writes it in JSON. Extensions are let through and not kept."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: str = Field(min_length=1, pattern=_TEXT)
    source: str = Field(min_length=1, pattern=r"^[^\s\x00-\x1f\x7f]+$")
    type: _Name = Field(description="The name of the event.")
    subject: _LooseId | None = Field(None, description="The lead.")
    time: _Time | None = Field(None, description="When it happened; left out, now.")
    datacontenttype: str | None = None
    data: dict[str, Any] | None = Field(None, description="The properties.")
    data_base64: str | None = Field(None, description="The same, as base64 of their JSON.")


# ----------------------------------------------------------------------------------------- Answers


class RejectedEvent(BaseModel):
    """An event that was not stored: where in the request it stood, and why."""

    index: int
    message_id: str | None
    type: str
    detail: str


class WarnedEvent(BaseModel):
    """What is not kept as it was sent, and why; of the request as a whole without an index."""

    index: int | None
    message_id: str | None
    type: str
    detail: str


class IngestionAnswer(BaseModel):
    """What became of the events. Duplicates were stored before, or earlier in the request."""

    success: Literal[True]
    accepted: int
    duplicates: int
    rejected: list[RejectedEvent]
    warnings: list[WarnedEvent]


# ------------------------------------------------------------------------------------- Description

PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "description": "With `handling=strict` one refused event is a 422, and nothing is stored.",
    "schema": {"type": "string", "examples": ["handling=strict"]},
}
CLOUD_HEADERS: Final = tuple(
    {
        "name": f"ce-{name}",
        "in": "header",
        "description": f"In the binary mode: {meaning}.",
        "schema": {"type": "string"},
    }
    for name, meaning in {
        "specversion": "`1.0`",
        "id": "unique within the source",
        "source": "where the event comes from, a URI reference",
        "type": "the name of the event",
        "subject": "the lead",
        "time": "when it happened",
    }.items()
)


SHAPES: Final[tuple[type[BaseModel], ...]] = (
    *(SegmentBatch, AnyCall, EventsRequest, PosthogBatch, PosthogEvent, CloudEvent),
    *dict.fromkeys(call.model for call in CALLS.values()),
)
"""What `described` refers to by name: the description of the service has to have them."""


def described(model: type[BaseModel], *headers: dict[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a route that reads a JSON body of this shape itself."""
    return _extra({"application/json": {"schema": _named(model)}}, headers)


def described_cloud_events() -> dict[str, Any]:
    """`openapi_extra` of the route that takes CloudEvents in any of their modes."""
    one = _named(CloudEvent)
    content = {
        "application/cloudevents+json": {"schema": one},
        "application/cloudevents-batch+json": {
            "schema": {"type": "array", "items": one, "maxItems": MOST_EVENTS}
        },
        "application/json": {
            "schema": {"type": "object", "description": "The properties, in the binary mode."}
        },
    }
    return _extra(content, (PREFER, *CLOUD_HEADERS))


def _extra(content: dict[str, Any], headers: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    extra: dict[str, Any] = {"requestBody": {"required": True, "content": content}}
    return extra | ({"parameters": list(headers)} if headers else {})


def _named(model: type[BaseModel]) -> dict[str, Any]:
    assert model in SHAPES  # noqa: S101 or the reference would lead nowhere
    return {"$ref": f"#/components/schemas/{model.__name__}"}
