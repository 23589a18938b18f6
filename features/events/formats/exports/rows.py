"""Rows of an export, whatever its format, as rows to be checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features.events.columns import decoded, in_calendar, texts_of
from features.events.formats.exports.opened import Exported, Opener
from features.events.formats.layout import ClockUnit, Layout
from features.events.formats.row_batch import Fault, Reading, RowBatch, named, told
from features.events.formats.utf8 import marked
from features.events.properties import as_value

__all__ = ["ExportRows", "SourceRow", "faulty", "rows_of_table"]

_TICKS: Final[dict[ClockUnit, int]] = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_UNITS: Final = {
    "us": "microseconds",
    "ms": "milliseconds",
    "s": "seconds",
    "h": "hours",
    "d": "days",
}
_FAR: Final = 2**62
_NOT_UTF8: Final = "bytes that are no UTF-8 text"
_NO_DATE: Final = "a time that no calendar has"


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row of an export as it is.

    Parameters
    ----------
    line : its number, counted from 1.
    raw : gives the row to be shown.
    faults : what its format shows to be wrong with it: reason, column and value.
    """

    line: int
    values: dict[str, Any]
    raw: Callable[[], object]
    faults: tuple[tuple[str, str, object], ...] = ()


class ExportRows:
    """Makes rows to be checked of the rows of one file.

    Parameters
    ----------
    of_texts : whether the file has nothing but texts, of which some mean numbers.
    """

    def __init__(
        self, file: Path, layout: Layout, reading: Reading, *, of_texts: bool = False
    ) -> None:
        needs = reading.needs
        nested = tuple(name for name in (*needs.numbers, *needs.texts) if "." in name)
        traits = "identify" if reading.names is None else reading.names.traits
        self._file, self._layout, self._reading = str(file), layout, reading
        self._opener = Opener(layout, traits, nested)
        self._of_texts = of_texts
        self._said: set[str] = set()

    def batch(self, rows: Sequence[SourceRow]) -> RowBatch:
        """Some rows as a batch; a row stands in it as often as it tells events."""
        pairs = [(row, one) for row in rows for one in self._opener.events(row.values)]
        sources = [row for row, _ in pairs]
        events = [one for _, one in pairs]
        faults = _faults(sources)
        base = self._base(events, faults)
        self._tell_later()
        return RowBatch(
            self._file,
            np.array([row.line for row in sources], dtype=np.int64),
            base,
            {},
            [self._meant(one.properties) for one in events],
            lambda at: sources[at].raw(),
            faults,
            zone=self._layout.zone,
            anonymous=named("anonymous_id", [one.anonymous for one in events], []),
            of_unknown=np.array([one.is_unknown for one in events], dtype=np.bool_),
        )

    def _base(self, events: Sequence[Exported], faults: list[Fault]) -> dict[str, pa.Array]:
        layout = self._layout
        leads = [one.lead for one in events]
        either = "neither " if len(layout.lead) > 1 else "no "
        nobody = f"no lead in the row: {either}{' nor '.join(layout.lead)}"
        without = np.array([lead is None for lead in leads], dtype=np.bool_)
        faults.append(Fault(nobody, "lead_id", without, leads))
        since = layout.since
        occurred = _Clock("occurred_at", layout.unit, since)
        known = _Clock("known_at", layout.known_unit, since)
        return {
            "lead_id": named("lead_id", leads, faults),
            "name": named("name", [one.name for one in events], faults),
            "occurred_at": occurred.times([one.occurred_at for one in events], faults),
            "known_at": known.times([one.known_at for one in events], faults),
            "message_id": named("message_id", [one.message_id for one in events], faults),
        }

    def _meant(self, properties: dict[str, Any]) -> dict[str, Any]:
        if not self._of_texts:
            return properties
        return {
            name: as_value(value) if isinstance(value, str) else value
            for name, value in properties.items()
        }

    def _tell_later(self) -> None:
        """Say which columns of records were left out, each once."""
        new = sorted(self._opener.later - self._said)
        if new:
            self._said |= set(new)
            self._reading.tell(
                f"{self._file}: traits are as they are today; left out, as they tell what came"
                f" later: {', '.join(new)}"
            )


