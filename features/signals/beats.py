"""Events that come in beats: what a lead read of one piece in one go adds up.

A beat's sum is that of itself and of the beats of the same piece before it, none further from the
next than the ladder says, as far as they were known when it was. So a sum is a fact of its event,
the same at every instant that knows the event. Conditions read sums; signals aggregate what came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US, EventLog
from features.events.properties import as_text, number_or_nan
from features.ladder.ladder import Beats

__all__ = ["sums_of_log", "sums_of_rows"]

_MINUTE_US = DAY_US // (24 * 60)

_Beat = tuple[int, int, float, str | None]
"""When it happened, when it was known, how much, and of which piece."""


def sums_of_log(log: EventLog, beats: Beats) -> Floats:
    """Shape (n_events,): the sum of each beat of a log, NaN for events that are none."""
    sums = np.full(len(log.name), np.nan)
    if beats.event not in log.names or beats.measure not in log.columns.numbers:
        return sums
    is_beat = log.name == log.names.index(beats.event)
    value = np.minimum(log.numbers[log.columns.numbers.index(beats.measure)], beats.most)
    piece = np.full(len(log.name), -1, dtype=np.int32)
    if beats.per in log.columns.texts:
        piece = log.texts[log.columns.texts.index(beats.per)]
    if not (piece[is_beat] >= 0).any():  # each stands for itself: the kernel need not be compiled
        sums[is_beat] = value[is_beat]
        return sums
    _fill(
        log.starts,
        is_beat,
        value,
        piece,
        log.occurred,
        log.known,
        round(beats.within_minutes * _MINUTE_US),
        sums,
    )
    return sums


@numba.njit(cache=True, nogil=True)
def _fill(
    starts: Ints,
    is_beat: Bools,
    value: Floats,
    piece: npt.NDArray[np.int32],
    occurred: Ints,
    known: Ints,
    within: int,
    sums: Floats,
) -> None:
    for lead in range(len(starts) - 1):
        for row in range(starts[lead], starts[lead + 1]):
            if not is_beat[row] or np.isnan(value[row]):
                continue
            total, next_at = value[row], occurred[row]
            if piece[row] >= 0:
                for before in range(row - 1, starts[lead] - 1, -1):
                    if next_at - occurred[before] > within:
                        break
                    is_same = is_beat[before] and piece[before] == piece[row]
                    if is_same and known[before] <= known[row] and not np.isnan(value[before]):
                        total += value[before]
                        next_at = occurred[before]
            sums[row] = total


def sums_of_rows(
    rows: Sequence[tuple[int, tuple[str, int, int, Mapping[str, object]]]], beats: Beats
) -> dict[int, float]:
    """The sums of a lead's beats by the place of their row: what `sums_of_log` says of a log.

    Parameters
    ----------
    rows : when each happened, and the row, in the order of the event log.
    """
    beats_so_far: list[_Beat] = []
    sums: dict[int, float] = {}
    within = round(beats.within_minutes * _MINUTE_US)
    for at, (when, (name, _, known, properties)) in enumerate(rows):
        value = number_or_nan(properties.get(beats.measure)) if name == beats.event else np.nan
        if np.isnan(value):
            continue
        piece = as_text(properties.get(beats.per))
        beats_so_far.append((when, known, min(value, beats.most), piece))
        sums[at] = _sum(beats_so_far, within)
    return sums


def _sum(beats: Sequence[_Beat], within: int) -> float:
    """The sum of the last of some beats."""
    next_at, known, total, piece = beats[-1]
    if piece is None:
        return total
    for at in range(len(beats) - 2, -1, -1):
        when, known_before, value, of = beats[at]
        if next_at - when > within:
            break
        if of == piece and known_before <= known:
            total, next_at = total + value, when
    return total
