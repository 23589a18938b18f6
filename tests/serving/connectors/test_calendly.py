"""Calendly: sessions, and who booked them without keeping their address."""

import hashlib

import pytest

from features.json_paths import parse_path
from serving.connectors.calendly import CALENDLY
from serving.connectors.connector import verified
from serving.connectors.errors import PayloadError, UnsignedRequest
from tests.serving.connectors import vendors
from tests.serving.connectors.vendors import calendly_booking, one, options, properties, told

HASHED = "email-" + hashlib.sha256(b"ada@example.com").hexdigest()[:32]


def test_signature():
    """The signature is right on the body that was signed, and on no other."""
    call = vendors.call_of("calendly", calendly_booking())
    assert verified(CALENDLY, call, options("calendly")).signed_at == vendors.NOW
    with pytest.raises(UnsignedRequest, match="no signature"):
        verified(CALENDLY, call._replace(body=call.body + b" "), options("calendly"))


def test_booking():
    """A booking is told with its length and campaign, and with nothing that the invitee wrote."""
    arrival = one("calendly", calendly_booking())
    assert (arrival.name, arrival.sent_id, arrival.anonymous_id) == ("session_booked", HASHED, None)
    assert properties(arrival) == {
        "session": "Strategy session",
        "starts_at": "2026-01-05T09:00:00.000000Z",
        "planned_minutes": 15.0,
        "utm_source": "mail",
        "utm_campaign": "spring",
    }
    assert "Ada" not in str(arrival)
    assert "ada@" not in str(arrival)


def test_older_payload():
    """A payload without the session's details is a booking all the same."""
    arrival = one("calendly", calendly_booking(scheduled_event=None, tracking=None))
    assert (arrival.name, properties(arrival)) == ("session_booked", {})


@pytest.mark.parametrize(
    ("kind", "more", "name"),
    [
        ("invitee.canceled", {"cancellation": {"canceler_type": "host"}}, "session_cancelled"),
        ("invitee_no_show.created", {}, "session_no_show"),
        ("invitee.created", {"old_invitee": "https://api.calendly.com/x"}, "session_rescheduled"),
    ],
)
def test_names(kind, more, name):
    """Cancelling, moving and not coming are three things."""
    assert one("calendly", calendly_booking(kind, **more)).name == name


def test_who_cancelled():
    """Whether the host or the invitee cancelled is kept, as only one of them is the lead."""
    canceled = calendly_booking("invitee.canceled", cancellation={"canceler_type": "host"})
    assert properties(one("calendly", canceled))["cancelled_by"] == "host"


def test_moved_booking_is_no_cancellation():
    """The booking that goes for another one is ignored."""
    payload = calendly_booking("invitee.canceled", rescheduled=True)
    assert told(CALENDLY, payload, options("calendly")) == ([], [], 1)


@pytest.mark.parametrize(
    ("more", "ids"),
    [
        ({"identify_by": "email"}, ("ada@example.com", None)),
        ({"id_path": parse_path("payload.tracking.utm_content")}, ("lead-7", HASHED)),
        (
            {"identify_by": "email", "id_path": parse_path("payload.tracking.utm_content")},
            ("lead-7", "ada@example.com"),
        ),
        ({"id_path": parse_path("payload.tracking.nothing")}, (HASHED, None)),
    ],
)
def test_ids(more, ids):
    """The user's own id comes first, then the address or its hash, whichever was asked for."""
    arrival = one("calendly", calendly_booking(), **more)
    assert (arrival.sent_id, arrival.anonymous_id) == ids


def test_without_address():
    """A booking without an address, or with that of several people, is its own lead."""
    for email in (None, "info@acme.com"):
        assert one("calendly", calendly_booking(email=email)).sent_id == "calendly-I1"


def test_colleagues_are_ignored():
    """People with an address in a domain of our own are no leads."""
    opts = options("calendly", ignore_domains=("example.com",))
    assert told(CALENDLY, calendly_booking(), opts) == ([], [], 1)


def test_message_ids():
    """Booking and cancelling one session are two messages; each sent again is the same."""
    kinds = ("invitee.created", "invitee.canceled")
    ids = [one("calendly", calendly_booking(kind)).message_id for kind in kinds]
    assert len(set(ids)) == 2
    assert all(len(one) <= 99 for one in ids)
    assert one("calendly", calendly_booking()) == one("calendly", calendly_booking())


def test_message_id_without_a_booking():
    """It is made of the address, and does not hold it."""
    ids = [one("calendly", calendly_booking(uri=None, email=mail)).message_id for mail in MAILS]
    assert ids[0] == ids[1] != ids[2]
    assert not any("example" in one for one in ids)


MAILS = ["ada@example.com", "ada@example.com", "bob@example.com"]


def test_no_webhook():
    """A body without a payload is none of Calendly's."""
    with pytest.raises(PayloadError, match="an event and a payload"):
        CALENDLY.read({"event": "invitee.created"}, options("calendly"))
