"""Routes that take what PostHog's server libraries send: each of their events is a Segment call.

`distinct_id` is a user's id, unless the event says that nobody is identified by it. Properties that
begin with `$` are PostHog's own, of device, browser and library; of them the page, the group and
what is set of the person are kept. What is set beside other properties is an event of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from features.store.arrivals import Arrival, Remark
from features.store.identities.accounts import GROUP_ID
from serving.edge.access.needs import DirectRoute, check_key, needs
from serving.edge.bodies import read_json
from serving.edge.parameters import Place
from serving.edge.problems import documented
from serving.ingestion.calls import Envelope, arrival_of_call, envelope_of
from serving.ingestion.places import Sent, shown
from serving.ingestion.schemas import PREFER, IngestionAnswer, PosthogBatch, PosthogEvent, described
from serving.ingestion.storing import (
    SortedEvents,
    check_count,
    receipt_of,
    sort_events,
    store_events,
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
    "$merge_dangerously": "alias",
    "$groupidentify": "group",
    "$pageview": "page",
    "$screen": "screen",
}

_MADE_UP: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""What the Python library takes for an id where it tells of a group and is told of nobody."""
_RANDOM: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
"""What libraries of servers take for an id where they are told of nobody."""
_SERVERS: Final = ("posthog-python", "posthog-node")
_OF_PROGRAMS: Final = ("$exception", "$ai_")
"""How events begin that tell what a program did, whoever it did it for."""
_MOST_BATCH_BYTES: Final = 5 * 1024 * 1024
"""The libraries cut batches at a hundred events, and throw away one that is too large."""
_NOT_KEPT: Final = Remark(
    "not_kept", "$set_once is not kept: which value was the first is not known here; send $set"
)

router = APIRouter(
    tags=["ingestion"],
    dependencies=[Depends(needs("ingest", key_in_body=True))],
    route_class=DirectRoute,
    responses={
        200: {"model": IngestionAnswer},
        **documented(400, 413, 415, 422, 503, most=MOST_EVENT_BYTES),
    },
)


@router.post(
    "/batch/",
    summary="Up to 2,500 events of PostHog's libraries",
    responses=documented(413, most=_MOST_BATCH_BYTES),
    openapi_extra=described(PosthogBatch, PREFER),
)
async def posthog_batch(request: Request, service: Served) -> Response:
    """Store the events that will do, and name the others, in `rejected`, with the reason."""
    body = await read_json(request, _MOST_BATCH_BYTES, any_label=True)
    asker = await check_key(request, _key(body))
    items = body.get("batch") if type(body) is dict else None
    if type(items) is not list:
        detail = 'a batch is an object such as {"api_key": "rung_...", "batch": [...]}'
        raise RequestValidationError(
            [{"type": "invalid_batch", "loc": ("body", "batch"), "msg": detail}]
        )
    check_count(len(items))
    events = _sorted(items, envelope_of(receipt_of(service, asker), {"sentAt": _sent_at(body)}))
    return await store_events(request, service, asker, events, ("body", "batch"))


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
    events = _sorted([body], envelope_of(receipt_of(service, asker), {"sentAt": _sent_at(body)}))
    return await store_events(request, service, asker, events, ("body",), is_alone=True)


def _key(body: Any) -> str | None:
    found = (body.get("api_key") or body.get("token")) if type(body) is dict else None
    return found if type(found) is str else None


def _sent_at(body: Any) -> Any:
    if type(body) is not dict:
        return None
    return body.get("sent_at") or body.get("sentAt")


def _sorted(items: list[Any], envelope: Envelope) -> SortedEvents:
    """The events of some items, each with the place of its item."""
    told = [(at, event) for at, item in enumerate(items) for event in _told(item)]
    read = partial(_arrival, envelope)
    found = sort_events([event for _, event in told], read, "uuid", envelope.passed_over)
    return found._replace(
        places=[(told[at][0], id_) for at, id_ in found.places],
        rejections=[replace(one, index=told[one.index][0]) for one in found.rejections],
        warned=[
            one if one.index is None else replace(one, index=told[one.index][0])
            for one in found.warned
        ],
    )


def _told(item: Any) -> Iterator[Any]:
    """The event, and after it what it sets of the person, where it is about something else."""
    yield item
    if type(item) is not dict or _CALLS.get(_name(item)) == "identify" or not _has_traits(item):
        return
    uuid = item.get("uuid")
    properties = item.get("properties")
    of_person = {
        name: value
        for name, value in (properties if type(properties) is dict else {}).items()
        if name.startswith(("$set", "$is_identified", "$process_person", "$device_id", "distinct"))
    }
    own = f"{uuid}-set" if type(uuid) is str and uuid else None
    yield {**item, "event": "$set", "uuid": own, "properties": of_person}


def _has_traits(item: dict[str, Any]) -> bool:
    properties = item.get("properties")
    return bool(item.get("$set") or (type(properties) is dict and properties.get("$set")))


def _name(item: dict[str, Any]) -> str:
    name = item.get("event")
    return name if type(name) is str else ""


def _arrival(envelope: Envelope, item: Any) -> Arrival:
    item = checked_object(item)
    call = _call(item)
    found = arrival_of_call(envelope, call, _sent(item, call))
    properties = item.get("properties") or {}
    if item.get("$set_once") or properties.get("$set_once"):
        return found._replace(remarks=(*found.remarks, _NOT_KEPT))
    return found


