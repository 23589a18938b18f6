"""Checked events as bytes, on their way from one task to another, and as a file of a part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.arrays import Ints
from features.events.columns import Column
from features.events.log import encode
from features.events.table import EventTable
from features.files import new_file

__all__ = ["divided", "packed", "unpacked", "write_events"]

_NUMBER, _TEXT, _FLAT = "n:", "t:", "f:"
_BASE: Final = ("message_id", "lead_id", "name")
_MORE: Final = ("documents", "anonymous_id")
_OWN: Final = {"lead_id", "event", "occurred_at", "known_at", "message_id", "properties"}
_TIME: Final = pa.timestamp("us", "UTC")


def packed(table: EventTable) -> bytes:
    """All that a table holds, in Arrow's format, pressed."""
    columns: dict[str, Column] = {name: getattr(table, name) for name in _BASE}
    columns["occurred_at"] = pa.array(table.occurred_at)
    if table.known_at is not table.occurred_at:
        columns["known_at"] = pa.array(table.known_at)
    columns |= {_NUMBER + name: pa.array(column) for name, column in table.numbers.items()}
    columns |= {_TEXT + name: column for name, column in table.texts.items()}
    columns |= {_FLAT + name: column for name, column in table.flat.items()}
    columns |= {name: held for name in _MORE if (held := getattr(table, name)) is not None}
    whole = pa.table(columns)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, whole.schema, options=options) as stream:
        stream.write_table(whole)
    return bytes(sink.getvalue())


def unpacked(data: bytes) -> EventTable:
    """The reverse of `packed`."""
    whole = pa.ipc.open_stream(data).read_all()
    held = {name: whole[name] for name in whole.schema.names}
    occurred = held["occurred_at"].to_numpy()

    def of(mark: str) -> dict[str, Column]:
        return {
            name.removeprefix(mark): column
            for name, column in held.items()
            if name.startswith(mark)
        }

    return EventTable(
        held["message_id"],
        held["lead_id"],
        held["name"],
        occurred,
        held["known_at"].to_numpy() if "known_at" in held else occurred,
        {name: column.to_numpy() for name, column in of(_NUMBER).items()},
        of(_TEXT),
        of(_FLAT),
        held.get("documents"),
        held.get("anonymous_id"),
    )


def divided(table: EventTable, part: Ints) -> Iterator[tuple[int, bytes]]:
    """The rows of each part, those that have any; `part` has shape (n,)."""
    order = np.argsort(part, kind="stable")
    bounds = np.flatnonzero(np.diff(part[order], prepend=-1, append=-1))
    ordered = table.rows(order)
    for start, stop in pairwise(bounds.tolist()):
        yield int(part[order[start]]), packed(ordered.part(start, stop))


def write_events(table: EventTable, file: Path) -> None:
    """Write events as a Parquet file in our own layout, by lead and time.

    What they mean for a ladder is not written: it is read from the properties again.
    """
    order = np.lexsort((table.occurred_at, encode(table.lead_id)[0]))
    table = replace(table, numbers={}, texts={}, anonymous_id=None).rows(order)
    if _OWN & table.flat.keys():  # as a column of its own it would be taken for ours
        documents = pa.array(table.property_texts(), pa.string())
        table = replace(table, flat={}, documents=documents)
    columns: dict[str, Column] = {
        "lead_id": table.lead_id,
        "event": table.name,
        "occurred_at": pa.array(table.occurred_at).cast(_TIME),
    }
    if table.known_at is not table.occurred_at or "received_at" in table.flat:
        columns["known_at"] = pa.array(table.known_at).cast(_TIME)
    if table.message_id.null_count < len(table):
        columns["message_id"] = table.message_id
    columns |= table.flat
    if table.documents is not None:
        columns["properties"] = table.documents
    with new_file(file) as part:
        pq.write_table(pa.table(columns), part)
