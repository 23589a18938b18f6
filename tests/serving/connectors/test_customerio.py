"""Customer.io: messages, and consent."""

import pytest

from features.ladder.file import parse_ladder, read_ladder
from serving.connectors.connector import verified
from serving.connectors.customerio import CUSTOMERIO
from serving.connectors.errors import PayloadError, UnsignedRequest
from tests.serving.connectors import vendors
from tests.serving.connectors.vendors import customerio_metric, one, options, properties, told


@pytest.mark.parametrize("header", ["x-cio-signature", "x-cio-timestamp"])
def test_signature(header):
    """Signature and time must both be there, and be right."""
    call = vendors.call_of("customerio", {})
    assert verified(CUSTOMERIO, call, options("customerio")).signed_at == vendors.NOW
    for headers in ({**call.headers, header: "1767225601"}, {**call.headers, header: ""}):
        with pytest.raises(UnsignedRequest, match="X-CIO-Signature"):
            verified(CUSTOMERIO, call._replace(headers=headers), options("customerio"))


def test_opened():
    """What was opened is told by ids; neither the address nor the subject is kept."""
    arrival = one("customerio", customerio_metric())
    assert (arrival.message_id, arrival.name) == ("customerio:01CIO", "email_opened")
    assert (arrival.sent_id, arrival.anonymous_id) == ("lead-7", "customerio-c10")
    assert properties(arrival) == {"channel": "email", "campaign_id": "3", "action_id": "12"}


def test_older_form():
    """The older form, with event_type and an address with a name, says the same."""
    payload = {
        "event_id": "01OLD",
        "event_type": "email_clicked",
        "timestamp": vendors.AT,
        "data": {"customer_id": "", "email_address": "Ada <ada@example.com>", "campaign_id": "3"},
    }
    arrival = one("customerio", payload, identify_by="email")
    assert (arrival.name, arrival.sent_id) == ("email_clicked", "ada@example.com")


@pytest.mark.parametrize(
    ("metric", "thing", "wanted"),
    [
        ("unsubscribed", "email", {"channel": "email", "granted": False}),
        ("spammed", "email", {"channel": "email", "granted": False}),
        ("unsubscribed", "customer", {"granted": False}),
        ("subscribed", "customer", {"granted": True}),
    ],
)
def test_consent(metric, thing, wanted):
    """Unsubscribing closes a channel, and of a customer all of them."""
    arrival = one("customerio", customerio_metric(metric, thing))
    assert (arrival.name, properties(arrival)) == ("consent", wanted)


def test_consent_by_the_ladders_name():
    """Consent is called as the ladder calls it."""
    source = read_ladder("b2b").source.replace('consent = "consent"', 'consent = "permission"')
    ladder = parse_ladder(source)
    payload = customerio_metric("unsubscribed")
    (arrival,), _, _ = told(CUSTOMERIO, payload, options("customerio"), ladder)
    assert arrival.name == "permission"


@pytest.mark.parametrize("metric", ["sent", "delivered", "bounced", "drafted"])
def test_what_the_lead_did_not_do(metric):
    """What is sent to a lead is ignored, as it would count as something that the lead did."""
    payload = customerio_metric(metric)
    assert told(CUSTOMERIO, payload, options("customerio")) == ([], [], 1)


def test_own_names():
    """Whoever wants it names it."""
    opts = {"events": {"email_sent": "newsletter_sent"}}
    assert one("customerio", customerio_metric("sent"), **opts).name == "newsletter_sent"


def test_no_event():
    """A body without an event_id is none of Customer.io's."""
    with pytest.raises(PayloadError, match="an event_id"):
        CUSTOMERIO.read({"metric": "opened", "object_type": "email"}, options("customerio"))
