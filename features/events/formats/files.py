"""The formats that events come in: Parquet, CSV and JSON as rows to be checked.

Parquet and CSV are read a column at a time. Which file is of which format, its name says.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from features.errors import EventsError, did_you_mean
from features.events.columns import of_usual_types
from features.events.formats.csv_rows import csv_rows
from features.events.formats.exports.recognise import layout_of
from features.events.formats.exports.rows import ExportRows, rows_of_table
from features.events.formats.import_report import Rejects
from features.events.formats.json_rows import json_rows
from features.events.formats.row_batch import FileColumns, Reading, RowBatch, of_table
from features.events.formats.workbooks import (
    check_no_workbook,
    is_named_workbook,
    workbook_told,
)
from features.files import kept_away

__all__ = ["event_files", "is_of_events", "row_batches", "row_groups"]

_PARQUET_ROWS: Final = 1 << 20
_EXPORT_ROWS: Final = 50_000
"""A part of an export, whose rows are objects for a moment."""


def row_batches(file: Path, reading: Reading, rejects: Rejects) -> Iterator[RowBatch]:
    """The rows of a file, in parts. Those that are no rows at all go to `rejects`.

    Raises
    ------
    EventsError : the file is damaged, not of the format its name says, or lacks a column.
    """
    kind = _kind(file)
    try:
        check_no_workbook(file)
        yield from _READERS[kind](file, reading, rejects)
    except (pa.ArrowException, OSError, EOFError, zlib.error, UnicodeError) as error:
        if why := kept_away(error):
            raise EventsError(f"{file}: {why}") from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "it is cut short"
        raise EventsError(f"{file}: not readable as {kind}: {reason}") from error


def _kind(file: Path) -> str:
    """The format of a file by its name, "" where it is none of ours."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if suffixes[-1:] == [".gz"]:
        kind = _SUFFIXES.get(suffixes[-2], "") if len(suffixes) > 1 else ""
        return kind if kind in _TEXTS else ""
    return _SUFFIXES.get(suffixes[-1], "") if suffixes else ""


_SUFFIXES: Final = {
    ".parquet": "Parquet",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".json": "JSON",
    ".jsonl": "JSON",
    ".ndjson": "JSON",
}
_TEXTS: Final = ("CSV", "JSON")
_WRITE: Final = "name it .parquet, .csv, .tsv, .json, .jsonl or .ndjson (the texts also .gz)"
_COPY: Final = "write what it gives to a file and name that"
_HIDDEN: Final = (".", "_")
"""What file systems and other tools leave beside the data begins so."""


def is_of_events(file: Path) -> bool:
    """Whether a file, by its name, is read among those of its folder."""
    return bool(_kind(file)) and not file.name.startswith(_HIDDEN)


def event_files(source: Path) -> tuple[list[Path], list[str]]:
    """The file itself, or the files of events in a folder in name order; what is passed over.

    Passed over is what looks like a file of events and is hidden, such as `._events.csv`, and every
    folder in the folder, whose name ends in a stroke here.

    Raises
    ------
    EventsError : there is no file of events, or what has a name of one is no file.
    """
    if source.is_dir():
        return _files_inside(source)
    if not source.is_file():
        _check_regular(source)
        beside = [file.name for file in source.parent.glob("*")]
        raise EventsError(f"{source}: there is no such file{did_you_mean(source.name, beside)}")
    if source.suffix.lower() in (".db", ".sqlite"):
        raise EventsError(f"{source}: to read a store, write sqlite:///{source}")
    if is_named_workbook(source):
        raise EventsError(workbook_told(source))
    if not _kind(source):
        raise EventsError(f"{source}: not a file of events by its name; {_WRITE}")
    return [source], []


def _files_inside(source: Path) -> tuple[list[Path], list[str]]:
    inside = sorted(source.iterdir())
    folders = [one.name for one in inside if one.is_dir() and not one.name.startswith(_HIDDEN)]
    found = [file for file in inside if _kind(file) and not file.is_dir()]
    hidden = [file.name for file in found if file.name.startswith(_HIDDEN)]
    seen = [file for file in found if not file.name.startswith(_HIDDEN)]
    for file in seen:
        _check_regular(file)
    if not seen:
        if books := [file for file in inside if is_named_workbook(file)]:
            raise EventsError(workbook_told(books[0]))
        but = f" but hidden ones such as {hidden[0]}" if hidden else ""
        right = f"name one of the folders in it, such as {folders[0]}" if folders else _WRITE
        raise EventsError(f"{source}: no file of events in this folder{but}; {right}")
    return seen, [*hidden, *(f"{name}/" for name in folders)]


def _check_regular(file: Path) -> None:
    """EventsError where something is there that is no file, or a link that leads nowhere."""
    if file.exists() and not file.is_file():
        raise EventsError(f"{file}: is there and no regular file; {_COPY}")
    if file.is_symlink() and not file.exists():
        raise EventsError(f"{file}: is a link to what is not there")


def row_groups(file: Path, rows: int) -> list[range | None]:
    """A file in stretches that may be read apart, of about so many rows; None is a whole file.

    Of Parquet they are row groups that stand together. What other files hold, reading alone tells.
    """
    if _kind(file) != "Parquet":
        return [None]
    try:
        with pyarrow.parquet.ParquetFile(file) as parquet:
            sizes = _sizes(parquet)
    except (pa.ArrowException, OSError):  # whoever reads it says what is wrong
        return [None]
    bounds, held = [0], 0
    for at, size in enumerate(sizes, start=1):
        held += size
        if held >= rows or at == len(sizes):
            bounds.append(at)
            held = 0
    return [range(start, stop) for start, stop in pairwise(bounds)] or [None]


def _parquet_rows(file: Path, reading: Reading, _: Rejects) -> Iterator[RowBatch]:
    with pyarrow.parquet.ParquetFile(file) as parquet:
        names = parquet.schema_arrow.names
        groups = range(parquet.num_row_groups) if reading.groups is None else reading.groups
        if layout := layout_of(file, names, reading, _inner(parquet.schema_arrow)):
            if groups.start == 0:
                yield from _exported(parquet, ExportRows(file, layout, reading))
            return
        columns = FileColumns.of(file, names, reading)
        first = 1 + sum(_sizes(parquet)[: groups.start])
        wanted = {"columns": columns.all, "row_groups": list(groups)}
        for held in parquet.iter_batches(_PARQUET_ROWS, **wanted):
            batch = of_usual_types(held)
            yield of_table(file, columns, batch, np.arange(first, first + len(batch)))
            first += len(batch)


def _sizes(parquet: pyarrow.parquet.ParquetFile) -> list[int]:
    """The rows of each row group."""
    return [parquet.metadata.row_group(at).num_rows for at in range(parquet.num_row_groups)]


def _exported(parquet: pyarrow.parquet.ParquetFile, export: ExportRows) -> Iterator[RowBatch]:
    first = 1
    for held in parquet.iter_batches(_EXPORT_ROWS):
        batch = of_usual_types(held)
        yield export.batch(rows_of_table(batch, range(first, first + len(batch))))
        first += len(batch)


def _inner(schema: pa.Schema) -> list[str]:
    """The members of the columns that are structs, as paths."""
    return [
        f"{column.name}.{column.type.field(at).name}"
        for column in schema
        if pa.types.is_struct(column.type)
        for at in range(column.type.num_fields)
    ]


_READERS: Final[Mapping[str, Callable[[Path, Reading, Rejects], Iterator[RowBatch]]]] = {
    "Parquet": _parquet_rows,
    "CSV": csv_rows,
    "JSON": json_rows,
}
