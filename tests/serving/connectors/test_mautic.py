"""Mautic: many events in a request, by kind."""

import pytest

from serving.connectors.connector import verified
from serving.connectors.errors import PayloadError, UnsignedRequest
from serving.connectors.mautic import MAUTIC
from tests.serving.connectors import vendors
from tests.serving.connectors.vendors import (
    mautic_contact,
    mautic_hit,
    one,
    options,
    properties,
    told,
)

STAMP = "2026-01-01T00:00:00+00:00"


def test_signature():
    """The signature is base64 of the body's HMAC-SHA256, and covers no time."""
    call = vendors.call_of("mautic", {})
    assert verified(MAUTIC, call, options("mautic")).signed_at is None
    with pytest.raises(UnsignedRequest, match="Webhook-Signature"):
        verified(MAUTIC, call._replace(body=b"{ }"), options("mautic"))


def test_hit():
    """A hit is told by its path and page; the query, where an address may stand, is not kept."""
    arrival = one("mautic", mautic_hit())
    assert (arrival.name, arrival.sent_id, arrival.occurred_at) == (
        "page_viewed",
        "mautic-31",
        vendors.NOW,
    )
    assert properties(arrival) == {"path": "/pricing", "page": "pricing"}


def test_address_in_a_path():
    """On the first step not even a path may hold an address."""
    arrival = one("mautic", mautic_hit(url="https://example.com/of/ada@example.com"))
    assert properties(arrival) == {"path": "/of/redacted", "page": "pricing"}


def test_broken_url():
    """A URL that is none has no path."""
    assert "path" not in properties(one("mautic", mautic_hit(url="https://[broken")))


def test_hit_from_a_mail():
    """A hit that came from an e-mail is a click in it."""
    assert one("mautic", mautic_hit(source="email")).name == "email_clicked"


@pytest.mark.parametrize(
    ("kind", "item", "name", "wanted"),
    [
        (
            "form_on_submit",
            {"submission": {"id": 1, "form": {"alias": "demo"}, "lead": mautic_contact(),
                            "results": {"email": "ada@example.com"}}},
            "form_submitted",
            {"form": "demo"},
        ),
        (
            "email_on_open",
            {"stat": {"id": 2, "email": {"id": 8}, "lead": mautic_contact()}},
            "email_opened",
            {"message": "8"},
        ),
        ("lead_post_save_new", {"contact": mautic_contact()}, "mautic_contact_identified", {}),
        ("lead_post_save_new", {"lead": mautic_contact()}, "mautic_contact_identified", {}),
        (
            "lead_points_change",
            {"contact": mautic_contact(), "points": {"old_points": 1, "new_points": 6}},
            "mautic_points_changed",
            {"old_points": 1, "new_points": 6},
        ),
        (
            "lead_channel_subscription_changed",
            {"contact": mautic_contact(), "channel": "email", "new_status": "unsubscribed"},
            "consent",
            {"channel": "email", "granted": False},
        ),
        (
            "lead_channel_subscription_changed",
            {"contact": mautic_contact(), "channel": "sms", "new_status": "contactable"},
            "consent",
            {"channel": "sms", "granted": True},
        ),
    ],
)  # fmt: skip
def test_kinds(kind, item, name, wanted):
    """Each kind has its name and what may be kept of it; the answers to a form may not."""
    arrival = one("mautic", {f"mautic.{kind}": [{**item, "timestamp": STAMP}]})
    assert (arrival.name, arrival.sent_id) == (name, "mautic-31")
    assert properties(arrival) == wanted


def test_bounce_is_no_refusal():
    """A bounced address takes no consent back."""
    item = {"contact": mautic_contact(), "new_status": "bounced", "timestamp": STAMP}
    payload = {"mautic.lead_channel_subscription_changed": [item]}
    assert told(MAUTIC, payload, options("mautic")) == ([], [], 1)


def test_many_at_once():
    """Lists of several kinds are all read; what is no event is told by its place."""
    payload = {**mautic_hit(), "mautic.email_on_open": [1, {"contact": {"id": 1}}], "other": 3}
    arrivals, rejects, ignored = told(MAUTIC, payload, options("mautic"))
    assert [arrival.name for arrival in arrivals] == ["page_viewed", "email_opened"]
    assert [(one.place, one.detail) for one in rejects] == [(1, "it is no event")]
    assert ignored == 0


def test_one_alone():
    """An event need not stand in a list."""
    (item,) = mautic_hit()["mautic.page_on_hit"]
    assert one("mautic", {"mautic.page_on_hit": item}).name == "page_viewed"


def test_no_webhook():
    """A list is none of Mautic's."""
    with pytest.raises(PayloadError, match="by kind of event"):
        MAUTIC.read([], options("mautic"))
