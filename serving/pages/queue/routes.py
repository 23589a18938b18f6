"""The queue: whom to talk to next, and what was done about it.

What it shows comes from the functions that /v1 answers with; its order is theirs.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response, StreamingResponse

from features.errors import ActionConflict, OptedOut, UnknownLead
from serving.edge.access.access import Asker
from serving.edge.access.needs import needs
from serving.edge.parameters import check_step
from serving.pages.common.forms import form_of, own_path
from serving.pages.common.frame import page, refused
from serving.pages.queue.acting import act, undo
from serving.pages.queue.export import csv_of
from serving.pages.queue.view import asked_of, queue_of, stamp_of
from serving.process.queue_views import Desk
from serving.process.served import Served

__all__ = ["router"]

_Asker = Annotated[Asker, Depends(needs("read", is_page=True))]
_Actor = Annotated[Asker, Depends(needs("decide", is_page=True))]
_FILE: Final = {"Content-Disposition": 'attachment; filename="queue.csv"'}

router = APIRouter(include_in_schema=False)


@router.get("/")
async def queue_page(request: Request, service: Served, asker: _Asker) -> Response:
    """Whom to talk to next; to a page that asks again and has missed nothing: 204.

    One that asks again gets its own rows, as they stand now, and a bar that says what else is new.
    """
    asked = asked_of(request.query_params)
    check_step(service.scorer.ladder, asked.view.step or None)

    def answer() -> Response:
        stamp = stamp_of(service)
        if asked.seen == stamp:
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        values = queue_of(service, asker, asked, stamp)
        return page(request, service, asker, "queue.html", values)

    return await run_in_threadpool(answer)


@router.get("/queue.csv")
async def queue_file(request: Request, service: Served, asker: _Asker) -> Response:
    """Every lead of a view, as a table."""
    asked = asked_of(request.query_params)
    check_step(service.scorer.ladder, asked.view.step or None)
    desk = await run_in_threadpool(Desk.of, service.store, asker.name, service.clock())
    lines = csv_of(service, desk, asked.view)
    return StreamingResponse(lines, headers=_FILE, media_type="text/csv; charset=utf-8")


@router.post("/act")
async def do_action(request: Request, service: Served, asker: _Actor) -> Response:
    """Keep what somebody did with a lead, and show where they were."""
    form = await form_of(request)
    target = own_path(form.get("next", "/"))
    try:
        await run_in_threadpool(act, service, asker, form)
    except ActionConflict as error:
        why = str(error)
    except OptedOut:
        why = "this person has opted out by now: nothing is done with them any more"
    except UnknownLead:
        why = "nothing is known of this lead any more: it was erased"
    else:
        return RedirectResponse(target, 303)
    return await run_in_threadpool(refused, request, service, asker, target, why)


@router.post("/undo")
async def undo_action(request: Request, service: Served, asker: _Actor) -> Response:
    """Take back what somebody did, and show where they were."""
    form = await form_of(request)
    target = own_path(form.get("next", "/"))
    try:
        await run_in_threadpool(undo, service, asker, form.get("action", ""))
    except ActionConflict as error:
        return await run_in_threadpool(refused, request, service, asker, target, str(error))
    return RedirectResponse(target, 303)
