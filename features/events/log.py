"""The event log as columns: the events of each lead side by side, in time order.

`EventLog.from_columns` is the only way in. It sorts by lead, then by when things happened; ties are
put in an order that depends on what the events say and not on the order of the input rows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.errors import EventsError, UnknownLead
from features.events.order import order_by_lead, place_by_lead, put, tied_rows, unordered_rows

__all__ = ["DAY_US", "Codes", "EventLog", "LogColumns", "Times", "encode"]

DAY_US: Final = 86_400_000_000

Times = npt.NDArray[np.int64]
"""Instants in microseconds since 1970-01-01T00:00Z."""
Codes = npt.NDArray[np.int32]
"""Indices into a tuple of texts; -1 where the text is absent."""


@dataclass(frozen=True, slots=True)
class LogColumns:
    """The event properties that a log holds, as numbers and as texts, each sorted by name."""

    numbers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class EventLog:
    """Events in columns, those of one lead together, in the order in which they happened.

    Parameters
    ----------
    leads : lead ids, sorted; lead `i` owns the rows `starts[i]:starts[i + 1]`.
    names : event names, sorted; `name` holds indices into it.
    occurred, known : when it happened, and when we learned of it (`occurred <= known`), in
        microseconds since the epoch, UTC.
    numbers : shape (n_number_columns, n_events), float64, NaN where absent.
    texts : shape (n_text_columns, n_events), int32 codes into `text_values`, -1 where absent.
    """

    leads: tuple[str, ...]
    starts: npt.NDArray[np.int64]
    names: tuple[str, ...]
    name: Codes
    occurred: Times
    known: Times
    columns: LogColumns
    numbers: npt.NDArray[np.float64]
    texts: Codes
    text_values: tuple[tuple[str, ...], ...]
    ahead: Times | None = None
    """Shape (n_events,), microseconds by which an event was said to be known before it happened
    (`occurred` was moved back so far); None where no event was."""
    links: dict[int, Any] = field(default_factory=dict, repr=False)
    """What the fold derives from the names and texts of this log, kept per ladder."""

    def __len__(self) -> int:
        return len(self.name)

    @classmethod
    def from_columns(
        cls,
        lead: Sequence[str] | pa.Array | pa.ChunkedArray,
        name: Sequence[str] | pa.Array | pa.ChunkedArray,
        occurred: Times,
        known: Times | None = None,
        numbers: Mapping[str, npt.ArrayLike] | None = None,
        texts: Mapping[str, Sequence[str | None] | pa.Array] | None = None,
        columns: LogColumns | None = None,
    ) -> EventLog:
        """A log from one array a column, rows in any order.

        `known` absent means that each event was known when it happened. A `known` before `occurred`
        is a clock that ran ahead: the event happened no later than we learned of it, so `occurred`
        is moved to `known`. `columns` says which properties to hold; those that no array is given
        for are absent throughout. Without it, all that are given are held.
        """
        lead_code, lead_ids = encode(lead)
        name_code, names = encode(name)
        if (lead_code < 0).any() or (name_code < 0).any():
            raise EventsError("an event without a lead_id or a name")
        return cls.from_codes(
            lead_code, lead_ids, name_code, names, occurred, known, numbers, texts, columns
        )

    @classmethod
    def from_codes(
        cls,
        lead_code: npt.NDArray[np.int32],
        lead_ids: tuple[str, ...],
        name_code: npt.NDArray[np.int32],
        names: tuple[str, ...],
        occurred: Times,
        known: Times | None = None,
        numbers: Mapping[str, npt.ArrayLike] | None = None,
        texts: Mapping[str, Sequence[str | None] | pa.Array] | None = None,
        columns: LogColumns | None = None,
    ) -> EventLog:
        """As `from_columns`, from codes into sorted leads and names."""
        numbers, texts = numbers or {}, texts or {}
        columns = columns or LogColumns(tuple(sorted(numbers)), tuple(sorted(texts)))
        starts, place = place_by_lead(
            np.ascontiguousarray(lead_code, dtype=np.int32), len(lead_ids)
        )
        same_clock = known is None or known is occurred
        ahead = None
        if known is not None and not same_clock:
            early = np.maximum(occurred - known, 0)
            ahead = _placed(early, place, np.int64) if early.any() else None
            occurred = np.minimum(occurred, known)
        name, placed = np.empty(len(place), dtype=np.int32), np.empty(len(place), dtype=np.int64)
        number_rows = np.empty((len(columns.numbers), len(place)))
        text_rows = np.empty((len(columns.texts), len(place)), dtype=np.int32)
        told: list[tuple[npt.NDArray[Any], npt.ArrayLike]] = [(placed, occurred), (name, name_code)]
        if known is None or same_clock:
            known = placed
        else:
            told.append((np.empty(len(place), dtype=np.int64), known))
            known = told[-1][0]
        for row, column in enumerate(columns.numbers):
            told.append((number_rows[row], numbers.get(column, np.nan)))
        text_values: list[tuple[str, ...]] = []
        for row, column in enumerate(columns.texts):
            codes, words = encode(texts[column]) if column in texts else (-1, ())
            told.append((text_rows[row], codes))
            text_values.append(words)
        for into, values in told:
            if np.ndim(values) == 0:  # absent in all rows
                into.fill(values)
        put(
            [
                (into, np.ascontiguousarray(values, into.dtype))
                for into, values in told
                if np.ndim(values)
            ],
            place,
        )
        log = cls(
            leads=lead_ids,
            starts=starts,
            names=names,
            name=name,
            occurred=placed,
            known=known,
            columns=columns,
            numbers=number_rows,
            texts=text_rows,
            text_values=tuple(text_values),
            ahead=ahead,
        )
        log._put_in_order()
        return log

    def _put_in_order(self) -> None:
        """Order the rows of each lead; most logs come in order and need nothing."""
        clocks = self.starts, self.occurred, self.known
        rows = unordered_rows(*clocks)
        if len(rows):
            lead = self._lead_at(rows).astype(np.int32)
            order = order_by_lead(lead, len(self.leads), self.occurred[rows], self.known[rows])
            self._move(rows, rows[order])
        tied = tied_rows(*clocks)
        if len(tied):
            content = (*self.texts[::-1], *self.numbers[::-1], self.name, self.known, self.occurred)
            keys = [column[tied] for column in content]
            self._move(tied, tied[np.lexsort([*keys, self._lead_at(tied)])])

    def _lead_at(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.searchsorted(self.starts, rows, side="right") - 1

    def _move(self, rows: npt.NDArray[np.int64], come_from: npt.NDArray[np.int64]) -> None:
        """Put other rows into the places of some; only while the log is being made."""
        clocks = (self.occurred,) if self.known is self.occurred else (self.occurred, self.known)
        ahead = () if self.ahead is None else (self.ahead,)
        for column in (self.name, *clocks, *ahead, *self.numbers, *self.texts):
            column[rows] = column[come_from]

    def index_of(self, lead_id: str) -> int:
        """The index of a lead; UnknownLead where the log does not hold it."""
        at = bisect_left(self.leads, lead_id)
        if at == len(self.leads) or self.leads[at] != lead_id:
            raise UnknownLead.named(lead_id, self.leads[max(0, at - 3) : at + 3])
        return at

    def lead_of_rows(self) -> npt.NDArray[np.int64]:
        """The lead index of each event row."""
        return np.repeat(np.arange(len(self.leads)), np.diff(self.starts))

    def judged_until(self, until: int | None) -> int:
        """An instant, but no later than the last at which anything of this log became known.

        Of what came after that the log knows nothing: to call its silence a failure would be wrong.
        """
        last = int(self.known.max(initial=0))
        return last if until is None else min(until, last)

    def known_by(self, until: int) -> EventLog:
        """The log as it stood at an instant, as if the rest had never been read."""
        known = self.known <= until
        if known.all():
            return self
        name, names = _used(self.name[known], self.names)
        texts = np.empty((len(self.columns.texts), int(known.sum())), dtype=np.int32)
        text_values = []
        for row, values in enumerate(self.text_values):
            texts[row], used = _used(self.texts[row, known], values)
            text_values.append(used)
        sizes = np.bincount(self.lead_of_rows()[known], minlength=len(self.leads))
        return EventLog(
            leads=tuple(lead for lead, size in zip(self.leads, sizes, strict=True) if size),
            starts=np.concatenate([[0], np.cumsum(sizes[sizes > 0])]).astype(np.int64),
            names=names,
            name=name,
            occurred=self.occurred[known],
            known=self.known[known],
            columns=self.columns,
            numbers=np.compress(known, self.numbers, axis=1),
            texts=texts,
            text_values=tuple(text_values),
            ahead=None if self.ahead is None else self.ahead[known],
        )

    def only(self, keep: npt.NDArray[np.bool_]) -> EventLog:
        """The log of some leads: `keep` is a mask of shape (n_leads,)."""
        rows = np.repeat(keep, np.diff(self.starts))
        sizes = np.diff(self.starts)[keep]
        return EventLog(
            leads=tuple(lead for lead, kept in zip(self.leads, keep, strict=True) if kept),
            starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            names=self.names,
            name=self.name[rows],
            occurred=self.occurred[rows],
            known=self.known[rows],
            columns=self.columns,
            numbers=np.compress(rows, self.numbers, axis=1),
            texts=np.compress(rows, self.texts, axis=1),
            text_values=self.text_values,
            ahead=None if self.ahead is None else self.ahead[rows],
        )


def _used(codes: Codes, values: tuple[str, ...]) -> tuple[Codes, tuple[str, ...]]:
    """Codes into the values that occur alone, in the same order."""
    used = np.unique(codes[codes >= 0])
    rank = np.full(len(values) + 1, -1, dtype=np.int32)
    rank[used] = np.arange(len(used), dtype=np.int32)
    return rank[codes], tuple(values[at] for at in used)


def encode(
    values: Sequence[str | None] | pa.Array | pa.ChunkedArray,
) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """Texts as codes into their sorted distinct values; -1 where absent."""
    array = (
        values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, pa.string())
    )
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if not pa.types.is_dictionary(array.type):
        array = pc.dictionary_encode(array)
    dictionary = array.dictionary.to_pylist()
    order = sorted(range(len(dictionary)), key=dictionary.__getitem__)
    rank = np.empty(len(dictionary) + 1, dtype=np.int32)
    rank[-1] = -1  # where the index is null, below
    rank[order] = np.arange(len(dictionary), dtype=np.int32)
    indices = pc.fill_null(array.indices, -1).to_numpy(zero_copy_only=False)
    return rank[indices], tuple(dictionary[at] for at in order)


def _placed(
    values: npt.ArrayLike, place: npt.NDArray[np.int64], dtype: type[np.generic]
) -> npt.NDArray[Any]:
    """A column in the order of the log."""
    column = np.empty(len(place), dtype=dtype)
    column[place] = values
    return column
