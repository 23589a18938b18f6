"""The shapes of what is kept of a lead; the others are in `schemas`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, Field
from typing_extensions import TypedDict

from serving.edge.schemas import MOST_PER_PAGE, StrictRequest, Text, stored_text
from serving.notifications.schemas import (
    RecommendationCreatedData,
    ReplyOverdueData,
    ScoreBandChangedData,
    StepCompletedData,
)
from serving.routes.exports.kept_rows import (
    ActionOfLead,
    KeptEvent,
    KeptHands,
    KeptIdentity,
    KeptMark,
    KeptMembership,
    KeptNotification,
    KeptOptOut,
    KeptRank,
    KeptScore,
    KeptWord,
    KeptWriteBack,
    LeftScore,
    ScoreOfTimeline,
)
from serving.scoring.answers import StepAnswer

__all__ = [
    "EraseQuery",
    "ErasureAnswer",
    "EventEntry",
    "EventKind",
    "ExportAnswer",
    "ExportQuery",
    "IdentitiesAnswer",
    "IdentitiesQuery",
    "LeadAnswer",
    "LeadId",
    "NotificationEntry",
    "OptOutAnswer",
    "OptOutRequest",
    "ScoreEntry",
    "SuppressionAnswer",
    "TimelineAnswer",
    "TimelineEntry",
    "TimelineItem",
    "TimelineQuery",
    "UndoRequest",
]

MOST_EXPORTED: Final = 10_000
"""Rows of one document of an export: ordinary leads have fewer in all."""
LeadId = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(stored_text)]
"""An id that is going to be stored."""


# ---------------------------------------------------------------------------------------- Requests


class TimelineQuery(StrictRequest):
    """The query of a timeline."""

    limit: int = Field(50, ge=1, le=MOST_PER_PAGE)
    cursor: str | None = Field(
        None, max_length=8192, description="`next_cursor` of the page before."
    )


class IdentitiesQuery(StrictRequest):
    """The query of the ids of a lead."""

    limit: int = Field(MOST_PER_PAGE, ge=1, le=MOST_PER_PAGE, description="Ids, and links.")
    cursor: str | None = Field(
        None, max_length=32768, description="`next_cursor` of the page before."
    )


class ExportQuery(StrictRequest):
    """The query of an export."""

    limit: int = Field(
        MOST_EXPORTED, ge=1, le=MOST_EXPORTED, description="Ids and rows, of all lists together."
    )
    cursor: str | None = Field(
        None, max_length=32768, description="`next_cursor` of the document before."
    )


class EraseQuery(StrictRequest):
    """The query of an erasure."""

    suppress: bool = Field(
        False, description="Keep a keyed hash of each id, and store nothing under them any more."
    )


class UndoRequest(StrictRequest):
    """A link as `identities` shows it."""

    kind: Literal["claim", "alias"]
    source: Text
    target: Text


class OptOutRequest(StrictRequest):
    """Why: for whoever asks later."""

    reason: Annotated[str, AfterValidator(stored_text)] = Field(
        "", max_length=1000, description="Kept, and part of an export."
    )


# ----------------------------------------------------------------------------------------- Answers


class LinkAnswer(BaseModel):
    """What was told of two ids.

    `claim`: an anonymous id (`source`) was sent along with a user's (`target`). `alias`: a former
    id and another are one lead. A link that is undone does not hold, whoever tells it again.
    """

    kind: Literal["claim", "alias"]
    source: str
    target: str
    occurred_at: str
    known_at: str
    undone_at: str | None


class OptOutLine(BaseModel):
    """Of which id it was said, since when, and why."""

    subject: str
    at: str
    reason: str


class ListTotals(BaseModel):
    """How long the lists are in all."""

    subjects: int
    links: int


class IdentitiesAnswer(BaseModel):
    """The ids of a lead, and all that was ever told of them, the first first; or a page of both."""

    lead_id: str = Field(description="The id that the lead is called by.")
    subjects: list[str]
    links: list[LinkAnswer]
    totals: ListTotals
    next_cursor: str | None = Field(description="Of `/identities`; null where nothing follows.")


class LeadAnswer(IdentitiesAnswer):
    """Who a lead is, and what is kept of it in numbers."""

    opted_out: bool
    opt_out: OptOutLine | None
    first_seen: str | None = Field(description="When its first event happened.")
    last_seen: str | None
    events: int


class OptOutAnswer(BaseModel):
    """Whether a lead may be profiled."""

    lead_id: str
    opted_out: bool
    opt_out: OptOutLine | None


EventKind = Literal["event", "decision", "exposure", "outcome"]


class TimelineEntry(TypedDict):
    """What each entry of a timeline has."""

    id: str | None
    name: str
    occurred_at: str
    known_at: str
    subject: str
    completes: Annotated[
        list[StepAnswer], Field(description="The steps that it was the first to complete.")
    ]


class EventEntry(TimelineEntry):
    """Something that happened, or an event by which Rung kept what it decided."""

    kind: EventKind
    data: Annotated[
        dict[str, Any], Field(description="Its properties, but for traits that are protected.")
    ]


class NotificationEntry(TimelineEntry):
    """What endpoints were told; `name` is its type."""

    kind: Literal["notification"]
    data: ScoreBandChangedData | StepCompletedData | RecommendationCreatedData | ReplyOverdueData


class ScoreEntry(TimelineEntry):
    """The latest score of an id."""

    kind: Literal["score"]
    data: ScoreOfTimeline


TimelineItem = Annotated[EventEntry | NotificationEntry | ScoreEntry, Field(discriminator="kind")]
"""Something that happened, or that Rung did."""


class TimelineAnswer(BaseModel):
    """A page of a timeline, the newest first."""

    data: list[TimelineItem]
    total: int = Field(description="How many entries the whole timeline has.")
    next_cursor: str | None


class ExportAnswer(BaseModel):
    """Everything that is kept of a lead: the rows of each table, instants as RFC 3339.

    Decisions, exposures and outcomes are events. Notifications have their `deliveries`. Of a lead
    with very many rows it is a part, and `next_cursor` leads to the next one.
    """

    lead_id: str
    exported_at: str
    subjects: list[str]
    events: list[KeptEvent]
    scores: list[KeptScore]
    gone_scores: list[LeftScore] = Field(description="Ids that had a score once.")
    stale: list[KeptMark] = Field(description="Ids that are to be scored anew.")
    notifications: list[KeptNotification]
    write_backs: list[KeptWriteBack] = Field(description="What a CRM was told, or is to be told.")
    ranks: list[KeptRank] = Field(description="What was chosen among actions of callers.")
    account_members: list[KeptMembership] = Field(description="The companies of its ids.")
    identities: list[KeptIdentity]
    identity_links: list[LinkAnswer]
    opt_outs: list[KeptOptOut]
    lead_words: list[KeptWord] = Field(description="What a search finds it by.")
    hands: list[KeptHands] = Field(description="Who has it, and until when it is put aside.")
    actions: list[ActionOfLead] = Field(description="What people did with it on the pages.")
    totals: dict[str, int] = Field(description="How long each list is in all.")
    next_cursor: str | None


class TrainedModel(BaseModel):
    """A model that may have been trained on events that are erased now."""

    version: str
    ladder: str
    until: str = Field(description="It saw what was known by then.")
    trained_at: str | None = Field(description="Null of a model that was trained elsewhere.")
    serves: bool


class ErasureAnswer(BaseModel):
    """What was erased. Only the id, the time, the number of events and the models are kept."""

    erasure_id: str
    erased_at: str
    subjects: int = Field(description="How many ids the lead had.")
    events: int
    models: list[TrainedModel]
    suppressed: bool = Field(description="Events that come under its ids are refused from now on.")
    is_wiped: bool = Field(
        description="No byte is left in the files of the database; false on PostgreSQL, whose"
        " VACUUM does it in time."
    )


class SuppressionAnswer(BaseModel):
    """That events of a lead are stored again."""

    lead_id: str
    suppressed: Literal[False]
    subjects: int = Field(description="How many ids the lead had when it was erased.")
