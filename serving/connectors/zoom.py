"""Zoom: registrations, and how long someone was in a webinar or a session.

Zoom tells of joining and of leaving, each alone and in any order, or at once. Both are kept;
whichever comes second finds the other among the lead's events, and of two that come at once
whichever is stored second. The minutes are those of all connections together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from features.events.properties import parse_object
from features.store.arrivals import Arrival
from serving.connectors.connector import (
    Call,
    Connector,
    ConnectorOptions,
    Past,
    Reject,
    Signed,
    VendorEvent,
    Who,
    hex_hmac,
    id_text,
    inside,
    is_same,
    message_id,
    moment,
    name_of,
    short,
    stamp_at,
    with_properties,
)
from serving.connectors.errors import PayloadError, UnsignedRequest

__all__ = ["ZOOM"]

_EVENTS: Final = {
    "webinar.registration_created": "webinar_registered",
    "webinar.registration_cancelled": "webinar_registration_cancelled",
    "webinar.participant_joined": "webinar_joined",
    "webinar.participant_left": "webinar_attended",
    "meeting.registration_created": "session_booked",
    "meeting.registration_cancelled": "session_cancelled",
    "meeting.participant_joined": "session_joined",
    "meeting.participant_left": "session_held",
}
_JOINED: Final = ".participant_joined"
_LEFT: Final = ".participant_left"
_LONGEST_TOKEN: Final = 256


def _verify(call: Call, options: ConnectorOptions) -> Signed:
    """`x-zm-signature` is v0= and the HMAC-SHA256 of version, time and body, in hexadecimal."""
    given = call.headers.get("x-zm-signature", "")
    stamp = call.headers.get("x-zm-request-timestamp", "")
    wanted = "v0=" + hex_hmac(options.secret, b"v0:" + stamp.encode() + b":" + call.body)
    if not is_same(given, wanted):
        raise UnsignedRequest("x-zm-signature is not the signature of the request")
    return Signed(given, stamp_at(stamp, "s"))


def _challenge(payload: object, options: ConnectorOptions) -> dict[str, str] | None:
    """What Zoom asks every three days. Only a signed question is answered: an answer signs it."""
    if inside(payload).get("event") != "endpoint.url_validation":
        return None
    token = inside(payload, "payload").get("plainToken")
    if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN:
        raise PayloadError("a validation request has a plainToken")
    return {"plainToken": token, "encryptedToken": hex_hmac(options.secret, token.encode())}


# ------------------------------------------------------------------------------------------ Reading


def _read(payload: object, options: ConnectorOptions) -> list[VendorEvent | Reject]:  # noqa: ARG001 a Reader
    body = inside(payload)
    kind, stamp = id_text(body.get("event")), body.get("event_ts")
    if not kind or not isinstance(body.get("payload"), dict):
        raise PayloadError("a Zoom webhook has an event and a payload")
    meeting = inside(body, "payload", "object")
    person = inside(meeting, "participant") or inside(meeting, "registrant")
    if not person or _is_host(person, meeting):
        kinds: tuple[str, ...] = ()  # nothing that a lead did
    else:
        kinds = (kind,)
    times = (moment(person.get(key)) for key in ("join_time", "leave_time"))
    at = next((time for time in times if time is not None), moment(stamp, "ms"))
    told = (kind, id_text(stamp), _occurrence(meeting), _connection(person))
    return [VendorEvent(kinds, told, _who(person), at, _properties(kind, meeting, person), body)]


def _is_host(person: Mapping[str, object], meeting: Mapping[str, object]) -> bool:
    host = id_text(meeting.get("host_id"))
    return bool(host) and host in (person.get("id"), person.get("participant_user_id"))


def _who(person: Mapping[str, object]) -> Who:
    """Registrants' ids hold for one webinar, and few people are logged in: an address says more.

    An address of several people says nothing, and then the account does.
    """
    email = id_text(person.get("email"))
    registrant = id_text(person.get("registrant_id"))
    is_registrant = "user_id" not in person and "participant_uuid" not in person
    if is_registrant:
        registrant = id_text(person.get("id"))
    user = "" if is_registrant else id_text(person.get("id"))
    account = f"zoom-user-{user}" if user else ""
    return Who(
        own=id_text(person.get("customer_key")),
        person="" if email else account,
        email=email,
        session=f"zoom-registrant-{registrant}" if registrant else "",
        otherwise=account if email else "",
    )


def _occurrence(meeting: Mapping[str, object]) -> str:
    return id_text(meeting.get("uuid")) or id_text(meeting.get("id"))


def _connection(person: Mapping[str, object]) -> str:
    """Of one coming and going; someone who comes again has another one."""
    return next(
        (
            text
            for key in ("participant_uuid", "user_id", "id")
            if (text := id_text(person.get(key)))
        ),
        "",
    )


def _properties(
    kind: str, meeting: Mapping[str, object], person: Mapping[str, object]
) -> dict[str, object]:
    """Of a webinar its topic as well; the topic of a meeting is often a person's name."""
    is_webinar = kind.startswith("webinar.")
    found: dict[str, object] = {
        "topic": short(meeting.get("topic")) if is_webinar else None,
        "zoom_id": id_text(meeting.get("id")) or None,
    }
    if kind.endswith((_JOINED, _LEFT)):
        found |= {
            "zoom_kind": kind,
            "zoom_occurrence": _occurrence(meeting),
            "zoom_connection": _connection(person),
        }
    return found


