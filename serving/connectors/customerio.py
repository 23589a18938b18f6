"""Customer.io reporting webhooks: what becomes of its messages, and consent."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parseaddr
from typing import Final

from serving.connectors.connector import (
    CONSENT,
    Call,
    Connector,
    ConnectorOptions,
    Reject,
    Signed,
    VendorEvent,
    Who,
    hex_hmac,
    id_text,
    inside,
    is_same,
    moment,
    stamp_at,
)
from serving.connectors.errors import PayloadError, UnsignedRequest

__all__ = ["CUSTOMERIO"]

# What is sent is not done by the lead, and would count as such: it has no name of its own.
_EVENTS: Final = {
    "email_opened": "email_opened",
    "email_clicked": "email_clicked",
    "email_converted": "email_converted",
    "email_unsubscribed": CONSENT,
    "email_spammed": CONSENT,
    "customer_unsubscribed": CONSENT,
    "customer_subscribed": CONSENT,
}
_KEPT: Final = ("campaign_id", "newsletter_id", "broadcast_id", "action_id", "link_id")


def _verify(call: Call, options: ConnectorOptions) -> Signed:
    """`X-CIO-Signature` is the HMAC-SHA256 of version, time and body, in hexadecimal."""
    given = call.headers.get("x-cio-signature", "")
    stamp = call.headers.get("x-cio-timestamp", "")
    wanted = hex_hmac(options.secret, b"v0:" + stamp.encode() + b":" + call.body)
    if not is_same(given, wanted):
        raise UnsignedRequest("X-CIO-Signature is not the signature of the request")
    return Signed(given, stamp_at(stamp, "s"))


def _read(payload: object, options: ConnectorOptions) -> list[VendorEvent | Reject]:  # noqa: ARG001 a Reader
    event = inside(payload)
    kind, event_id = _kind(event), id_text(event.get("event_id"))
    if not kind or not event_id:
        raise PayloadError("a Customer.io event has an event_id, an object_type and a metric")
    data = inside(event, "data")
    at = moment(event.get("timestamp"), "s")
    return [VendorEvent((kind,), (event_id,), _who(data), at, _properties(kind, data), event)]


def _kind(event: Mapping[str, object]) -> str:
    """As "email_opened", which is what the older webhooks call it."""
    parts = id_text(event.get("object_type")), id_text(event.get("metric"))
    return "_".join(parts) if all(parts) else id_text(event.get("event_type"))


def _who(data: Mapping[str, object]) -> Who:
    """The customer's id is the one that the user gave, not Customer.io's own."""
    ids = inside(data, "identifiers")
    cio = id_text(ids.get("cio_id"))
    address = ids.get("email") or data.get("recipient") or data.get("email_address")
    return Who(
        own=id_text(ids.get("id")) or id_text(data.get("customer_id")),
        person=f"customerio-{cio}" if cio else "",
        email=parseaddr(address)[1] if isinstance(address, str) else "",
    )


def _properties(kind: str, data: Mapping[str, object]) -> dict[str, object]:
    """Ids of messages; of consent the channel, but where all of them are meant."""
    thing = kind.partition("_")[0]
    if _EVENTS.get(kind) == CONSENT:
        channel = {} if thing == "customer" else {"channel": thing}
        return {**channel, "granted": kind.endswith("_subscribed")}
    ids = {name: id_text(data.get(name)) or None for name in _KEPT}
    return {"channel": thing, **ids}


CUSTOMERIO: Final = Connector("customerio", _EVENTS, _verify, _read)
