"""The route that takes CloudEvents 1.0, in the three modes of their HTTP binding (1.0.2).

`type` is the name of the event, `data` its properties, `time` when it happened, `subject` the lead.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import partial
from hashlib import blake2b
from typing import Annotated, Any, Final
from urllib.parse import unquote_to_bytes

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from features.events.values import MESSAGE_ID
from features.store.arrivals import Arrival
from serving.edge.access.access import Asker
from serving.edge.access.needs import needs
from serving.edge.bodies import media_type, read_body, to_value
from serving.edge.parameters import Place
from serving.edge.problems import documented
from serving.ingestion.people import GivenId, People, people_of
from serving.ingestion.places import Placed
from serving.ingestion.schemas import IngestionAnswer, described_cloud_events
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
    Receipt,
    arrival,
    checked_object,
    identity,
    instant_of,
    message_id,
    name_of,
)
from serving.process.served import Served
from serving.process.service import Service

__all__ = ["router"]

_ONE: Final = ("application/cloudevents", "application/cloudevents+json")
_MANY: Final = "application/cloudevents-batch+json"
_PREFIX: Final = "ce-"
_READ: Final = ("specversion", "id", "source", "type", "subject", "time")
"""Attributes that are read; whatever else stands in headers is not kept, and may be in any form."""
_LEAD: Final = ("lead_id", "userId")
_ANONYMOUS: Final = ("anonymous_id", "anonymousId")
_BLANK: Final = re.compile(r"\s")
_ESCAPED: Final = re.compile(r"\\(.)")

router = APIRouter(prefix="/v1", tags=["ingestion"])


@router.post(
    "/cloudevents",
    summary="CloudEvents: one, or up to 2,500",
    responses={
        200: {"model": IngestionAnswer},
        **documented(400, 413, 415, 422, 503, most=MOST_BATCH_BYTES),
    },
    openapi_extra=described_cloud_events(),
)
async def cloudevents(
    request: Request, service: Served, asker: Annotated[Asker, Depends(needs("ingest"))]
) -> Response:
    """Store events in the structured, the batched or the binary mode, as their labels say.

    A single event that will not do is a problem; one of a batch is named in `rejected`.
    """
    kind = media_type(request)
    if kind == _MANY:
        return await _batched(request, service, asker)
    if kind.startswith(_ONE[0]) and kind not in _ONE:
        raise HTTPException(415, f"Of the formats of CloudEvents {_ONE[1]} and {_MANY} are read.")
    body = await read_body(request, MOST_EVENT_BYTES)
    receipt = receipt_of(service, asker)
    if kind in _ONE:
        event = to_value(body)
        read, sent_id = partial(_arrival, receipt, event), shown_id(event, "id")
        return await store_one(service, asker, read, sent_id)
    try:
        event = _of_headers(request, kind, body)
        found = _arrival(receipt, event)
    except EventRefused as refused:
        service.group_commit.rejected[refused.kind] += 1
        raise _in_headers(refused) from refused
    return await store_one(service, asker, lambda: found, shown_id(event, "id"))


async def _batched(request: Request, service: Service, asker: Asker) -> Response:
    items = to_value(await read_body(request, MOST_BATCH_BYTES))
    if type(items) is not list:
        raise RequestValidationError(
            [{"type": "invalid_batch", "loc": ("body",), "msg": "a batch is an array of events"}]
        )
    check_count(len(items))
    events = sort_events(items, partial(_arrival, receipt_of(service, asker)), "id")
    return await store_events(request, service, asker, events, ("body",))


# ------------------------------------------------------------------------------------- Binary mode


def _of_headers(request: Request, kind: str, body: bytes) -> dict[str, Any]:
    """An event whose attributes are headers and whose data are the body."""
    given = [name for name in request.headers if name.startswith(_PREFIX)]
    event: dict[str, Any] = {
        name: _decoded(_PREFIX + name, request.headers[_PREFIX + name])
        for name in _READ
        if _PREFIX + name in request.headers
    }
    if not given:
        raise HTTPException(
            415, f"Send ce- headers, or the body as Content-Type: {_ONE[1]} or {_MANY}."
        )
    if body:
        if kind and not _is_json(kind):
            raise HTTPException(415, "The data are JSON: send Content-Type: application/json.")
        event["data"] = to_value(body)
    return event


def _decoded(name: str, value: str) -> str:
    """The value of a header: a quoted text without its quotes, then percent-decoded, as UTF-8."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = _ESCAPED.sub(r"\1", value[1:-1])
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except UnicodeDecodeError as error:
        raise HTTPException(400, f"The header {name} is not percent-encoded UTF-8.") from error


