"""Rows of a file as they are, whatever its format, and which of its columns is which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import Bools
from features.clock import instant_if_any
from features.errors import EventsError, did_you_mean
from features.events.columns import decoded, in_calendar, text_array
from features.events.formats.layout import Layout
from features.events.formats.utf8 import marked, unmarked
from features.events.log import LogColumns
from features.events.personal_data import ContactRule
from features.events.properties import as_text, parse_object
from features.events.readable import is_answer
from features.events.values import id_text
from features.ladder.ladder import EventNames

__all__ = [
    "BASE",
    "Fault",
    "FileColumns",
    "Properties",
    "Reading",
    "RowBatch",
    "as_object",
    "is_own",
    "named",
    "of_table",
    "spellings",
    "told",
]

BASE: Final[Mapping[str, tuple[str, ...]]] = {
    "lead_id": (),
    "name": ("event",),
    "occurred_at": ("timestamp",),
    "known_at": ("received_at",),
    "message_id": (),
}
"""The columns that every event has or may have, with the other names that are understood."""

_FIRST: Final = {"name": "event"}
"""Beside a column `event`, `name` is a person's or a page's, and no event's."""
_REQUIRED: Final = ("lead_id", "name", "occurred_at")

_NOT_UTF8: Final = "bytes that are no UTF-8 text"
_NO_DATE: Final = "a time that no calendar has"
_NO_ID: Final = "an id that is no text and no whole number"
_NO_NAME: Final = "a name that is no text"

Properties = Mapping[str, object]


def _nobody(_: str) -> None:
    """Listens to what a reading tells."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a source is to be read.

    Parameters
    ----------
    needs : the properties whose values are checked and made numbers and texts.
    timezone : the IANA zone of times that have none; None refuses them.
    everything : whether properties beyond `needs` are kept too.
    names : of the events with a fixed role, whose answers are to be understood; None asks for none.
    layout : how the files are laid out; None: in our own way, or as they are recognised.
    recognises : whether files that are not laid out in our way may be exports of other tools.
    mapped : how files are laid out that have its columns, and are not in our own way.
    tell : is told what a file is taken for.
    contact : which events may hold no contact data; None looks for none.
    groups : the row groups of a Parquet file that are read; None: all. Of an export, whose rows say
        something of each other, the first of them stands for all, and the others for nothing.
    """

    needs: LogColumns
    timezone: str | None = None
    everything: bool = True
    names: EventNames | None = None
    layout: Layout | None = None
    recognises: bool = True
    mapped: Layout | None = None
    tell: Callable[[str], None] = _nobody
    groups: range | None = None
    contact: ContactRule | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Fault:
    """What is wrong with some of the rows, where the format itself shows it.

    Parameters
    ----------
    rows : a mask of shape (n,).
    values : of the column, as the file has them.
    """

    reason: str
    column: str
    rows: Bools
    values: Sequence[object] | pa.Array


@dataclass(frozen=True, eq=False, slots=True)
class RowBatch:
    """Some rows of a file, as they are.

    Parameters
    ----------
    lines : line (CSV, JSON lines) or row (Parquet) of each in its file, counted from 1.
    base : the columns of `BASE` that the file has.
    flat : its other columns, each a property.
    parsed : the properties that came as a JSON object, None where there were none; a text is one
        that could not be read as an object.
    row : the whole row as JSON values, for the list of rejects.
    faults : null stands for each value that one is about.
    zone : of times without one, where nobody says another.
    anonymous : ids that each row links with its lead, null where it has none.
    of_unknown : a mask of the rows that name nobody but who has not said who they are; None: none.
    """

    file: str
    lines: npt.NDArray[np.int64]
    base: Mapping[str, pa.Array]
    flat: Mapping[str, pa.Array]
    parsed: Sequence[Properties | str | None] | None
    row: Callable[[int], object]
    faults: Sequence[Fault] = field(default=())
    zone: str | None = None
    anonymous: pa.Array | None = None
    of_unknown: Bools | None = None


# ------------------------------------------------------------------------------------------ Columns


@dataclass(frozen=True, slots=True)
class FileColumns:
    """Which of a file's columns is which."""

    base: Mapping[str, str]
    properties: str | None
    flat: tuple[str, ...]

    @classmethod
    def of(cls, file: Path, names: Sequence[str], reading: Reading) -> FileColumns:
        """The columns of a file, by name; those that nobody asks for are left out.

        Raises
        ------
        EventsError : a column stands twice, or one that is needed not at all.
        """
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise EventsError(f"{file}: the column {twice[0]!r} stands twice in it")
        base = _base_names(names)
        for name in _REQUIRED:
            if name not in base:
                raise EventsError(_without(file, name, names))
        others = [name for name in names if name not in base.values() and name != "properties"]
        flat = tuple(name for name in others if _is_read(name, reading))
        inner = "properties" if "properties" in names and _reads_any(reading) else None
        return cls(base, inner, flat)

    @property
    def all(self) -> list[str]:
        """The names of the columns to read."""
        inner = [self.properties] if self.properties else []
        return [*self.base.values(), *inner, *self.flat]


def _is_read(name: str, reading: Reading) -> bool:
    if reading.everything or name in reading.needs.numbers or name in reading.needs.texts:
        return True
    return reading.names is not None and is_answer(name)