def _call(item: dict[str, Any]) -> dict[str, Any]:
    """The Segment call that an event is."""
    properties = item.get("properties")
    properties = {} if properties is None else properties
    if type(properties) is not dict:
        raise EventRefused("invalid_event", ("properties",), "properties are an object")
    name = item.get("event")
    call = _CALLS.get(_name(item), "track")
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


def _sent(item: dict[str, Any], call: dict[str, Any]) -> Sent:
    """Where in an event those members stand that its call was made of."""
    properties = item.get("properties") or {}
    is_within = not item.get("distinct_id") and properties.get("distinct_id")
    who: Place = ("properties", "distinct_id") if is_within else ("distinct_id",)
    members: dict[str, Place] = {
        "userId": who,
        "anonymousId": ("properties", "$anon_distinct_id") if "userId" in call else who,
        "previousId": ("properties", "alias"),
        "messageId": ("uuid",) if item.get("uuid") else ("properties", "$insert_id"),
        "groupId": ("properties", "$group_key"),
        "traits": ("properties", "$group_set" if call["type"] == "group" else "$set"),
    }
    return Sent(members, _PLACES[call["type"]](item, properties))


def _places_of_traits(item: dict[str, Any], _: dict[str, Any]) -> dict[str, Place]:
    """Those that are set beside the properties, which win over those among them."""
    return {name: ("$set", name) for name in item.get("$set") or ()}


def _places_of_own(_: dict[str, Any], properties: dict[str, Any]) -> dict[str, Place]:
    """Those that have another name here."""
    places: dict[str, Place] = {
        new: ("properties", old)
        for old, new in _KEPT.items()
        if properties.get(old) and new not in properties
    }
    groups = properties.get("$groups")
    if type(groups) is dict and len(groups) == 1 and GROUP_ID not in properties:
        places[GROUP_ID] = ("properties", "$groups", *groups)
    return places


_PLACES: Final[Mapping[str, Callable[[dict[str, Any], dict[str, Any]], dict[str, Place]]]] = {
    **dict.fromkeys(("track", "page", "screen"), _places_of_own),
    **dict.fromkeys(("group", "alias"), lambda *_: {}),
    "identify": _places_of_traits,
}


def _who(call: str, item: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    """The ids of an event, as a Segment call has them."""
    id_ = item.get("distinct_id") or properties.get("distinct_id")
    if call == "alias":  # whom PostHog goes on calling by `distinct_id`
        return {"userId": id_, "previousId": properties.get("alias")}
    is_unknown = _is_anonymous(id_, properties)
    if call == "group" and (is_unknown or _is_of_no_lead(id_, properties)):
        raise EventRefused("missing", ("distinct_id",), "it tells of a group alone, and of no lead")
    if _is_of_a_program(_name(item), id_, properties):
        detail = "it tells what a server did, for nobody that is named"
        raise EventRefused("missing", ("distinct_id",), detail)
    if is_unknown:
        return {"anonymousId": id_}
    return {"userId": id_, "anonymousId": properties.get("$anon_distinct_id")}


def _is_of_no_lead(id_: Any, properties: dict[str, Any]) -> bool:
    """Whether a library made up whose group it tells of, another one with each call of Python's."""
    if type(id_) is not str:
        return False
    is_python = properties.get("$lib") == "posthog-python"
    return id_.startswith("$") or (is_python and _MADE_UP.fullmatch(id_) is not None)


def _is_of_a_program(name: str, id_: Any, properties: dict[str, Any]) -> bool:
    """Whether a server tells of an error or of a model it asked, and its library made up of whom.

    It makes up another id each time. That of a visitor whom a server knows by a cookie looks alike;
    so what else a server tells under such an id is kept: it may be what somebody did.
    """
    if not name.startswith(_OF_PROGRAMS) or properties.get("$process_person_profile") is not False:
        return False
    if properties.get("$lib") not in _SERVERS or type(id_) is not str:
        return False
    if properties.get("$session_id") or properties.get("$device_id"):
        return False
    return _RANDOM.fullmatch(id_) is not None or id_ == properties.get("$ai_trace_id")


def _is_anonymous(id_: Any, properties: dict[str, Any]) -> bool:
    """Whether nobody has said yet whose id it is: a device's own, or one made for an event."""
    said = properties.get("$is_identified")
    if said is False or properties.get("$process_person_profile") is False:
        return True
    return said is not True and id_ is not None and id_ == properties.get("$device_id")


def _traits(item: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    """What is set of a person, beside the properties or among them."""
    traits: dict[str, Any] = {}
    places: tuple[Place, ...] = ("properties", "$set"), ("$set",)
    for place, told in zip(places, (properties.get("$set"), item.get("$set")), strict=True):
        if told is not None and type(told) is not dict:
            raise EventRefused("invalid_event", place, f"{shown(place)} is an object")
        traits |= told or {}
    return traits


def _own(properties: dict[str, Any]) -> dict[str, Any]:
    """The properties of an event that are not PostHog's own, and the page."""
    kept = {new: properties[old] for old, new in _KEPT.items() if properties.get(old)}
    told = {
        name: value
        for name, value in properties.items()
        if not name.startswith("$") and name not in ("distinct_id", "token")
    }
    groups = properties.get("$groups")
    if type(groups) is dict and len(groups) == 1:
        kept[GROUP_ID] = next(iter(groups.values()))
    return {**kept, **told}
