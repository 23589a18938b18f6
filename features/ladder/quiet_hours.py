"""When nobody is contacted: hours of the day and days of the week, by the clock on a wall."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from features.clock import microseconds, when
from features.errors import did_you_mean
from features.toml_table import Table, listed

__all__ = ["DAYS", "QuietHours", "read_quiet_hours", "zone_of"]

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_MINUTES: Final = 24 * 60
_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When nobody is contacted. Left out it is never quiet.

    Parameters
    ----------
    hours : from and until, in minutes after midnight; it may pass midnight. None for no hours.
    days : whole days of the week; Monday is 0.
    time_zone : whose clock counts, by its name in the IANA database.
    time_zone_trait : the trait that holds the lead's own zone; "" for none.
    inbound_channels : where the lead came by itself, as to a page: an offer there is no contact.
    """

    hours: tuple[int, int] | None = None
    days: tuple[int, ...] = ()
    time_zone: str = "UTC"
    time_zone_trait: str = ""
    inbound_channels: tuple[str, ...] = ()

    def until(self, as_of: int, time_zone: str = "") -> int | None:
        """When it is quiet no more; None where it is not quiet at `as_of`.

        Parameters
        ----------
        as_of : microseconds since the epoch, as is what comes back.
        time_zone : the lead's own zone; "" stands for the ladder's.
        """
        zone = zone_of(time_zone or self.time_zone) or UTC
        at = when(as_of)
        if not self._is_quiet(at.astimezone(zone)):
            return None
        while self._is_quiet(local := at.astimezone(zone)):
            at = _after(at, self._rest(local), zone)
        return microseconds(at)

    def _is_quiet(self, local: datetime) -> bool:
        if local.weekday() in self.days:
            return True
        if self.hours is None:
            return False
        begins, ends = self.hours
        minute = local.hour * 60 + local.minute
        if begins < ends:
            return begins <= minute < ends
        return minute >= begins or minute < ends

    def _rest(self, local: datetime) -> timedelta:
        """How long, by the clock on the wall, until the quiet may be over: its end, or midnight."""
        midnight = datetime.combine(local.date(), datetime.min.time())
        ends = _DAY_MINUTES if self.hours is None else self.hours[1]
        past = local.replace(tzinfo=None) - midnight
        rests = (timedelta(minutes=minutes) - past for minutes in (ends, _DAY_MINUTES))
        return min(rest for rest in rests if rest > timedelta(0))


def _after(at: datetime, rest: timedelta, zone: tzinfo) -> datetime:
    """So much later; where the clock is changed on the way, that moment, to be looked at anew."""
    later = at + rest
    offset = at.astimezone(zone).utcoffset()
    if later.astimezone(zone).utcoffset() == offset:
        return later
    before, after = 0, rest // timedelta(seconds=1) + 1
    while after - before > 1:
        middle = (before + after) // 2
        is_same = (at + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset
        before, after = (middle, after) if is_same else (before, middle)
    return (at + timedelta(seconds=after)).replace(microsecond=0)  # on a second, in any zone


@lru_cache(maxsize=1024)
def zone_of(name: str) -> tzinfo | None:
    """The time zone of a name; None for a name that there is not."""
    if name == "UTC":  # known without a database
        return UTC
    return ZoneInfo(name) if name in _zones() else None


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


# -------------------------------------------------------------------------------------------- File


def read_quiet_hours(table: Table) -> QuietHours:
    """The keys of [limits] that say when nobody is contacted."""
    return QuietHours(
        hours=_read_hours(table),
        days=_read_days(table),
        time_zone=_read_zone(table),
        time_zone_trait=table.text_if_any("time_zone_trait"),
        inbound_channels=table.texts("inbound_channels"),
    )


def _read_hours(table: Table) -> tuple[int, int] | None:
    text = table.text_if_any("quiet_hours")
    if not text:
        return None
    found = _HOURS.fullmatch(text.strip())
    if not found:
        remedy = "from and until by a clock of 24 hours, as 20:00-08:00; midnight is 00:00"
        table.wrong("quiet_hours", f"cannot be {text!r}", remedy)
        return None
    from_hour, from_minute, until_hour, until_minute = map(int, found.groups())
    begins, ends = 60 * from_hour + from_minute, 60 * until_hour + until_minute
    if begins == ends:
        table.wrong("quiet_hours", "end when they begin", "quiet_days has whole days")
        return None
    return begins, ends


def _read_days(table: Table) -> tuple[int, ...]:
    names = table.texts("quiet_days")
    for name in names:
        if name.casefold() not in DAYS:
            problem = f"has no day {name!r}{did_you_mean(name, DAYS)}"
            table.wrong("quiet_days", problem, f"some of {listed(DAYS)}")
    days = {DAYS.index(name.casefold()) for name in names if name.casefold() in DAYS}
    if len(days) == len(DAYS):
        table.wrong("quiet_days", "leave no day to contact anybody", "leave out one of them")
    return tuple(sorted(days))


def _read_zone(table: Table) -> str:
    name = table.text("time_zone", "UTC")
    if zone_of(name) is not None:
        return name
    if not _zones():
        remedy = "install the package tzdata, or write UTC"
        table.wrong("time_zone", f"cannot be {name!r}: this machine knows no time zones", remedy)
        return "UTC"
    problem = f"has no zone {name!r}{did_you_mean(name, sorted(_zones()))}"
    table.wrong("time_zone", problem, "a name of the IANA database, as Europe/Berlin")
    return "UTC"
