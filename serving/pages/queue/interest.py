"""Whether a lead has shown interest by itself, or came and left at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from features.events.log import DAY_US
from features.events.of_lead import Row
from features.events.properties import number_or_nan
from features.ladder.activity import activity_of
from features.ladder.ladder import Ladder
from features.signals.rules import met_any

__all__ = ["bounce_of", "shows_interest"]

_VISIT_US: Final = DAY_US // 24 // 30
"""What happened so shortly before or after the end of a visit of one page was that page."""


def shows_interest(rows: Sequence[Row], ladder: Ladder, now: int) -> bool:
    """Whether anything that a lead did is interest; the page of a visit that bounced is not.

    Parameters
    ----------
    rows : the events of the lead.
    now : what was known by then counts; microseconds since the epoch.
    """
    rules = activity_of(ladder)
    own = [row for row in rows if row[2] <= now and met_any(rules.interest, row[0], row[3])]
    if not own:
        return False
    bounces = [_at(row) for row in _bounces(rows, ladder, now)]
    if len(own) > len(bounces):
        return True
    return not all(any(abs(_at(row) - at) <= _VISIT_US for at in bounces) for row in own)


def bounce_of(rows: Sequence[Row], ladder: Ladder, now: int) -> tuple[int, float] | None:
    """The last visit that bounced: when it ended, and its seconds; None where there is none."""
    found = max(_bounces(rows, ladder, now), key=_at, default=None)
    return None if found is None else (_at(found), number_or_nan(found[3].get("seconds")))


def _bounces(rows: Sequence[Row], ladder: Ladder, now: int) -> list[Row]:
    """What the ladder counts against a lead for what it says of a visit of one page."""
    rules = [rule for rule in activity_of(ladder).against if rule.where]
    return [
        row
        for row in rows
        if row[2] <= now
        and number_or_nan(row[3].get("pages")) <= 1
        and met_any(rules, row[0], row[3])
    ]


def _at(row: Row) -> int:
    """When an event happened; none happened later than it was known."""
    return min(row[1], row[2])
