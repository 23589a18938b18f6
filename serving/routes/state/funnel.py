"""Routes: how many go on at each step, and the leads behind each number."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.clock import rfc3339
from features.funnel.states import State
from features.funnel.stays import Stays
from models.judging.funnel.cause_shapes import FunnelCauses
from models.judging.funnel.rates import funnel
from models.judging.funnel.selection import Every, Selection, selection_of
from models.judging.funnel.shapes import Funnel
from models.judging.funnel.tables import cohorts_table, segments_table, steps_table
from models.judging.spreadsheet import csv_of
from serving.edge.access.needs import CheckedRoute, needs
from serving.edge.bodies import json_answer
from serving.edge.parameters import NEXT_PAGE, check_step, next_page
from serving.edge.problems import documented
from serving.edge.schemas import MOST_PER_PAGE, Instant, StrictRequest, Text
from serving.process.counted import (
    causes_now,
    named_now,
    not_counted,
    only_from,
    stays_now,
)
from serving.process.served import OnLadder, Served
from serving.process.service import Service

__all__ = ["router"]

router = APIRouter(
    prefix="/v1",
    tags=["queue"],
    dependencies=[Depends(needs("read"))],
    route_class=CheckedRoute,
)

_TABLES = {"steps": steps_table, "cohorts": cohorts_table, "segments": segments_table}
_TIMES = {"entered_from", "entered_to"}
_FRESH = {"Cache-Control": "private, max-age=0"}


class FunnelSelection(StrictRequest):
    """Which leads are counted."""

    ladder: Text | None = None
    entered_from: Instant | None = Field(None, description="Who came to a step since then.")
    entered_to: Instant | None = Field(None, description="Who came before then.")
    only: list[Text] = Field(
        [],
        max_length=8,
        description="`trait:value`: of whom that was known when they came; `trait:` of whom it was"
        " not. More than once: all of it.",
    )


class FunnelQuery(FunnelSelection):
    """The query of the funnel."""

    every: Every = Field("week", description="What the cohorts of a step are.")
    table: Literal["steps", "cohorts", "segments"] | None = Field(
        None, description="One of the tables, as CSV."
    )


class FunnelLeadsQuery(FunnelSelection):
    """The query of the leads behind a number."""

    step: Text
    state: Literal["advanced", "pending", "lapsed", "lost"] | None = Field(
        None, description="What came of them; without it all that came."
    )
    limit: int = Field(50, ge=1, le=MOST_PER_PAGE)
    offset: int = Field(0, ge=0, description="`next_offset` of the page before.")


class FunnelCausesQuery(StrictRequest):
    """The query of the causes."""

    ladder: Text | None = None


class FunnelLeadsAnswer(BaseModel):
    """The leads behind a number, those that came last first."""

    data: list[str]
    count: int = Field(description="How many there are; who has opted out is not among them.")
    next_offset: int | None


@router.get(
    "/funnel",
    summary="How many go on at each step",
    responses={
        200: {
            "model": Funnel,
            "description": "The funnel; with `table` one of its tables.",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
        **documented(404, 422, 503),
    },
)
async def get_funnel(
    query: Annotated[FunnelQuery, Query()], service: Served, on_ladder: OnLadder
) -> Response:
    """Per step, entry cohort and segment: advanced, pending, lapsed, lost and left; the rate.

    Of the log as it was looked at last (`as_of`; every `RUNG_FUNNEL_SECONDS`). Nobody counts as
    lost who still has time.
    """
    on_ladder(query.ladder)
    return await run_in_threadpool(_answer, service, query)


@router.get(
    "/funnel/leads",
    summary="The leads behind a number of the funnel",
    responses={
        200: {"model": FunnelLeadsAnswer, "headers": NEXT_PAGE},
        **documented(404, 422, 503),
    },
)
async def get_funnel_leads(
    query: Annotated[FunnelLeadsQuery, Query()], service: Served, on_ladder: OnLadder
) -> Response:
    """Ids of leads, for a list or an export.

    Follow `next_offset`, or the `Link` header, until it is null.
    """
    on_ladder(query.ladder)
    check_step(service.ladder, query.step)
    return await run_in_threadpool(_leads, service, query)


@router.get(
    "/funnel/causes",
    summary="Why leads stop, what content adds, how long replies take",
    responses={200: {"model": FunnelCauses}, **documented(404, 422, 503)},
)
async def get_funnel_causes(
    query: Annotated[FunnelCausesQuery, Query()], service: Served, on_ladder: OnLadder
) -> Response:
    """Per step below its band the evidence for a jump that is too large or too little value before.

    With the next experiment and its size. Lifts of content are marked as randomised or
    observational; what cannot be told is `unknown`.
    """
    on_ladder(query.ladder)
    return await run_in_threadpool(_causes, service)


def _causes(service: Service) -> Response:
    found = causes_now(service)
    if found is None:
        raise not_counted(service)
    return json_answer(dict(found), _FRESH)


def _answer(service: Service, query: FunnelQuery) -> Response:
    found = funnel(_stays(service), _selection(query), query.every)
    if query.table is None:
        return json_answer(found, _FRESH)
    text = csv_of(_TABLES[query.table](found))
    return Response(text, headers=_FRESH, media_type="text/csv")


def _leads(service: Service, query: FunnelLeadsQuery) -> Response:
    state = None if query.state is None else State[query.state.upper()]
    found = named_now(service, _stays(service), query.step, state, _selection(query))
    ends = query.offset + query.limit
    page = [found.leads[at] for at in found.lead[query.offset : ends].tolist()]
    following = ends if ends < len(found) else None
    headers = {**_FRESH}
    if following is not None:
        asked = query.model_dump(exclude_defaults=True)
        times = {name: rfc3339(asked[name]) for name in asked.keys() & _TIMES}
        at = {"limit": query.limit, "offset": following}
        headers |= next_page("/v1/funnel/leads", asked | times | at)
    return json_answer({"data": page, "count": len(found), "next_offset": following}, headers)


def _stays(service: Service) -> Stays:
    stays = stays_now(service)
    if stays is None:
        raise not_counted(service)
    return stays


def _selection(query: FunnelSelection) -> Selection:
    return selection_of(query.entered_from, query.entered_to, only_from(query.only))
