"""The rows that are kept of a lead, as its export and its timeline show them, a shape a table.

Instants are RFC 3339. Ids are those that were sent: a lead has several.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from serving.scoring.answers import Details, ReasonAnswer, ScoreBand, Tab
from serving.scoring.changes import Cause

__all__ = [
    "ActionOfLead",
    "KeptDelivery",
    "KeptEvent",
    "KeptHands",
    "KeptIdentity",
    "KeptMark",
    "KeptMembership",
    "KeptNotification",
    "KeptOptOut",
    "KeptRank",
    "KeptScore",
    "KeptWord",
    "KeptWriteBack",
    "LeftScore",
    "ScoreOfTimeline",
]


class KeptEvent(TypedDict):
    """An event: what happened to which id, when it did and when that was known."""

    message_id: str
    subject: str
    name: str
    occurred_at: str
    known_at: str
    properties: dict[str, Any]


class _Score(TypedDict):
    lead_id: str
    ladder: str
    as_of: Annotated[str, Field(description="By what was known then.")]
    step: Annotated[str, Field(description="The next one; empty after the purchase.")]
    position: int
    p_advance: float | None
    low: float | None
    high: float | None
    p_purchase: float | None
    priority: float
    percentile: float | None
    bundle: Annotated[str, Field(description="The version of the model that scored.")]
    scored_at: str
    last_active: str | None
    band: Annotated[ScoreBand | None, Field(description="Of queued leads alone.")]
    waiting_since: Annotated[str | None, Field(description="For a reply.")]
    cause: Annotated[Cause, Field(description="Of its last change.")]
    p_week_ago: float | None
    tab: Annotated[Tab | None, Field(description="Whose work it is; of queued leads alone.")]
    offer_id: Annotated[str | None, Field(description="What is suggested.")]
    gain: float | None
    rep_minutes: float | None
    traits: Annotated[dict[str, Any], Field(description="Those that the ladder names.")]
    account_id: str | None
    source: str | None
    asked_at: str | None


class KeptScore(_Score):
    """The latest score of an id; `reasons` is null where none are stored."""

    reasons: Details | None


class _WhereFrom(TypedDict, total=False):
    base: float
    fit: float
    engagement: float
    reasons: list[ReasonAnswer]


class ScoreOfTimeline(_Score, _WhereFrom):
    """The latest score of a lead, with where it comes from; without that where none is stored."""


class LeftScore(TypedDict):
    """An id that had a score once."""

    lead_id: str


class KeptMark(TypedDict):
    """An id that is to be scored anew, since when."""

    subject: str
    since: str


class KeptDelivery(TypedDict):
    """Where a notification was sent, or is to be; `description` is the endpoint's."""

    endpoint_id: str
    description: str | None
    attempts: int
    due_at: Annotated[str | None, Field(description="Null: no further attempt is made.")]
    attempted_at: str | None
    delivered_at: str | None
    status: int | None
    error: str | None
    extra: Annotated[
        dict[str, Any] | None, Field(description="What the endpoint's `include` asked for.")
    ]


class KeptNotification(TypedDict):
    """What endpoints were told of a lead."""

    id: str
    type: str
    lead_id: str
    created_at: str
    data: dict[str, Any]
    deliveries: list[KeptDelivery]


class KeptWriteBack(TypedDict):
    """What a CRM was told of a lead last, and what it is to be told."""

    connector: str
    lead_id: str
    external_id: str
    wanted: Annotated[dict[str, Any] | None, Field(description="Null: nothing to tell.")]
    due_at: str | None
    attempts: int
    written: dict[str, Any] | None
    written_at: str | None
    error: str | None


class KeptRank(TypedDict):
    """A choice among actions that a caller described; of several slots one each."""

    loop: str
    event_id: str
    place: int
    slot: str
    lead_id: str
    occurred_at: str
    situation: Annotated[
        dict[str, float] | None,
        Field(description="Features of it; null where nothing may be learned of it."),
    ]
    actions: Annotated[
        list[list[Any]], Field(description="Of each its id, its probability and its features.")
    ]
    chosen: str
    exposed_at: str | None
    reward: float | None
    rewarded_at: str | None


class KeptMembership(TypedDict):
    """The company that an id was last told to belong to; `name` is that of `named_id`."""

    id: str
    account_id: str
    name: str
    told_at: str
    named_id: str | None
    named_at: str | None


class KeptIdentity(TypedDict):
    """An id that is one lead with others, since when."""

    id: str
    lead_id: str
    joined_at: str
    hangs_on: Annotated[
        str | None, Field(description="The one id that it is there by, where there is one.")
    ]


class KeptOptOut(TypedDict):
    """An id that must not be profiled."""

    id: str
    at: str
    reason: str


class KeptWord(TypedDict):
    """A word that an id is found by."""

    word: str
    id: str


class KeptHands(TypedDict):
    """In whose hands an id was put last, and until when it is put aside."""

    id: str
    owner: Annotated[str, Field(description="A person's name; empty for nobody.")]
    claimed_at: str | None
    claimed_until: str | None
    snoozed_at: str | None
    snoozed_until: Annotated[
        str | None, Field(description="Null: until it has done something again.")
    ]
    snoozed_by: str


class ActionOfLead(TypedDict):
    """What somebody said on a page to have done; it becomes `events` when it is due."""

    id: str
    lead_id: str
    ladder: str
    action: str
    title: str
    events: list[dict[str, Any]]
    by: Annotated[str, Field(description="The id of a key; empty for this machine.")]
    name: str
    done_at: str
    due_at: str
    undone_at: str | None
    entered_at: str | None
