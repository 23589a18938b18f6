"""Routes that take what PostHog's server libraries send: each of their events is a Segment call.

`distinct_id` is a user's id, unless the event says that nobody is identified by it. Properties that
begin with `$` are PostHog's own, of device, browser and library; of them the page alone is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from features.store.arrivals import Arrival
from serving.edge.access import DirectRoute, check_key, needs
from serving.edge.bodies import read_json
from serving.edge.problems import documented
from serving.ingestion.calls import Envelope, arrival_of_call, envelope_of
from serving.ingestion.schemas import PREFER, IngestionAnswer, PosthogBatch, PosthogEvent, described
from serving.ingestion.storing import (
    MOST_BATCH_BYTES,
    check_count,
    receipt_of,
    sort_events,
    store_events,
    store_one,
)
from serving.ingestion.values import MOST_EVENT_BYTES, EventRefused, checked_object
from serving.process.served import Served

__all__ = ["router"]

_KEPT: Final[Mapping[str, str]] = {
    "$current_url": "url",
    "$pathname": "path",
    "$referrer": "referrer",
    "$screen_name": "name",
}
"""What is kept of PostHog's own properties, and how it is called here."""
_CALLS: Final[Mapping[str, str]] = {
    "$identify": "identify",
    "$set": "identify",
    "$create_alias": "alias",
    "$groupidentify": "group",
    "$pageview": "page",
    "$screen": "screen",
}

router = APIRouter(
    tags=["ingestion"],
    dependencies=[Depends(needs("ingest", key_in_body=True))],
    route_class=DirectRoute,
    responses={200: {"model": IngestionAnswer}, **documented(400, 413, 415, 422, 503)},
)


@router.post(
    "/batch/",
    summary="Up to 2,500 events of PostHog's libraries",
    openapi_extra=described(PosthogBatch, PREFER),
)
async def posthog_batch(request: Request, service: Served) -> Response:
    """Store the events that will do, and name the others, in `rejected`, with the reason."""
    body = await read_json(request, MOST_BATCH_BYTES, any_label=True)
    asker = await check_key(request, _key(body))
    items = body.get("batch") if type(body) is dict else None
    if type(items) is not list:
        detail = 'a batch is an object such as {"api_key": "rung_...", "batch": [...]}'
        raise RequestValidationError(
            [{"type": "invalid_batch", "loc": ("body", "batch"), "msg": detail}]
        )
    check_count(len(items))
    envelope = envelope_of(receipt_of(service, asker), {"sentAt": _sent_at(body)})
    events = sort_events(items, lambda item: _arrival(envelope, item), "uuid", envelope.passed_over)
    return await store_events(request, service, events, ("body", "batch"))


@router.post(
    "/capture/",
    summary="One event of PostHog's libraries",
    openapi_extra=described(PosthogEvent),
)
@router.post(
    "/i/v0/e/",
    name="posthog_event_of_now",
    summary="One event of PostHog's libraries, by their newer address",
    openapi_extra=described(PosthogEvent),
)
async def posthog_event(request: Request, service: Served) -> Response:
    """Store one event; one that will not do is a problem."""
    body = await read_json(request, MOST_EVENT_BYTES, any_label=True)
    asker = await check_key(request, _key(body))
    envelope = envelope_of(receipt_of(service, asker), {"sentAt": _sent_at(body)})
    return await store_one(service, lambda: _arrival(envelope, body), envelope.passed_over)


def _key(body: Any) -> str | None:
    found = (body.get("api_key") or body.get("token")) if type(body) is dict else None
    return found if type(found) is str else None


def _sent_at(body: Any) -> Any:
    if type(body) is not dict:
        return None
    return body.get("sent_at") or body.get("sentAt")


def _arrival(envelope: Envelope, item: Any) -> Arrival:
    return arrival_of_call(envelope, _call(checked_object(item)))


def _call(item: dict[str, Any]) -> dict[str, Any]:
    """The Segment call that an event is."""
    properties = item.get("properties")
    properties = {} if properties is None else properties
    if type(properties) is not dict:
        raise EventRefused("invalid_event", ("properties",), "properties are an object")
    name = item.get("event")
    call = _CALLS.get(name, "track") if type(name) is str else "track"
    made: dict[str, Any] = {
        "type": call,
        "messageId": item.get("uuid") or properties.get("$insert_id"),
        "timestamp": item.get("timestamp"),
        **_who(call, item, properties),
    }
    if call == "identify":
        return made | {"traits": _traits(item, properties)}
    if call == "group":
        return made | {
            "groupId": properties.get("$group_key"),
            "traits": properties.get("$group_set"),
        }
    if call == "alias":
        return made
    return made | {"event": name, "properties": _own(properties)}


def _who(call: str, item: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    """The ids of an event, as a Segment call has them."""
    id_ = item.get("distinct_id") or properties.get("distinct_id")
    if call == "alias":  # `alias(previous_id, distinct_id)`
        return {"userId": properties.get("alias"), "previousId": id_}
    if call == "group":
        id_ = properties.get("distinct_id") or id_
        if type(id_) is str and id_.startswith("$"):
            raise EventRefused(
                "missing", ("distinct_id",), "it tells of a group alone, and of no lead"
            )
    if _is_anonymous(id_, properties):
        return {"anonymousId": id_}
    return {"userId": id_, "anonymousId": properties.get("$anon_distinct_id")}


def _is_anonymous(id_: Any, properties: dict[str, Any]) -> bool:
    """Whether an event says of its id that it identifies nobody."""
    said = properties.get("$is_identified")
    return said is False or (id_ is not None and id_ == properties.get("$device_id"))


def _traits(item: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    """What is set of a person; what was set once before it counts less."""
    traits: dict[str, Any] = {}
    for member in ("$set_once", "$set"):
        for told in (item.get(member), properties.get(member)):
            if told is not None and type(told) is not dict:
                raise EventRefused("invalid_event", (member,), f"{member} is an object")
            traits |= told or {}
    return traits


def _own(properties: dict[str, Any]) -> dict[str, Any]:
    """The properties of an event that are not PostHog's own, and the page."""
    kept = {new: properties[old] for old, new in _KEPT.items() if properties.get(old)}
    told = {
        name: value
        for name, value in properties.items()
        if not name.startswith("$") and name != "distinct_id"
    }
    return {**kept, **told}
