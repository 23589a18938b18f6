"""What a connector is: how a vendor's request is verified, and what it tells.

A vendor's file says how it signs, and turns its payload into `VendorEvent`s. All else is the same
for every vendor, and stands here and in `arrivals`. Signatures are those of the raw body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import orjson

from features.clock import instant, microseconds
from features.errors import TimeError
from features.events.of_lead import Row
from features.events.properties import property_json
from features.events.values import MESSAGE_ID, is_in_range
from features.json_paths import JsonPath, value_at
from features.ladder.file.sources import TimeUnit
from features.store.arrivals import Arrival
from serving.connectors.errors import PayloadError, UnsignedRequest
from serving.edge.bodies import MARK

__all__ = [
    "CONSENT",
    "Call",
    "Complete",
    "Connector",
    "ConnectorOptions",
    "Past",
    "Reader",
    "Reject",
    "Signed",
    "VendorEvent",
    "Who",
    "base64_hmac",
    "digest",
    "hex_hmac",
    "id_text",
    "inside",
    "is_same",
    "message_id",
    "moment",
    "name_of",
    "parse_body",
    "short",
    "stamp_at",
    "stamped",
    "verified",
    "with_properties",
]

CONSENT: Final = "<consent>"
"""Stands for the name that the ladder gives to the event of a channel being opened or closed."""
Past = Callable[[str], Sequence[Row]]
"""The stored events of the lead that an id belongs to."""

_LONGEST_TEXT: Final = 300
_NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
_LARGEST: Final = 1e14
"""No time in seconds or milliseconds is larger, and its microseconds are finite."""
_US: Final[Mapping[TimeUnit, int]] = {"s": 1_000_000, "ms": 1000}


# ----------------------------------------------------------------------------- What is handed about


class Call(NamedTuple):
    """A request as it came in.

    Parameters
    ----------
    origin : scheme and host, as "https://rung.example.com".
    target : path and query, nothing decoded.
    headers : by lower-case name.
    received_at : when it came in, in microseconds since the epoch.
    """

    method: str
    origin: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    received_at: int


class Signed(NamedTuple):
    """What proves that a request is genuine.

    Parameters
    ----------
    signature : the one that was right.
    signed_at : when the vendor signed, in microseconds; None where that is not covered.
    """

    signature: str
    signed_at: int | None = None


class Who(NamedTuple):
    """The ids that a vendor gives a person; "" for those that it does not.

    Parameters
    ----------
    own : the user's own id of the lead, handed through the vendor.
    person : the vendor's id of the person.
    email : an address, as it came.
    session : an id that holds for one registration or booking alone.
    otherwise : an id that counts only where none of these says who it is.
    visitor : an id of a browser or the like, of somebody who may not have said who they are.
    """

    own: str = ""
    person: str = ""
    email: str = ""
    session: str = ""
    otherwise: str = ""
    visitor: str = ""


class VendorEvent(NamedTuple):
    """One thing that a vendor tells.

    Parameters
    ----------
    kinds : what the vendor calls it, the most specific first; the first that is mapped names it.
    id : what is the same when it is told again, and differs from all else that is told.
    occurred_at : when it happened, in microseconds; None where the vendor does not say: now.
    item : its part of the payload, which `id_path` leads into.
    previous_id : another id of the same lead.
    name : what the event is called, where it needs no translation.
    is_of_mail : whether it tells which address somebody has: worth keeping for that alone, where
        addresses say who somebody is.
    is_once_a_day : whether `id` is no more than what it says, and no time: told again on another
        day it is another event.
    """

    kinds: tuple[str, ...]
    id: tuple[object, ...]
    who: Who
    occurred_at: int | None
    properties: Mapping[str, object]
    item: object = None
    previous_id: str = ""
    name: str = ""
    is_of_mail: bool = False
    is_once_a_day: bool = False


class Reject(NamedTuple):
    """Something told that cannot be used, by its place among all that is told.

    Parameters
    ----------
    kind : a stable word, as of `EventRefused`.
    """

    place: int
    detail: str
    kind: str = "invalid_event"


@dataclass(frozen=True, slots=True)
class ConnectorOptions:
    """What the operator sets of a connector.

    Parameters
    ----------
    tolerance_seconds : a request signed longer ago than that, or further ahead, is refused.
    identify_by : "id": the vendor's id of the person, or else a hash of the address; "email": the
        address itself.
    id_path : where the user's own id of the lead stands in what is told; empty: nowhere.
    ignore_domains : what people with addresses there do is ignored: colleagues.
    events : the names of events, by the vendor's kinds; "" ignores a kind.
    public_url : scheme and host as HubSpot calls them; empty: as the request says.
    id_property : the HubSpot property that holds the user's own id of the lead.
    values_of : the HubSpot properties whose values are kept.
    """

    secret: str = field(repr=False)
    tolerance_seconds: float = 300.0
    identify_by: Literal["id", "email"] = "id"
    id_path: JsonPath = ()
    ignore_domains: tuple[str, ...] = ()
    events: Mapping[str, str] = field(default_factory=dict)
    public_url: str = ""
    id_property: str = ""
    values_of: tuple[str, ...] = ()


Reader = Callable[[object, ConnectorOptions], list[VendorEvent | Reject]]
"""Raises PayloadError where the payload is not the vendor's."""


Complete = Callable[[VendorEvent, Arrival, Past, ConnectorOptions], list[Arrival]]
"""What follows from an arrival and the past of its lead."""


