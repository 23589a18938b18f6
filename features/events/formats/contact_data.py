"""Contact data in rows that may hold none: of the first step, and of somebody unknown.

It is the rule of the service (`features.events.personal_data`): out of the address of a page
contact data is taken, and any other refuses the row. Most rows have none, so that a quick look has
to do for them: at each set of names once, at each text once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.events.columns import distinct
from features.events.formats.row_batch import Fault, Properties, RowBatch
from features.events.personal_data import (
    ContactRule,
    PropertyPath,
    personal_place,
    tells_contact,
)
from features.events.properties import as_value
from features.events.urls import surely_without_contact, without_contact

__all__ = ["ContactData", "contact_data"]

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_LONGEST: Final = 512
"""Longer texts hardly come twice."""
_MOST: Final = 1 << 16
"""So many texts, and sets of names, are remembered, from one part of a file to the next."""


@dataclass(frozen=True, eq=False, slots=True)
class ContactData:
    """What was found in some rows, and the rows without what could be taken out.

    Parameters
    ----------
    faults : of the rows that hold what they may not; the values are where it stands, and no more.
    taken_from : of the rows out of whose addresses something was taken where that stood, and why
        there may be none.
    """

    batch: RowBatch
    parsed: list[Properties] | None
    faults: list[Fault] = field(default_factory=list)
    taken_from: dict[int, tuple[str, str]] = field(default_factory=dict)


def contact_data(
    batch: RowBatch, parsed: list[Properties] | None, names: pa.Array, rule: ContactRule | None
) -> ContactData:
    """Look for contact data in the rows that may hold none.

    Parameters
    ----------
    parsed : the batch's own, as objects.
    names : of the events, null where a row has none.
    rule : which rows these are; None looks for none.
    """
    if rule is None:
        return ContactData(batch, parsed)
    whys, codes = _whys(batch, names, rule)
    rows = np.flatnonzero(codes)
    seen = _Seen()
    flat = _of_columns(batch, rows, seen)
    cleaned = None if parsed is None else _of_documents(parsed, rows, seen)
    faults = []
    for code, why in enumerate(whys):
        held = {row: place for row, place in seen.personal.items() if codes[row] == code}
        if held:
            mask = np.zeros(len(names), dtype=np.bool_)
            mask[list(held)] = True
            shown = [_shown(held[row]) if row in held else None for row in range(len(names))]
            faults.append(Fault(f"personal data: {why}", "property", mask, shown))
    taken_from = {
        row: (" and ".join(sorted(set(map(_shown, places)))), whys[codes[row]])
        for row, places in seen.taken.items()
    }
    batch = replace(batch, flat=flat, faults=[*batch.faults, *faults])
    return ContactData(batch, cleaned, faults, taken_from)


def _whys(
    batch: RowBatch, names: pa.Array, rule: ContactRule
) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Why rows may hold none, and of each row which of these it is; the first is that it may."""
    of_row, found = distinct(names)
    whys = {"": 0}

    def codes(*, is_anonymous: bool) -> npt.NDArray[np.int64]:
        why = [rule.why_none(str(name), is_anonymous=is_anonymous) for name in found]
        return np.array([*(whys.setdefault(one, len(whys)) for one in why), 0])[of_row]

    known = codes(is_anonymous=False)
    if batch.of_unknown is not None and batch.of_unknown.any():
        known = np.where(batch.of_unknown, codes(is_anonymous=True), known)
    return list(whys), known


def _shown(place: PropertyPath) -> str:
    return ".".join(place)


@dataclass(slots=True)
class _Seen:
    """Which rows hold contact data, and which held it in an address."""

    personal: dict[int, PropertyPath] = field(default_factory=dict)
    taken: dict[int, list[PropertyPath]] = field(default_factory=dict)

    def judge(self, values: Properties, rows: Sequence[int]) -> Properties:
        """The same values without contact data in addresses; what is found is of `rows`."""
        clean, places = without_contact(values)
        place = personal_place(clean)
        for row in rows if place is not None or places else ():
            if place is not None:
                self.personal.setdefault(row, place)
            if places:
                self.taken.setdefault(row, []).extend(places)
        return clean if places else values


def _is_harmless(values: Properties) -> bool:
    """Whether a quick look is enough to know that values hold nothing personal."""
    for value in values.values():
        if type(value) is str:
            if not _tells_nothing(value):
                return False
        elif type(value) not in _SCALARS:
            return False
    return _are_harmless_names(tuple(values))


def _tells_nothing(text: str) -> bool:
    return _seen_to_tell_nothing(text) if len(text) <= _LONGEST else _is_harmless_text(text)


def _is_harmless_text(text: str) -> bool:
    return surely_without_contact(text) or not (tells_contact(text) or _is_changed(text))


_seen_to_tell_nothing = lru_cache(maxsize=_MOST)(_is_harmless_text)


@lru_cache(maxsize=_MOST)
def _are_harmless_names(names: tuple[str, ...]) -> bool:
    return personal_place(dict.fromkeys(names, 1)) is None


def _is_changed(text: str) -> bool:
    return bool(without_contact({"": text})[1])


def _of_documents(
    parsed: list[Properties], rows: npt.NDArray[np.intp], seen: _Seen
) -> list[Properties]:
    found = list(parsed)
    for row in rows.tolist():
        values = found[row]
        if values and not _is_harmless(values):
            found[row] = seen.judge(values, (row,))
    return found


def _of_columns(batch: RowBatch, rows: npt.NDArray[np.intp], seen: _Seen) -> dict[str, pa.Array]:
    return {name: _of_column(name, column, rows, seen) for name, column in batch.flat.items()}


def _of_column(name: str, column: pa.Array, rows: npt.NDArray[np.intp], seen: _Seen) -> pa.Array:
    """A column of one property, each of its values looked at once."""
    is_plain = not (
        pa.types.is_string(column.type)
        or pa.types.is_large_string(column.type)
        or pa.types.is_dictionary(column.type)
        or pa.types.is_nested(column.type)
    )
    is_named = not _is_harmless({name: 1})
    if is_plain and not is_named:
        return column
    codes, values = distinct(column.take(pa.array(rows)))
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(values) + 1))
    changed: dict[int, object] = {}
    for code, value in enumerate(values):
        if not is_named and isinstance(value, str) and _tells_nothing(value):
            continue
        meant = as_value(value) if isinstance(value, str) else value
        if meant is None or _is_harmless({name: meant}):
            continue
        at = rows[order[starts[code] : starts[code + 1]]]
        clean = seen.judge({name: meant}, at.tolist())[name]
        if clean is not meant:
            changed[code] = clean
    if not changed:
        return column
    told = [changed.get(code, value) for code, value in enumerate(values)]
    kind = pa.string() if pa.types.is_dictionary(column.type) else column.type
    # The new values stand behind the column, and each of the rows takes its own from there.
    taken = np.arange(len(column))
    taken[rows] = len(column) + codes % (len(told) + 1)
    both = pa.concat_arrays([column.cast(kind), pa.array([*told, None], kind)])
    return both.take(pa.array(taken))
