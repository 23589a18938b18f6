"""The order of a log's rows: by lead, then by when things happened, then by when they were known.

Compiled, because it is the larger part of reading a log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import Bools, Floats, Ints
from features.threads import in_threads, processors

__all__ = ["order_by_lead", "place_by_lead", "put", "tied_rows", "unordered_rows"]


_WORTH_THREADS: Final = 100_000
"""Rows below which to start threads costs more than it saves."""
_NONE: Final = np.empty(0, dtype=np.int64)


def place_by_lead(lead: npt.NDArray[np.int32], n_leads: int) -> tuple[Ints, Ints]:
    """Where each lead begins, and where each row goes: a counting sort that keeps the rows' order.

    Columns are then scattered (`put`). Reading in order and writing to the end of each lead's rows
    is several times faster than gathering by a sorting order.

    Parameters
    ----------
    lead : shape (n,), contiguous, indices below `n_leads`.
    """
    parts = _parts(len(lead))
    if len(parts) == 1:
        return _place_at_once(lead, n_leads)
    fill = np.zeros((len(parts), n_leads), dtype=np.int64)
    in_threads([partial(_count, lead[part], own) for part, own in zip(parts, fill, strict=True)])
    starts = _starts(fill)
    place = np.empty(len(lead), dtype=np.int64)
    in_threads(
        [
            partial(_place, lead[part], own, place[part])
            for part, own in zip(parts, fill, strict=True)
        ]
    )
    return starts, place


def put(columns: Iterable[tuple[npt.NDArray[Any], npt.NDArray[Any]]], place: Ints) -> None:
    """Fill columns in the order of a log. No number is -0.0 there.

    Parameters
    ----------
    columns : of each what to fill and the values, both of shape (n,) and of one type.
    place : shape (n,), where each value goes.
    """
    parts = _parts(len(place))
    tasks = [
        partial(_put_numbers if into.dtype == np.float64 else _put, values[part], place[part], into)
        for into, values in columns
        for part in parts
    ]
    if len(parts) > 1:
        in_threads(tasks)
    else:
        for task in tasks:
            task()


def _parts(rows: int) -> list[slice]:
    """Rows as each of some threads takes them."""
    count = min(processors(), 1 + rows // _WORTH_THREADS)
    bounds = [rows * at // count for at in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


@numba.njit(cache=True, nogil=True)
def _place_at_once(lead: npt.NDArray[np.int32], n_leads: int) -> tuple[Ints, Ints]:
    fill = np.zeros((1, n_leads), np.int64)
    _count(lead, fill[0])
    starts = _starts(fill)
    place = np.empty(len(lead), np.int64)
    _place(lead, fill[0], place)
    return starts, place


@numba.njit(cache=True, nogil=True)
def _count(lead: npt.NDArray[np.int32], counts: Ints) -> None:
    for code in lead:
        counts[code] += 1


@numba.njit(cache=True, nogil=True)
def _starts(fill: Ints) -> Ints:
    """Where each lead begins, from how many rows each part has of it; `fill`: likewise there."""
    starts = np.zeros(fill.shape[1] + 1, np.int64)
    at = 0
    for lead in range(fill.shape[1]):
        starts[lead] = at
        for part in range(fill.shape[0]):
            count = fill[part, lead]
            fill[part, lead] = at
            at += count
    starts[-1] = at
    return starts


@numba.njit(cache=True, nogil=True)
def _place(lead: npt.NDArray[np.int32], fill: Ints, place: Ints) -> None:
    for row in range(len(lead)):
        code = lead[row]
        place[row] = fill[code]
        fill[code] += 1


@numba.njit(cache=True, nogil=True)
def _put(values: npt.NDArray[Any], place: Ints, into: npt.NDArray[Any]) -> None:
    for row in range(len(place)):
        into[place[row]] = values[row]


@numba.njit(cache=True, nogil=True)
def _put_numbers(values: Floats, place: Ints, into: Floats) -> None:
    for row in range(len(place)):
        into[place[row]] = values[row] + 0.0


def unordered_rows(starts: Ints, occurred: Ints, known: Ints) -> Ints:
    """The rows of leads whose rows are not in the order of (occurred, known), ascending."""
    return _marked(_mark_unordered, starts, occurred, known)


def tied_rows(starts: Ints, occurred: Ints, known: Ints) -> Ints:
    """The rows of an ordered log that share both clocks with a neighbour of the same lead."""
    return _marked(_mark_tied, starts, occurred, known)


def _marked(
    mark: Callable[[Ints, Ints, Ints, Bools], bool], starts: Ints, occurred: Ints, known: Ints
) -> Ints:
    """The rows that are marked, some leads a thread."""
    marks, parts = np.zeros(len(occurred), dtype=np.bool_), _parts(len(occurred))
    first = np.searchsorted(starts[:-1], [part.start for part in parts])
    found: list[bool] = []

    def mark_some(start: int, stop: int) -> None:
        found.append(mark(starts[start : stop + 1], occurred, known, marks))

    in_threads([partial(mark_some, *some) for some in pairwise([*first, len(starts) - 1])])
    return np.flatnonzero(marks) if any(found) else _NONE


@numba.njit(cache=True, nogil=True)
def _mark_unordered(starts: Ints, occurred: Ints, known: Ints, marks: Bools) -> bool:
    is_any = False
    for lead in range(len(starts) - 1):
        for row in range(starts[lead] + 1, starts[lead + 1]):
            if _after(row - 1, row, occurred, known):
                marks[starts[lead] : starts[lead + 1]] = True
                is_any = True
                break
    return is_any


@numba.njit(cache=True, nogil=True)
def _mark_tied(starts: Ints, occurred: Ints, known: Ints, marks: Bools) -> bool:
    is_any = False
    for lead in range(len(starts) - 1):
        for row in range(starts[lead] + 1, starts[lead + 1]):
            if occurred[row] == occurred[row - 1] and known[row] == known[row - 1]:
                marks[row - 1] = marks[row] = True
                is_any = True
    return is_any


@numba.njit(cache=True, nogil=True)
def order_by_lead(lead: npt.NDArray[np.int32], n_leads: int, occurred: Ints, known: Ints) -> Ints:
    """The order by (occurred, known) of rows that stand by lead already.

    Logs come nearly in time order; then the insertion below has next to nothing to do. A lead
    whose rows are far out of order is sorted by its own merge instead.
    """
    starts, order = _place_at_once(lead, n_leads)
    for at in range(n_leads):
        _order_one(order[starts[at] : starts[at + 1]], occurred, known)
    return order


@numba.njit(cache=True, nogil=True)
def _order_one(order: Ints, occurred: Ints, known: Ints) -> None:
    moves = 0
    budget = 16 * len(order) + 64
    for at in range(1, len(order)):
        row = order[at]
        place = at
        while place > 0 and _after(order[place - 1], row, occurred, known):
            order[place] = order[place - 1]
            place -= 1
        order[place] = row
        moves += at - place
        if moves > budget:
            by_known = order[np.argsort(known[order], kind="mergesort")]
            order[:] = by_known[np.argsort(occurred[by_known], kind="mergesort")]
            return


@numba.njit(cache=True, nogil=True, inline="always")
def _after(one: int, other: int, occurred: Ints, known: Ints) -> bool:
    if occurred[one] != occurred[other]:
        return bool(occurred[one] > occurred[other])
    return bool(known[one] > known[other])