@dataclass(frozen=True, slots=True)
class Connector:
    """One vendor.

    Parameters
    ----------
    events : the usual names of its kinds.
    verify : the proof that a request is genuine; UnsignedRequest where there is none.
    read : what a payload tells.
    own_options : the names of options that this vendor alone has, with their usual values.
    challenge : the answer to a payload that only asks whether we know the secret; None otherwise.
    complete : an arrival with what follows from the lead's past; sometimes one more.
    complete_late : what else follows once an arrival is stored: what it needs may have been stored
        at the same time, by a request that has not seen it either. The same, whoever finds it.
    is_signed : whether it has a secret; where it has none, its requests need a key.
    """

    name: str
    events: Mapping[str, str]
    verify: Callable[[Call, ConnectorOptions], Signed]
    read: Reader
    own_options: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    challenge: Callable[[object, ConnectorOptions], dict[str, str] | None] | None = None
    complete: Complete | None = None
    complete_late: Complete | None = None
    is_signed: bool = True


# --------------------------------------------------------------------------------------- Signatures


def verified(connector: Connector, call: Call, options: ConnectorOptions) -> Signed:
    """The proof that a request is the vendor's, and a recent one.

    Raises
    ------
    UnsignedRequest : the signature is absent or wrong; or else it is too old, or from the future.
    """
    signed = connector.verify(call, options)
    if signed.signed_at is not None:
        seconds = (call.received_at - signed.signed_at) / 1e6
        if abs(seconds) > options.tolerance_seconds:
            when = f"{abs(seconds):.0f} seconds {'ago' if seconds > 0 else 'ahead'}"
            raise UnsignedRequest(
                f"the request was signed {when}; {options.tolerance_seconds:g} are tolerated"
            )
    return signed


def hex_hmac(secret: str, message: bytes) -> str:
    """HMAC-SHA256 in hexadecimal."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def base64_hmac(secret: str, message: bytes) -> str:
    """HMAC-SHA256 in base64."""
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


def is_same(given: str, wanted: str) -> bool:
    """Whether two signatures are equal; how long it takes says nothing of where they differ."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def stamped(header: str, call: Call, secret: str) -> Signed:
    """The proof in a header `t=1700000000,v1=...`, with several v1 while a secret is exchanged.

    Raises
    ------
    UnsignedRequest : no v1 is the HMAC-SHA256 of time, dot and body.
    """
    pairs = [part.strip().partition("=") for part in header.split(",")]
    stamp = next((value for key, _, value in pairs if key == "t"), "")
    given = [value for key, _, value in pairs if key == "v1"]
    wanted = hex_hmac(secret, stamp.encode() + b"." + call.body)
    right = [one for one in given if is_same(one, wanted)]
    if not right:
        raise UnsignedRequest("no signature of the request is right")
    return Signed(right[0], stamp_at(stamp, "s"))


def stamp_at(stamp: str, unit: TimeUnit) -> int:
    """A signed time, in microseconds; UnsignedRequest where it is none."""
    at = moment(int(stamp), unit) if re.fullmatch(r"[0-9]{1,15}", stamp) else None
    if at is None:
        raise UnsignedRequest("the time that was signed is no time")
    return at


# ----------------------------------------------------------------------------------------- Payloads


def parse_body(body: bytes) -> object:
    """The JSON of a body; PayloadError where it is none, NaN and half characters included."""
    try:
        found: object = orjson.loads(body.removeprefix(MARK))
    except orjson.JSONDecodeError as error:
        raise PayloadError(f"the body is not JSON that can be read: {error}") from error
    return found


def inside(value: object, *names: str) -> dict[str, object]:
    """The object that member names lead to; an empty one where there is none."""
    found = value_at(value, names)
    return found if isinstance(found, dict) else {}


def id_text(value: object) -> str:
    """An id, a text or a whole number, as text; "" for anything else."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def short(value: object) -> str | None:
    """A text to keep as a property, cut where it is long; None for anything else."""
    return value[:_LONGEST_TEXT] if isinstance(value, str) and value else None


def moment(value: object, unit: TimeUnit = "rfc3339") -> int | None:
    """An instant in microseconds; None where the value says none in the years 1970 to 2199.

    A number may come as a text: forms have nothing else.
    """
    if unit != "rfc3339" and isinstance(value, str):
        value = float(value) if _NUMBER.fullmatch(value.strip()) else None
    if unit == "rfc3339":
        at = _of_text(value) if isinstance(value, str) else None
    elif isinstance(value, bool) or not isinstance(value, int | float):
        at = None
    else:
        at = round(value * _US[unit]) if 0 <= value <= _LARGEST else None
    return at if at is not None and is_in_range(at) else None


def _of_text(text: str) -> int | None:
    try:
        return microseconds(instant(text))
    except TimeError:
        return None


# ------------------------------------------------------------------------------------ Names and ids


def name_of(kinds: Sequence[str], names: Mapping[str, str]) -> str:
    """The event's name that the first kind with one has; "" where there is none."""
    return next((names[kind] for kind in kinds if kind in names), "")


def message_id(*parts: object) -> str:
    """The parts with colons between them; hashed where that is too long, or no plain text."""
    text = ":".join(str(part) for part in parts)
    if MESSAGE_ID.accepts(text):
        return text
    return f"{str(parts[0])[: MESSAGE_ID.longest - 33]}:{digest(text)}"


def digest(text: str) -> str:
    """What stands for a text in an id: the same for the same, and says nothing of it."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def with_properties(arrival: Arrival, more: Mapping[str, object]) -> Arrival:
    """An arrival with further properties."""
    return arrival._replace(properties=property_json({**json.loads(arrival.properties), **more}))
