"""Values of requests that several routes and pages have, and the errors that point at them."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterable
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from features.errors import did_you_mean
from features.ladder.ladder import Ladder

__all__ = [
    "After",
    "Place",
    "after_of",
    "check_step",
    "cursor_of",
    "origin_of",
    "wrong_body",
    "wrong_query",
]

After = tuple[float, str]
"""Priority and id of the last lead of a page."""
Place = tuple[str | int, ...]
"""Where in a body a value stands."""


def cursor_of(after: After, order: str) -> str:
    """A place in an order of the queue as an opaque text."""
    text = json.dumps([*after, order], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def after_of(cursor: str | None, order: str) -> After | None:
    """The reverse of `cursor_of`; RequestValidationError where it is none of this order."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        priority, lead_id, of_order = json.loads(text)
        if of_order != order:
            raise wrong_query("cursor", "this is a place in another order; begin without one")
        if isinstance(lead_id, str) and math.isfinite(priority):
            return float(priority), lead_id
    except (binascii.Error, ValueError, TypeError, OverflowError):
        pass
    raise wrong_query("cursor", "this is no next_cursor of the queue; begin without one")


def check_step(ladder: Ladder | None, step: str | None) -> None:
    """RequestValidationError where the ladder has no such step."""
    if ladder is None or step is None:
        return
    known = [goal.id for goal in ladder.goals]
    if step not in known:
        hint = did_you_mean(step, known) or f"; its steps are {', '.join(known)}"
        raise wrong_query("step", f"the ladder has no such step{hint}")


def wrong_query(name: str, message: str) -> RequestValidationError:
    """The error for a query parameter whose value will not do."""
    return RequestValidationError([{"type": "value", "loc": ("query", name), "msg": message}])


def wrong_body(found: Iterable[tuple[Place, str, str]]) -> RequestValidationError:
    """The error for values of a body that will not do: where each is, a code, a sentence."""
    return RequestValidationError(
        [{"type": code, "loc": ("body", *place), "msg": detail} for place, code, detail in found]
    )


def origin_of(request: Request) -> str | None:
    """The site whose page asks, another than this service; None where no page does."""
    scope = request.scope
    origin = host = ""
    for name, value in scope["headers"]:
        if name == b"origin":
            origin = value.decode("latin-1")
        elif name == b"host":
            host = value.decode("latin-1")
    if not origin or urlsplit(origin).netloc.lower() == host.lower():
        return None
    return origin
