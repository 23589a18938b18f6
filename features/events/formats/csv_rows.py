"""CSV files: how one is written is found out, not asked for.

A letter in another encoding is one bad cell, and no bad file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from features.arrays import Bools
from features.errors import EventsError
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


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How a file is written.

    Parameters
    ----------
    names : the header's cells; "" for a column without a name.
    """

    separator: str
    names: tuple[str, ...]


def csv_rows(file: Path, reading: Reading, rejects: Rejects) -> Iterator[RowBatch]:
    """The rows of a CSV file, in parts; those of another width go to `rejects`.

    Raises
    ------
    EventsError : the header cannot be read, or lacks a column.
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
    broken: list[int] = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        broken.append(row.number)
        if rejects.count(_BROKEN_ROW, 1):
            cells = f"{row.actual_columns} instead of {row.expected_columns} cells"
            rejects.show(_BROKEN_ROW, (str(file), row.number), cells, lambda: unmarked(row.text))
        return "skip"

    # Two columns without a name are two: a place stands for each.
    names = [name or f"\0{at}" for at, name in enumerate(dialect.names)]
    nameless = [name for name in names if name.startswith("\0")]
    with as_utf8(file) as stream, _reader(stream, dialect, names, skip) as reader:
        line = 2
        for batch in reader:
            lines = _lines(line, len(batch), broken)
            faults = [Fault(_NAMELESS, "", *_present(batch, name)) for name in nameless]
            yield batch.select(_named(names)), lines, faults
            line = int(lines[-1]) + 1 if len(lines) else line


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
            skip_rows_after_names=1,
        ),
        pyarrow.csv.ParseOptions(
            delimiter=dialect.separator, newlines_in_values=True, invalid_row_handler=skip
        ),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )


def _lines(first: int, count: int, broken: list[int]) -> npt.NDArray[np.int64]:
    """The numbers of `count` rows from `first` on, passing over those that were broken."""
    numbers = np.arange(first, first + count + len(broken), dtype=np.int64)
    return numbers[~np.isin(numbers, broken)][:count]


# ------------------------------------------------------------------------------------------- Header


def _dialect_of(file: Path) -> _Dialect:
    """How a file is written, by its header."""
    with as_utf8(file) as stream:
        head = stream.read(_HEADER_BYTES)
    text = head.decode("utf-8-sig", errors="ignore")  # it may be cut within a letter
    found = [(separator, _cells(text, separator)) for separator in _SEPARATORS]
    separator, names = max(found, key=lambda pair: (_known(pair[1]), len(pair[1])))
    for name in names:
        _check_letters(file, name)
    return _Dialect(separator, names)


def _cells(text: str, separator: str) -> tuple[str, ...]:
    """The cells of the first row; of a file without any there are none."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return tuple(cell.strip() for cell in next((row for row in rows if row), []))
    except csv.Error:  # a cell that never ends, with this separator
        return ()


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
