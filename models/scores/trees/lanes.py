"""Eight numbers at once: the two steps of `shapley` as single instructions of the processor.

numba leaves such loops over eight neighbours as they are; here LLVM gets them as vectors, which it
makes of whatever the processor has. Nothing is reordered or fused: all processors get
the same sums.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from features.arrays import Floats

__all__ = ["LANES", "aligned", "descend", "gather"]

LANES: Final = 8
_VECTOR: Final = ir.VectorType(ir.DoubleType(), LANES)
_BYTES: Final = 64


def aligned(count: int) -> Floats:
    """Shape (count,), zeros from a multiple of 64 bytes on: no eight neighbours share two lines."""
    held = np.zeros(count * 8 + _BYTES, dtype=np.uint8)
    start = -held.ctypes.data % _BYTES
    return held[start : start + count * 8].view(np.float64)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), _VECTOR.as_pointer())


def _load(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    value = builder.load(_pointer(context, builder, kind, array, at))
    value.align = 8
    return value


def _store(context: Any, builder: Any, kind: Any, array: Any, at: Any, value: Any) -> None:
    builder.store(value, _pointer(context, builder, kind, array, at)).align = 8


def _descend(
    _: Any, held: Any, _parent: Any, _left: Any, _right: Any, table: Any, _a: Any, _b: Any
) -> Any:
    index = types.uint64
    signature = types.void(held, index, index, index, table, index, index)

    def generate(context: Any, builder: Any, signature: Any, told: Any) -> Any:
        held, parent, left, right, table, a, b = told
        of_held, of_table = signature.args[0], signature.args[4]
        above = _load(context, builder, of_held, held, parent)
        one = builder.fmul(above, _load(context, builder, of_table, table, a))
        two = builder.fmul(above, _load(context, builder, of_table, table, b))
        _store(context, builder, of_held, held, left, one)
        _store(context, builder, of_held, held, right, two)
        return context.get_dummy_value()

    return signature, generate


def _gather(
    _: Any,
    held: Any,
    _parent: Any,
    _left: Any,
    _right: Any,
    table: Any,
    _a: Any,
    _b: Any,
    sums: Any,
    _at: Any,
) -> Any:
    index = types.uint64
    signature = types.void(held, index, index, index, table, index, index, sums, index)

    def generate(context: Any, builder: Any, signature: Any, told: Any) -> Any:
        held, parent, left, right, table, a, b, sums, at = told
        of_held, of_table, of_sums = (signature.args[one] for one in (0, 4, 7))
        one = _load(context, builder, of_held, held, left)
        two = _load(context, builder, of_held, held, right)
        added = builder.fadd(
            builder.fmul(one, _load(context, builder, of_table, table, a)),
            builder.fmul(two, _load(context, builder, of_table, table, b)),
        )
        total = builder.fadd(_load(context, builder, of_sums, sums, at), added)
        _store(context, builder, of_held, held, parent, builder.fadd(one, two))
        _store(context, builder, of_sums, sums, at, total)
        return context.get_dummy_value()

    return signature, generate


descend: Final[Any] = intrinsic(_descend)
"""descend(held, parent, left, right, table, a, b), eight numbers from each place on:
held[left] = held[parent] * table[a]; held[right] = held[parent] * table[b]."""

gather: Final[Any] = intrinsic(_gather)
"""gather(held, parent, left, right, table, a, b, sums, at), likewise:
sums[at] += held[left] * table[a] + held[right] * table[b];
held[parent] = held[left] + held[right]."""
