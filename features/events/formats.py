"""The formats that events come in: Parquet, CSV and JSON lines as rows to be checked.

Parquet and CSV are read a column at a time. Which file is of which format, its name says.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from features.errors import EventsError, did_you_mean
from features.events.checks import BASE, BROKEN_JSON, BROKEN_ROW, Reading, RowBatch
from features.events.columns import texts_of
from features.events.import_report import Rejects
from features.events.properties import as_text, parse_object

__all__ = ["event_files", "row_batches"]

_PARQUET_ROWS: Final = 1 << 20
_CSV_BYTES: Final = 1 << 24
_JSON_ROWS: Final = 10_000
_REQUIRED: Final = ("lead_id", "name", "occurred_at")


def row_batches(file: Path, reading: Reading, rejects: Rejects) -> Iterator[RowBatch]:
    """The rows of a file, in parts. Those that are no rows at all go to `rejects`.

    Raises
    ------
    EventsError : the file is damaged, not of the format its name says, or lacks a column.
    """
    kind = _kind(file)
    try:
        yield from _READERS[kind](file, reading, rejects)
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "it is cut short"
        raise EventsError(f"{file}: not readable as {kind}: {reason}") from error


def _kind(file: Path) -> str:
    """The format of a file by its name, "" where it is none of ours."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if suffixes[-1:] == [".gz"]:
        return _SUFFIXES.get(suffixes[-2], "") if suffixes[-2:-1] in ([".csv"], *_JSON) else ""
    return _SUFFIXES.get(suffixes[-1], "") if suffixes else ""


_SUFFIXES: Final = {
    ".parquet": "Parquet",
    ".csv": "CSV",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
}
_JSON: Final = ([".jsonl"], [".ndjson"])
_WRITE: Final = "name it .parquet, .csv, .jsonl or .ndjson (the texts also .gz)"


def event_files(source: Path) -> list[Path]:
    """The file itself, or the files of events in a folder in name order."""
    if source.is_dir():
        found = sorted(file for file in source.iterdir() if file.is_file() and _kind(file))
        if not found:
            raise EventsError(f"{source}: no file of events in this folder; {_WRITE}")
        return found
    if not source.is_file():
        beside = [file.name for file in source.parent.glob("*")]
        raise EventsError(f"{source}: there is no such file{did_you_mean(source.name, beside)}")
    if source.suffix.lower() in (".db", ".sqlite"):
        raise EventsError(f"{source}: to read a store, write sqlite:///{source}")
    if not _kind(source):
        raise EventsError(f"{source}: not a file of events by its name; {_WRITE}")
    return [source]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which of a file's columns is which."""

    base: Mapping[str, str]
    properties: str | None
    flat: tuple[str, ...]

    @classmethod
    def of(cls, file: Path, names: Sequence[str], reading: Reading) -> _Columns:
        """The columns of a file, by name; those that nobody asks for are left out."""
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise EventsError(f"{file}: the column {twice[0]!r} stands twice in it")
        base = _base_names(names)
        for name in _REQUIRED:
            if name not in base:
                raise EventsError(_without(file, name, names))
        others = [name for name in names if name not in base.values() and name != "properties"]
        wanted = {*reading.needs.numbers, *reading.needs.texts}
        flat = tuple(name for name in others if reading.everything or name in wanted)
        inner = "properties" if "properties" in names and (reading.everything or wanted) else None
        return cls(base, inner, flat)

    @property
    def all(self) -> list[str]:
        """The names of the columns to read."""
        inner = [self.properties] if self.properties else []
        return [*self.base.values(), *inner, *self.flat]


