"""CSV files: how one is written is found out, not asked for.

A letter in another encoding is one bad cell, and no bad file.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from features.arrays import Bools
from features.errors import EventsError
from features.events.formats.csv_lines import BrokenRow, RowLines, goes_on, is_open
from features.events.formats.exports.recognise import layout_of
from features.events.formats.exports.rows import ExportRows, faulty, rows_of_table
from features.events.formats.import_report import Rejects
from features.events.formats.row_batch import (
    BASE,
    Fault,
    FileColumns,
    Reading,
    RowBatch,
    of_table,
    spellings,
)
from features.events.formats.utf8 import as_utf8, unmarked

__all__ = ["csv_rows"]

_BLOCK_BYTES: Final = 1 << 24
_HEADER_BYTES: Final = 1 << 20
_BROKEN_ROW: Final = "another number of cells than the header"
_NAMELESS: Final = "a value in a column without a name"
_SEPARATORS: Final = (",", ";", "\t", "|")
_BEFORE_HEADER: Final = re.compile(r"(?:[ \t]*(?:\r\n|\n|\r))*")
_SAID: Final = re.compile(r'"?sep=(.)"?[ \t]*(?:\r\n|\n|\r)', re.IGNORECASE)
"""The line by which others tell Excel what parts the cells."""
_LINE_END: Final = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How a file is written.

    Parameters
    ----------
    names : the header's cells; "" for a column without a name.
    above : how many lines stand before the header.
    height : of how many lines the header is.
    is_bare : whether nothing stands below it.
    """

    separator: str
    names: tuple[str, ...]
    above: int = 0
    height: int = 1
    is_bare: bool = False


def csv_rows(file: Path, reading: Reading, rejects: Rejects) -> Iterator[RowBatch]:
    """The rows of a CSV file, in parts; those of another width go to `rejects`.

    Raises
    ------
    EventsError : the header cannot be read, or lacks a column, or a quote is never closed.
    """
    dialect = _dialect_of(file)
    if not dialect.names:
        raise EventsError(f"{file}: not readable as CSV: it is empty")
    given = [name for name in dialect.names if name]
    if layout := layout_of(file, given, reading):
        export = ExportRows(file, layout, reading, of_texts=True)
        for batch, lines, faults in _tables(file, dialect, rejects):
            rows = rows_of_table(batch, lines)
            yield export.batch([faulty(row, at, faults) for at, row in enumerate(rows)])
        return
    columns = FileColumns.of(file, given, reading)
    for batch, lines, faults in _tables(file, dialect, rejects):
        yield of_table(file, columns, batch, lines, faults)


def _tables(
    file: Path, dialect: _Dialect, rejects: Rejects
) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.int64], list[Fault]]]:
    """The rows of a file with their lines, and what its form shows to be wrong with them."""
    if dialect.is_bare:
        return
    broken = _Broken(file, dialect.separator, rejects)
    # Two columns without a name are two: a place stands for each.
    names = [name or f"\0{at}" for at, name in enumerate(dialect.names)]
    nameless = [name for name in names if name.startswith("\0")]
    with as_utf8(file) as stream, _reader(stream, dialect, names, broken.skip) as reader:
        above = dialect.above
        found = RowLines(file, 2 + above, 1 + above + dialect.height)
        last, end = 0, ""  # the row read last: its line, and its last cell
        for batch in reader:
            if not len(batch):
                continue
            lines, bad = found.of(batch, broken.rows)
            broken.show(bad.tolist())
            last, end = int(lines[-1]), batch.column(batch.num_columns - 1)[-1].as_py() or ""
            filled = found.filled(batch, lines)
            batch, lines = batch.filter(pa.array(filled)), lines[filled]
            faults = [Fault(_NAMELESS, "", *_present(batch, name)) for name in nameless]
            yield batch.select(_named(names)), lines, faults
        broken.show(found.of(None, broken.rows)[1].tolist())
        # What a quote opens that nothing closes is one cell, to the end of the file.
        if goes_on(end) and is_open(found.text_from(last), dialect.separator):
            raise _never_closed(file, last)


