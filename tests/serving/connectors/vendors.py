"""Vendors as they call: small payloads of our own, and requests that are signed as theirs are."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from features.ladder.file import read_ladder
from features.ladder.ladder import Ladder
from features.store.arrivals import Arrival
from serving.connectors.arrivals import RequestRules, arrivals_of
from serving.connectors.configuration import VENDORS
from serving.connectors.connector import (
    Call,
    Connector,
    ConnectorOptions,
    Reject,
)

SECRET = "a secret of twenty letters"  # noqa: S105 nobody's
ORIGIN = "http://127.0.0.1"
AT = 1_767_225_600  # 2026-01-01T00:00:00Z
NOW = AT * 1_000_000
KNOWN = NOW + 60_000_000


def digest(message: bytes, secret: str = SECRET) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()


def in_base64(message: bytes) -> str:
    return base64.b64encode(digest(message)).decode()


# ------------------------------------------------------------------------------------------ Signing


def stamped(header: str) -> Callable[[bytes, int, str], dict[str, str]]:
    def sign(body: bytes, at: int, _: str) -> dict[str, str]:
        return {header: f"t={at},v1={digest(f'{at}.'.encode() + body).hex()}"}

    return sign


def zoom(body: bytes, at: int, _: str) -> dict[str, str]:
    signature = digest(f"v0:{at}:".encode() + body).hex()
    return {"x-zm-request-timestamp": str(at), "x-zm-signature": f"v0={signature}"}


def customerio(body: bytes, at: int, _: str) -> dict[str, str]:
    signature = digest(f"v0:{at}:".encode() + body).hex()
    return {"x-cio-timestamp": str(at), "x-cio-signature": signature}


def mautic(body: bytes, *_: object) -> dict[str, str]:
    return {"webhook-signature": in_base64(body)}


def hubspot(body: bytes, at: int, target: str) -> dict[str, str]:
    stamp = str(at * 1000)
    return {
        "x-hubspot-request-timestamp": stamp,
        "x-hubspot-signature-v3": in_base64(
            f"POST{ORIGIN}{target}".encode() + body + stamp.encode()
        ),
    }


def hubspot_2(body: bytes, _: int, target: str) -> dict[str, str]:
    message = f"{SECRET}POST{ORIGIN}{target}".encode() + body
    return {
        "x-hubspot-signature-version": "v2",
        "x-hubspot-signature": hashlib.sha256(message).hexdigest(),
    }


SIGN = {
    "calendly": stamped("calendly-webhook-signature"),
    "customerio": customerio,
    "hubspot": hubspot,
    "mautic": mautic,
    "stripe": stamped("stripe-signature"),
    "zoom": zoom,
}


def call_of(
    name: str, payload: object, at: int = AT, sign: Callable[..., dict[str, str]] | None = None
) -> Call:
    """A request of a vendor, as the service sees it."""
    target = f"/v1/connectors/{name}"
    body = json.dumps(payload).encode()
    headers = (sign or SIGN[name])(body, at, target)
    return Call("POST", ORIGIN, target, headers, body, NOW)


# ----------------------------------------------------------------------------------------- Payloads


def calendly_booking(kind: str = "invitee.created", **more: object) -> dict[str, Any]:
    return {
        "event": kind,
        "created_at": "2026-01-01T00:00:00.000000Z",
        "created_by": "https://api.calendly.com/users/HOST",
        "payload": {
            "uri": "https://api.calendly.com/scheduled_events/E1/invitees/I1",
            "email": "Ada@Example.com",
            "name": "Ada Almeida",
            "status": "active",
            "rescheduled": False,
            "old_invitee": None,
            "new_invitee": None,
            "questions_and_answers": [{"question": "Phone?", "answer": "+49 30 1234567"}],
            "tracking": {"utm_campaign": "spring", "utm_source": "mail", "utm_content": "lead-7"},
            "scheduled_event": {
                "uri": "https://api.calendly.com/scheduled_events/E1",
                "name": "Strategy session",
                "start_time": "2026-01-05T09:00:00.000000Z",
                "end_time": "2026-01-05T09:15:00.000000Z",
            },
            **more,
        },
    }


def customerio_metric(
    metric: str = "opened", thing: str = "email", **more: object
) -> dict[str, Any]:
    return {
        "event_id": "01CIO",
        "object_type": thing,
        "metric": metric,
        "timestamp": AT,
        "data": {
            "customer_id": "lead-7",
            "identifiers": {"id": "lead-7", "email": "ada@example.com", "cio_id": "c10"},
            "delivery_id": "D1",
            "action_id": 12,
            "campaign_id": 3,
            "recipient": "ada@example.com",
            "subject": "For you, Ada",
            **more,
        },
    }


def hubspot_change(kind: str = "contact.creation", **more: object) -> dict[str, Any]:
    return {
        "eventId": 1,
        "subscriptionId": 22,
        "portalId": 333,
        "appId": 4444,
        "occurredAt": AT * 1000,
        "subscriptionType": kind,
        "attemptNumber": 0,
        "objectId": 614,
        "changeSource": "CRM_UI",
        **more,
    }


def mautic_hit(**more: object) -> dict[str, Any]:
    return {
        "mautic.page_on_hit": [
            {
                "hit": {
                    "id": 5,
                    "url": "https://example.com/pricing?email=ada@example.com",
                    "urlTitle": "Pricing",
                    "page": {"id": 1, "title": "Pricing", "alias": "pricing"},
                    "lead": mautic_contact(),
                    "source": None,
                    **more,
                },
                "timestamp": "2026-01-01T01:00:00+01:00",
            }
        ]
    }


def mautic_contact() -> dict[str, Any]:
    return {"id": 31, "fields": {"core": {"email": {"value": "ada@example.com"}}}}


def stripe_event(kind: str, **thing: object) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "type": kind,
        "created": AT,
        "livemode": True,
        "data": {"object": {"id": "obj_1", "customer": "cus_9", "metadata": {}, **thing}},
    }


def stripe_checkout(**more: object) -> dict[str, Any]:
    return stripe_event(
        "checkout.session.completed",
        **{
            "amount_total": 12_950,
            "currency": "eur",
            "payment_status": "paid",
            "mode": "payment",
            "client_reference_id": "lead-7",
            "customer_details": {"email": "ada@example.com", "name": "Ada Almeida"},
            **more,
        },
    )


def zoom_event(kind: str, at: str, connection: str = "P1", **more: object) -> dict[str, Any]:
    """Someone joins or leaves at a time such as 10:05."""
    what = "join_time" if kind.endswith("joined") else "leave_time"
    return {
        "event": kind,
        "event_ts": AT * 1000,
        "payload": {
            "account_id": "A",
            "object": {
                "id": "987",
                "uuid": "occurrence==",
                "host_id": "HOST",
                "topic": "Three bottlenecks",
                "start_time": "2025-12-31T10:00:00Z",
                "participant": {
                    "user_id": f"U-{connection}",
                    "participant_uuid": connection,
                    "id": "",
                    "user_name": "Ada Almeida",
                    "email": "ada@example.com",
                    "registrant_id": "R1",
                    what: f"2025-12-31T{at}:00Z",
                    **more,
                },
            },
        },
    }


def zoom_registration() -> dict[str, Any]:
    return {
        "event": "webinar.registration_created",
        "event_ts": AT * 1000,
        "payload": {
            "object": {
                "id": 987,
                "uuid": "occurrence==",
                "host_id": "HOST",
                "topic": "Three bottlenecks",
                "registrant": {
                    "id": "R1",
                    "email": "ada@example.com",
                    "first_name": "Ada",
                    "last_name": "Almeida",
                    "phone": "5550100",
                },
            }
        },
    }


SAMPLES: Mapping[str, object] = {
    "calendly": calendly_booking(),
    "customerio": customerio_metric(),
    "hubspot": [
        hubspot_change(
            "contact.propertyChange", propertyName="lifecyclestage", propertyValue="lead"
        )
    ],
    "mautic": mautic_hit(),
    "stripe": stripe_checkout(),
    "zoom": zoom_event("webinar.participant_left", "11:00"),
}

# ------------------------------------------------------------------------------------------ Reading


def options(name: str, **more: Any) -> ConnectorOptions:
    """The usual options of a vendor, but for some."""
    vendor = VENDORS[name]
    own: dict[str, Any] = {**vendor.own_options}
    events = {**vendor.events, **more.pop("events", {})}
    return ConnectorOptions(SECRET, events=events, **{**own, **more})


def told(
    connector: Connector, payload: object, opts: ConnectorOptions, ladder: Ladder | None = None
) -> tuple[list[Arrival], list[Reject], int]:
    """The arrivals of a payload, what cannot be used, and how much was ignored."""
    rules = RequestRules(connector.name, opts, ladder or read_ladder("b2b"), KNOWN)
    found, rejects, ignored = arrivals_of(connector.read(payload, opts), rules)
    past = [one for event, arrival in found for one in _completed(connector, event, arrival, opts)]
    return past, rejects, ignored


def _completed(
    connector: Connector, event: Any, arrival: Arrival, opts: ConnectorOptions
) -> list[Arrival]:
    if connector.complete is None:
        return [arrival]
    return connector.complete(event, arrival, lambda _: [], opts)


def one(name: str, payload: object, **more: Any) -> Arrival:
    """The only arrival of a payload."""
    arrivals, rejects, ignored = told(VENDORS[name], payload, options(name, **more))
    assert (rejects, ignored) == ([], 0)
    (arrival,) = arrivals
    return arrival


def properties(arrival: Arrival) -> dict[str, Any]:
    found = json.loads(arrival.properties)
    assert isinstance(found, dict)
    return found


def present() -> int:
    """Seconds since the epoch."""
    return int(time.time())
