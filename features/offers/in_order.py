"""The order in which the rows of one lead happened: that of the event log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isnan
from typing import Final, NamedTuple

from features.events.of_lead import Row
from features.events.properties import number_or_nan
from features.events.readable import fit_in, fit_of, granted_of, texts_of
from features.signals.rules import text_or_none

__all__ = ["Columns", "Timed", "in_order"]

Timed = tuple[int, Row]
"""When something happened, as far as it was known then, and what."""

_LISTS: Final = ("channel", "gaps", "offer", "topic", "topics")


class Columns(NamedTuple):
    """The properties by which a log orders events of equal clocks."""

    numbers: tuple[str, ...]
    texts: tuple[str, ...]


def in_order(rows: Sequence[Row], columns: Columns, as_of: int) -> list[Timed]:
    """The rows known at `as_of` with when they happened, in the order of the event log.

    None happened later than it was known. Where both clocks are equal the log goes by name and by
    the properties that it holds; then those that are read here decide.
    """
    known = [(row[1] if row[1] < row[2] else row[2], row) for row in rows if row[2] <= as_of]
    times = [when for when, _ in known]
    if times == sorted(set(times)):
        return known
    count = Counter(map(_mark, known))

    def place(timed: Timed) -> tuple[object, ...]:
        mark = _mark(timed)
        return (mark, *_content(timed[1][3], columns)) if count[mark] > 1 else (mark,)

    return sorted(known, key=place)


def _mark(timed: Timed) -> tuple[int, int, str]:
    when, row = timed
    return when, row[2], row[0]


def _content(properties: Mapping[str, object], columns: Columns) -> tuple[object, ...]:
    """What tells events of one name and one instant apart, to be compared."""
    numbers = [number_or_nan(properties.get(key)) for key in columns.numbers]
    words = [text_or_none(properties.get(key)) for key in columns.texts]
    return (
        [(isnan(number), 0.0 if isnan(number) else number) for number in numbers],
        [(word is not None, word or "") for word in words],
        [texts_of(properties.get(key)) for key in _LISTS],
        granted_of(properties.get("granted")) is True,
        fit_of(fit_in(properties)[1]) or "",
    )
