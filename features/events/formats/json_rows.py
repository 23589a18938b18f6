"""JSON: one object a line, or one array of objects, which may be the member of an object."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import numpy as np
import orjson
import pyarrow as pa

from features.errors import EventsError
from features.events.columns import texts_of
from features.events.formats.exports.recognise import layout_of
from features.events.formats.exports.rows import ExportRows, SourceRow
from features.events.formats.import_report import Rejects
from features.events.formats.layout import Layout
from features.events.formats.row_batch import (
    BASE,
    Fault,
    FileColumns,
    Reading,
    RowBatch,
    as_object,
    is_own,
    named,
    spellings,
)
from features.events.formats.utf8 import as_utf8, is_utf16
from features.events.properties import parse_object
from features.ladder.field_names import plain

__all__ = ["BROKEN_JSON", "json_rows"]

_ROWS: Final = 10_000
_SEEN: Final = 1_000
"""Rows whose members tell which export a file is."""
_BOM: Final = b"\xef\xbb\xbf"
BROKEN_JSON: Final = "broken JSON"
_OF_PAGES: Final = frozenset(
    {
        *("page", "pages", "paging", "pagination", "pageinfo", "cursor", "cursors", "links"),
        *("meta", "metadata", "responsemetadata", "additionaldata"),
    }
)
"""What a page of an answer is called that says which page it is, by `plain`."""
_PAGE: Final = (
    "{file}: no event by itself, and no page that holds nothing but rows: it has lists in {names}."
    " Give the rows alone, one object a line, or each page in a file of its own without other lists"
    " and objects"
)
_TOO_DEEP: Final = b"(nests too deep)"

_Stream: TypeAlias = "IO[bytes] | gzip.GzipFile | io.BufferedReader[Any]"
_Line = tuple[int, bytes]
"""Its number, counted from 1, and what stands in it."""


def json_rows(file: Path, reading: Reading, rejects: Rejects) -> Iterator[RowBatch]:
    """The rows of a file, in parts; what is no JSON object goes to `rejects`.

    Raises
    ------
    EventsError : none of the first rows has a key that is needed.
    """
    with _bytes(file) as stream:
        lines = _lines_of(stream, lambda said: reading.tell(f"{file.name}: {said}"))
        export: ExportRows | None = None
        seen_any = False
        while part := list(islice(lines, _ROWS)):
            rows = [(at, line, parse_object(line)) for at, line in part]
            whole = [(at, line, found) for at, line, found in rows if found is not None]
            _reject_broken(file, [(at, line) for at, line, found in rows if found is None], rejects)
            if whole and not seen_any:
                layout = _layout(file, [found for *_, found in whole], reading)
                export = ExportRows(file, layout, reading) if layout else None
                seen_any = True
            yield _batch(file, whole) if export is None else export.batch(_as_they_are(whole))


@contextmanager
def _bytes(file: Path) -> Iterator[_Stream]:
    """The bytes of a file, unpacked; of one in UTF-16, as shells on Windows write, as UTF-8."""
    with gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb") as stream:
        if not is_utf16(stream.peek(2)):
            yield stream
            return
    with as_utf8(file) as decoded:
        yield decoded


def _lines_of(stream: _Stream, tell: Callable[[str], None]) -> Iterator[_Line]:
    """The lines that are not empty; of an array its members, each as a line.

    An object that goes on beyond its line, or that is all there is, is one row, or holds the array.

    Parameters
    ----------
    tell : is told what is left out beside the array.
    """
    plain = (
        (at, line.removeprefix(_BOM) if at == 1 else line) for at, line in enumerate(stream, 1)
    )
    lines = ((at, line) for at, line in plain if line.strip())
    first = next(lines, None)
    if first is None:
        return
    start = first[1].lstrip()[:1]
    if start == b"[" or (start == b"{" and parse_object(first[1]) is None):
        yield from _members(first, stream, tell)
        return
    second = next(lines, None)
    alone = parse_object(first[1]) if second is None else None
    if alone is not None and (rows := _held_rows(alone, tell)):
        for at, member in enumerate(rows, start=1):
            yield at, _as_line(member)
        return
    yield first
    if second is not None:
        yield second
        yield from lines


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _held_rows(found: dict[str, object], tell: Callable[[str], None]) -> list[object]:
    """The only array of a page, as APIs answer: an object without a lead that has no other rows.

    Beside it stand plain values and what says of pages which this is. No rows where it is no page.
    """
    inner = {name: one for name, one in found.items() if isinstance(one, list | dict)}
    names = _names_of_rows(inner)
    beside = [name for name in inner if name not in names]
    if len(names) != 1 or any(name in found for name in spellings("lead_id")):
        return []
    is_event = any(name in found for base in BASE for name in spellings(base))
    if beside and (is_event or not all(_is_of_pages(name, inner[name]) for name in beside)):
        return []
    (name,) = names
    if others := ", ".join(repr(one) for one in found if one != name):
        tell(f"the rows are those of {name!r}; beside them {others} is left out")
    rows = found[name]
    return rows if isinstance(rows, list) else []


def _names_of_rows(found: Mapping[str, object]) -> list[str]:
    """The names of those members that are arrays with objects in them."""
    return [
        name
        for name, one in found.items()
        if isinstance(one, list) and any(isinstance(row, dict) for row in one)
    ]


def _is_of_pages(name: str, value: object) -> bool:
    return isinstance(value, dict) and plain(name) in _OF_PAGES


def _members(line: _Line, stream: _Stream, tell: Callable[[str], None]) -> Iterator[_Line]:
    """The members of an array that begins with a line; that line and the others where it is none.

    A file of lines may begin with an array by mistake, or with a broken line, and one row is bad
    then.
    """
    number, first = line
    rest = stream.read()
    if not (_is_json(first) and rest.strip()):
        try:
            found = orjson.loads(first + rest)
        except orjson.JSONDecodeError:
            found = None
        if isinstance(found, dict):
            found = _held_rows(found, tell) or [found]
        if isinstance(found, list):
            for at, member in enumerate(found, start=1):
                yield at, _as_line(member)
            return
    yield number, first
    for at, other in enumerate(rest.split(b"\n"), start=number + 1):
        if other.strip():
            yield at, other


def _as_line(member: object) -> bytes:
    try:
        return orjson.dumps(member)
    except orjson.JSONEncodeError:  # deeper than is written, and than anything that is taken
        return _TOO_DEEP


def _reject_broken(file: Path, rows: list[_Line], rejects: Rejects) -> None:
    for at, line in rows:
        if rejects.count(BROKEN_JSON, 1):
            text = line.decode(errors="replace").strip()
            rejects.show(BROKEN_JSON, (str(file), at), text[:80], partial(str, text))


def _layout(file: Path, rows: list[dict[str, object]], reading: Reading) -> Layout | None:
    """How a file is laid out; one of ours is refused if none of the first rows has a needed key."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    if reading.layout is None and (is_own(names) or not reading.recognises):
        layout = None
    else:
        inner = [
            f"{key}.{part}"
            for row in rows[:_SEEN]
            for key, value in row.items()
            if isinstance(value, dict)
            for part in value
        ]
        layout = layout_of(file, names, reading, tuple(dict.fromkeys(inner)))
    if layout is None:
        if not is_own(names) and (held := _names_of_rows(rows[0])):
            raise EventsError(_PAGE.format(file=file, names=" and ".join(map(repr, held))))
        FileColumns.of(file, names, reading)
    return layout


