"""Instants as pages show them: the day with its year, or the minute; UTC until a script tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from features.clock import instant, instant_if_any, microseconds, rfc3339, when

__all__ = ["ShownAt", "day_of", "moment_in", "shown_at"]

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ShownAt:
    """An instant.

    Parameters
    ----------
    iso : RFC 3339, UTC.
    day : "2 Nov 2026".
    minute : "2 Nov 2026, 14:02 UTC".
    """

    iso: str
    day: str
    minute: str


def shown_at(moment: int) -> ShownAt:
    """An instant of microseconds since the epoch."""
    date = when(moment)
    day = f"{date.day} {date:%b %Y}"
    return ShownAt(rfc3339(moment), day, f"{day}, {date:%H:%M} UTC")


def moment_in(text: str) -> ShownAt | None:
    """The instant that a property says; None where it says something else, such as a day alone."""
    moment = instant_if_any(text) if _INSTANT.fullmatch(text) else None
    return None if moment is None else shown_at(moment)


def day_of(text: str) -> ShownAt:
    """An instant of a report, RFC 3339."""
    return shown_at(microseconds(instant(text)))
