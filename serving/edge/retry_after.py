"""How long somebody else asks us to wait: `Retry-After`, of whatever shape it comes in.

Everyone who calls others reads it here, so that no shape of it is an error of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2

from features.clock import when

__all__ = ["LONGEST_WAIT_SECONDS", "retry_after"]

LONGEST_WAIT_SECONDS: Final = 86_400.0
"""Whoever asks for more is asked again after a day: it may have been a mistake."""
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]*)?")
"""RFC 9110 knows whole seconds; some send decimals."""


def retry_after(headers: httpx2.Headers, as_of: int | None = None) -> float | None:
    """The seconds that an answer asks to wait, in [0, a day]; None where it says nothing readable.

    Of several headers the longest wait counts, as that one satisfies all.

    Parameters
    ----------
    as_of : the present in microseconds since the epoch, for a date in an answer that does not say
        what its own time is. None: such a date cannot be read.
    """
    present = _present(headers, as_of)
    waits = (_wait(text.strip(), present) for text in headers.get_list("retry-after"))
    return max((wait for wait in waits if wait is not None), default=None)


def _present(headers: httpx2.Headers, as_of: int | None) -> datetime | None:
    """What time it is where the dates of an answer were written: by its own clock, or by ours."""
    theirs = _first(_date(text) for text in headers.get_list("date"))
    return when(as_of) if theirs is None and as_of is not None else theirs


def _first(dates: Iterable[datetime | None]) -> datetime | None:
    return next((date for date in dates if date is not None), None)


def _wait(text: str, present: datetime | None) -> float | None:
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_WAIT_SECONDS)  # of 400 digits it is infinity, no error
    until = _date(text)
    if until is None or present is None:
        return None
    return min(max((until - present).total_seconds(), 0.0), LONGEST_WAIT_SECONDS)


def _date(text: str) -> datetime | None:
    """A date of HTTP; in UTC where it names no zone, as RFC 9110 knows no other."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):  # a year of eleven digits overflows
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
