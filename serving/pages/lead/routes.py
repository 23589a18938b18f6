"""The page of one lead: what to do, how likely the next step is and why, and all that happened."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from features.errors import UnknownLead
from features.store.privacy import Privacy
from serving.edge.access.access import Asker
from serving.edge.access.needs import needs
from serving.edge.bodies import json_answer
from serving.pages.common.forms import form_of, own_path
from serving.pages.common.frame import page
from serving.pages.common.once import form_token
from serving.pages.lead.view import lead_of, stamp_of
from serving.process.served import Served
from serving.process.working.erasing import erase_lead

__all__ = ["router"]

_Asker = Annotated[Asker, Depends(needs("read", is_page=True))]
_Admin = Annotated[Asker, Depends(needs("admin", is_page=True))]
_MOST_ROWS: Final = 100_000

router = APIRouter(include_in_schema=False)


@router.get("/leads/{lead_id:path}")
async def lead_page(request: Request, lead_id: str, service: Served, asker: _Asker) -> Response:
    """One lead: what to do, how likely it is and why, and all that happened.

    To a page that asks again and has missed nothing: 204.
    """
    query = request.query_params
    back, side = own_path(query.get("from", "/")), query.get("side", "")
    seen, token = query.get("seen", ""), form_token(query.get("page", ""))

    def answer() -> Response:
        stamp = stamp_of(service, lead_id)
        if seen == stamp:
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        try:
            values = lead_of(service, asker, lead_id, back, side, stamp, token)
        except UnknownLead:
            if not seen:
                raise
            # It was there when its reader opened the page, which must not go on showing it.
            return page(request, service, asker, "lead/gone.html", {"back": back})
        return page(request, service, asker, "lead.html", values)

    return await run_in_threadpool(answer)


@router.get("/lead.json")
async def lead_file(lead: str, service: Served, _: _Admin) -> Response:
    """Everything that is kept of a lead, as a file."""

    def made() -> Response:
        held = Privacy(service.store.database).held(lead, _MOST_ROWS)
        if held.after is not None:
            raise HTTPException(413, "This is too much for one file: /v1/leads/{id}/export has it.")
        file = {"Content-Disposition": 'attachment; filename="lead.json"'}
        return json_answer(held.exported(service.clock()), file | {"Cache-Control": "no-store"})

    return await run_in_threadpool(made)


@router.get("/erase")
async def erase_page(request: Request, lead: str, service: Served, asker: _Admin) -> Response:
    """Whether a lead is to be erased."""

    def made() -> Response:
        values = lead_of(service, asker, lead, "/", "")
        return page(request, service, asker, "lead/erase.html", values)

    return await run_in_threadpool(made)


@router.post("/erase")
async def erase(request: Request, service: Served, asker: _Admin) -> Response:
    """Erase a lead, and say so."""
    form = await form_of(request)
    lead_id = form.get("lead", "")

    def made() -> Response:
        erasure = erase_lead(service, lead_id, is_suppressed=form.get("suppress") == "yes")
        values = {"events": erasure.events, "models": erasure.models}
        return page(request, service, asker, "lead/erased.html", values)

    return await run_in_threadpool(made)


@router.post("/profiling")
async def profiling(request: Request, service: Served, _: _Admin) -> Response:
    """Profile a lead no more, or again."""
    form = await form_of(request)
    lead_id, privacy = form.get("lead", ""), Privacy(service.store.database)

    def done() -> None:
        privacy.lead(lead_id, 1)  # UnknownLead where there is none
        if form.get("do") == "out":
            privacy.opt_out([lead_id], service.clock(), "on the lead's page")
        else:
            privacy.opt_in([lead_id], service.clock())

    await run_in_threadpool(done)
    return RedirectResponse(f"/leads/{quote(lead_id, safe='')}", 303)
