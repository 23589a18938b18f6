"""The order of a log's rows: by lead, then by when things happened, then by when they were known.

Compiled, because it is the larger part of reading a log.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import Bools, Ints

__all__ = ["order_by_lead", "place_by_lead", "tied_rows", "unordered_rows"]


@numba.njit(cache=True, nogil=True)
def place_by_lead(lead: npt.NDArray[np.int32], n_leads: int) -> tuple[Ints, Ints]:
    """Where each lead begins, and where each row goes: a counting sort that keeps the rows' order.

    Columns are then scattered, `out[place] = column`. Reading in order and writing to the end of
    each lead's rows is several times faster than gathering by a sorting order.
    """
    starts = np.zeros(n_leads + 1, np.int64)
    for code in lead:
        starts[code + 1] += 1
    for at in range(n_leads):
        starts[at + 1] += starts[at]
    fill = starts[:-1].copy()
    place = np.empty(len(lead), np.int64)
    for row in range(len(lead)):
        place[row] = fill[lead[row]]
        fill[lead[row]] += 1
    return starts, place


@numba.njit(cache=True, nogil=True)
def unordered_rows(starts: Ints, occurred: Ints, known: Ints) -> Bools:
    """The rows of leads whose rows are not in the order of (occurred, known)."""
    unordered = np.zeros(len(occurred), np.bool_)
    for lead in range(len(starts) - 1):
        for row in range(starts[lead] + 1, starts[lead + 1]):
            if _after(row - 1, row, occurred, known):
                unordered[starts[lead] : starts[lead + 1]] = True
                break
    return unordered


@numba.njit(cache=True, nogil=True)
def order_by_lead(lead: npt.NDArray[np.int32], n_leads: int, occurred: Ints, known: Ints) -> Ints:
    """The order by (occurred, known) of rows that stand by lead already.

    Logs come nearly in time order; then the insertion below has next to nothing to do. A lead
    whose rows are far out of order is sorted by its own merge instead.
    """
    starts, order = place_by_lead(lead, n_leads)
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


@numba.njit(cache=True, nogil=True)
def tied_rows(starts: Ints, occurred: Ints, known: Ints) -> Bools:
    """Which rows of an ordered log share both clocks with a neighbour of the same lead."""
    tied = np.zeros(len(occurred), np.bool_)
    for lead in range(len(starts) - 1):
        for row in range(starts[lead] + 1, starts[lead + 1]):
            if occurred[row] == occurred[row - 1] and known[row] == known[row - 1]:
                tied[row - 1] = tied[row] = True
    return tied


@numba.njit(cache=True, nogil=True, inline="always")
def _after(one: int, other: int, occurred: Ints, known: Ints) -> bool:
    if occurred[one] != occurred[other]:
        return bool(occurred[one] > occurred[other])
    return bool(known[one] > known[other])
