"""Instants as pages show them: the day with its year, or the minute; UTC until a script tells."""

from __future__ import annotations

from dataclasses import dataclass

from features.clock import instant, microseconds, rfc3339, when

__all__ = ["ShownAt", "day_of", "shown_at"]


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


def day_of(text: str) -> ShownAt:
    """An instant of a report, RFC 3339."""
    return shown_at(microseconds(instant(text)))
