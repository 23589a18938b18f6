"""Ages, days and events in a salesperson's words, for the reasons against an offer."""

from __future__ import annotations

from datetime import UTC

from features.clock import when
from features.events.log import DAY_US
from features.ladder.ladder import EventRule
from features.ladder.quiet_hours import DAYS, zone_of
from features.ladder.words import things

__all__ = ["ago", "date", "days", "listed", "local_time"]


def ago(age: int) -> str:
    """An age in words: "3 days ago"."""
    for size, unit in ((DAY_US, "day"), (DAY_US // 24, "hour"), (DAY_US // 1440, "minute")):
        if age >= size:
            return f"{things(age // size, unit)} ago"
    return "just now"


def days(number: float) -> str:
    """A number of days: "2.5 days"."""
    return things(number, "day")


def date(valid_at: int) -> str:
    """An instant, in microseconds since the epoch, to the minute."""
    return f"{when(valid_at):%Y-%m-%d %H:%M} UTC"


def listed(rules: tuple[EventRule, ...]) -> str:
    """The events of some rules, as words."""
    return " or ".join(dict.fromkeys(rule.event.replace("_", " ") for rule in rules))


def local_time(then: int, as_of: int, zone: str) -> str:
    """An instant by the clock of a zone, as "08:00 (Europe/Berlin)"; with the day if not today."""
    clock = zone_of(zone) or UTC
    local, now = (when(at).astimezone(clock) for at in (then, as_of))
    day = "" if local.date() == now.date() else f"{DAYS[local.weekday()].title()}, "
    return f"{day}{local:%H:%M} ({zone})"
