"""Columns of times as microseconds since the epoch; what cannot be read is named, not guessed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.errors import EventsError
from features.events.log import Times

__all__ = ["ABSENT", "NAIVE", "NUMBER", "READ", "UNREADABLE", "check_timezone", "read_times"]

READ, ABSENT, NAIVE, NUMBER, UNREADABLE = range(5)
"""What became of a time: `read_times` returns one of these a row."""

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 wall clock; the zone is applied to whole columns
_DIGITS: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


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
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_timestamp(array.type):
        return _from_timestamps(array, zone)
    if pa.types.is_date(array.type):
        return _from_timestamps(array.cast(pa.timestamp("us")), zone)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _from_texts(array, zone)
    number = not (pa.types.is_null(array.type) or pa.types.is_nested(array.type))
    return _none_read(array, NUMBER if number else UNREADABLE)


def _from_timestamps(array: pa.Array, zone: str | None) -> tuple[Times, npt.NDArray[np.int8]]:
    known_zone = array.type.tz is not None
    if not known_zone and zone is None:
        return _none_read(array, NAIVE)
    array = array.cast(pa.timestamp("us", array.type.tz), safe=False)
    if not known_zone:
        array = _localised(array, zone)
    return _integers(array), np.where(_nulls(array), ABSENT, READ).astype(np.int8)


def _from_texts(array: pa.Array, zone: str | None) -> tuple[Times, npt.NDArray[np.int8]]:
    """All at once where every text is fine, one by one where some are not."""
    try:
        if zone is None:
            return _from_timestamps(array.cast(pa.timestamp("us", "UTC")), zone)
        return _from_timestamps(array.cast(pa.timestamp("us")), zone)
    except pa.ArrowInvalid:
        return _one_by_one(array.to_pylist(), zone)


def _one_by_one(texts: list[str | None], zone: str | None) -> tuple[Times, npt.NDArray[np.int8]]:
    found = [_instant(text) for text in texts]
    times = np.array([time for time, _ in found], dtype=np.int64)
    state = np.array([reason for _, reason in found], dtype=np.int8)
    naive = state == NAIVE
    if zone is not None and naive.any():
        local = pa.array(times[naive], pa.timestamp("us"))
        times[naive] = _integers(_localised(local, zone))
        state[naive] = READ
    return times, state


def _instant(text: str | None) -> tuple[int, int]:
    """Microseconds since the epoch, on the wall's clock where the text is naive; what it is."""
    text = (text or "").strip()
    if not text:
        return 0, ABSENT
    if _DIGITS.fullmatch(text):
        return 0, NUMBER
    try:
        moment = datetime.fromisoformat(text.upper())
        naive = moment.tzinfo is None
        wall = moment if naive else moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return 0, UNREADABLE
    since = wall - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds, (
        NAIVE if naive else READ
    )


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
