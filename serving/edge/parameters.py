"""Values of requests that several routes and pages have, and the errors that point at them."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, cast
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from features.errors import did_you_mean
from features.ladder.ladder import Ladder
from features.store.database import is_storable
from serving.edge.keys import key_in

__all__ = [
    "After",
    "Place",
    "after_of",
    "check_step",
    "cursor_of",
    "is_loopback",
    "is_loopback_name",
    "is_of_host",
    "is_personalizer",
    "key_of",
    "no_cursor",
    "origin_of",
    "packed",
    "unpacked",
    "wrong_body",
    "wrong_query",
]

_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORT: Final = re.compile(r":[0-9]*\Z")

After = tuple[float, str]
"""Priority and id of the last lead of a page."""
Place = tuple[str | int, ...]
"""Where in a body a value stands."""


_LARGEST: Final = 2**62
"""No instant and no number of a row is larger; stores take whole numbers up to twice that."""


def packed(place: Sequence[Any]) -> str:
    """A place in a list as an opaque text: texts and numbers, or lists of them."""
    text = json.dumps(place, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unpacked(cursor: str) -> list[Any]:
    """The reverse of `packed`; an empty list, which is no place, where it is none of ours.

    Anybody can make up a cursor. What is told here can be asked for in a store: texts that it
    takes, finite numbers that it holds, None, and lists of these. Whether they are such a place as
    a route has is for the route to say.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        return []
    if type(place) is not list:
        return []
    values = [one for value in place for one in (value if type(value) is list else [value])]
    return place if all(_is_kept(value) for value in values) else []


def _is_kept(value: object) -> bool:
    if isinstance(value, str):
        return is_storable(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (type(value) is int and abs(value) < _LARGEST)


def no_cursor(of: str) -> RequestValidationError:
    """The error for a cursor that is none of a list."""
    return wrong_query("cursor", f"this is no next_cursor of {of}; begin without one")


def cursor_of(after: After, order: str) -> str:
    """A place in an order of the queue as an opaque text."""
    return packed([*after, order])


def after_of(cursor: str | None, order: str) -> After | None:
    """The reverse of `cursor_of`; RequestValidationError where it is none of this order."""
    if cursor is None:
        return None
    match unpacked(cursor):
        case [int() | float() as priority, str(lead_id), str(of_order)]:
            if of_order != order:
                raise wrong_query("cursor", "this is a place in another order; begin without one")
            return float(priority), lead_id
    raise no_cursor("the queue")


def check_step(ladder: Ladder | None, step: str | None) -> None:
    """RequestValidationError where the ladder has no such step."""
    if ladder is None or step is None:
        return
    known = [goal.id for goal in ladder.goals]
    if step not in known:
        hint = did_you_mean(step, known) or f"; its steps are {', '.join(known)}"
        raise wrong_query("step", f"the ladder has no such step{hint}", known)


def wrong_query(name: str, message: str, allowed: Iterable[str] = ()) -> RequestValidationError:
    """The error for a query parameter whose value will not do.

    Parameters
    ----------
    allowed : all values that would do, where they can be listed.
    """
    fault = {"type": "value", "loc": ("query", name), "msg": message, "allowed": list(allowed)}
    return RequestValidationError([fault])


def wrong_body(found: Iterable[tuple[Place, str, str]]) -> RequestValidationError:
    """The error for values of a body that will not do: where each is, a code, a sentence."""
    return RequestValidationError(
        [{"type": code, "loc": ("body", *place), "msg": detail} for place, code, detail in found]
    )


def is_personalizer(path: str) -> bool:
    """Whether a path is one of Azure Personalizer's, whose clients have a header of their own."""
    return path.startswith("/personalizer/")


def key_of(request: Request) -> str | None:
    """The key in the headers of a request, None where there is none."""
    scope = request.scope
    for name, value in scope["headers"]:  # as they came: `request.headers` takes its time
        if name == b"authorization":
            return key_in(value.decode("latin-1"))
        if name == b"ocp-apim-subscription-key" and is_personalizer(scope["path"]):
            return cast(str, value.decode("latin-1"))
    return None


def origin_of(request: Request) -> str | None:
    """The site whose page asks, another than this service; None where no page does."""
    scope = request.scope
    origin = host = ""
    for name, value in scope["headers"]:
        if name == b"origin":
            origin = value.decode("latin-1")
        elif name == b"host":
            host = value.decode("latin-1")
    return None if not origin or is_of_host(origin, host) else origin


def is_of_host(origin: str, host: str) -> bool:
    """Whether an origin, as browsers send it, is the site at a host; what is no origin never is."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:  # such as a broken IPv6 address
        return False


@lru_cache(64)
def is_loopback_name(host: str) -> bool:
    """Whether a `Host` names this machine to itself, with a port or without."""
    return _PORT.sub("", host.lower()) in _LOOPBACK_NAMES


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own, to which nobody else has a way."""
    if address == "127.0.0.1":
        return True
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    inner = getattr(parsed, "ipv4_mapped", None) or parsed
    return bool(inner.is_loopback)
