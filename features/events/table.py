"""Events on their way in or out: rows that were checked, still in the order of their source.

An `EventTable` keeps everything that an event says, for the store, and beside it the properties
that a ladder reads as the numbers and texts that they mean, for an `EventLog`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.events.columns import Column, distinct, text_array
from features.events.log import EventLog, LogColumns, Times, encode
from features.events.properties import as_value, parse_object, property_json

__all__ = ["EventTable", "again_without_id", "concat", "without_duplicates"]

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
"""An odd number whose bits are spread (Knuth's multiplicative hashing)."""


@dataclass(frozen=True, eq=False, slots=True)
class EventTable:
    """Checked events, one a row.

    Parameters
    ----------
    message_id, lead_id, name : texts; `message_id` is null where the source gave none.
    occurred_at, known_at : microseconds since the epoch, UTC, as the source says; the same array
        where the source has one clock.
    numbers : the number columns that a ladder reads and the source has, NaN where absent.
    texts : likewise its text columns, null where absent.
    flat : properties that came in columns, each of one Arrow type, null where absent.
    documents : properties that came as JSON objects, null where there were none.
    anonymous_id : ids that were seen together with the lead's own, null where there were none.
    """

    message_id: Column
    lead_id: Column
    name: Column
    occurred_at: Times
    known_at: Times
    numbers: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    texts: Mapping[str, Column] = field(default_factory=dict)
    flat: Mapping[str, Column] = field(default_factory=dict)
    documents: Column | None = None
    anonymous_id: Column | None = None

    def __len__(self) -> int:
        return len(self.occurred_at)

    @classmethod
    def empty(cls) -> EventTable:
        """No events."""
        none, times = pa.array([], pa.string()), np.empty(0, dtype=np.int64)
        return cls(none, none, none, times, times)

    def log(self, columns: LogColumns) -> EventLog:
        """The events as a log that holds `columns`."""
        one_clock = self.known_at is self.occurred_at
        return EventLog.from_columns(
            self.lead_id,
            self.name,
            self.occurred_at,
            None if one_clock else self.known_at,
            {name: self.numbers[name] for name in columns.numbers if name in self.numbers},
            {name: self.texts[name] for name in columns.texts if name in self.texts},
            columns,
        )

    def rows(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> EventTable:
        """Some of the rows, by mask or by index."""
        indices = pa.array(np.flatnonzero(keep) if keep.dtype == np.bool_ else keep)
        return self._each(lambda column: column.take(indices), lambda column: column[keep])

    def part(self, start: int, stop: int) -> EventTable:
        """The rows `start:stop`, without a copy."""
        return self._each(
            lambda column: column.slice(start, stop - start), lambda column: column[start:stop]
        )

    def _each(
        self,
        of_arrow: Callable[[Column], Column],
        of_numpy: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
    ) -> EventTable:
        occurred = of_numpy(self.occurred_at)
        one_clock = self.known_at is self.occurred_at
        return EventTable(
            of_arrow(self.message_id),
            of_arrow(self.lead_id),
            of_arrow(self.name),
            occurred,
            occurred if one_clock else of_numpy(self.known_at),
            {name: of_numpy(column) for name, column in self.numbers.items()},
            {name: of_arrow(column) for name, column in self.texts.items()},
            {name: of_arrow(column) for name, column in self.flat.items()},
            None if self.documents is None else of_arrow(self.documents),
            None if self.anonymous_id is None else of_arrow(self.anonymous_id),
        )

    def property_texts(self) -> list[str]:
        """All properties of each event as JSON: sorted keys, only those that are present."""
        flat = _joined_members(self.flat, len(self))
        if self.documents is None:
            return flat
        return [
            one if document is None else document if one == "{}" else _merged(document, one)
            for document, one in zip(self.documents.to_pylist(), flat, strict=True)
        ]


def _merged(document: str, flat: str) -> str:
    """Two JSON objects in one; what came in a column of its own wins."""
    return property_json({**(parse_object(document) or {}), **(parse_object(flat) or {})})


def _joined_members(flat: Mapping[str, Column], count: int) -> list[str]:
    members = [_members(name, flat[name]) for name in sorted(flat)]
    if not members or not count:
        return ["{}"] * count
    # Each member brings its comma, and the first is cut off: Arrow's own way to leave out what is
    # null loses the rows in which all is.
    inner = pc.binary_join_element_wise(*members, "")
    joined: list[str] = pc.binary_join_element_wise(
        "{", pc.utf8_slice_codeunits(inner, 1), "}", ""
    ).to_pylist()
    return joined


def _members(name: str, column: Column) -> pa.Array:
    """A column as members of a JSON object, `,"name":value`; empty where absent."""
    codes, values = distinct(column)
    members = [_member(name, value) for value in values]
    return pa.array([*members, ""], pa.string()).take(pa.array(codes % (len(members) + 1)))


def _member(name: str, value: object) -> str:
    meant = as_value(value) if isinstance(value, str) else value
    text = property_json({name: meant})
    return "" if text == "{}" or value == "" else f",{text[1:-1]}"


def concat(tables: Sequence[EventTable]) -> EventTable:
    """The rows of all tables, in order. A column that a table lacks is absent in its rows."""
    if len(tables) == 1:
        return tables[0]
    one_clock = all(table.known_at is table.occurred_at for table in tables)
    occurred = np.concatenate([table.occurred_at for table in tables])
    documents = [table.documents for table in tables]
    anonymous = [table.anonymous_id for table in tables]
    return EventTable(
        _stacked(tables, [table.message_id for table in tables]),
        _stacked(tables, [table.lead_id for table in tables]),
        _stacked(tables, [table.name for table in tables]),
        occurred,
        occurred if one_clock else np.concatenate([table.known_at for table in tables]),
        {
            name: np.concatenate(
                [table.numbers.get(name, np.full(len(table), np.nan)) for table in tables]
            )
            for name in _names(table.numbers for table in tables)
        },
        _stacked_columns(tables, lambda table: table.texts),
        _stacked_columns(tables, lambda table: table.flat),
        None if all(part is None for part in documents) else _stacked(tables, documents),
        None if all(part is None for part in anonymous) else _stacked(tables, anonymous),
    )


def _names(columns: Iterable[Mapping[str, object]]) -> list[str]:
    return sorted({name for mapping in columns for name in mapping})


def _stacked_columns(
    tables: Sequence[EventTable], columns: Callable[[EventTable], Mapping[str, Column]]
) -> dict[str, Column]:
    return {
        name: _stacked(tables, [columns(table).get(name) for table in tables])
        for name in _names(columns(table) for table in tables)
    }


def _stacked(tables: Sequence[EventTable], parts: Sequence[Column | None]) -> pa.ChunkedArray:
    """One column of all tables; texts where the tables do not agree on its type."""
    types = {part.type for part in parts if part is not None}
    kind = types.pop() if len(types) == 1 else pa.string()
    chunks: list[pa.Array] = []
    for part, table in zip(parts, tables, strict=True):
        if part is None:
            chunks.append(pa.nulls(len(table), kind))
            continue
        same = part if part.type == kind else text_array(part)
        chunks += same.chunks if isinstance(same, pa.ChunkedArray) else [same]
    return pa.chunked_array(chunks, kind)


def without_duplicates(table: EventTable) -> EventTable:
    """The events with each message id once, those without one all kept, order kept.

    Of several events with one id the one that was known first stays; where that does not decide,
    what they say does, so that the order of the rows has no effect.
    """
    ids = table.message_id
    given = len(ids) - ids.null_count
    if pc.count_distinct(ids, mode="only_valid").as_py() == given:
        return table
    code, _ = encode(ids)
    repeated = np.flatnonzero((np.bincount(code + 1)[code + 1] > 1) & (code >= 0))
    order = repeated[_content_order(table.rows(repeated), code[repeated])]
    keep = np.ones(len(table), dtype=np.bool_)
    keep[order[1:]] = code[order[1:]] != code[order[:-1]]
    return table.rows(keep)


def _content_order(table: EventTable, code: npt.NDArray[np.int32]) -> npt.NDArray[np.intp]:
    """Rows by message id, then by when they were known, then by everything that they say."""
    return np.lexsort([*_said(table), table.occurred_at, table.known_at, code])


def _said(table: EventTable) -> list[npt.NDArray[Any]]:
    """All that rows say beside their clocks and ids, as columns that can be ordered."""
    documents = () if table.documents is None else (table.documents,)
    said: list[npt.NDArray[Any]] = [
        encode(text_array(column))[0] for column in (*table.flat.values(), *documents)
    ]
    said += [encode(column)[0] for column in (*table.texts.values(), table.name, table.lead_id)]
    return [*said, *table.numbers.values()]


def again_without_id(table: EventTable) -> int:
    """How many events without a message id say just what another one without says.

    They count as often as they are there: two equal rows can be two clicks, or one click twice.
    """
    unnamed = table.message_id.is_null().to_numpy(zero_copy_only=False)
    if not unnamed.any():
        return 0
    # Few share an instant, and of those few the lead and the name: the rest is not looked at.
    alike = np.flatnonzero(unnamed)
    alike = alike[_shared(table.occurred_at[alike])]
    some = table.rows(alike)
    some = some.rows(_shared(_key(some)))
    if not len(some):
        return 0
    clocks = [some.occurred_at, some.known_at]
    linked = [] if some.anonymous_id is None else [encode(some.anonymous_id)[0]]
    said = [*_said(some), *linked, *clocks]
    order = np.lexsort(said)
    differs = np.zeros(len(some) - 1, dtype=np.bool_)
    for column in said:
        one, next_ = column[order][:-1], column[order][1:]
        differs |= (one != next_) & ~((one != one) & (next_ != next_))
    return int((~differs).sum())


def _shared(key: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """The rows whose key another row has too, ascending."""
    order = np.argsort(key, kind="stable")
    same = key[order[1:]] == key[order[:-1]]
    marks = np.zeros(len(key), dtype=np.bool_)
    marks[order[1:][same]] = marks[order[:-1][same]] = True
    return np.flatnonzero(marks)


def _key(table: EventTable) -> npt.NDArray[np.uint64]:
    """A number a row that equal rows share, and others hardly ever: to find those to look at."""
    with np.errstate(over="ignore"):
        key = table.occurred_at.astype(np.uint64)
        if table.known_at is not table.occurred_at:
            key = key * _MIX + table.known_at.astype(np.uint64)
        for column in (table.lead_id, table.name):
            key = key * _MIX + distinct(column)[0].astype(np.uint64)
        return np.asarray(key * _MIX)
