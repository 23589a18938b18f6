"""What is agreed with a lead and still under way, such as a session that is booked, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from features.clock import instant_if_any
from features.events.of_lead import Row
from features.ladder.ladder import Commitment, Ladder
from features.offers.history import history_of
from features.signals.rules import met_any
from serving.pages.common.moments import ShownAt, shown_at

__all__ = ["Agreed", "agreed_with"]

_STARTS_AT: Final = "starts_at"
"""When it begins is this property, as the connectors write it."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """Something that is under way with a lead.

    Parameters
    ----------
    title : what it is, as the ladder says it: "a session is booked".
    at : when it is, if the event says when it begins (`is_start`); else when it ends.
    """

    title: str
    at: ShownAt
    is_start: bool


def agreed_with(rows: Sequence[Row], ladder: Ladder, now: int) -> Agreed | None:
    """What comes first of what is under way and has said when; None for nothing.

    Parameters
    ----------
    rows : the events of a lead.
    now : what was known by then counts; microseconds since the epoch.
    """
    told = [(one, _latest(rows, one, now)) for one in ladder.commitments if one.ends_at]
    begun = [(one, properties) for one, properties in told if properties is not None]
    if not begun:
        return None  # most leads: their history need not be read
    in_flight = history_of(rows, ladder, now).in_flight
    found = [_agreed(one, properties, now) for one, properties in begun if one.id in in_flight]
    return min((one for one in found if one), key=lambda one: one.at.iso, default=None)


def _latest(rows: Sequence[Row], commitment: Commitment, now: int) -> Mapping[str, object] | None:
    """The properties of the event that has begun it last; None where none has."""
    begins = commitment.begins
    said = [row for row in rows if row[2] <= now and met_any(begins, row[0], row[3])]
    return max(said, key=lambda row: min(row[1], row[2]))[3] if said else None


def _agreed(commitment: Commitment, properties: Mapping[str, object], now: int) -> Agreed | None:
    start, end = (instant_if_any(properties.get(key)) for key in (_STARTS_AT, commitment.ends_at))
    if start is not None and start <= now:
        start = None  # it has begun
    at = end if start is None else start
    return None if at is None else Agreed(commitment.title, shown_at(at), start is not None)