def _reads_any(reading: Reading) -> bool:
    needs = reading.needs
    return reading.everything or reading.names is not None or bool(needs.numbers or needs.texts)


def _base_names(names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in BASE:
        for candidate in spellings(name):
            if candidate in names:
                found[name] = candidate
                break
    return found


def is_own(names: Sequence[str]) -> bool:
    """Whether a file with these columns is laid out in our own way."""
    return all(any(one in names for one in spellings(name)) for name in _REQUIRED)


def spellings(name: str) -> tuple[str, ...]:
    """What a column of `BASE` may be called, that which counts first before the others."""
    first = _FIRST.get(name, name)
    return (first, *(one for one in (name, *BASE[name]) if one != first))


_MAP: Final = (
    "; say what is what in an [import] table, of the ladder or of a file for rung init --columns,"
    " or --layout where it is an export"
)


def _without(file: Path, name: str, names: Sequence[str]) -> str:
    """What to say of a file without a required column."""
    also = "".join(f" (or {alias})" for alias in BASE[name])
    if times := [one for one in names if instant_if_any(one) is not None]:
        return (
            f"{file}: no column {name}{also}: its first line is to name the columns, and has a"
            f" time, {times[0]}; put a line with the names above it"
        )
    close = did_you_mean(name, names)
    return f"{file}: no column {name}{also}; it has {', '.join(names) or 'none'}{close or _MAP}"


# ------------------------------------------------------------------------------------------- Tables


def of_table(
    file: Path,
    columns: FileColumns,
    batch: pa.RecordBatch,
    lines: npt.NDArray[np.int64],
    more: Sequence[Fault] = (),
) -> RowBatch:
    """A part of a table as rows to be checked."""
    faults = list(more)

    def texts(shown: str, column: str) -> pa.Array:
        found, broken = decoded(batch.column(column))
        if pa.types.is_string(found.type):
            broken |= marked(found)
        if broken.any():
            faults.append(Fault(_NOT_UTF8, shown, broken, batch.column(column)))
            found = pc.if_else(pa.array(broken), pa.scalar(None, found.type), found)
        return found

    flat = {name: _in_calendar(name, texts(name, name), faults) for name in columns.flat}
    parsed = None
    if columns.properties:
        inner = texts("properties", columns.properties)
        parsed = _opened(_in_calendar("properties", inner, faults), flat)
    base = {name: texts(name, column) for name, column in columns.base.items()}
    for name in ("lead_id", "message_id", "name"):
        if name in base:
            base[name] = _named(name, base[name], faults)

    def row(at: int) -> object:
        return {name: told(batch.column(name)[at]) for name in batch.schema.names}

    return RowBatch(str(file), lines, base, flat, parsed, row, faults)


def _in_calendar(name: str, column: pa.Array, faults: list[Fault]) -> pa.Array:
    found, outside = in_calendar(column)
    if outside.any():
        faults.append(Fault(_NO_DATE, name, outside, column))
    return found


def _named(name: str, column: pa.Array, faults: list[Fault]) -> pa.Array:
    """A column of ids or names as texts; what is none goes to `faults`."""
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    is_whole = name != "name" and pa.types.is_integer(column.type)
    if is_text or is_whole or pa.types.is_null(column.type):
        return text_array(column)
    if pa.types.is_dictionary(column.type):
        return _named(name, column.dictionary_decode(), faults)
    return named(name, column.to_pylist(), faults)


def named(name: str, values: Sequence[object], faults: list[Fault]) -> pa.Array:
    """Ids or names of any types as texts, null where they are none, which goes to `faults`."""
    plain = [_plain(value) for value in values]
    found = [
        (value if isinstance(value, str) else None) if name == "name" else id_text(value)
        for value in plain
    ]
    odd = [text is None and value is not None for text, value in zip(found, plain, strict=True)]
    if any(odd):
        reason = _NO_NAME if name == "name" else _NO_ID
        faults.append(Fault(reason, name, np.array(odd, dtype=np.bool_), values))
    return text_array(pa.array(found, pa.string()))


def _plain(value: object) -> object:
    """An id in a type of a table as the text that it is exactly; what is not a number is absent."""
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return str(int(value))
    if isinstance(value, UUID):
        return str(value)
    return None if value != value else value


def told(value: Any) -> Any:
    """A value to be shown: of bytes the text, with what is none as it is written."""
    if isinstance(value, pa.Scalar):
        try:
            value = value.as_py()
        except (OverflowError, ValueError):  # a time that no calendar has
            nested = pa.types.is_nested(value.type)
            return f"{'' if nested else value.cast(pa.int64())} {value.type}".strip()
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return unmarked(value) if isinstance(value, str) else value


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
        rows = properties.to_pylist()
        return [None if row is None else {_key(key): one for key, one in row} for row in rows]
    return [as_object(value) for value in properties.to_pylist()]


def _key(key: object) -> str:
    """The name of a property that a map has under a key of any type."""
    return key if isinstance(key, str) else as_text(key) or ""


def as_object(value: object) -> Mapping[str, object] | str | None:
    """A JSON object, None where it is absent, and the text itself where it is none."""
    if value is None or value == "":
        return None
    if isinstance(value, dict):
        return value
    found = parse_object(value) if isinstance(value, str) else None
    return (as_text(value) or "") if found is None else found
