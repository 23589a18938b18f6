"""When each lead first did each thing: what drafting a ladder looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.events.columns import distinct
from features.events.log import DAY_US
from features.events.properties import as_number, parse_object
from features.events.table import EventTable

__all__ = ["NEVER", "Deed", "Timeline", "before", "days", "earliest"]

NEVER: Final = np.iinfo(np.int64).max
_MOST_ROWS: Final = 200_000
"""Rows of an event whose properties are looked at."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Events of one name, or those of them whose number is high enough, or whose text is one.

    Parameters
    ----------
    number : a property; "" asks for none.
    at_least : what it must be.
    text, value : a property, and the text that it must be; "" asks for none.
    """

    event: str
    number: str = ""
    at_least: float = 0.0
    text: str = ""
    value: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Timeline:
    """A log as codes of leads and of names, and instants in microseconds; one entry an event."""

    leads: int
    names: tuple[str, ...]
    lead: Ints
    name: Ints
    occurred_at: Ints
    _table: EventTable
    _properties: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _numbers: dict[str, dict[str, Floats]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: EventTable) -> Timeline:
        """The events of a table that is read under one id a lead."""
        lead, leads = distinct(table.lead_id)
        code, names = distinct(table.name)
        rank = np.argsort(np.argsort([str(name) for name in names], kind="stable"))
        ordered = tuple(sorted(str(name) for name in names))
        return cls(len(leads), ordered, lead, rank[code], table.occurred_at, table)

    def rows(self, event: str) -> Ints:
        """The rows of the events of a name."""
        if event not in self.names:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self.name == self.names.index(event))

    def first(self, deed: Deed) -> Ints:
        """Shape (leads,): when each lead first did it, NEVER where it did not."""
        rows = self.done(deed)
        found = np.full(self.leads, NEVER, dtype=np.int64)
        np.minimum.at(found, self.lead[rows], self.occurred_at[rows])
        return found

    def done(self, deed: Deed) -> Ints:
        """The rows of the events that are a deed."""
        rows = self.rows(deed.event)
        return rows[:_MOST_ROWS][self._meets(deed)] if deed.number or deed.text else rows

    def _meets(self, deed: Deed) -> Bools:
        rows = self.properties(deed.event)
        meets = np.ones(len(rows), dtype=np.bool_)
        if deed.text:
            meets &= np.array([row.get(deed.text) == deed.value for row in rows], dtype=np.bool_)
        if deed.number:
            with np.errstate(invalid="ignore"):
                meets &= self.numbers(deed.event)[deed.number] >= deed.at_least
        return meets

    def properties(self, event: str) -> list[dict[str, Any]]:
        """The properties of the events of a name, of the first ones where there are very many."""
        if event not in self._properties:
            rows = self.rows(event)[:_MOST_ROWS]
            texts = self._table.rows(rows).property_texts()
            self._properties[event] = [parse_object(text) or {} for text in texts]
        return self._properties[event]

    def numbers(self, event: str) -> dict[str, Floats]:
        """The properties of the events of a name that are numbers wherever they are there."""
        if event in self._numbers:
            return self._numbers[event]
        rows = self.properties(event)
        found = {}
        for name in sorted({name for row in rows for name in row}):
            values = [row.get(name) for row in rows]
            given = [value for value in values if value is not None]
            if all(
                isinstance(value, int | float) and not isinstance(value, bool) for value in given
            ):
                found[name] = np.array([as_number(value) for value in values], dtype=np.float64)
        self._numbers[event] = found
        return found

    def of_two_types(self, events: Sequence[str]) -> set[str]:
        """The properties that are numbers of some events and something else of others."""
        numbers: set[str] = set()
        others: set[str] = set()
        for event in events:
            rows = self.properties(event)
            given = {name for row in rows for name, value in row.items() if value is not None}
            numbers |= given & set(self.numbers(event))
            others |= given - set(self.numbers(event))
        return numbers & others

    def texts(self, event: str, most: int) -> dict[str, list[str]]:
        """The properties of the events of a name that are one of a few texts, with these."""
        rows = self.properties(event)
        found = {}
        for name in sorted({name for row in rows for name in row}):
            values = {row[name] for row in rows if row.get(name) is not None}
            if 2 <= len(values) <= most and all(isinstance(value, str) for value in values):
                found[name] = sorted(values)
        return found


def before(one: Ints, other: Ints) -> tuple[int, float]:
    """Of the leads that did both, how many there are, and the share that did `one` first."""
    both = (one != NEVER) & (other != NEVER)
    count = int(both.sum())
    if not count:
        return 0, 0.5
    earlier = (one[both] < other[both]).sum() + 0.5 * (one[both] == other[both]).sum()
    return count, float(earlier / count)


def earliest(times: Sequence[Ints]) -> Ints:
    """Shape (leads,): when each lead first did any of some things."""
    found: Ints = np.minimum.reduce(list(times))
    return found


def days(earlier: Ints, later: Ints) -> Floats:
    """The days from one thing to another of the leads that did both in this order."""
    both: Bools = (earlier != NEVER) & (later != NEVER) & (later >= earlier)
    return np.asarray((later[both] - earlier[both]) / DAY_US, dtype=np.float64)