def _base_names(names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name, aliases in BASE.items():
        for candidate in (name, *aliases):
            if candidate in names:
                found[name] = candidate
                break
    return found


def _without(file: Path, name: str, names: Sequence[str]) -> str:
    """What to say of a file without a required column."""
    also = "".join(f" (or {alias})" for alias in BASE[name])
    close = did_you_mean(name, names)
    return f"{file}: no column {name}{also}; it has {', '.join(names) or 'none'}{close}"


def _batch(
    file: Path, columns: _Columns, batch: pa.RecordBatch, lines: npt.NDArray[np.int64]
) -> RowBatch:
    """A part of a table as rows to be checked."""
    flat = {name: batch.column(name) for name in columns.flat}
    parsed = None
    if columns.properties:
        parsed = _opened(batch.column(columns.properties), flat)

    def row(at: int) -> object:
        return {name: batch.column(name)[at].as_py() for name in batch.schema.names}

    base = {name: batch.column(column) for name, column in columns.base.items()}
    return RowBatch(str(file), lines, base, flat, parsed, row)


def _opened(
    properties: pa.Array, flat: dict[str, pa.Array]
) -> list[Mapping[str, object] | str | None] | None:
    """Properties as JSON objects; the fields of a struct become columns in `flat` instead."""
    if pa.types.is_struct(properties.type):
        names = [properties.type.field(at).name for at in range(properties.type.num_fields)]
        for name, column in zip(names, properties.flatten(), strict=True):
            flat.setdefault(name, column)
        return None
    if pa.types.is_map(properties.type):
        return [None if row is None else dict(row) for row in properties.to_pylist()]
    return [_object(value) for value in properties.to_pylist()]


def _object(value: object) -> Mapping[str, object] | str | None:
    """A JSON object, None where it is absent, and the text itself where it is none."""
    if value is None or value == "":
        return None
    if isinstance(value, dict):
        return value
    found = parse_object(value) if isinstance(value, str) else None
    return (as_text(value) or "") if found is None else found


def _parquet(file: Path, reading: Reading, _: Rejects) -> Iterator[RowBatch]:
    with pyarrow.parquet.ParquetFile(file) as parquet:
        columns = _Columns.of(file, parquet.schema_arrow.names, reading)
        first = 1
        for batch in parquet.iter_batches(_PARQUET_ROWS, columns=columns.all):
            yield _batch(file, columns, batch, np.arange(first, first + len(batch)))
            first += len(batch)


def _csv(file: Path, reading: Reading, rejects: Rejects) -> Iterator[RowBatch]:
    with _csv_reader(file, [], lambda _: "skip") as header:
        columns = _Columns.of(file, header.schema.names, reading)
    broken: list[int] = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        broken.append(row.number)
        if rejects.count(BROKEN_ROW, 1):
            cells = f"{row.actual_columns} instead of {row.expected_columns} cells"
            rejects.show(BROKEN_ROW, (str(file), row.number), cells, lambda: row.text)
        return "skip"

    with _csv_reader(file, header.schema.names, skip) as reader:
        line = 2
        for batch in reader:
            lines = _lines(line, len(batch), broken)
            yield _batch(file, columns, batch, lines)
            line = int(lines[-1]) + 1 if len(lines) else line


def _csv_reader(
    file: Path, names: Sequence[str], skip: Callable[[pyarrow.csv.InvalidRow], str]
) -> pyarrow.csv.CSVStreamingReader:
    """A reader that takes every cell of the columns `names` for a text."""
    return pyarrow.csv.open_csv(
        pa.input_stream(str(file), compression="gzip" if file.suffix.lower() == ".gz" else None),
        # One thread: only then does a broken row say which one it is.
        pyarrow.csv.ReadOptions(use_threads=False, block_size=_CSV_BYTES),
        pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
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


def _bytes(file: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb")


def _json_lines(file: Path, reading: Reading, rejects: Rejects) -> Iterator[RowBatch]:
    with _bytes(file) as stream:
        numbered = ((at, line) for at, line in enumerate(stream, start=1) if line.strip())
        seen_any = False
        while part := list(islice(numbered, _JSON_ROWS)):
            rows = [(at, line, parse_object(line.removeprefix(_BOM))) for at, line in part]
            whole = [(at, line, found) for at, line, found in rows if found is not None]
            _reject_broken(file, [(at, line) for at, line, found in rows if found is None], rejects)
            if whole and not seen_any:
                _require_keys(file, [found for *_, found in whole], reading)
                seen_any = True
            yield _json_batch(file, whole)


_BOM: Final = b"\xef\xbb\xbf"


def _reject_broken(file: Path, rows: list[tuple[int, bytes]], rejects: Rejects) -> None:
    for at, line in rows:
        if rejects.count(BROKEN_JSON, 1):
            text = line.decode(errors="replace").strip()
            rejects.show(BROKEN_JSON, (str(file), at), text[:80], partial(str, text))


def _require_keys(file: Path, rows: list[dict[str, object]], reading: Reading) -> None:
    """Refuse a file of which none of the first rows has a required key."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    _Columns.of(file, names, reading)


def _json_batch(file: Path, rows: list[tuple[int, bytes, dict[str, object]]]) -> RowBatch:
    objects = [found for *_, found in rows]
    base = {name: _taken(objects, (name, *aliases)) for name, aliases in BASE.items()}

    def row(at: int) -> object:
        return parse_object(rows[at][1].removeprefix(_BOM))

    return RowBatch(
        str(file),
        np.array([at for at, *_ in rows], dtype=np.int64),
        base,
        {},
        [_properties(found) for found in objects],
        row,
    )


def _taken(objects: list[dict[str, object]], names: tuple[str, ...]) -> pa.Array:
    """The values of the first of `names` that an object has, taken out of it, as texts."""
    name, *aliases = names
    values = [found.pop(name, None) for found in objects]
    for alias in aliases:
        values = [
            found.pop(alias, None) if value is None else value
            for value, found in zip(values, objects, strict=True)
        ]
    return texts_of(values)


def _properties(rest: dict[str, object]) -> Mapping[str, object] | str | None:
    """What is left of a row: its `properties`, and every other key as a property."""
    inner = _object(rest.pop("properties", None))
    if isinstance(inner, str) or not rest:
        return inner
    if inner is None:
        return rest
    return {**inner, **{key: value for key, value in rest.items() if value is not None}}


_READERS: Final[Mapping[str, Callable[[Path, Reading, Rejects], Iterator[RowBatch]]]] = {
    "Parquet": _parquet,
    "CSV": _csv,
    "JSON lines": _json_lines,
}
