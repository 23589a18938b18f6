"""Rows of scores as NDJSON, CSV and Arrow: written as they are read, never all at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Literal

import orjson
import pyarrow as pa

from serving.routes.exports.rows import FlatRow

__all__ = ["FORMATS", "JSON", "Format", "encoder"]

Format = Literal["json", "ndjson", "csv", "arrow"]
FORMATS: Final[Mapping[Format, str]] = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "arrow": "application/vnd.apache.arrow.stream",
}
"""The media type of each."""
JSON: Final = orjson.OPT_UTC_Z
"""How instants are written: as everywhere else."""
_Parts = Iterable[list[FlatRow]]


def encoder(kind: Format, schema: pa.Schema) -> Callable[[_Parts], Iterator[bytes]]:
    """What turns rows into the bytes of a format, some at a time."""
    if kind == "ndjson":
        return _ndjson
    return (lambda parts: _csv(parts, schema)) if kind == "csv" else lambda p: _arrow(p, schema)


def _ndjson(parts: _Parts) -> Iterator[bytes]:
    for rows in parts:
        if rows:
            yield b"".join(orjson.dumps(row, option=JSON) + b"\n" for row in rows)


def _csv(parts: _Parts, schema: pa.Schema) -> Iterator[bytes]:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(schema.names)
    for rows in parts:
        lines.writerows([_cell(row.get(name)) for name in schema.names] for row in rows)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    if text.tell():
        yield text.getvalue().encode()


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return orjson.dumps(value).decode()
    if isinstance(value, datetime):
        return orjson.dumps(value, option=JSON).decode().strip('"')
    return value


class _Chunks(io.RawIOBase):
    """What is written to it, to be taken away."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.taken += data
        return len(data)

    def take(self) -> bytes:
        found = bytes(self.taken)
        self.taken.clear()
        return found


def _arrow(parts: _Parts, schema: pa.Schema) -> Iterator[bytes]:
    chunks = _Chunks()
    with pa.ipc.new_stream(chunks, schema) as stream:
        for rows in parts:
            stream.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))
            yield chunks.take()
    yield chunks.take()