def _faults(rows: Sequence[SourceRow]) -> list[Fault]:
    """What the format shows, a fault for each reason and column."""
    found: dict[tuple[str, str], list[int]] = {}
    for at, row in enumerate(rows):
        for reason, column, _ in row.faults:
            found.setdefault((reason, column), []).append(at)
    return [
        Fault(reason, column, _at(places, len(rows)), _values(rows, reason, column))
        for (reason, column), places in found.items()
    ]


def _at(places: list[int], count: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = np.zeros(count, dtype=np.bool_)
    mask[places] = True
    return mask


def _values(rows: Sequence[SourceRow], reason: str, column: str) -> list[object]:
    return [
        next((value for why, where, value in row.faults if (why, where) == (reason, column)), None)
        for row in rows
    ]


# -------------------------------------------------------------------------------------------- Times


@dataclass(frozen=True, slots=True)
class _Clock:
    """How a column tells instants.

    Parameters
    ----------
    since : from when numbers count, in microseconds since the epoch.
    """

    column: str
    unit: ClockUnit
    since: int

    def times(self, values: list[object], faults: list[Fault]) -> pa.Array:
        """Times as texts where they are written out, else as timestamps; faults are noted."""
        if self.unit == "rfc3339":
            return texts_of([_written(value) for value in values])
        found = [_microseconds(value, _TICKS[self.unit], self.since) for value in values]
        odd = [f is None and v is not None for f, v in zip(found, values, strict=True)]
        if any(odd):
            reason = f"a time that is no number of {_UNITS[self.unit]}"
            faults.append(Fault(reason, self.column, np.array(odd, dtype=np.bool_), values))
        return pa.array(found, pa.int64()).cast(pa.timestamp("us", "UTC"))


def _written(value: object) -> object:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, str) and value.endswith(" UTC"):  # as BigQuery writes it
        return f"{value[:-4]}+00:00"
    return value


def _microseconds(value: object, ticks: int, since: int) -> int | None:
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            try:
                value = float(str(value))
            except ValueError:
                return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    # A whole number keeps its digits; far away is far enough to be refused for that.
    exact = value * ticks if isinstance(value, int) else round(value * ticks)
    return max(-_FAR, min(_FAR, exact + since))


# ------------------------------------------------------------------------------------------- Tables


def rows_of_table(batch: pa.RecordBatch, lines: Iterable[int]) -> list[SourceRow]:
    """The rows of a table, with what is wrong about their cells."""
    names = batch.schema.names
    columns: list[list[Any]] = []
    faults: dict[int, list[tuple[str, str, object]]] = {}
    for name in names:
        found, broken = decoded(batch.column(name))
        if pa.types.is_string(found.type):
            broken |= marked(found)
        found, outside = in_calendar(found)
        if pa.types.is_timestamp(found.type):
            found = found.cast(pa.timestamp("us", found.type.tz), safe=False)
        for reason, rows in ((_NOT_UTF8, broken), (_NO_DATE, outside)):
            for at in np.flatnonzero(rows).tolist():
                faults.setdefault(at, []).append((reason, name, batch.column(name)[at]))
        values = zip(found.to_pylist(), broken, strict=True)
        columns.append([None if bad else one for one, bad in values])
    return [
        SourceRow(
            int(line),
            dict(zip(names, cells, strict=True)),
            _shown(batch, at),
            tuple(faults.get(at, ())),
        )
        for at, (line, cells) in enumerate(zip(lines, zip(*columns, strict=True), strict=True))
    ]


def faulty(row: SourceRow, at: int, faults: Sequence[Fault]) -> SourceRow:
    """A row with the faults that its file shows; `at` is its place in their masks."""
    own = tuple((one.reason, one.column, one.values[at]) for one in faults if one.rows[at])
    return replace(row, faults=(*own, *row.faults)) if own else row


def _shown(batch: pa.RecordBatch, at: int) -> Callable[[], object]:
    return lambda: {name: told(batch.column(name)[at]) for name in batch.schema.names}
