"""On which lines of a CSV file its rows begin: a quoted cell has line ends, and lines are empty."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import Bools, Ints
from features.events.formats.utf8 import as_utf8

__all__ = ["BrokenRow", "RowLines", "goes_on", "is_open"]

_ENDS: Final = r"\r\n|\n|\r"
_LINE_END: Final = re.compile(_ENDS)
_NEVER_CLOSED: Final = ("unexpected end of data", "field larger than field limit")
"""What Python says of a row whose quote has no end, in the words of its parser."""
_NO_TEXT: Final = "?"


class BrokenRow(NamedTuple):
    """A row of another width than the header; `number` counts all rows, also the empty ones."""

    number: int
    text: str
    problem: str


def goes_on(text: str) -> bool:
    """Whether a cell or a row goes on in another line."""
    return _LINE_END.search(text.rstrip("\r\n")) is not None


def is_open(row: str, separator: str) -> bool:
    """Whether a row, as it stands in a file, has a quote that is never closed."""
    cells = csv.reader(io.StringIO(row, newline=""), delimiter=separator, strict=True)
    try:
        for _ in cells:
            pass
    except csv.Error as error:
        return str(error).startswith(_NEVER_CLOSED)
    return False


class RowLines:
    """Finds the lines of the rows of a file, which come in parts and in order.

    Parameters
    ----------
    row : the number of the first row below the header, as `BrokenRow` counts.
    line : the line that it begins on, counted from 1.
    """

    def __init__(self, file: Path, row: int, line: int) -> None:
        self._file = file
        self._row, self._line = row, line
        self._texts: Iterator[tuple[int, str]] | None = None

    def of(self, batch: pa.RecordBatch | None, broken: Sequence[BrokenRow]) -> tuple[Ints, Ints]:
        """The lines of the rows of a part, and of those broken rows that stand among them.

        Parameters
        ----------
        batch : None after the last one.
        broken : those that were not asked for yet, in order.
        """
        count = 0 if batch is None else len(batch)
        first, at_bad = self._row, np.array([one.number for one in broken], dtype=np.int64)
        numbers = np.arange(first, first + count + len(broken), dtype=np.int64)
        at_good = numbers[~np.isin(numbers, at_bad)][:count]
        last = int(at_good[-1]) if count else int(at_bad[-1]) if len(broken) else first - 1
        at_bad = at_bad[at_bad <= last]
        ends = np.zeros(last + 1 - first, dtype=np.int64)
        if batch is not None:
            ends[at_good - first] = _ends_within(batch)
        ends[at_bad - first] = [
            len(_LINE_END.findall(one.text.rstrip("\r\n"))) for one in broken[: len(at_bad)]
        ]
        lines = self._line + np.arange(len(ends)) + np.cumsum(ends) - ends
        self._row, self._line = last + 1, self._line + len(ends) + int(ends.sum())
        return lines[at_good - first], lines[at_bad - first]

    def filled(self, batch: pa.RecordBatch, lines: Ints) -> Bools:
        """Which rows of a part stand on a line that is not empty; one of commas alone is a row."""
        found = np.ones(len(batch), dtype=np.bool_)
        if not len(batch) or any(column.null_count == 0 for column in batch.columns):
            return found
        for column in batch.columns:
            found &= np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)
        empty = np.flatnonzero(found)
        found = ~found
        found[empty] = [self._text_of(line) != "" for line in lines[empty].tolist()]
        return found

    def text_from(self, line: int) -> str:
        """All that stands in the file from a line on."""
        return "\n".join(text for at, text in _texts(self._file) if at >= line)

    def _text_of(self, line: int) -> str:
        """What stands in a line after those that were asked for before."""
        if self._texts is None:
            self._texts = _texts(self._file)
        return next((text for at, text in self._texts if at == line), _NO_TEXT)


def _texts(file: Path) -> Iterator[tuple[int, str]]:
    with as_utf8(file) as stream, io.TextIOWrapper(stream, "utf-8", "replace") as text:
        for at, line in enumerate(text, 1):
            yield at, line.rstrip("\n")


def _ends_within(batch: pa.RecordBatch) -> Ints:
    """How many line ends are in the cells of each row."""
    found = np.zeros(len(batch), dtype=np.int64)
    for column in batch.columns:
        held = column.buffers()[2]
        text = b"" if held is None else held.to_pybytes()
        if b"\n" in text or b"\r" in text:  # in most columns there is none
            found += pc.count_substring_regex(column, _ENDS).fill_null(0).to_numpy()
    return found