def _in_headers(refused: EventRefused) -> Exception:
    """As `refusal`; attributes stand in headers."""
    first = refused.place[0] if refused.place else ""
    if first == "data":
        return refusal(EventRefused(refused.kind, refused.place[1:], str(refused)))
    if not first:
        return refusal(refused)
    place: Place = (f"{_PREFIX}{first}",)
    return refusal(EventRefused(refused.kind, place, str(refused)), ("header",))


# ------------------------------------------------------------------------------------------ Events


def _arrival(receipt: Receipt, event: Any) -> Arrival:
    """The event that a CloudEvent tells of; EventRefused where it tells of none."""
    event = checked_object(event)
    if _text(event, "specversion") != "1.0":
        raise EventRefused("unknown_version", ("specversion",), "specversion is 1.0")
    message = _message_id(_text(event, "source"), _text(event, "id"))
    name = name_of(_text(event, "type"), "type", receipt.rules)
    time = event.get("time")
    data = _data(event)
    is_packed = event.get("data_base64") is not None  # no pointer leads into it
    said = Placed(data, ("data_base64" if is_packed else "data",), is_whole=is_packed)
    who = _who(event, said)
    found = arrival(
        receipt,
        message,
        who.ids,
        name,
        receipt.received if time is None else instant_of(time, "time"),
        said,
        is_anonymous=who.is_anonymous,
    )
    return who.noted(found)


def _text(event: dict[str, Any], attribute: str) -> str:
    value = event.get(attribute)
    if type(value) is not str or not value:
        raise EventRefused("missing", (attribute,), f"{attribute} is needed, as a text")
    return value


def _message_id(source: str, id_: str) -> str:
    """Source and id in one; a hash of them where that is too long. No source holds a blank."""
    if _BLANK.search(source):
        raise EventRefused("invalid_id", ("source",), "source is a URI reference, without blanks")
    both = f"{source} {id_}"
    if len(both) > MESSAGE_ID.longest:
        return f"ce-{blake2b(both.encode(), digest_size=16).hexdigest()}"
    return message_id(both, "id")


def _who(event: dict[str, Any], said: Placed) -> People:
    """The id of the lead and the anonymous id; a previous id no CloudEvent has."""
    subject: GivenId = ("subject",), identity(event.get("subject"), "subject")
    who = people_of([subject, *_given(said, _LEAD)], _given(said, _ANONYMOUS))
    if who is None:
        raise EventRefused(
            "missing",
            ("subject",),
            "no lead: write it as subject, or as lead_id, userId or anonymousId into the data",
        )
    return who


def _given(said: Placed, members: tuple[str, ...]) -> list[GivenId]:
    """The ids in some members of the data."""
    places = [(said.place_of((member,)), member) for member in members]
    return [(place, identity(said.values.get(member), place)) for place, member in places]


def _data(event: dict[str, Any]) -> dict[str, Any]:
    """The data of an event: an object, as JSON or as base64 of JSON; an empty one for none."""
    data, encoded = event.get("data"), event.get("data_base64")
    kind = event.get("datacontenttype")
    if data is None and encoded is None and (kind is None or type(kind) is str):
        return {}
    if kind not in (None, "") and not (type(kind) is str and _is_json(kind)):
        raise EventRefused("invalid_data", ("datacontenttype",), "the data of an event are JSON")
    if encoded is not None:
        if data is not None:
            raise EventRefused("invalid_data", ("data_base64",), "an event has data only once")
        data = _of_base64(encoded)
    if type(data) is not dict:
        raise EventRefused("invalid_data", ("data",), "data is an object")
    return data


def _is_json(kind: str) -> bool:
    kind = kind.partition(";")[0].strip().lower()
    return kind.endswith(("/json", "+json"))


def _of_base64(encoded: Any) -> Any:
    try:
        value = orjson.loads(base64.b64decode(encoded, validate=True))
    except (TypeError, binascii.Error, ValueError) as error:
        raise EventRefused("invalid_data", ("data_base64",), "it is no base64 of JSON") from error
    return checked_object(value) if type(value) is dict else value
