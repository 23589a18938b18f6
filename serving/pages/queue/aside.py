"""That a lead is put aside: until when, in words, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from features.clock import when
from features.events.of_lead import Row
from features.events.properties import as_text
from features.ladder.action import SNOOZED
from features.store.people.hands import NOBODY
from serving.pages.common import words
from serving.process.queue_views import Desk

__all__ = ["Aside", "aside_of", "ended_aside_of", "until_said"]


@dataclass(frozen=True, slots=True)
class Aside:
    """That nobody is to work with a lead for now.

    Parameters
    ----------
    until : "until Monday, 7 December", "until they are back".
    by : who put it aside; "" where that was not said.
    """

    until: str
    by: str

    @property
    def text(self) -> str:
        """All of it: "Put aside until Monday, 7 December, by Ann"."""
        return f"Put aside {self.until}" + (f", by {self.by}" if self.by else "")


def aside_of(desk: Desk, lead_id: str, rows: Sequence[Row], zone: tzinfo) -> Aside | None:
    """That a lead is put aside now, as the queue goes by it; None where it is not.

    Parameters
    ----------
    rows : the events of the lead.
    zone : the clock that the business goes by.
    """
    return _said(desk, lead_id, rows, zone) if desk.is_aside(lead_id) else None


def ended_aside_of(desk: Desk, lead_id: str, rows: Sequence[Row], zone: tzinfo) -> Aside | None:
    """That a lead would be put aside still, had no question come since; see `aside_of`."""
    return _said(desk, lead_id, rows, zone) if desk.is_asked_since(lead_id) else None


def _said(desk: Desk, lead_id: str, rows: Sequence[Row], zone: tzinfo) -> Aside:
    hand = desk.hands.get(lead_id, NOBODY)
    said = [(row[1], row[3]) for row in rows if row[0] == SNOOZED and row[2] <= desk.now]
    for action in desk.done.get(lead_id, ()):
        said += [(action.done_at, dict(held)) for name, held in action.events if name == SNOOZED]
    _, latest = max(said, key=lambda one: one[0], default=(0, {}))
    by = words.shown(as_text(latest.get("by")) or "")
    return Aside(until_said(hand.snoozed_until, desk.now, zone), by)


def until_said(until: int | None, now: int, zone: tzinfo) -> str:
    """Until when somebody is put aside, in words, by a clock; None: until they do something."""
    if until is None:
        return "until they are back"
    then, today = when(until).astimezone(zone), when(now).astimezone(zone)
    if then.date() == today.date():
        return f"until {then:%H:%M}"
    year = f" {then.year}" if then.year != today.year else ""
    return f"until {then:%A}, {then.day} {then:%B}{year}"
