"""Columns of any type as the numbers and the texts that their values say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import Bools, Floats
from features.events.properties import as_number, as_text

__all__ = [
    "Column",
    "decoded",
    "distinct",
    "in_calendar",
    "number_array",
    "numbers_of",
    "of_usual_types",
    "text_array",
    "texts_of",
]

Column: TypeAlias = "pa.Array | pa.ChunkedArray"


def decoded(array: pa.Array) -> tuple[pa.Array, Bools]:
    """A column with texts in place of bytes, read as UTF-8; a mask of the rows where they are none.

    Those become null. A column without bytes stays as it is.
    """
    none_bad = np.zeros(len(array), dtype=np.bool_)
    if not _holds(array.type, _BYTES):
        return array, none_bad
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not pa.types.is_nested(array.type):
        try:
            return array.cast(pa.binary()).cast(pa.string()), none_bad
        except pa.ArrowInvalid:
            pass
    values = [_decoded(value) for value in array.to_pylist()]
    bad = np.array([value is _NO_TEXT for value in values], dtype=np.bool_)
    kind = _instead(array.type, _TEXTS)
    kind = None if kind == array.type else kind  # of a view Arrow sees what it holds
    return pa.array([None if value is _NO_TEXT else value for value in values], kind), bad


def of_usual_types(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows without types that Arrow can hold and not work with: views, half floats."""
    kinds = [_instead(kind, _USUAL) for kind in batch.schema.types]
    if kinds == batch.schema.types:
        return batch
    columns = [column.cast(kind) for column, kind in zip(batch.columns, kinds, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _instead(kind: pa.DataType, others: _Others) -> pa.DataType:
    """The type with others in the place of some, of what it holds as well."""

    def inner(field: pa.Field) -> pa.Field:
        return field.with_type(_instead(field.type, others))

    if pa.types.is_struct(kind):
        return pa.struct([inner(kind.field(at)) for at in range(kind.num_fields)])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(inner(kind.value_field), kind.list_size)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        of = pa.list_ if pa.types.is_list(kind) else pa.large_list
        return of(inner(kind.value_field))
    if pa.types.is_map(kind):
        return pa.map_(_instead(kind.key_type, others), _instead(kind.item_type, others))
    if pa.types.is_dictionary(kind):
        plain = _instead(kind.value_type, others)
        return kind if plain == kind.value_type else plain
    return next((other for is_kind, other in others if is_kind(kind)), kind)


def in_calendar(array: pa.Array) -> tuple[pa.Array, Bools]:
    """A column of times without those that no calendar has; a mask of the rows with one.

    Those become null. A column without times stays as it is.
    """
    bad = np.zeros(len(array), dtype=np.bool_)
    if not _holds(array.type, _TIMES):
        return array, bad
    try:
        array.to_pylist()
    except (OverflowError, ValueError):
        bad = np.array([not _can_be_told(scalar) for scalar in array], dtype=np.bool_)
        array = pc.if_else(pa.array(bad), pa.scalar(None, array.type), array)
    return array, bad


def _can_be_told(scalar: pa.Scalar) -> bool:
    try:
        scalar.as_py()
    except (OverflowError, ValueError):
        return False
    return True


_NO_TEXT: Final = object()
_Kind = Callable[[pa.DataType], bool]
_Others = tuple[tuple[_Kind, pa.DataType], ...]
_BYTES: Final[tuple[_Kind, ...]] = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_binary_view,
)
_TEXTS: Final[_Others] = tuple((is_kind, pa.string()) for is_kind in _BYTES)
_USUAL: Final[_Others] = (
    (pa.types.is_float16, pa.float32()),
    (pa.types.is_string_view, pa.string()),
    (pa.types.is_binary_view, pa.binary()),
)
_TIMES: Final[tuple[_Kind, ...]] = (pa.types.is_temporal,)


def _holds(kind: pa.DataType, wanted: tuple[_Kind, ...]) -> bool:
    if pa.types.is_dictionary(kind):
        return _holds(kind.value_type, wanted)
    if pa.types.is_nested(kind):
        return any(_holds(kind.field(at).type, wanted) for at in range(kind.num_fields))
    return any(is_kind(kind) for is_kind in wanted)


def _decoded(value: object) -> object:
    """A value with texts in place of bytes; _NO_TEXT where any are none."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return _NO_TEXT
    if isinstance(value, dict):
        inner = {key: _decoded(one) for key, one in value.items()}
        return _NO_TEXT if _NO_TEXT in inner.values() else inner
    if isinstance(value, list | tuple):
        parts = [_decoded(one) for one in value]
        return _NO_TEXT if _NO_TEXT in parts else type(value)(parts)
    return value


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
