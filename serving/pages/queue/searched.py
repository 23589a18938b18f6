"""Why a search finds a lead that goes by another name, or another id, by now."""

from __future__ import annotations

from collections.abc import Sequence

from features.events.of_lead import Row
from features.ladder.ladder import Ladder
from features.signals.protected import without_protected
from features.store.people.names import are_found
from serving.pages.common import words
from serving.pages.common.people import Person, who

__all__ = ["found_as"]


def found_as(text: str, person: Person, rows: Sequence[Row], ladder: Ladder, now: int) -> str:
    """What a lead was called when it was found by that; "" where its present name says it.

    Parameters
    ----------
    text : what was searched for.
    rows : the events of the lead, in time order.
    now : what was known by then counts; microseconds since the epoch.
    """
    asked = text.strip()
    if not asked or asked == person.lead_id or are_found(asked, person.traits):
        return ""
    for name, _, known, properties in reversed(rows):
        if name == ladder.events.traits and known <= now:
            told = without_protected(ladder, properties)
            if are_found(asked, told):
                return who(asked, told)[0]
    return words.shown(asked)  # an id, or the words of several
