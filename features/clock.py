"""Instants: aware in, microseconds since the epoch inside, RFC 3339 UTC out; and the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from features.errors import TimeError

__all__ = ["instant", "microseconds", "now", "rfc3339", "when"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> int:
    """The present in microseconds since the epoch: the one place where the clock is read."""
    return time.time_ns() // 1000


def microseconds(moment: datetime) -> int:
    """An aware instant as microseconds since the epoch."""
    if moment.tzinfo is None:
        raise TimeError(
            f"{moment.isoformat()} has no time zone; write {moment.isoformat()}Z for UTC"
        )
    return (moment - _EPOCH) // timedelta(microseconds=1)


def when(microseconds_: int) -> datetime:
    """Microseconds since the epoch as an aware instant, UTC."""
    return _EPOCH + timedelta(microseconds=int(microseconds_))


def instant(text: str) -> datetime:
    """A text such as 2026-03-01T12:00:00Z or 2026-03-01 (midnight UTC) as an aware instant.

    Raises
    ------
    TimeError : a time of day without a time zone, or a text that is no date.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise TimeError(f"{text!r} is not a time; write 2026-03-01T12:00:00Z") from error
    if moment.tzinfo is None:
        if len(text) > len("2026-03-01"):
            raise TimeError(f"{text!r} has no time zone; write {text}Z for UTC")
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise TimeError(f"{text!r} is no time between the years 1 and 9999 in UTC") from error


def rfc3339(microseconds_: int) -> str:
    """Microseconds since the epoch as RFC 3339 in UTC, with as many decimals as it takes."""
    text = when(microseconds_).isoformat()
    return text.replace("+00:00", "Z")
