"""Columns of times as microseconds since the epoch; what cannot be read is named, not guessed."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.clock import moment_of
from features.errors import EventsError
from features.events.log import Times

__all__ = [
    "ABSENT",
    "NAIVE",
    "NUMBER",
    "OUT_OF_RANGE",
    "READ",
    "UNREADABLE",
    "check_timezone",
    "instant",
    "read_times",
]

READ, ABSENT, NAIVE, NUMBER, UNREADABLE, OUT_OF_RANGE = range(6)
"""What became of a time: `read_times` returns one of these a row."""

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 wall clock; the zone is applied to whole columns
_DIGITS: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_DAYS: Final = range((datetime(2200, 1, 1) - _EPOCH).days)  # noqa: DTZ001 likewise
_TICKS: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def check_timezone(zone: str | None) -> None:
    """EventsError where `zone` is no IANA time zone."""
    if zone is None:
        return
    try:
        _localised(pa.array([0], pa.timestamp("us")), zone)
    except pa.ArrowInvalid as error:
        raise EventsError(
            f"no time zone {zone!r}; write one such as UTC or Europe/Berlin"
        ) from error


def read_times(array: pa.Array, zone: str | None) -> tuple[Times, npt.NDArray[np.int8]]:
    """Times in microseconds since the epoch, and READ or the reason why not, a row.

    Parameters
    ----------
    array : Arrow timestamps, or texts such as 2026-03-01T12:00:00+01:00. Numbers are refused: they
        do not say since when they count, nor in what unit.
    zone : the IANA zone of times that have none; None refuses these. Of an hour that a change of
        clocks repeats the first is meant; in one that it skips, the instant of the change.

    A time outside the years 1970 to 2199 is a wrong unit or a wrong clock, and is refused.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_timestamp(array.type):
        return _from_timestamps(array, zone)
    if pa.types.is_date(array.type):
        return _from_timestamps(array.cast(pa.timestamp("s")), zone)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _from_texts(array, zone)
    number = not (pa.types.is_null(array.type) or pa.types.is_nested(array.type))
    return _none_read(array, NUMBER if number else UNREADABLE)


def _from_timestamps(array: pa.Array, zone: str | None) -> tuple[Times, npt.NDArray[np.int8]]:
    known_zone = array.type.tz is not None
    if not known_zone and zone is None:
        return _none_read(array, NAIVE)
    state = np.where(_nulls(array), ABSENT, READ).astype(np.int8)
    outside = _outside(array)
    if outside.any():  # before the cast, in which what is far outside comes round into the range
        array = pc.if_else(pa.array(outside), pa.scalar(None, array.type), array)
        state[outside] = OUT_OF_RANGE
    array = array.cast(pa.timestamp("us", array.type.tz), safe=False)
    if not known_zone:
        array = _localised(array, zone)
        state[_outside(array)] = OUT_OF_RANGE
    return _integers(array), state


def _outside(array: pa.Array) -> npt.NDArray[np.bool_]:
    """Shape (n,): whether each timestamp lies outside the years that events happen in."""
    ticks = _TICKS[array.type.unit]
    since = array.view(pa.int64())
    outside = pc.or_(pc.less(since, 0), pc.greater_equal(since, len(_DAYS) * 86_400 * ticks))
    return np.asarray(pc.fill_null(outside, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _from_texts(array: pa.Array, zone: str | None) -> tuple[Times, npt.NDArray[np.int8]]:
    """All at once where every text is fine, one by one where some are not.

    So a text is judged alike whatever stands beside it.
    """
    try:
        cast = array.cast(pa.timestamp("us", "UTC" if zone is None else None))
    except pa.ArrowInvalid:
        return _one_by_one(array.to_pylist(), zone)
    if _outside(cast).any():
        return _one_by_one(array.to_pylist(), zone)
    return _from_timestamps(cast, zone)


def _one_by_one(texts: list[str | None], zone: str | None) -> tuple[Times, npt.NDArray[np.int8]]:
    found = [instant(text) for text in texts]
    times = np.array([time for time, _ in found], dtype=np.int64)
    state = np.array([reason for _, reason in found], dtype=np.int8)
    naive = state == NAIVE
    if zone is not None and naive.any():
        local = pa.array(times[naive], pa.timestamp("us"))
        times[naive], state[naive] = _from_timestamps(local, zone)
    return times, state


def instant(text: str | None) -> tuple[int, int]:
    """Microseconds since the epoch, on the wall's clock where the text is naive; what it is."""
    moment = _moment(text or "")
    if isinstance(moment, int):
        return 0, moment
    offset = moment.utcoffset()
    since = moment.replace(tzinfo=None) - _EPOCH
    if offset is not None:
        since -= offset
    if since.days not in _DAYS:
        return 0, OUT_OF_RANGE
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds, (
        NAIVE if offset is None else READ
    )


def _moment(text: str) -> datetime | int:
    """The time that a text says, or the reason why it says none."""
    try:
        moment = moment_of(text)
    except ValueError:
        text = text.strip()
        return NUMBER if _DIGITS.fullmatch(text) else UNREADABLE if text else ABSENT
    # Without hyphens it may as well be a number.
    return NUMBER if text.strip().isdigit() else moment


def _localised(array: pa.Array, zone: str | None) -> pa.Array:
    return pc.assume_timezone(array, zone, ambiguous="earliest", nonexistent="latest")


def _none_read(array: pa.Array, reason: int) -> tuple[Times, npt.NDArray[np.int8]]:
    state = np.where(_nulls(array), ABSENT, reason).astype(np.int8)
    return np.zeros(len(array), dtype=np.int64), state


def _integers(array: pa.Array) -> Times:
    integers = array.view(pa.int64())
    if integers.null_count:
        integers = pc.fill_null(integers, 0)
    return np.asarray(integers.to_numpy(zero_copy_only=False), dtype=np.int64)


def _nulls(array: pa.Array) -> npt.NDArray[np.bool_]:
    if array.null_count == 0:
        return np.zeros(len(array), dtype=np.bool_)
    return np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)
