"""Calendly: sessions that are booked, moved, cancelled, or to which nobody came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from serving.connectors.connector import (
    Call,
    Connector,
    ConnectorOptions,
    Reject,
    Signed,
    VendorEvent,
    Who,
    digest,
    id_text,
    inside,
    moment,
    short,
    stamped,
)
from serving.connectors.errors import PayloadError

__all__ = ["CALENDLY"]

_EVENTS: Final = {
    "invitee.created": "session_booked",
    "invitee.created.rescheduled": "session_rescheduled",
    "invitee.canceled": "session_cancelled",
    "invitee.canceled.rescheduled": "",  # the new booking tells it
    "invitee_no_show.created": "session_no_show",
}


def _verify(call: Call, options: ConnectorOptions) -> Signed:
    return stamped(call.headers.get("calendly-webhook-signature", ""), call, options.secret)


def _read(payload: object, options: ConnectorOptions) -> list[VendorEvent | Reject]:  # noqa: ARG001 a Reader
    body = inside(payload)
    kind, invitee = id_text(body.get("event")), inside(body, "payload")
    uri = id_text(invitee.get("uri"))
    if not kind or not invitee:
        raise PayloadError("a Calendly webhook has an event and a payload")
    email = id_text(invitee.get("email"))
    booking = uri.rstrip("/").rpartition("/")[2]
    who = Who(email=email, otherwise=f"calendly-{booking}" if booking else "")
    at = moment(body.get("created_at"))
    told = uri or digest(f"{email} {id_text(body.get('created_at'))}")
    return [
        VendorEvent(_kinds(kind, invitee), (kind, told), who, at, _properties(invitee), body),
    ]


def _kinds(kind: str, invitee: Mapping[str, object]) -> tuple[str, ...]:
    """A booking that takes the place of another, and the one that goes, are rescheduled."""
    moved = invitee.get("rescheduled") is True or invitee.get("old_invitee")
    return (f"{kind}.rescheduled", kind) if moved else (kind,)


def _properties(invitee: Mapping[str, object]) -> dict[str, object]:
    """What is known of a session; nothing that the invitee wrote."""
    session = inside(invitee, "scheduled_event")
    start, end = moment(session.get("start_time")), moment(session.get("end_time"))
    tracking = inside(invitee, "tracking")
    campaign = {name: short(tracking.get(name)) for name in ("utm_source", "utm_campaign")}
    return {
        "session": short(session.get("name")),
        "starts_at": short(session.get("start_time")),
        "planned_minutes": None if start is None or end is None else (end - start) / 60e6,
        "cancelled_by": short(inside(invitee, "cancellation").get("canceler_type")),
        **campaign,
    }


CALENDLY: Final = Connector("calendly", _EVENTS, _verify, _read)
