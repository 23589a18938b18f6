"""Stripe: its signature, and what becomes of money."""

import hashlib
import hmac

import pytest

from serving.connectors.connector import verified
from serving.connectors.errors import PayloadError, UnsignedRequest
from serving.connectors.stripe import STRIPE
from tests.serving.connectors import vendors
from tests.serving.connectors.vendors import one, options, properties, stripe_checkout, stripe_event


def test_known_signature():
    """The signature is the HMAC-SHA256 of time, dot and body, computed here by hand."""
    call = vendors.call_of("stripe", {"a": 1})
    wanted = hmac.new(
        vendors.SECRET.encode(), b"1767225600." + call.body, hashlib.sha256
    ).hexdigest()
    assert call.headers["stripe-signature"] == f"t=1767225600,v1={wanted}"
    assert verified(STRIPE, call, options("stripe")).signature == wanted


def test_several_signatures():
    """While a secret is exchanged, one right signature among several is enough."""
    call = vendors.call_of("stripe", {})
    header = call.headers["stripe-signature"]
    both = {"stripe-signature": header.replace(",v1=", ",v1=00,v0=11,v1=")}
    assert verified(STRIPE, call._replace(headers=both), options("stripe")).signed_at == vendors.NOW


@pytest.mark.parametrize(
    "header", ["", "t=1767225600", "v1=00", "t=1767225600,v0=00", "t=x,v1=00", "t=,v1=é"]
)
def test_wrong_signature(header):
    """A header without a right v1 is refused."""
    call = vendors.call_of("stripe", {})._replace(headers={"stripe-signature": header})
    with pytest.raises(UnsignedRequest, match="no signature"):
        verified(STRIPE, call, options("stripe"))


def test_checkout():
    """A paid checkout is an order of the lead, its customer claimed for it, without its name."""
    arrival = one("stripe", stripe_checkout())
    assert arrival.message_id == "stripe:evt_1"
    assert (arrival.name, arrival.sent_id, arrival.anonymous_id) == (
        "order_placed",
        "lead-7",
        "stripe-cus_9",
    )
    assert (arrival.occurred_at, arrival.known_at) == (vendors.NOW, vendors.KNOWN)
    assert properties(arrival) == {
        "amount": 129.5,
        "currency": "eur",
        "status": "paid",
        "mode": "payment",
    }


@pytest.mark.parametrize(
    ("kind", "more", "name"),
    [
        ("checkout.session.completed", {"payment_status": "unpaid"}, "checkout_completed"),
        ("checkout.session.completed", {"payment_status": "paid"}, "order_placed"),
        ("checkout.session.async_payment_succeeded", {}, "order_placed"),
        ("customer.subscription.created", {"status": "trialing"}, "trial_started"),
        ("customer.subscription.created", {"status": "active"}, "subscription_started"),
        ("customer.subscription.updated", {"status": "active"}, "subscription_changed"),
        ("customer.subscription.deleted", {"status": "canceled"}, "subscription_cancelled"),
        ("invoice.paid", {"amount_paid": 100}, "invoice_paid"),
        ("charge.refunded", {"amount_refunded": 100}, "payment_refunded"),
    ],
)
def test_names(kind, more, name):
    """Each kind has its name; a checkout that is not paid yet is no order."""
    assert one("stripe", stripe_event(kind, **more)).name == name


@pytest.mark.parametrize(
    ("currency", "amount"), [("usd", 15.0), ("JPY", 1500.0), ("kwd", 1.5), ("ugx", 15.0)]
)
def test_major_units(currency, amount):
    """An amount is told in the major unit, whether that has no, two or three decimals."""
    event = stripe_event("invoice.paid", amount_paid=1500, currency=currency)
    assert properties(one("stripe", event))["amount"] == amount


def test_amount_of_subscription():
    """A subscription costs what its items cost together."""
    price = {"unit_amount": 1000, "recurring": {"interval": "month"}}
    items = {"data": [{"price": price, "quantity": 3}, {"price": {"unit_amount": 500}}]}
    event = stripe_event("customer.subscription.created", currency="eur", items=items)
    found = properties(one("stripe", event))
    assert (found["amount"], found["interval"]) == (35.0, "month")


@pytest.mark.parametrize(
    ("before", "amount"),
    [
        ({"amount_refunded": 0}, 50.0),
        ({"amount_refunded": 2000}, 30.0),
        ({"amount_refunded": "2000"}, 30.0),
        ({"amount_refunded": 5000}, 0.0),
        ({"amount_refunded": 9000}, 50.0),
        ({"amount_refunded": -1}, 50.0),
        ({"amount_refunded": None}, 50.0),
        ({"refunded": False}, 50.0),
        (None, 50.0),
        ([], 50.0),
    ],
)
def test_amount_of_refund(before, amount):
    """A charge says what was refunded in all; each event tells what came with it."""
    event = stripe_event("charge.refunded", amount=10_000, amount_refunded=5000, currency="eur")
    event["data"]["previous_attributes"] = before
    assert properties(one("stripe", event))["amount"] == amount


def test_amounts_of_refunds_add_up():
    """Refunds of 20 and of 30 euros, in that order, are 50 together."""
    told = []
    for former, total in ((0, 2000), (2000, 5000)):
        event = stripe_event("charge.refunded", amount_refunded=total, currency="eur")
        event["data"]["previous_attributes"] = {"amount_refunded": former}
        told.append(properties(one("stripe", event))["amount"])
    assert told == [20.0, 30.0]


def test_former_attributes_of_others():
    """What an invoice was before takes nothing from what was paid."""
    event = stripe_event("invoice.paid", amount_paid=1500, currency="eur")
    event["data"]["previous_attributes"] = {"amount_paid": 500, "amount_refunded": 500}
    assert properties(one("stripe", event))["amount"] == 15.0


@pytest.mark.parametrize(
    ("more", "sent_id"),
    [
        ({}, "stripe-cus_9"),
        ({"customer": {"id": "cus_8"}}, "stripe-cus_8"),
        ({"metadata": {"lead_id": "lead-3"}}, "lead-3"),
        ({"subscription_details": {"metadata": {"lead_id": "lead-4"}}}, "lead-4"),
        (
            {"parent": {"subscription_details": {"metadata": {"lead_id": "lead-5"}}}},
            "lead-5",
        ),
    ],
)
def test_sent_id(more, sent_id):
    """The user's own id counts before Stripe's customer."""
    assert one("stripe", stripe_event("invoice.paid", **more)).sent_id == sent_id


def test_no_event():
    """A body without an id and a type is none of Stripe's."""
    with pytest.raises(PayloadError, match="an id and a type"):
        STRIPE.read({"id": "evt_1"}, options("stripe"))
