"""Stripe: checkouts, subscriptions, invoices and refunds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from features.events.properties import number_or_nan
from features.json_paths import value_at
from serving.connectors.connector import (
    Call,
    Connector,
    ConnectorOptions,
    Reject,
    Signed,
    VendorEvent,
    Who,
    id_text,
    inside,
    moment,
    short,
    stamped,
)
from serving.connectors.errors import PayloadError

__all__ = ["STRIPE"]

_EVENTS: Final = {
    "checkout.session.completed.paid": "order_placed",
    "checkout.session.completed": "checkout_completed",
    "checkout.session.async_payment_succeeded": "order_placed",
    "customer.subscription.created.trialing": "trial_started",
    "customer.subscription.created": "subscription_started",
    "customer.subscription.updated": "subscription_changed",
    "customer.subscription.deleted": "subscription_cancelled",
    "invoice.paid": "invoice_paid",
    "charge.refunded": "payment_refunded",
}
# https://docs.stripe.com/currencies; ISK and UGX have no minor unit, and are sent with one anyway
_WHOLE: Final = frozenset(
    {
        *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga"),
        *("pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"),
    }
)
_THOUSANDTHS: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
_REFUNDED: Final = "amount_refunded"
_AMOUNTS: Final = ("amount_total", "amount_paid", _REFUNDED, "amount")
_OWN_IDS: Final = (
    ("client_reference_id",),
    ("metadata", "lead_id"),
    ("subscription_details", "metadata", "lead_id"),
    ("parent", "subscription_details", "metadata", "lead_id"),
)
_EMAILS: Final = (
    ("customer_details", "email"),
    ("customer_email",),
    ("billing_details", "email"),
    ("receipt_email",),
)


def _verify(call: Call, options: ConnectorOptions) -> Signed:
    return stamped(call.headers.get("stripe-signature", ""), call, options.secret)


def _read(payload: object, options: ConnectorOptions) -> list[VendorEvent | Reject]:  # noqa: ARG001 a Reader
    event = inside(payload)
    kind, event_id = id_text(event.get("type")), id_text(event.get("id"))
    if not kind or not event_id:
        raise PayloadError("a Stripe event has an id and a type")
    thing = inside(event, "data", "object")
    before = inside(event, "data", "previous_attributes")
    status = id_text(thing.get("payment_status") or thing.get("status"))
    customer = id_text(thing.get("customer")) or id_text(inside(thing, "customer").get("id"))
    who = Who(
        own=_first(thing, _OWN_IDS),
        person=f"stripe-{customer}" if customer else "",
        email=_first(thing, _EMAILS),
    )
    at = moment(event.get("created"), "s")
    properties = _properties(thing, before)
    return [VendorEvent((f"{kind}.{status}", kind), (event_id,), who, at, properties, event)]


def _first(thing: object, paths: Iterable[tuple[str, ...]]) -> str:
    return next((text for path in paths if (text := id_text(value_at(thing, path)))), "")


def _properties(thing: Mapping[str, object], before: Mapping[str, object]) -> dict[str, object]:
    currency = (short(thing.get("currency")) or "").lower()
    items = value_at(thing, ("items", "data"))
    price = inside(value_at(items, (0,)), "price")
    return {
        "amount": _major(_amount(thing, before, items), currency),
        "currency": currency or None,
        "status": short(thing.get("payment_status")) or short(thing.get("status")),
        "mode": short(thing.get("mode")),
        "interval": short(inside(price, "recurring").get("interval")),
    }


def _amount(thing: Mapping[str, object], before: Mapping[str, object], items: object) -> float:
    """In the minor unit; of a subscription what its items cost together. NaN where none is.

    A charge holds what was refunded of it in all: an event tells what came with it.
    """
    if isinstance(items, list):
        return sum(
            number_or_nan(inside(item, "price").get("unit_amount"))
            * number_or_nan(inside(item).get("quantity", 1))
            for item in items
        )
    key = next((key for key in _AMOUNTS if key in thing), "")
    amount = number_or_nan(thing.get(key))
    if key == _REFUNDED:
        former = number_or_nan(before.get(key))
        return amount - former if 0 <= former <= amount else amount
    return amount


def _major(amount: float, currency: str) -> float:
    """An amount in the major unit of its currency."""
    if currency in _WHOLE:
        return amount
    return amount / (1000 if currency in _THOUSANDTHS else 100)


STRIPE: Final = Connector("stripe", _EVENTS, _verify, _read)
