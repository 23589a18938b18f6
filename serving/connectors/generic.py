"""Any other tool: a [[source]] of the ladder file says where in its payload each thing stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson

from features.json_paths import parse_path, value_at
from features.ladder.source import Source
from serving.connectors.connector import (
    Call,
    Connector,
    ConnectorOptions,
    Reject,
    Signed,
    VendorEvent,
    Who,
    base64_hmac,
    digest,
    hex_hmac,
    id_text,
    is_same,
    moment,
)
from serving.connectors.errors import PayloadError, UnsignedRequest

__all__ = ["connector_of"]

_SIGN: Final = {"hmac-sha256-hex": hex_hmac, "hmac-sha256-base64": base64_hmac}


def connector_of(source: Source) -> Connector:
    """The connector that a source describes. One that is not signed verifies nothing itself."""

    def verify(call: Call, options: ConnectorOptions) -> Signed:
        return _verified(source, call, options)

    def read(payload: object, options: ConnectorOptions) -> list[VendorEvent | Reject]:  # noqa: ARG001 a Reader
        items = _at(payload, source.items)
        if items is None and source.items:
            return [Reject(0, f"there is no {source.items}, where the events stand", "missing")]
        found = items if isinstance(items, list) else [items]
        return [_event(source, item, index) for index, item in enumerate(found)]

    return Connector(source.name, {}, verify, read, is_signed=source.signature != "none")


def _verified(source: Source, call: Call, options: ConnectorOptions) -> Signed:
    if source.signature == "none":
        return Signed("")
    given = call.headers.get(source.header.lower(), "")
    wanted = source.prefix + _SIGN[source.signature](options.secret, call.body)
    if not is_same(given, wanted):
        raise UnsignedRequest(f"{source.header} is not the signature of the body")
    return Signed(given)


def _at(value: object, path: str) -> object:
    """What a path of the ladder file leads to; those were checked when it was read."""
    return value_at(value, parse_path(path) or ())


def _event(source: Source, item: object, index: int) -> VendorEvent | Reject:
    if not isinstance(item, dict):
        return Reject(index, "an event is an object")
    lead_id, anonymous = _id(item, source.lead_id), _id(item, source.anonymous)
    email = _id(item, source.email)
    stamp = _at(item, source.time) if source.time else None
    at = moment(stamp, source.time_unit)
    if source.time and stamp in (None, ""):
        return Reject(index, f"there is no {source.time}, which says when it happened", "missing")
    if source.time and at is None:
        return Reject(
            index,
            f"{source.time} is no time, or none of the unit {source.time_unit}",
            "invalid_time",
        )
    name = _name(source, item)
    if not name and not _id(item, source.event_at):
        return Reject(index, f"there is no {source.event_at}, which says what happened", "missing")
    told = _id(item, source.message_id)
    return VendorEvent(
        kinds=(),
        id=(told or digest(_canonical(item)),),
        who=Who(own=lead_id, visitor=anonymous, email=email),
        occurred_at=at,
        properties={name: _at(item, path) for name, path in source.properties},
        item=item,
        name=name,
        # Of a signed request that was taken down a time must not make another event.
        is_once_a_day=not told and not source.time and source.signature == "none",
    )


def _id(item: Mapping[str, object], path: str) -> str:
    return id_text(_at(item, path)) if path else ""


def _name(source: Source, item: Mapping[str, object]) -> str:
    """The name of the event; "" for one that nobody wants."""
    if not source.event_at:
        return source.event
    told = id_text(_at(item, source.event_at))
    names = dict(source.names)
    return names.get(told, source.event) if names else told


def _canonical(item: Mapping[str, object]) -> str:
    """What stands for the id of an event that has none: all that it says."""
    try:
        return orjson.dumps(item, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError as error:
        raise PayloadError("an event is nested too deeply") from error
