"""Routes: what vendors send, and the score that a HubSpot workflow asks for.

No key is needed: the signature of a request is its credential. Only a source that is not signed
needs one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal, Required, cast

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

from features.errors import NoModel, OptedOut, UnknownLead
from features.store.arrivals import Arrival, Remark
from features.store.privacy.screening import is_stripped
from serving.connectors.arrivals import RequestRules, arrivals_of
from serving.connectors.configuration import VENDORS, Connectors
from serving.connectors.connector import (
    Call,
    Complete,
    Connector,
    ConnectorOptions,
    Reject,
    VendorEvent,
    parse_body,
    verified,
)
from serving.connectors.errors import PayloadError, UnsignedRequest
from serving.connectors.forms import form_reader
from serving.connectors.hubspot import HUBSPOT, lead_of_action
from serving.connectors.received import NotUsed, ReceivedNotes
from serving.edge.access.access import Asker
from serving.edge.access.needs import check_key, needs
from serving.edge.bodies import ONE_BYTES, decompressed, json_answer, sent_body
from serving.edge.problems import documented
from serving.ingestion.storing import LEFT_OUT, WHY_SUPPRESSED, screened_of
from serving.process.group_commit import SUPPRESSED
from serving.process.served import Served
from serving.process.service import Service
from serving.scoring.answers import ScoreBand
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for

__all__ = ["router"]

_MOST_EVENTS: Final = 2500
_MOST_BYTES: Final = 5 * 1024 * 1024
"""Tools that gather events send some hundred at once, each with all that they know of a contact."""
_NEEDED: Final = needs("ingest", key_in_body=True)

router = APIRouter(prefix="/v1/connectors", tags=["connectors"])


async def _connectors(request: Request) -> Connectors:
    return cast(Connectors, request.app.state.connectors)


async def _notes(request: Request) -> ReceivedNotes:
    return cast(ReceivedNotes, request.app.state.received)


On = Annotated[Connectors, Depends(_connectors)]
Notes = Annotated[ReceivedNotes, Depends(_notes)]


class RejectedAnswer(BaseModel):
    """An event that cannot be used: its place among those of the request, and why."""

    index: int
    type: str
    detail: str


class ReceivedWarning(BaseModel):
    """What was passed over of an event that is stored: its place, a stable word, and why."""

    index: int
    type: str
    detail: str


class ReceivedAnswer(BaseModel):
    """What became of the events of a request. `ignored` were of kinds that nobody asked for."""

    success: Literal[True]
    accepted: int
    duplicates: int
    ignored: int
    rejected: list[RejectedAnswer]
    warnings: list[ReceivedWarning]


class ChallengeAnswer(BaseModel):
    """What Zoom is answered where it asks whether the address is ours."""

    plainToken: str  # noqa: N815 Zoom's name
    encryptedToken: str  # noqa: N815 Zoom's name


class OutputFields(TypedDict, total=False):
    """What a workflow is told of a contact.

    `no_score` is of whom has bought, or is lost; without a score `status` is the only field.
    """

    status: Required[Literal["ok", "no_score", "not_found", "opted_out", "no_model"]]
    lead_id: str
    score: float
    band: ScoreBand | None
    next_step: str
    reason: str
    offer: str
    advice: str
    scored_at: str


class ActionAnswer(BaseModel):
    """What a workflow can go on with."""

    outputFields: OutputFields  # noqa: N815 HubSpot's name


# ------------------------------------------------------------------------------------------- Events


@router.post(
    "/{name}",
    summary="What a vendor sends",
    responses={
        200: {"model": ReceivedAnswer | ChallengeAnswer},
        **documented(400, 401, 403, 404, 413, 415, 422, 429, 503, most=_MOST_BYTES),
    },
)
async def receive_from_vendor(
    name: str, request: Request, service: Served, connectors: On, notes: Notes
) -> Response:
    """Verify a vendor's request, and keep the events that it tells of.

    A request with a wrong signature, or one signed too long ago, is a 401. One that comes again
    is a success, and what it tells are duplicates. A source without a signature needs a key, in a
    header or as `writeKey` in the address; it may send a form. Kinds of events that are not mapped
    are ignored and counted.
    """
    connector, options = connectors.named(name, service.ladder)
    of_pages = not connector.is_signed and bool((await _asker(request)).origins)
    call = await _call(request, service, _MOST_BYTES)
    rules = RequestRules(
        connector.name,
        options,
        service.ladder,
        call.received_at,
        service.identification,
        of_pages=of_pages,
    )
    form = None if name in VENDORS else form_reader(request.headers.get("content-type", ""))
    try:
        answer, not_used = await _answered(connector, rules, service, call, form or parse_body)
    except (UnsignedRequest, PayloadError) as error:
        said = str(error)
        await run_in_threadpool(lambda: notes.refused(name, call.received_at, said))
        raise
    await run_in_threadpool(lambda: notes.answered(name, call.received_at, not_used))
    return answer


async def _asker(request: Request) -> Asker:
    """Whose key a request shows that nobody signed, in a header or in its address."""
    asker = await _NEEDED.asker(request)
    return asker or await check_key(request, request.query_params.get("writeKey"))


async def _answered(
    connector: Connector,
    rules: RequestRules,
    service: Service,
    call: Call,
    parse: Callable[[bytes], object],
) -> tuple[Response, NotUsed]:
    """Verify a request, and keep what it tells; the answer, and what of it is of no use."""
    options = rules.options
    verified(connector, call, options)
    payload = parse(_body(call, _MOST_BYTES))
    asked = connector.challenge(payload, options) if connector.challenge else None
    if asked is not None:
        return json_answer(asked), NotUsed()
    return await _received(connector, rules, service, payload)


async def _received(
    connector: Connector, rules: RequestRules, service: Service, payload: object
) -> tuple[Response, NotUsed]:
    """Keep what a genuine request tells; sent again it is known by the ids of its messages."""
    options = rules.options
    told = connector.read(payload, options)
    if len(told) > _MOST_EVENTS:
        raise PayloadError(f"a request holds at most {_MOST_EVENTS:,} events")
    found, rejects, ignored = arrivals_of(told, rules)
    places = {id(one): at for at, one in enumerate(told)}
    kept = await screened_of(service, [arrival for _, arrival in found])
    judged = [(*pair, one) for pair, one in zip(found, kept, strict=True)]
    erased = [event for event, _, one in judged if one is None]
    found = [(event, arrival) for event, arrival, one in judged if one is not None]
    service.group_commit.rejected.update(one.kind for one in rejects)
    not_used = NotUsed(len(rejects), len(told), rejects[0].detail if rejects else "")
    service.group_commit.rejected.update([SUPPRESSED] * len(erased))
    rows = found
    if connector.complete:
        rows = await run_in_threadpool(_followed, connector.complete, options, service, found)
    is_new = await _put(service, rows, erased)
    if connector.complete_late:
        late = await run_in_threadpool(_followed, connector.complete_late, options, service, found)
        is_new += filter(None, await _put(service, late, erased))
    if rules.of_pages:  # anybody has such a key, and is not told who was erased for good
        warned = [(event, one) for event, arrival, _ in judged for one in arrival.remarks]
        is_new = [True] * (len(erased) + len(is_new))
    else:
        warned = [(event, one) for event, arrival in found for one in arrival.remarks]
        warned += [
            (event, LEFT_OUT)
            for event, arrival, one in judged
            if one is not None and is_stripped(arrival, one)
        ]
        refused = sorted({places[id(one)] for one in erased})
        rejects += [Reject(place, WHY_SUPPRESSED, SUPPRESSED) for place in refused]
    rejects.sort(key=lambda one: one.place)
    warnings = [(places[id(one)], what) for one, what in warned]
    return _answer(is_new, ignored, rejects, warnings), not_used


_Told = list[tuple[VendorEvent, Arrival]]
"""Arrivals, each with what a vendor told it by."""


async def _put(service: Service, rows: _Told, erased: list[VendorEvent]) -> list[bool]:
    """Keep arrivals; whether each was new, but for those that are of who was erased meanwhile."""
    is_new = await service.group_commit.put([arrival for _, arrival in rows])
    erased += [event for (event, _), one in zip(rows, is_new, strict=True) if one is None]
    return [one for one in is_new if one is not None]


async def _call(request: Request, service: Service, most: int) -> Call:
    scope = request.scope
    raw_path = scope.get("raw_path") or scope["path"].encode()
    query = scope["query_string"]
    return Call(
        method=request.method,
        origin=f"{request.url.scheme}://{request.url.netloc}",
        target=(raw_path + (b"?" + query if query else b"")).decode("latin-1"),
        headers=dict(request.headers),
        body=await sent_body(request, most),
        received_at=service.clock(),
    )


def _body(call: Call, most: int) -> bytes:
    """What a request says, decompressed: signatures are those of the body as it was sent."""
    return decompressed(call.body, call.headers.get("content-encoding", ""), most)


def _followed(
    complete: Complete,
    options: ConnectorOptions,
    service: Service,
    found: _Told,
) -> _Told:
    """What follows from arrivals and the past of their leads."""
    past = service.store.events_of
    return [
        (event, one) for event, arrival in found for one in complete(event, arrival, past, options)
    ]


def _answer(
    is_new: list[bool], ignored: int, rejects: list[Reject], warned: list[tuple[int, Remark]]
) -> Response:
    return json_answer(
        {
            "success": True,
            "accepted": is_new.count(True),
            "duplicates": is_new.count(False),
            "ignored": ignored,
            "rejected": [
                {"index": one.place, "type": one.kind, "detail": one.detail} for one in rejects
            ],
            "warnings": [
                {"index": at, "type": one.kind, "detail": one.detail} for at, one in warned
            ],
        }
    )


# ------------------------------------------------------------------------------ HubSpot's workflows


@router.post(
    "/hubspot/actions",
    summary="The score of a contact, for a HubSpot workflow",
    responses={200: {"model": ActionAnswer}, **documented(400, 401, 404, 413, 415, 422, 503)},
)
async def hubspot_action(request: Request, service: Served, connectors: On) -> Response:
    """Answer a custom workflow action: score, band, next step, reason, and what to do next.

    Nothing is drawn and nothing kept, so the same request may come again: HubSpot repeats one whose
    answer it did not get.
    """
    _, options = connectors.named(HUBSPOT.name, service.ladder)
    call = await _call(request, service, ONE_BYTES)
    verified(HUBSPOT, call, options)
    lead_id = lead_of_action(parse_body(_body(call, ONE_BYTES)), options)
    fields = await run_in_threadpool(_output_fields, service.scorer, lead_id)
    return json_answer({"outputFields": fields})


def _output_fields(scorer: Scorer, lead_id: str) -> OutputFields:
    try:
        score = scorer.score(lead_id)
    except UnknownLead:
        return {"status": "not_found"}
    except OptedOut:
        return {"status": "opted_out"}
    except NoModel:
        return {"status": "no_model"}
    if score["probability"] is None or score["step"] is None:
        return {"status": score["status"]}
    at = scorer.clock()
    advice = suggestion_for(
        scorer.model, lead_id, scorer.rows_of(lead_id, at), at, scorer.limited(at)
    )
    return {
        "status": score["status"],
        "lead_id": lead_id,
        "score": round(100.0 * score["probability"], 1),
        "band": score["band"],
        "next_step": score["step"]["title"],
        "reason": next((one["text"] for one in score["reasons"]), ""),
        "offer": advice.best.option_id,
        "advice": advice.text,
        "scored_at": score["scored_at"],
    }
