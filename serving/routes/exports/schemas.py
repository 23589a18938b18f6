"""The shapes of `GET /v1/scores`."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from serving.edge.schemas import StrictRequest, Text
from serving.routes.exports.formats import Format
from serving.scoring.answers import ScoreBand, Tab
from serving.scoring.changes import Cause

__all__ = ["MOST_ROWS", "ScoresAnswer", "ScoresQuery"]

MOST_ROWS: Final = 1000


class ScoresQuery(StrictRequest):
    """The query of an export."""

    cursor: str | None = Field(
        None,
        max_length=8192,
        description="`next_cursor` of an earlier answer: what was written since.",
    )
    limit: int | None = Field(
        None, ge=1, le=MOST_ROWS, description=f"Rows of a JSON page; {MOST_ROWS:,} if left out."
    )
    step: str | None = Field(None, max_length=200, description="Only leads whose next step it is.")
    band: ScoreBand | None = Field(None, description="Only leads in this band.")
    tab: Tab | None = Field(None, description="Only leads that are this work.")
    format: Format | None = Field(
        None, description="What the answer is written as; by `Accept`, or JSON, if left out."
    )
    ladder: Text | None = Field(
        None, description="The ladder that is asked about; the only one, where it is left out."
    )


class ScoreRow(BaseModel):
    """A flat row. Of a lead that is gone there is nothing but `lead_id` and `gone`.

    Beside these there is a member `trait_<id>` for each trait of the ladder.
    """

    model_config = ConfigDict(extra="allow")

    lead_id: str
    gone: bool = Field(description="There is no such score any more: drop the lead from a copy.")
    ids: list[str] | None = Field(None, description="Its other ids, up to 100.")
    account_id: str | None = Field(None, description="Its company; null where it has none.")
    ladder: str | None = None
    step: str | None = Field(None, description="The id of the next step; null after the purchase.")
    position: int | None = None
    probability: float | None = None
    low: float | None = None
    high: float | None = None
    horizon_days: float | None = None
    purchase_probability: float | None = None
    band: ScoreBand | None = Field(None, description="Null of a lead that stands in no queue.")
    rank_pct: float | None = None
    p_week_ago: float | None = None
    cause: Cause | None = None
    tab: Tab | None = None
    offer_id: str | None = None
    gain: float | None = None
    rep_minutes: float | None = None
    reasons: list[str] | None = Field(
        None, description="Sentences, the weightiest first; none where they are not stored."
    )
    last_active: str | None = None
    waiting_since: str | None = None
    model_version: str | None = None
    features_as_of: str | None = None
    scored_at: str | None = None


class ScoresAnswer(BaseModel):
    """A page of scores in the order in which they were written."""

    data: list[ScoreRow]
    next_cursor: str = Field(description="Where what is written from now on is read; never null.")
    has_more: bool = Field(description="Whether there is more already.")
