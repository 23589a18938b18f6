"""The event log of one lead from a few rows: what a request builds, without Arrow.

`log_of_rows` gives what `EventLog.from_columns` gives on the same events; a test holds the two
together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import isnan
from typing import Final

import numpy as np

from features.events.log import EventLog, LogColumns
from features.events.properties import as_text, number_or_nan

__all__ = ["Row", "in_time_order", "log_of_rows"]

Row = tuple[str, int, int, Mapping[str, object]]
"""An event's name, when it happened, when it was known (both in microseconds), its properties."""


def log_of_rows(lead_id: str, rows: Sequence[Row], columns: LogColumns) -> EventLog:
    """The log of one lead, rows in any order. A value that says no number is absent."""
    numbers, texts = _columns(rows, columns)
    occurred = [row[1] if row[1] < row[2] else row[2] for row in rows]  # faster than min()
    if occurred != sorted(set(occurred)):
        order = _order(occurred, rows, numbers, texts)
        rows, occurred = [rows[at] for at in order], [occurred[at] for at in order]
        numbers = {row: [column[at] for at in order] for row, column in numbers.items()}
        texts = {row: [column[at] for at in order] for row, column in texts.items()}
    number_rows = np.full((len(columns.numbers), len(rows)), np.nan)
    for row, column in numbers.items():
        number_rows[row] = column
    text_rows = np.full((len(columns.texts), len(rows)), -1, dtype=np.int32)
    text_values: list[tuple[str, ...]] = [()] * len(columns.texts)
    for row, words in texts.items():
        text_rows[row], text_values[row] = _encoded(words)
    name, names = _encoded([row[0] for row in rows])
    return EventLog(
        leads=(lead_id,),
        starts=np.array([0, len(rows)], dtype=np.int64),
        names=names,
        name=np.array(name, dtype=np.int32),
        occurred=np.array(occurred, dtype=np.int64),
        known=np.array([row[2] for row in rows], dtype=np.int64),
        columns=columns,
        numbers=number_rows,
        texts=text_rows,
        text_values=tuple(text_values),
    )


def in_time_order(rows: Sequence[Row], columns: LogColumns) -> list[Row]:
    """Rows of a lead in the order of its log: by when they happened, whenever they were known."""
    occurred = [min(row[1], row[2]) for row in rows]
    if occurred == sorted(set(occurred)):
        return list(rows)
    return [rows[at] for at in _order(occurred, rows, *_columns(rows, columns))]


_Numbers = dict[int, list[float]]
_Texts = dict[int, list[str | None]]


def _columns(rows: Sequence[Row], columns: LogColumns) -> tuple[_Numbers, _Texts]:
    """The columns that any row has a value for, by their row in the log; a value an event."""
    number_at, text_at = _places(columns)
    numbers: _Numbers = {}
    texts: _Texts = {}
    for at, row in enumerate(rows):
        for key, value in row[3].items():
            if (place := number_at.get(key)) is not None:
                if place not in numbers:
                    numbers[place] = [_NAN] * len(rows)
                numbers[place][at] = number_or_nan(value)
            if (place := text_at.get(key)) is not None:
                if place not in texts:
                    texts[place] = [None] * len(rows)
                texts[place][at] = as_text(value)
    return numbers, texts


_NAN: Final = float("nan")


@lru_cache(maxsize=64)
def _places(columns: LogColumns) -> tuple[dict[str, int], dict[str, int]]:
    numbers = {name: at for at, name in enumerate(columns.numbers)}
    return numbers, {name: at for at, name in enumerate(columns.texts)}


def _order(occurred: list[int], rows: Sequence[Row], numbers: _Numbers, texts: _Texts) -> list[int]:
    """The order of a log: by both clocks, and where they are equal by what the events say."""
    clocks = [(at, row[2]) for at, row in zip(occurred, rows, strict=True)]
    count = Counter(clocks)

    def key(at: int) -> tuple[object, ...]:
        if count[clocks[at]] == 1:
            return (clocks[at],)
        values = [numbers[row][at] for row in sorted(numbers)]
        words = [texts[row][at] for row in sorted(texts)]
        return (
            clocks[at],
            rows[at][0],
            [(isnan(value), 0.0 if isnan(value) else value) for value in values],
            [(word is not None, word or "") for word in words],
        )

    return sorted(range(len(rows)), key=key)


def _encoded(words: Sequence[str | None]) -> tuple[list[int], tuple[str, ...]]:
    """Texts as indices into their sorted distinct values, -1 where absent."""
    values = tuple(sorted(word for word in set(words) if word is not None))
    code: dict[str | None, int] = {value: at for at, value in enumerate(values)}
    code[None] = -1
    return [code[word] for word in words], values
