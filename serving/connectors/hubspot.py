"""HubSpot: CRM webhooks about contacts and deals, and the workflow action that asks for a score.

Webhooks come as a list, in any order, and more than once. Deals belong to nobody until an
association says whose they are: deal.associationChange lets them join their contact's lead.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from serving.connectors.connector import (
    Call,
    Connector,
    ConnectorOptions,
    Reject,
    Signed,
    VendorEvent,
    Who,
    base64_hmac,
    id_text,
    inside,
    is_same,
    moment,
    short,
    stamp_at,
)
from serving.connectors.errors import PayloadError, UnsignedRequest

__all__ = ["HUBSPOT", "lead_of_action"]

_EVENTS: Final = {
    "contact.creation": "hubspot_contact_created",
    "contact.propertyChange": "hubspot_contact_changed",
    "contact.propertyChange.lifecyclestage": "hubspot_lifecycle_changed",
    "contact.deletion": "hubspot_contact_deleted",
    "contact.merge": "hubspot_contact_merged",
    "deal.creation": "hubspot_deal_created",
    "deal.propertyChange": "hubspot_deal_changed",
    "deal.propertyChange.dealstage": "hubspot_deal_stage_changed",
    "deal.propertyChange.dealstage.closedwon": "contract_signed",
    "deal.deletion": "hubspot_deal_deleted",
    "deal.associationChange": "hubspot_deal_associated",
}
_OPTIONS: Final[Mapping[str, str | tuple[str, ...]]] = {
    "public_url": "",
    "id_property": "",
    "values_of": ("lifecyclestage", "hs_lead_status", "dealstage", "pipeline", "amount"),
}
_TYPES: Final = {"0-1": "contact", "0-2": "company", "0-3": "deal"}
# https://developers.hubspot.com/docs/api/webhooks/validating-requests
_DECODED: Final = {
    **{"%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$"},
    **{"%27": "'", "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";"},
}
_ENCODED: Final = re.compile("|".join(_DECODED), re.IGNORECASE)


# --------------------------------------------------------------------------------------- Signatures


def _verify(call: Call, options: ConnectorOptions) -> Signed:
    """Version 3 where it was sent; version 2, which covers no time, where it was not."""
    url = (options.public_url.rstrip("/") or call.origin) + call.target
    given = call.headers.get("x-hubspot-signature-v3")
    if given is None:
        return _of_version_2(call, options, url)
    stamp = call.headers.get("x-hubspot-request-timestamp", "")
    decoded = _ENCODED.sub(lambda found: _DECODED[found[0].upper()], url)
    message = f"{call.method}{decoded}".encode() + call.body + stamp.encode()
    if not is_same(given, base64_hmac(options.secret, message)):
        raise UnsignedRequest("X-HubSpot-Signature-v3 is not the signature of the request")
    return Signed(given, stamp_at(stamp, "ms"))


def _of_version_2(call: Call, options: ConnectorOptions, url: str) -> Signed:
    given = call.headers.get("x-hubspot-signature", "")
    message = f"{options.secret}{call.method}{url}".encode() + call.body
    is_2 = call.headers.get("x-hubspot-signature-version", "v2") == "v2"
    if not is_same(given, hashlib.sha256(message).hexdigest()) or not is_2:
        raise UnsignedRequest(
            "neither X-HubSpot-Signature-v3 nor a version 2 X-HubSpot-Signature is right"
        )
    return Signed(given)


# --------------------------------------------------------------------------------------- CRM events


def _read(payload: object, options: ConnectorOptions) -> list[VendorEvent | Reject]:
    if not isinstance(payload, list):
        raise PayloadError("a HubSpot webhook is a list of events")
    told: list[VendorEvent | Reject] = []
    for index, item in enumerate(payload):
        kind = _kind(inside(item))
        if kind:
            told += _events(kind, inside(item), options)
        else:
            told.append(Reject(index, "a HubSpot event has a subscriptionType"))
    return told


def _kind(item: Mapping[str, object]) -> str:
    """As "contact.creation", also where HubSpot says object.creation and the type of the object."""
    kind = id_text(item.get("subscriptionType"))
    thing = _TYPES.get(id_text(item.get("objectTypeId")), "")
    return f"{thing}.{kind.removeprefix('object.')}" if thing and "object." in kind[:7] else kind


def _events(
    kind: str, item: Mapping[str, object], options: ConnectorOptions
) -> Iterator[VendorEvent]:
    if kind.endswith(".merge"):
        yield from _merges(kind, item)
    elif kind.endswith(".associationChange"):
        yield _association(kind, item)
    elif kind.endswith(".propertyChange"):
        yield _change(kind, item, options)
    else:
        yield _event((kind,), item, _who(kind, item.get("objectId")))


def _event(
    kinds: Sequence[str],
    item: Mapping[str, object],
    who: Who,
    more: Mapping[str, object] | None = None,
    previous_id: str = "",
) -> VendorEvent:
    """`eventId` alone is not promised to be unique."""
    keys = ("portalId", "subscriptionId", "eventId", "objectId", "occurredAt")
    told = (*(id_text(item.get(key)) for key in keys), *([previous_id] if previous_id else []))
    properties = {"change_source": short(item.get("changeSource")), **(more or {})}
    at = moment(item.get("occurredAt"), "ms")
    return VendorEvent(tuple(kinds), told, who, at, properties, item, previous_id)


def _who(kind: str, object_id: object) -> Who:
    person = id_text(object_id)
    return Who(person=f"hubspot-{kind.partition('.')[0]}-{person}" if person else "")


def _change(kind: str, item: Mapping[str, object], options: ConnectorOptions) -> VendorEvent:
    """A property that changed; its value only where it is one of those that are kept."""
    name, value = id_text(item.get("propertyName")), id_text(item.get("propertyValue"))
    kinds = (f"{kind}.{name}.{value}", f"{kind}.{name}", kind)
    who = _who(kind, item.get("objectId"))
    if name and name == options.id_property:
        who = who._replace(own=value)
    kept = short(value) if name in options.values_of else None
    if is_mail := kind.startswith("contact.") and name == "email":
        who = who._replace(email=value)
    event = _event(kinds, item, who, {"property": short(name), "value": kept})
    return event._replace(is_of_mail=is_mail)


def _association(kind: str, item: Mapping[str, object]) -> VendorEvent:
    """A deal that gets a contact: the deal's own id is claimed for the contact's lead."""
    types = id_text(item.get("associationType")).split("_TO_")
    ids = dict(zip(types, (item.get("fromObjectId"), item.get("toObjectId")), strict=False))
    if set(ids) != {"DEAL", "CONTACT"} or item.get("associationRemoved") is True:
        return _event((), item, Who())
    contact, deal = _who("contact", ids["CONTACT"]), _who("deal", ids["DEAL"])
    item = {**item, "objectId": f"{id_text(ids['DEAL'])}-{id_text(ids['CONTACT'])}"}
    return _event((kind,), item, contact._replace(session=deal.person))


def _merges(kind: str, item: Mapping[str, object]) -> Iterator[VendorEvent]:
    """One event for each object that is no longer there on its own."""
    primary, merged = item.get("primaryObjectId"), item.get("mergedObjectIds")
    winner = _who(kind, item.get("newObjectId") or primary)
    others = [primary, *(merged if isinstance(merged, list) else [])]
    for former in dict.fromkeys(_who(kind, other).person for other in others):
        if former and former != winner.person:
            yield _event((kind,), item, winner, previous_id=former)


# ------------------------------------------------------------------------------ The workflow action


def lead_of_action(payload: object, options: ConnectorOptions) -> str:
    """The lead that a workflow action is about: as its input fields say, or its contact.

    Raises
    ------
    PayloadError : it is about no contact, and names no lead.
    """
    fields, thing = inside(payload, "inputFields"), inside(payload, "object")
    keys = [key for key in ("lead_id", options.id_property) if key]
    named = [id_text(fields.get(key)) for key in keys]
    named += [id_text(inside(thing, "properties").get(key)) for key in keys]
    if "".join(named):
        return next(name for name in named if name)
    contact = id_text(thing.get("objectId"))
    if not contact or id_text(thing.get("objectType")).upper() not in ("CONTACT", "0-1"):
        raise PayloadError("the action is about no contact, and its inputFields have no lead_id")
    return _who("contact", contact).person


HUBSPOT: Final = Connector("hubspot", _EVENTS, _verify, _read, own_options=_OPTIONS)