def _as_they_are(rows: list[tuple[int, bytes, dict[str, object]]]) -> list[SourceRow]:
    return [SourceRow(at, found, partial(parse_object, line)) for at, line, found in rows]


def _batch(file: Path, rows: list[tuple[int, bytes, dict[str, object]]]) -> RowBatch:
    objects = [found for *_, found in rows]
    faults: list[Fault] = []
    base: dict[str, pa.Array] = {}
    for name in BASE:
        values = _taken(objects, spellings(name))
        is_text = name in ("lead_id", "message_id", "name")
        base[name] = named(name, values, faults) if is_text else texts_of(values)

    def row(at: int) -> object:
        return parse_object(rows[at][1])

    return RowBatch(
        str(file),
        np.array([at for at, *_ in rows], dtype=np.int64),
        base,
        {},
        [_properties(found) for found in objects],
        row,
        faults,
    )


def _taken(objects: list[dict[str, object]], names: tuple[str, ...]) -> list[object]:
    """The value of the first of `names` that an object has, taken out of it; None without any."""
    return [_first(found, names) for found in objects]


def _first(found: dict[str, object], names: tuple[str, ...]) -> object:
    for name in names:
        if name in found:
            return found.pop(name)
    return None


def _properties(rest: dict[str, object]) -> Mapping[str, object] | str | None:
    """What is left of a row: its `properties`, and every other key as a property."""
    inner = as_object(rest.pop("properties", None))
    if isinstance(inner, str) or not rest:
        return inner
    if inner is None:
        return rest
    return {**inner, **{key: value for key, value in rest.items() if value is not None}}
