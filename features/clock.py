"""Instants: aware in, microseconds since the epoch inside, RFC 3339 UTC out; and the clock."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from features.errors import TimeError

__all__ = [
    "FIRST",
    "LAST",
    "SKEW_US",
    "instant",
    "instant_if_any",
    "is_ahead",
    "is_over",
    "microseconds",
    "moment_of",
    "now",
    "rfc3339",
    "said_at",
    "said_from",
    "seconds_since",
    "when",
]

FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST: Final = datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
"""Everything happens between these: what lies outside is a wrong unit or a wrong clock."""
SKEW_US: Final = 60_000_000
"""By so much the clocks of machines that share a store may differ, in microseconds."""

_SECOND: Final = 1_000_000
_ZONE_BY_NAME: Final = re.compile(r"\s*(?:UTC|GMT)$")
_LOST_PLUS: Final = re.compile(r"\d\d:\d\d[\d:.,]* \d\d(:?\d\d)?")
"""An offset whose + became a blank, as in addresses."""
_LONGEST: Final = 64
"""No instant has more letters: what is longer is not looked through."""


def now() -> int:
    """The present in microseconds since the epoch: the one place where the clock is read."""
    return time.time_ns() // 1000


def is_ahead(instant_: int, now_: int) -> bool:
    """Whether an instant that was the present once lies in the future: the clock was wrong then."""
    return instant_ > now_ + SKEW_US


def is_over(until: int, now_: int, longest: int) -> bool:
    """Whether the end of a wait has come, or lies further ahead than the wait can be long.

    Who set the latter had a clock that was wrong: to go by it would be to wait for days.

    Parameters
    ----------
    longest : how far ahead of its present it was set at most, in microseconds.
    """
    return until <= now_ or until > now_ + longest + SKEW_US


def seconds_since(instant_: int, now_: int) -> float:
    """An age in seconds; 0 for what lies in the future, as no age is negative."""
    return max(0, now_ - instant_) / 1_000_000


def microseconds(moment: datetime) -> int:
    """An aware instant as microseconds since the epoch."""
    if moment.tzinfo is None:
        raise TimeError(
            f"{moment.isoformat()} has no time zone; write {moment.isoformat()}Z for UTC"
        )
    return (moment - FIRST) // timedelta(microseconds=1)


def when(microseconds_: int) -> datetime:
    """Microseconds since the epoch as an aware instant, UTC."""
    return FIRST + timedelta(microseconds=int(microseconds_))


def instant(text: str, *, may_be_day: bool = True) -> datetime:
    """A text such as 2026-03-01T12:00:00Z or 2026-03-01 (midnight UTC) as an aware instant.

    Parameters
    ----------
    may_be_day : whether a day alone will do; when something happened is a time of day.

    Raises
    ------
    TimeError : a time of day without a time zone, a text that is no date, or one outside the years
        1970 to 2199.
    """
    try:
        moment = moment_of(text)
    except ValueError as error:
        hint = "2026-03-01T12:00:00Z"
        if len(text) <= _LONGEST and _LOST_PLUS.search(text):
            hint += ", or %2B in an address, where a + is a blank"
        raise TimeError(f"{text!r} is not a time; write {hint}") from error
    if moment.tzinfo is None:
        if not may_be_day or len(text.strip()) > len("2026-03-01"):
            raise TimeError(f"{text!r} has no time zone; write {moment.isoformat()}Z for UTC")
        moment = moment.replace(tzinfo=UTC)
    if not FIRST <= moment <= LAST:
        raise TimeError(f"{text!r} does not lie in the years 1970 to 2199")
    return moment.astimezone(UTC)


def instant_if_any(value: object) -> int | None:
    """The instant that a value says, in microseconds since the epoch; None where it says none."""
    if not isinstance(value, str):
        return None
    try:
        return microseconds(instant(value))
    except TimeError:
        return None


def moment_of(text: str) -> datetime:
    """A text such as 2026-03-01T12:00:00Z, or with " UTC" at its end, naive without a zone.

    Raises
    ------
    ValueError : it says no time.
    """
    text = text.strip().upper()
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        if (named := _ZONE_BY_NAME.sub("+00:00", text)) == text:
            raise
        return datetime.fromisoformat(named)


def rfc3339(microseconds_: int) -> str:
    """Microseconds since the epoch as RFC 3339 in UTC, with as many decimals as it takes."""
    text = when(microseconds_).isoformat()
    return text.replace("+00:00", "Z")


def said_at(instant_: int | str) -> str:
    """An instant as a sentence tells it, to the second in UTC: the last one that is not after it.

    For what happened, and for ends. With `said_from` for beginnings a period that is told lies
    within the one that is meant: whoever types it again takes nothing in that was not there.
    What has to be typed as it is, and what is compared to the microsecond, is told by `rfc3339`,
    as are files and JSON.

    Parameters
    ----------
    instant_ : microseconds since the epoch, or a text of RFC 3339; another text stays as it is.
    """
    return _to_second(instant_, 0)


def said_from(instant_: int | str) -> str:
    """As `said_at`, of a beginning: the first second that is not before it.

    For everything that something is true of, or can be had, only from then on.
    """
    return _to_second(instant_, _SECOND - 1)


def _to_second(instant_: int | str, more: int) -> str:
    found = instant_if_any(instant_) if isinstance(instant_, str) else instant_
    return str(instant_) if found is None else rfc3339((found + more) // _SECOND * _SECOND)