# ------------------------------------------------------------------------------------------ Minutes


def _complete(
    event: VendorEvent, arrival: Arrival, past: Past, options: ConnectorOptions
) -> list[Arrival]:
    """Who left gets the minutes; who joined after it was told that they left, both events."""
    found = _attendance(event, arrival, past)
    if found is None:
        return [arrival]
    if event.kinds[0].endswith(_LEFT):
        return [with_properties(arrival, {"minutes": found.minutes})]
    return [arrival, *_attended(event, arrival, found, options)]


def _complete_late(
    event: VendorEvent, arrival: Arrival, past: Past, options: ConnectorOptions
) -> list[Arrival]:
    """The event of having left where nobody has told its minutes."""
    found = _attendance(event, arrival, past)
    if found is None or found.is_told:
        return []
    return _attended(event, arrival, found, options)


class _Attendance(NamedTuple):
    """How long somebody was there, as far as is known.

    Parameters
    ----------
    left_at : when this connection ended, microseconds since the epoch.
    is_told : whether an event of its end has the minutes.
    """

    left_at: int
    minutes: float
    is_told: bool


def _attendance(event: VendorEvent, arrival: Arrival, past: Past) -> _Attendance | None:
    """That of an event's connection; None unless it is known to have begun, and to have ended."""
    if not event.kinds or not event.kinds[0].endswith((_JOINED, _LEFT)):
        return None
    here = parse_object(arrival.properties) or {}
    seen = [
        *((row[1], row[3]) for row in past(arrival.sent_id)),
        (arrival.occurred_at, here),
    ]
    joined, left = _times(seen, here, _JOINED), _times(seen, here, _LEFT)
    connection = str(here["zoom_connection"])
    if connection not in joined or connection not in left:
        return None
    minutes = _minutes((joined[one], left[one]) for one in joined if one in left)
    told = (left[connection], here["zoom_occurrence"], here["zoom_connection"])
    is_told = any(
        (at, properties.get("zoom_occurrence"), properties.get("zoom_connection")) == told
        for at, properties in seen
        if "minutes" in properties
    )
    return _Attendance(left[connection], minutes, is_told)


def _times(
    seen: Iterable[tuple[int, Mapping[str, object]]], here: Mapping[str, object], what: str
) -> dict[str, int]:
    """When each connection to the same occurrence began, or ended."""
    return {
        str(properties.get("zoom_connection")): at
        for at, properties in seen
        if properties.get("zoom_occurrence") == here["zoom_occurrence"]
        and str(properties.get("zoom_kind")).endswith(what)
    }


def _minutes(spans: Iterable[tuple[int, int]]) -> float:
    """How long all spans are together; what two devices saw at once counts once."""
    total, until = 0, 0
    for start, end in sorted(spans):
        total += max(0, end - max(start, until))
        until = max(until, end)
    return round(total / 60e6, 2)


def _attended(
    event: VendorEvent, arrival: Arrival, found: _Attendance, options: ConnectorOptions
) -> list[Arrival]:
    """The event of having left, now that its minutes are known; the same, whoever finds it."""
    kind = event.kinds[0]
    left = kind.removesuffix(_JOINED).removesuffix(_LEFT) + _LEFT
    name = name_of((left,), options.events)
    if not name:
        return []
    here = parse_object(arrival.properties) or {}
    told = (left, here["zoom_occurrence"], here["zoom_connection"], found.left_at)
    late = arrival._replace(
        message_id=message_id("zoom", "minutes", *told),
        name=name,
        occurred_at=found.left_at,
        anonymous_id=None,
    )
    return [with_properties(late, {"minutes": found.minutes, "zoom_kind": "minutes"})]


ZOOM: Final = Connector(
    "zoom",
    _EVENTS,
    _verify,
    _read,
    challenge=_challenge,
    complete=_complete,
    complete_late=_complete_late,
)
