"""A column at a time gives what its values give one by one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events.columns import number_array, text_array
from features.events.properties import as_number, as_text
from tests.features.events.scene import cells


@settings(deadline=None)
@given(st.lists(cells, max_size=6))
def test_columns_say_what_values_say(texts):
    """Reading a column at a time gives the numbers and texts that reading each value gives."""
    column = pa.array(texts, pa.string())
    numbers, bad = number_array(column)
    expected = [as_number(text) for text in texts]
    np.testing.assert_array_equal(numbers, np.array(expected, dtype=np.float64))
    assert bad.tolist() == [number is None for number in expected]
    assert text_array(column).to_pylist() == [as_text(text) for text in texts]


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(), st.floats(0, 9).map(round), st.booleans())))
def test_number_columns_say_what_values_say(values):
    """An Arrow column of numbers gives the texts that its values give one by one."""
    column = pa.array([None if value is None else float(value) for value in values], pa.float64())
    expected = [as_text(None if value is None else float(value)) for value in values]
    assert text_array(column).to_pylist() == expected
