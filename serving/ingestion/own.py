"""The route that takes events in our own words. Members that nobody reads are refused."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from features.errors import did_you_mean
from features.events.values import EVENT_NAME
from features.store.arrivals import Arrival
from serving.edge.access.access import Asker
from serving.edge.access.needs import needs
from serving.edge.bodies import read_json
from serving.edge.problems import documented
from serving.ingestion.people import people_of
from serving.ingestion.places import Placed
from serving.ingestion.schemas import PREFER, EventsRequest, IngestionAnswer, described
from serving.ingestion.storing import (
    MOST_BATCH_BYTES,
    check_count,
    receipt_of,
    sort_events,
    store_events,
)
from serving.ingestion.values import (
    EventRefused,
    Receipt,
    arrival,
    checked_object,
    identity,
    instant_of,
    message_id,
    name_of,
    object_in,
)
from serving.process.served import Served

__all__ = ["router"]

_MEMBERS: Final = frozenset(
    {
        *("message_id", "lead_id", "anonymous_id", "previous_id", "name", "occurred_at"),
        "properties",
    }
)

router = APIRouter(prefix="/v1", tags=["ingestion"])


@router.post(
    "/events",
    summary="Up to 2,500 events",
    responses={
        200: {"model": IngestionAnswer},
        **documented(400, 413, 415, 422, 503, most=MOST_BATCH_BYTES),
    },
    openapi_extra=described(EventsRequest, PREFER),
)
async def events(
    request: Request, service: Served, asker: Annotated[Asker, Depends(needs("ingest"))]
) -> Response:
    """Store the events that will do, and name the others, in `rejected`, with the reason."""
    items = _items(await read_json(request, MOST_BATCH_BYTES))
    check_count(len(items))
    read = partial(_arrival, receipt_of(service, asker))
    found = sort_events(items, read, "message_id")
    return await store_events(request, service, asker, found, ("body", "events"))


def _items(body: Any) -> list[Any]:
    """The events of a body; RequestValidationError where it holds something else."""
    if type(body) is not dict:
        raise _wrong((), "invalid_body", 'the body is an object such as {"events": [...]}')
    for member in sorted(body.keys() - {"events"}):
        raise _wrong((member,), "unknown_member", "there is no such member")
    items = body.get("events")
    if type(items) is not list:
        raise _wrong(("events",), "missing", "events is an array")
    return items


def _wrong(place: tuple[str, ...], code: str, detail: str) -> RequestValidationError:
    return RequestValidationError([{"type": code, "loc": ("body", *place), "msg": detail}])


def _arrival(receipt: Receipt, item: Any) -> Arrival:
    """The event that an item tells of; EventRefused where it tells of none."""
    item = checked_object(item)
    if not item.keys() <= _MEMBERS:
        raise _unknown(min(item.keys() - _MEMBERS))
    message, lead = _text(item, "message_id"), _text(item, "lead_id")
    anonymous, previous = (
        identity(_text_or_none(item, member), member) for member in ("anonymous_id", "previous_id")
    )
    who = people_of(
        [(("lead_id",), identity(lead, "lead_id"))],
        [(("anonymous_id",), anonymous)],
        [(("previous_id",), previous)],
    )
    if who is None:  # an empty lead_id was refused as missing
        raise EventRefused("missing", ("lead_id",), "lead_id is needed, as a text")
    found = arrival(
        receipt,
        message_id(message, "message_id"),
        who.ids,
        name_of(item.get("name"), "name", receipt.rules),
        instant_of(item.get("occurred_at"), "occurred_at"),
        Placed(object_in(item, "properties"), ("properties",)),
        is_anonymous=who.is_anonymous,
    )
    return who.noted(found)


def _unknown(member: str) -> EventRefused:
    hint = did_you_mean(member, _MEMBERS) if len(member) <= EVENT_NAME.longest else ""
    return EventRefused("unknown_member", (member,), f"there is no such member{hint}")


def _text(item: dict[str, Any], member: str) -> str:
    value = item.get(member)
    if type(value) is not str or not value:
        raise EventRefused("missing", (member,), f"{member} is needed, as a text")
    return value


def _text_or_none(item: dict[str, Any], member: str) -> str | None:
    value = item.get(member)
    if value is not None and (type(value) is not str or not value):
        raise EventRefused("invalid_id", (member,), f"{member} is a text, and not an empty one")
    return value