class _Broken:
    """The rows of another width that were not shown yet: on which line is known a little later."""

    def __init__(self, file: Path, separator: str, rejects: Rejects) -> None:
        self._file, self._separator, self._rejects = file, separator, rejects
        self.rows: list[BrokenRow] = []

    def skip(self, row: pyarrow.csv.InvalidRow) -> str:
        cells = f"{row.actual_columns} instead of {row.expected_columns} cells"
        self.rows.append(BrokenRow(row.number, row.text, cells))
        return "skip"

    def show(self, lines: Sequence[int]) -> None:
        """Those that stand on some lines, which are the first."""
        for one, line in zip(self.rows, lines, strict=False):
            if goes_on(one.text) and is_open(one.text, self._separator):
                raise _never_closed(self._file, line)
            if self._rejects.count(_BROKEN_ROW, 1):
                text = partial(unmarked, one.text)
                self._rejects.show(_BROKEN_ROW, (str(self._file), line), one.problem, text)
        del self.rows[: len(lines)]


def _never_closed(file: Path, line: int) -> EventsError:
    return EventsError(
        f"{file}: not readable as CSV: a quote in the row of line {line:,} is never closed, which"
        " makes one cell of all that follows it: close it, or take it out"
    )


def _named(names: Sequence[str]) -> list[str]:
    return [name for name in names if not name.startswith("\0")]


def _present(batch: pa.RecordBatch, name: str) -> tuple[Bools, pa.Array]:
    column = batch.column(name)
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_), column


def _reader(
    stream: io.BufferedReader[Any],
    dialect: _Dialect,
    names: Sequence[str],
    skip: Callable[[pyarrow.csv.InvalidRow], str],
) -> pyarrow.csv.CSVStreamingReader:
    return pyarrow.csv.open_csv(
        stream,
        # One thread: only then does a broken row say which one it is.
        pyarrow.csv.ReadOptions(
            use_threads=False,
            block_size=_BLOCK_BYTES,
            column_names=names,
            skip_rows=dialect.above,
            skip_rows_after_names=1,
        ),
        pyarrow.csv.ParseOptions(
            delimiter=dialect.separator,
            newlines_in_values=True,
            ignore_empty_lines=False,  # they are left out where it is known where they stand
            invalid_row_handler=skip,
        ),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )


# ------------------------------------------------------------------------------------------- Header


def _dialect_of(file: Path) -> _Dialect:
    """How a file is written, by its header.

    Raises
    ------
    EventsError : it has no end, or is written in another encoding.
    """
    with as_utf8(file) as stream:
        head = stream.read(_HEADER_BYTES)
        is_all = not stream.read(1)
    text = head.decode("utf-8-sig", errors="ignore")  # it may be cut within a letter
    start = _BEFORE_HEADER.match(text).end()  # type: ignore[union-attr] # it matches nothing, too
    said = _SAID.match(text, start)
    start = said.end() if said else start
    separators = (said[1],) if said and said[1] in _SEPARATORS else _SEPARATORS
    found = [(separator, *_cells(text[start:], separator)) for separator in separators]
    separator, names, height, goes_on = max(found, key=lambda one: (_known(one[1]), len(one[1])))
    # One name, where another separator finds no end to it, is a line and no name.
    is_open = len(names) < 2 and not all(cells for _, cells, *_ in found)
    if text[start:] and (is_open or not (goes_on or is_all)):
        raise EventsError(
            f"{file}: not readable as CSV: the header does not end within {_HEADER_BYTES:,} bytes,"
            " or a name in it is longer than any; look for a quote that is not closed"
        )
    for name in names:
        _check_letters(file, name)
    above = len(_LINE_END.findall(text[:start]))
    return _Dialect(separator, names, above, height, is_bare=is_all and not goes_on)


def _cells(text: str, separator: str) -> tuple[tuple[str, ...], int, bool]:
    """The cells of the first row, of how many lines it is, and whether something follows.

    No cells where it never ends.
    """
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        names = tuple(cell.strip() for cell in next(rows, []))
    except csv.Error:  # a cell that never ends, with this separator
        return (), 1, False
    height = rows.line_num
    try:
        return names, height, any(rows)
    except csv.Error:
        return names, height, True


def _known(names: Sequence[str]) -> int:
    """How many of the columns that events have are among some names."""
    return sum(any(one in names for one in spellings(base)) for base in BASE)


def _check_letters(file: Path, name: str) -> None:
    """EventsError where a name is written in another encoding than the file's."""
    if "\0" in name:
        raise EventsError(f"{file}: the header is no UTF-8 text; {_SAVE}")
    if (shown := unmarked(name)) != name:
        raise EventsError(f"{file}: the column '{shown}' is not written in UTF-8; {_SAVE}")


_SAVE: Final = 'save it as UTF-8 (in Excel: "CSV UTF-8"), or convert it with iconv -t UTF-8'
