"""Routes that take what Segment's clients send, and those of others that speak as they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from features.store.arrivals import Arrival
from serving.edge.access.needs import DirectRoute, check_key, needs
from serving.edge.bodies import read_json
from serving.edge.problems import documented
from serving.ingestion.calls import Envelope, envelope_of
from serving.ingestion.plain import PlainCalls
from serving.ingestion.schemas import (
    CALLS,
    PREFER,
    AnyCall,
    IngestionAnswer,
    SegmentBatch,
    described,
)
from serving.ingestion.storing import (
    MOST_BATCH_BYTES,
    check_count,
    receipt_of,
    refusal,
    shown_id,
    sort_events,
    store_events,
    store_one,
)
from serving.ingestion.values import (
    MOST_EVENT_BYTES,
    EventRefused,
)
from serving.process.served import Served

__all__ = ["beacons", "router"]

_ALL: Final[dict[str, Any]] = {
    "tags": ["ingestion"],
    "dependencies": [Depends(needs("ingest", key_in_body=True))],
    "route_class": DirectRoute,
    "responses": {
        200: {"model": IngestionAnswer},
        **documented(400, 413, 415, 422, 503, most=MOST_EVENT_BYTES),
    },
}
_OF_BATCH: Final = documented(413, most=MOST_BATCH_BYTES)

router = APIRouter(prefix="/v1", **_ALL)
beacons = APIRouter(**_ALL)


# ------------------------------------------------------------------------------------------ Routes


@router.post(
    "/batch",
    summary="Up to 2,500 Segment calls at once",
    responses=_OF_BATCH,
    openapi_extra=described(SegmentBatch, PREFER),
)
@router.post(
    "/b",
    name="batch_of_page",
    summary="Up to 2,500 Segment calls at once, as analytics.js sends them",
    responses=_OF_BATCH,
    openapi_extra=described(SegmentBatch, PREFER),
)
@beacons.post(
    "/beacon/v1/batch",
    name="batch_of_beacon",
    summary="Up to 2,500 calls at once, as RudderStack's clients send them from a page that closes",
    responses=_OF_BATCH,
    openapi_extra=described(SegmentBatch, PREFER),
)
@router.post(
    "/import",
    name="import_batch",
    summary="Up to 2,500 Segment calls at once, by an older name",
    responses=_OF_BATCH,
    openapi_extra=described(SegmentBatch, PREFER),
)
async def batch(request: Request, service: Served) -> Response:
    """Store the calls that will do, and name the others, in `rejected`, with the reason."""
    body = await read_json(request, MOST_BATCH_BYTES, any_label=True)
    asker = await check_key(request, _write_key(request, body))
    items = body.get("batch") if type(body) is dict else None
    if type(items) is not list:
        raise _no_batch("body" if type(body) is not dict else "batch")
    check_count(len(items))
    try:
        envelope = envelope_of(receipt_of(service, asker), body)
    except EventRefused as refused:
        raise refusal(refused) from refused
    events = sort_events(items, PlainCalls(envelope).read, "messageId", envelope.passed_over)
    return await store_events(request, service, asker, events, ("body", "batch"))


def _no_batch(missing: str) -> RequestValidationError:
    place = ("body",) if missing == "body" else ("body", "batch")
    detail = 'a batch is an object such as {"batch": [{"type": "track", ...}]}'
    return RequestValidationError([{"type": "invalid_batch", "loc": place, "msg": detail}])


def _single(call: str) -> Callable[..., Any]:
    """The route of one call."""

    async def one(request: Request, service: Served) -> Response:
        """Store one call; one that will not do is a problem."""
        body = await read_json(request, MOST_EVENT_BYTES, any_label=True)
        asker = await check_key(request, _write_key(request, body))
        envelope = Envelope(receipt_of(service, asker), None, {}, [])
        sent_id = shown_id(body, "messageId")
        return await store_one(
            service, asker, lambda: _only(call, envelope, body), sent_id, envelope.passed_over
        )

    return one


for _call, _described in CALLS.items():
    for _address, _name in ((_call, _call), (_call[0], f"{_call}_of_page")):
        router.add_api_route(
            f"/{_address}",
            _single(_call),
            methods=["POST"],
            name=_name,
            summary=_described.summary,
            openapi_extra=described(_described.model),
        )
router.add_api_route(
    "/call",
    _single(""),
    methods=["POST"],
    name="call",
    summary="One Segment call of any type",
    openapi_extra=described(AnyCall),
)


def _only(call: str, envelope: Envelope, body: Any) -> Arrival:
    """The event of a call; `call` is its type, "" where it says so itself."""
    if type(body) is dict and call:
        if body.get("type") not in (None, call):
            raise EventRefused("unknown_type", ("type",), f"this address takes {call} calls")
        body["type"] = call
    return PlainCalls(envelope).read(body)


def _write_key(request: Request, body: Any) -> str | None:
    """The key in a body, or in the address, where there is one."""
    key = body.get("writeKey") if type(body) is dict else None
    return key if type(key) is str else request.query_params.get("writeKey")
