"""What a lead has told of itself: of each trait the value that scores go by.

The latest value counts, by when it happened and not by when it was known: ids that turn out to be
one person make all that the others told known at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import isnan

from features.events.log import LogColumns
from features.events.of_lead import Row, in_time_order
from features.events.properties import as_text, number_or_nan
from features.ladder.ladder import Ladder
from features.signals.protected import without_protected
from features.signals.table import ladder_columns

__all__ = ["traits_of"]


def traits_of(rows: Sequence[Row], ladder: Ladder, as_of: int) -> dict[str, object]:
    """What was known of a lead at an instant: of each trait the latest value; no protected one.

    Parameters
    ----------
    rows : events of one lead, in any order.
    as_of : microseconds since the epoch, UTC.
    """
    event, numbers = ladder.events.traits, _numbers(ladder)
    known = [row for row in rows if row[0] == event and row[2] <= as_of]
    traits: dict[str, object] = {}
    for row in in_time_order(known, LogColumns(*ladder_columns(ladder))):
        traits |= {
            key: value for key, value in row[3].items() if _is_told(value, is_number=key in numbers)
        }
    return without_protected(ladder, traits)


def _is_told(value: object, *, is_number: bool) -> bool:
    """Whether a value says anything: what is absent leaves the one before as it was."""
    if is_number:
        return not isnan(number_or_nan(value))
    return as_text(value) is not None


@lru_cache(maxsize=64)
def _numbers(ladder: Ladder) -> frozenset[str]:
    """The traits that the ladder reads as numbers."""
    return frozenset(trait.id for trait in ladder.traits if trait.type == "number")
