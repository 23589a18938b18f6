"""Columns of any type as the numbers and the texts that their values say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import Bools, Floats
from features.events.properties import as_number, as_text

__all__ = ["Column", "distinct", "number_array", "numbers_of", "text_array", "texts_of"]

Column: TypeAlias = "pa.Array | pa.ChunkedArray"


def number_array(array: pa.Array) -> tuple[Floats, Bools]:
    """A column as numbers, NaN where absent; a mask of those that are none."""
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    none_bad = np.zeros(len(array), dtype=np.bool_)
    if not (pa.types.is_temporal(array.type) or pa.types.is_nested(array.type)):
        try:
            cast = array.cast(pa.float64())
            return np.asarray(cast.to_numpy(zero_copy_only=False), dtype=np.float64), none_bad
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    if pa.types.is_nested(array.type):
        return _mapped(array.to_pylist())
    encoded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
    values, bad = _mapped([*encoded.dictionary.to_pylist(), None])
    at = pc.fill_null(encoded.indices.cast(pa.int64()), len(values) - 1).to_numpy()
    return values[at], bad[at]


def numbers_of(values: Sequence[object]) -> tuple[Floats, Bools]:
    """Values of any types as numbers, NaN where absent; a mask of those that are none."""
    try:
        numbers = pa.array(values, pa.float64())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return _mapped(values)
    return number_array(numbers)


def _mapped(values: Sequence[object]) -> tuple[Floats, Bools]:
    numbers = [as_number(value) for value in values]
    bad = np.array([number is None for number in numbers], dtype=np.bool_)
    return np.array(numbers, dtype=np.float64), bad


def text_array(column: Column) -> Column:
    """A column of any type as the texts that its values say; null where absent or empty."""
    if pa.types.is_dictionary(column.type) and pa.types.is_string(column.type.value_type):
        column = column.cast(pa.string())
    if pa.types.is_large_string(column.type) or pa.types.is_null(column.type):
        column = column.cast(pa.string())
    if pa.types.is_string(column.type):
        empty = pc.equal(column, "")
        if pc.any(empty).as_py():
            column = pc.if_else(empty, pa.scalar(None, pa.string()), column)
        return column
    codes, values = distinct(column)
    texts = pa.array([*(as_text(value) for value in values), None], pa.string())
    return texts.take(pa.array(codes % len(texts)))


def texts_of(values: Sequence[object]) -> pa.Array:
    """Values of any types as the texts that they say, null where absent."""
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([as_text(value) for value in values], pa.string())


def distinct(column: Column) -> tuple[npt.NDArray[np.int64], list[object]]:
    """A column as indices into its distinct values, -1 where null."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_nested(column.type):
        values = column.to_pylist()
        return np.arange(len(values)), values
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    indices = pc.fill_null(column.indices.cast(pa.int64()), -1)
    return indices.to_numpy(zero_copy_only=False), column.dictionary.to_pylist()
