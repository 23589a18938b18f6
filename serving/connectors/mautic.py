"""Mautic: page hits, forms, e-mails, contacts and consent, one or many in a request.

Its signature covers no time, so a request that was taken down can be sent again: its events are
duplicates then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from serving.connectors.connector import (
    CONSENT,
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
)
from serving.connectors.errors import PayloadError, UnsignedRequest

__all__ = ["MAUTIC"]

_CHANNEL: Final = "mautic.lead_channel_subscription_changed"
_EVENTS: Final = {
    "mautic.page_on_hit": "page_viewed",
    "mautic.page_on_hit.email": "email_clicked",
    "mautic.form_on_submit": "form_submitted",
    "mautic.email_on_open": "email_opened",
    "mautic.lead_post_save_new": "mautic_contact_identified",
    "mautic.lead_points_change": "mautic_points_changed",
    f"{_CHANNEL}.unsubscribed": CONSENT,
    f"{_CHANNEL}.manual": CONSENT,
    f"{_CHANNEL}.contactable": CONSENT,
}
_THINGS: Final = ("hit", "submission", "stat")


def _verify(call: Call, options: ConnectorOptions) -> Signed:
    given = call.headers.get("webhook-signature", "")
    if not is_same(given, base64_hmac(options.secret, call.body)):
        raise UnsignedRequest("Webhook-Signature is not the signature of the body")
    return Signed(given)


def _read(payload: object, options: ConnectorOptions) -> list[VendorEvent | Reject]:  # noqa: ARG001 a Reader
    if not isinstance(payload, dict):
        raise PayloadError("a Mautic webhook is an object of lists, by kind of event")
    told: list[VendorEvent | Reject] = []
    for kind, item in _items(payload):
        told.append(_event(kind, item) if item else Reject(len(told), "it is no event"))
    return told


def _items(payload: Mapping[str, object]) -> Iterator[tuple[str, dict[str, object]]]:
    """Each event with its kind; one that stands alone need not stand in a list."""
    for kind, given in payload.items():
        if kind.startswith("mautic."):
            yield from (
                (kind, inside(one)) for one in (given if isinstance(given, list) else [given])
            )


def _event(kind: str, item: dict[str, object]) -> VendorEvent:
    thing = next((inside(item, name) for name in _THINGS if inside(item, name)), item)
    person = inside(thing, "contact") or inside(thing, "lead") or inside(item, "contact")
    contact = id_text(person.get("id"))
    email = inside(person, "fields", "core", "email").get("value")
    stamp = item.get("timestamp")
    detail = id_text(thing.get("source")) or id_text(item.get("new_status"))
    return VendorEvent(
        kinds=(f"{kind}.{detail}", kind),
        id=(kind.removeprefix("mautic."), contact, id_text(thing.get("id")), id_text(stamp)),
        who=Who(person=f"mautic-{contact}" if contact else "", email=id_text(email)),
        occurred_at=moment(stamp),
        properties=_properties(item, thing),
        item=item,
    )


def _properties(item: Mapping[str, object], thing: Mapping[str, object]) -> dict[str, object]:
    """What was looked at or sent; never what the contact wrote, nor the query of an address."""
    if "new_status" in item:
        return {
            "channel": short(item.get("channel")),
            "granted": item.get("new_status") == "contactable",
        }
    url = short(thing.get("url"))
    return {
        "path": _path(url) if url else None,
        "page": short(inside(thing, "page").get("alias")),
        "form": short(inside(thing, "form").get("alias")),
        "message": id_text(inside(thing, "email").get("id")) or None,
        "old_points": _number(inside(item, "points").get("old_points")),
        "new_points": _number(inside(item, "points").get("new_points")),
    }


def _path(url: str) -> str | None:
    try:
        return urlsplit(url).path
    except ValueError:
        return None


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


MAUTIC: Final = Connector("mautic", _EVENTS, _verify, _read)
