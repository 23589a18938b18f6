"""Routes about one lead: who it is, what happened, what is kept, and that nothing is kept any more.

An id stands for all ids of its lead. What these routes show is personal data; none of it is logged.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from functools import partial
from typing import Annotated, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from features.errors import UnknownLink
from features.ladder.ladder import Ladder
from features.signals.rules import met_any
from features.store.privacy import Privacy
from features.store.privacy.held import Held, Lead
from features.store.privacy.rows import Document, document_of
from features.store.privacy.trainings import Training
from features.store.schema import events, notifications, scores
from models.bundle import Bundle
from serving.edge.access import CheckedRoute, needs
from serving.edge.bodies import json_answer, json_body
from serving.edge.parameters import wrong_query
from serving.edge.problems import documented
from serving.process.served import Served
from serving.process.service import Service
from serving.routes.lead_schemas import (
    EntryKind,
    ErasureAnswer,
    ExportAnswer,
    IdentitiesAnswer,
    LeadAnswer,
    LeadId,
    OptOutAnswer,
    OptOutRequest,
    TimelineAnswer,
    TimelineItem,
    TimelineQuery,
    UndoRequest,
)
from serving.scoring.answers import StepAnswer

__all__ = ["router"]

_PRIVATE: Final = {"Cache-Control": "private, max-age=0"}
_NEVER_KEPT: Final = {"Cache-Control": "no-store"}

router = APIRouter(prefix="/v1", tags=["leads"], route_class=CheckedRoute)


# ------------------------------------------------------------------------------------------- Routes


@router.get(
    "/leads/{lead_id:path}/timeline",
    summary="What happened to a lead",
    dependencies=[Depends(needs("read"))],
    responses={200: {"model": TimelineAnswer}, **documented(404, 422, 503)},
)
async def timeline(
    lead_id: str, query: Annotated[TimelineQuery, Query()], service: Served
) -> Response:
    """Events, decisions, completed steps, notifications and the latest score, the newest first.

    Follow `next_cursor`, or the `Link` header, until it is null. What happens meanwhile stands
    before the pages that are still to come, and moves nothing.
    """
    before = _place_of(query.cursor)
    return await run_in_threadpool(_timeline, service, lead_id, query.limit, before)


@router.get(
    "/leads/{lead_id:path}/identities",
    summary="The ids of a lead",
    dependencies=[Depends(needs("read"))],
    responses={200: {"model": IdentitiesAnswer}, **documented(404, 422, 503)},
)
async def identities(lead_id: str, service: Served) -> Response:
    """Which ids are this lead, and what that follows from; links that were undone too."""
    return await _answer(service, lambda privacy: _identities(privacy.lead(lead_id)))


@router.post(
    "/leads/{lead_id:path}/identities:undo",
    summary="Two ids are not one lead",
    dependencies=[Depends(needs("admin")), Depends(json_body)],
    responses={200: {"model": IdentitiesAnswer}, **documented(400, 404, 413, 415, 422, 503)},
)
async def undo(lead_id: str, body: UndoRequest, service: Served) -> Response:
    """Let a link of the lead hold no longer, whoever tells it again. Events go with their ids.

    The answer is what is left of the lead that `lead_id` belongs to.
    """

    def undone(privacy: Privacy) -> Document:
        link = {"kind": body.kind, "source": body.source, "target": body.target}
        stands = [one for one in privacy.lead(lead_id).links if one["undone_at"] is None]
        if not any(link.items() <= one.items() for one in stands):
            raise UnknownLink(f"no such {body.kind} of lead {lead_id!r} stands")
        service.store.undo_link(**link, undone_at=service.clock())
        return _identities(privacy.lead(lead_id))

    return await _answer(service, undone)


@router.get(
    "/leads/{lead_id:path}/export",
    summary="Everything that is kept of a lead",
    dependencies=[Depends(needs("admin"))],
    responses={200: {"model": ExportAnswer}, **documented(404, 422, 503)},
)
async def export(lead_id: str, service: Served) -> Response:
    """All of it as one JSON document (GDPR, Articles 15 and 20)."""
    return await _answer(
        service, lambda privacy: privacy.export(lead_id, service.clock()), _NEVER_KEPT
    )


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
        return _part(privacy.lead(lead_id).as_dict(), "lead_id", "opted_out", "opt_out")

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
        privacy.opt_in([lead_id])
        return {"lead_id": service.store.lead_of(lead_id), "opted_out": False, "opt_out": None}

    return await _answer(service, opted_in)


@router.get(
    "/leads/{lead_id:path}",
    summary="Who a lead is",
    dependencies=[Depends(needs("read"))],
    responses={200: {"model": LeadAnswer}, **documented(404, 422, 503)},
)
async def lead(lead_id: str, service: Served) -> Response:
    """Its ids, whether it has opted out, and since when it is known."""
    return await _answer(service, lambda privacy: privacy.lead(lead_id).as_dict())


@router.delete(
    "/leads/{lead_id:path}",
    summary="Erase a lead",
    dependencies=[Depends(needs("admin"))],
    responses={200: {"model": ErasureAnswer}, **documented(404, 422, 503)},
)
async def erase(lead_id: str, service: Served) -> Response:
    """Erase everything that is kept of the lead and of all its ids (GDPR, Article 17).

    It cannot be taken back. Events that are sent again afterwards are new events of a new lead, so
    stop their source first. The answer names the models that may have been trained on the lead.
    """
    serving = _training_of(service.scorer.bundle)

    def erased(privacy: Privacy) -> Document:
        erasure = privacy.erase(lead_id, service.clock(), serving)
        service.store.identities.forget()
        return erasure.as_dict(serving.bundle if serving else "")

    return await _answer(service, erased)


async def _answer(
    service: Service, ask: Callable[[Privacy], Document], headers: dict[str, str] | None = None
) -> Response:
    """What is asked of the store, as JSON, from a thread that may wait for it."""
    privacy = Privacy(service.store.database)
    return await run_in_threadpool(lambda: json_answer(ask(privacy), headers or _PRIVATE))


# -------------------------------------------------------------------------------------------- Leads


def _part(found: Document, *names: str) -> Document:
    return {name: found[name] for name in names}


def _identities(lead: Lead) -> Document:
    return _part(lead.as_dict(), "lead_id", "subjects", "links")


def _training_of(bundle: Bundle | None) -> Training | None:
    """What a bundle says of its own training; when that was it does not say."""
    if bundle is None:
        return None
    return Training(bundle.hash, bundle.ladder.name, int(bundle.manifest["until"]))


# ----------------------------------------------------------------------------------------- Timeline

EntryPlace = tuple[int, int, str]
"""When something happened, in microseconds; what it is, of several at once; its id."""


def _timeline(service: Service, lead_id: str, limit: int, before: EntryPlace | None) -> Response:
    held = Privacy(service.store.database).held(lead_id)
    entries = sorted(_entries(held, service.ladder), key=lambda entry: entry[0], reverse=True)
    if before is not None:
        entries = [entry for entry in entries if entry[0] < before]
    page, rest = entries[:limit], entries[limit:]
    cursor = _cursor_of(page[-1][0]) if rest else None
    headers = dict(_PRIVATE)
    if cursor is not None:
        address = f"/v1/leads/{quote(lead_id, safe='')}/timeline"
        asked = urlencode({"limit": limit, "cursor": cursor})
        headers["Link"] = f'<{address}?{asked}>; rel="next"'
    return json_answer({"data": [make() for _, make in page], "next_cursor": cursor}, headers)


_Entry = tuple[EntryPlace, Callable[[], TimelineItem]]


def _entries(held: Held, ladder: Ladder) -> list[_Entry]:
    """All that a timeline shows, with where it stands; made into items when it is shown."""
    kinds: dict[str, EntryKind] = {
        ladder.events.decision: "decision",
        ladder.events.exposure: "exposure",
        ladder.events.outcome: "outcome",
    }
    completed = _completed(held, ladder)
    found: list[_Entry] = []
    for row in held.rows[events]:
        place = (row["occurred_at"], 0, row["message_id"])
        kind = kinds.get(row["name"], "event")
        found.append((place, partial(_of_event, row, kind, completed.get(row["message_id"], []))))
    for row in held.rows[notifications]:
        found.append(((row["created_at"], 1, row["id"]), partial(_of_notification, row)))
    for row in held.rows[scores]:
        found.append(((row["as_of"], 2, row["lead_id"]), partial(_of_score, row)))
    return found


def _completed(held: Held, ladder: Ladder) -> dict[str, list[StepAnswer]]:
    """The steps that each event was the first to complete, by message id."""
    happened = sorted(
        held.rows[events],
        key=lambda row: (min(row["occurred_at"], row["known_at"]), row["known_at"]),
    )
    open_goals = list(ladder.goals)
    found: dict[str, list[StepAnswer]] = {}
    for row in happened:
        named = [
            goal for goal in open_goals if any(r.event == row["name"] for r in goal.complete_when)
        ]
        if not named:
            continue
        properties = json.loads(row["properties"])
        done = [goal for goal in named if met_any(goal.complete_when, row["name"], properties)]
        for goal in done:
            open_goals.remove(goal)
            found.setdefault(row["message_id"], []).append({"id": goal.id, "title": goal.title})
    return found


def _of_event(row: Document, kind: EntryKind, completes: list[StepAnswer]) -> TimelineItem:
    told = document_of(events, row)
    return {
        "kind": kind,
        "id": told["message_id"],
        "name": told["name"],
        "occurred_at": told["occurred_at"],
        "known_at": told["known_at"],
        "subject": told["lead_id"],
        "completes": completes,
        "data": told["properties"],
    }


def _of_notification(row: Document) -> TimelineItem:
    told = document_of(notifications, row)
    return _made("notification", told["id"], told["type"], told["created_at"], row, told["data"])


def _of_score(row: Document) -> TimelineItem:
    told = document_of(scores, row)
    told |= told.pop("reasons") or {}
    return _made("score", None, "score", told["as_of"], row, told)


def _made(
    kind: EntryKind, id_: str | None, name: str, at: str, row: Document, data: Document
) -> TimelineItem:
    """What Rung did: known when it happened."""
    return {
        "kind": kind,
        "id": id_,
        "name": name,
        "occurred_at": at,
        "known_at": at,
        "subject": row["lead_id"],
        "completes": [],
        "data": data,
    }


def _cursor_of(place: EntryPlace) -> str:
    text = json.dumps(place, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place_of(cursor: str | None) -> EntryPlace | None:
    """The reverse of `_cursor_of`; RequestValidationError where it is none of ours."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        at, rank, id_ = json.loads(text)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        at, rank, id_ = None, None, None
    if type(at) is type(rank) is int and isinstance(id_, str):
        return at, rank, id_
    raise wrong_query("cursor", "this is no next_cursor of a timeline; begin without one")
