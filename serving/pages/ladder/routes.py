"""The page of the ladder, and the leads behind each of its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from models.judging.funnel.rates import funnel
from models.judging.funnel.selection import Every
from models.judging.spreadsheet import csv_of
from serving.edge.access.access import Asker
from serving.edge.access.needs import needs
from serving.edge.parameters import check_step
from serving.pages.common.frame import page
from serving.pages.ladder.choices import LadderChoice, Within
from serving.pages.ladder.leads import LeadState, leads_csv, leads_values
from serving.pages.ladder.page import counted_values, uncounted_values
from serving.pages.ladder.spreadsheet import CAUSE_TABLES, FUNNEL_TABLES, LadderTable
from serving.process.counted import causes_now, not_counted, only_from, stays_now
from serving.process.served import Served
from serving.process.service import Service

__all__ = ["router"]

_Asker = Annotated[Asker, Depends(needs("read", is_page=True))]

router = APIRouter(include_in_schema=False)


def _choice(
    within: Within = "365",
    only: Annotated[list[str], Query(max_length=16)] = [],  # noqa: B006 FastAPI copies it
    every: Every | None = None,
    beside: Literal["yes", "no"] = "yes",
    since: date | None = None,
) -> LadderChoice:
    asked = only_from(one for one in only if one)  # a form sends those that are left open, too
    return LadderChoice(within, asked, every, beside == "yes", since)


_Choice = Annotated[LadderChoice, Depends(_choice)]


@dataclass(frozen=True, slots=True)
class _Counted:
    """A number whose leads are asked for."""

    step: str
    state: LeadState | None
    offset: int
    is_sheet: bool


def _counted(
    step: str,
    state: LeadState | None = None,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    format: Literal["page", "csv"] = "page",  # noqa: A002 what the address says
) -> _Counted:
    return _Counted(step, state, offset, format == "csv")


_Wanted = Annotated[_Counted, Depends(_counted)]


@router.get("/ladder")
async def ladder_page(
    request: Request,
    service: Served,
    asker: _Asker,
    choice: _Choice,
    table: LadderTable | None = None,
) -> Response:
    """Where leads stop; with `table` one of its tables as CSV."""
    if table is not None:
        return await run_in_threadpool(_table, service, choice, table)

    def shown() -> Response:
        stays = stays_now(service)
        if stays is None:
            values, template = uncounted_values(service), "ladder/uncounted.html"
        else:
            values, template = counted_values(service, stays, choice), "ladder/ladder.html"
        return page(request, service, asker, template, values)

    return await run_in_threadpool(shown)


@router.get("/ladder/leads")
async def ladder_leads(
    request: Request,
    service: Served,
    asker: _Asker,
    choice: _Choice,
    wanted: _Wanted,
) -> Response:
    """Who a number counts; with `format=csv` all of them for a spreadsheet."""
    check_step(service.ladder, wanted.step)

    def shown() -> Response:
        stays = stays_now(service)
        if stays is None:
            raise not_counted(service)
        if wanted.is_sheet:
            rows = leads_csv(service, stays, wanted.step, wanted.state, choice)
            name = f"{wanted.step}-{wanted.state or 'came'}"
            return StreamingResponse(rows, headers=_sheet(name), media_type="text/csv")
        of = wanted.step, wanted.state
        values = leads_values(service, stays, *of, choice, wanted.offset)
        return page(request, service, asker, "ladder/leads.html", values)

    return await run_in_threadpool(shown)


def _table(service: Service, choice: LadderChoice, table: LadderTable) -> Response:
    stays = stays_now(service)
    if stays is not None and table in FUNNEL_TABLES:
        found = funnel(stays, choice.selection(stays), choice.by)
        text = csv_of(FUNNEL_TABLES[table](found))
    else:
        causes = causes_now(service)
        if causes is None or stays is None:
            raise not_counted(service)
        text = csv_of(CAUSE_TABLES[table](causes))
    return Response(text, headers=_sheet(table), media_type="text/csv")


def _sheet(name: str) -> dict[str, str]:
    """What lets a browser keep a table as a file, and nobody else."""
    disposition = f'attachment; filename="ladder-{name}.csv"'
    return {"Cache-Control": "no-store", "Content-Disposition": disposition}
