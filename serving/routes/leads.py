"""Routes about one lead: who it is, what happened, what is kept, and that nothing is kept any more.

An id stands for all ids of its lead. What these routes show is personal data; none of it is logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.errors import UnknownLink
from features.store.privacy import Privacy
from features.store.privacy.held import Lead
from features.store.privacy.rows import Document
from serving.edge.access.needs import CheckedRoute, needs
from serving.edge.bodies import json_answer, json_body
from serving.edge.parameters import NEXT_PAGE, next_page
from serving.edge.problems import documented
from serving.edge.schemas import MOST_PER_PAGE
from serving.process.served import Served
from serving.process.service import Service
from serving.process.working.erasing import erase_lead as erase_everywhere
from serving.process.working.erasing import training_of
from serving.routes.lead_schemas import (
    EraseQuery,
    ErasureAnswer,
    ExportAnswer,
    ExportQuery,
    IdentitiesAnswer,
    IdentitiesQuery,
    LeadAnswer,
    LeadId,
    OptOutAnswer,
    OptOutRequest,
    SuppressionAnswer,
    TimelineAnswer,
    TimelineQuery,
    UndoRequest,
)
from serving.routes.timeline import (
    after_lists,
    after_rows,
    cursor_of,
    entry_place,
    timeline_page,
)

__all__ = ["router"]

_PRIVATE: Final = {"Cache-Control": "private, max-age=0"}
_NEVER_KEPT: Final = {"Cache-Control": "no-store"}

router = APIRouter(prefix="/v1", tags=["leads"], route_class=CheckedRoute)


# ------------------------------------------------------------------------------------------- Routes


@router.get(
    "/leads/{lead_id:path}/timeline",
    summary="What happened to a lead",
    dependencies=[Depends(needs("read"))],
    responses={200: {"model": TimelineAnswer, "headers": NEXT_PAGE}, **documented(404, 422, 503)},
)
async def lead_timeline(
    lead_id: str, query: Annotated[TimelineQuery, Query()], service: Served
) -> Response:
    """Events, decisions, completed steps, notifications and the latest score, the newest first.

    Follow `next_cursor`, or the `Link` header, until it is null. What happens meanwhile stands
    before the pages that are still to come, and moves nothing. Of a lead that has opted out of
    profiling there are its events alone, without those that say what was decided about it.
    """
    before = entry_place(query.cursor)

    def page() -> Response:
        found = timeline_page(service.store.database, service.ladder, lead_id, query.limit, before)
        cursor = cursor_of(found.after)
        told = {"data": found.items, "total": found.total, "next_cursor": cursor}
        return json_answer(told, _PRIVATE | _link(lead_id, "timeline", query.limit, cursor))

    return await run_in_threadpool(page)


@router.get(
    "/leads/{lead_id:path}/identities",
    summary="The ids of a lead",
    dependencies=[Depends(needs("read"))],
    responses={200: {"model": IdentitiesAnswer, "headers": NEXT_PAGE}, **documented(404, 422, 503)},
)
async def lead_identities(
    lead_id: str, query: Annotated[IdentitiesQuery, Query()], service: Served
) -> Response:
    """Which ids are this lead, and what that follows from; links that were undone too.

    Both lists go on with `next_cursor`, or the `Link` header, until it is null. `totals` says how
    long they are.
    """
    after = after_lists(query.cursor)

    def page() -> Response:
        found = _identities(Privacy(service.store.database).lead(lead_id, query.limit, after))
        more = _link(lead_id, "identities", query.limit, found["next_cursor"])
        return json_answer(found, _PRIVATE | more)

    return await run_in_threadpool(page)


@router.post(
    "/leads/{lead_id:path}/identities:undo",
    summary="Two ids are not one lead",
    dependencies=[Depends(needs("admin")), Depends(json_body)],
    responses={
        200: {"model": IdentitiesAnswer, "headers": NEXT_PAGE},
        **documented(400, 404, 413, 415, 422, 503),
    },
)
async def undo_link(lead_id: str, body: UndoRequest, service: Served) -> Response:
    """Let a link of the lead hold no longer, whoever tells it again. Events go with their ids.

    The answer is what is left of the lead that `lead_id` belongs to, as `/identities` has it.
    """

    def undone(privacy: Privacy) -> Document:
        link = {"kind": body.kind, "source": body.source, "target": body.target}
        if not privacy.has_link(lead_id, **link):
            raise UnknownLink(f"no such {body.kind} of lead {lead_id!r} stands")
        service.store.undo_link(**link, undone_at=service.clock())
        return _identities(privacy.lead(lead_id, MOST_PER_PAGE))

    return await _answer(service, undone)


@router.get(
    "/leads/{lead_id:path}/export",
    summary="Everything that is kept of a lead",
    dependencies=[Depends(needs("admin"))],
    responses={200: {"model": ExportAnswer, "headers": NEXT_PAGE}, **documented(404, 422, 503)},
)
async def export_lead(
    lead_id: str, query: Annotated[ExportQuery, Query()], service: Served
) -> Response:
    """All of it as one JSON document (GDPR, Articles 15 and 20).

    Of a lead with more rows than `limit` it comes in several, each with other rows of the lists:
    follow `next_cursor`, or the `Link` header, until it is null. `totals` says how many rows there
    are in all.
    """
    after = after_rows(query.cursor)

    def page() -> Response:
        held = Privacy(service.store.database).held(lead_id, query.limit, after)
        cursor = cursor_of(held.after)
        told = held.exported(service.clock()) | {"next_cursor": cursor}
        return json_answer(told, _NEVER_KEPT | _link(lead_id, "export", query.limit, cursor))

    return await run_in_threadpool(page)


@router.post(
    "/leads/{lead_id:path}/opt-out",
    summary="Profile a lead no more",
    dependencies=[Depends(needs("admin")), Depends(json_body)],
    responses={200: {"model": OptOutAnswer}, **documented(400, 404, 413, 415, 422, 503)},
)
async def opt_out(lead_id: LeadId, body: OptOutRequest, service: Served) -> Response:
    """No score, no recommendation, no place in the queue, no part in training (GDPR, Article 21).

    It holds for all ids of the lead, and for those that join later. An id need not be known yet.
    Again, it changes nothing.
    """

    def opted_out(privacy: Privacy) -> Document:
        privacy.opt_out([lead_id], service.clock(), body.reason)
        return _part(privacy.lead(lead_id, 1).as_dict(), "lead_id", "opted_out", "opt_out")

    return await _answer(service, opted_out)


@router.post(
    "/leads/{lead_id:path}/opt-in",
    summary="A lead may be profiled again",
    dependencies=[Depends(needs("admin"))],
    responses={200: {"model": OptOutAnswer}, **documented(404, 422, 503)},
)
async def opt_in(lead_id: LeadId, service: Served) -> Response:
    """Take back an opt-out, for all ids of the lead. Where there is none it changes nothing."""

    def opted_in(privacy: Privacy) -> Document:
        privacy.opt_in([lead_id], service.clock())
        return {"lead_id": service.store.lead_of(lead_id), "opted_out": False, "opt_out": None}

    return await _answer(service, opted_in)


@router.get(
    "/leads/{lead_id:path}",
    summary="Who a lead is",
    dependencies=[Depends(needs("read"))],
    responses={200: {"model": LeadAnswer, "headers": NEXT_PAGE}, **documented(404, 422, 503)},
)
async def lead(lead_id: str, service: Served) -> Response:
    """Its ids, whether it has opted out, and since when it is known.

    Of very many ids these are the first ones: `next_cursor`, or the `Link` header, goes on at
    `/identities`.
    """

    def told(privacy: Privacy) -> Document:
        found = privacy.lead(lead_id, MOST_PER_PAGE)
        return found.as_dict() | {"next_cursor": cursor_of(found.after)}

    return await _answer(service, told)


@router.delete(
    "/leads/{lead_id:path}/suppression",
    summary="Store events of an erased lead again",
    dependencies=[Depends(needs("admin"))],
    responses={200: {"model": SuppressionAnswer}, **documented(404, 422, 503)},
)
async def unsuppress_lead(lead_id: str, service: Served) -> Response:
    """Take back `suppress` of an erasure, by any of the ids that the lead had, for all of them."""

    def taken_back(privacy: Privacy) -> Document:
        ids = privacy.unsuppress(lead_id)
        service.store.suppressions.forget()
        return {"lead_id": lead_id, "suppressed": False, "subjects": ids}

    return await _answer(service, taken_back)


@router.delete(
    "/leads/{lead_id:path}",
    summary="Erase a lead",
    dependencies=[Depends(needs("admin"))],
    responses={200: {"model": ErasureAnswer}, **documented(404, 422, 503)},
)
async def erase_lead(
    lead_id: str, query: Annotated[EraseQuery, Query()], service: Served
) -> Response:
    """Erase everything that is kept of the lead and of all its ids (GDPR, Article 17).

    It cannot be taken back. Events that are sent again afterwards are new events of a new lead, so
    stop their source first, or `suppress`: then nothing is stored under any of the ids any more.
    The answer names the models that may have been trained on the lead.
    """
    serving = training_of(service.scorer.bundle)

    def erased() -> Response:
        erasure = erase_everywhere(service, lead_id, is_suppressed=query.suppress)
        return json_answer(erasure.as_dict(serving.bundle if serving else ""), _PRIVATE)

    return await run_in_threadpool(erased)


async def _answer(service: Service, ask: Callable[[Privacy], Document]) -> Response:
    """What is asked of the store, as JSON, from a thread that may wait for it.

    Where it has a part of the ids of a lead alone, the header leads to the rest.
    """
    privacy = Privacy(service.store.database)

    def answered() -> Response:
        found = ask(privacy)
        more: str | None = found.get("next_cursor")
        headers = _link(found["lead_id"], "identities", MOST_PER_PAGE, more) if more else {}
        return json_answer(found, _PRIVATE | headers)

    return await run_in_threadpool(answered)


def _link(lead_id: str, what: str, limit: int, cursor: str | None) -> dict[str, str]:
    """The header that names the next page; none after the last."""
    if cursor is None:
        return {}
    path = f"/v1/leads/{quote(lead_id, safe='')}/{what}"
    return next_page(path, {"limit": limit, "cursor": cursor})


# -------------------------------------------------------------------------------------------- Leads


def _part(found: Document, *names: str) -> Document:
    return {name: found[name] for name in names}


def _identities(lead: Lead) -> Document:
    told = _part(lead.as_dict(), "lead_id", "subjects", "links", "totals")
    return told | {"next_cursor": cursor_of(lead.after)}
