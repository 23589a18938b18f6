"""The log of one lead, built without Arrow, against the log that any number of leads share."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events.log import EventLog, LogColumns
from features.events.of_lead import Row, log_of_rows
from features.events.properties import as_text, number_or_nan

COLUMNS = LogColumns(("both", "minutes", "own_data"), ("asset", "both", "section"))
KEYS = (*COLUMNS.numbers, *COLUMNS.texts, "unread")

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(-2, 2),
    st.sampled_from(["", "a", "b", "é", "1", "1.5", "true", float("nan"), float("inf")]),
)
rows = st.lists(
    st.tuples(
        st.sampled_from(["view", "read", "call"]),
        st.integers(0, 4),
        st.integers(0, 4),
        st.dictionaries(st.sampled_from(KEYS), values),
    ),
    min_size=1,
    max_size=12,
)


def from_columns(events: list[Row]) -> EventLog:
    return EventLog.from_columns(
        ["lead"] * len(events),
        [event[0] for event in events],
        np.array([event[1] for event in events], dtype=np.int64),
        np.array([event[2] for event in events], dtype=np.int64),
        {key: [number_or_nan(event[3].get(key)) for event in events] for key in COLUMNS.numbers},
        {key: [as_text(event[3].get(key)) for event in events] for key in COLUMNS.texts},
        COLUMNS,
    )


def assert_same(one: EventLog, other: EventLog) -> None:
    assert (one.leads, one.names, one.columns, one.text_values) == (
        other.leads,
        other.names,
        other.columns,
        other.text_values,
    )
    for field in ("starts", "name", "occurred", "known", "numbers", "texts"):
        ours, theirs = getattr(one, field), getattr(other, field)
        np.testing.assert_array_equal(ours, theirs, err_msg=field)
        assert (ours.dtype, ours.flags.c_contiguous) == (theirs.dtype, True), field


@settings(deadline=None)
@given(rows)
def test_any_rows(events):
    """Any rows give the arrays that `EventLog.from_columns` gives, ties and odd values included."""
    assert_same(log_of_rows("lead", events, COLUMNS), from_columns(events))


@settings(deadline=None)
@given(rows, st.randoms())
def test_row_order_has_no_effect(events, random):
    """The order in which rows come in does not change the log."""
    shuffled = random.sample(events, len(events))
    assert_same(log_of_rows("lead", shuffled, COLUMNS), log_of_rows("lead", events, COLUMNS))


def test_no_rows():
    """A lead without events is a log with one lead and no event."""
    log = log_of_rows("lead", [], COLUMNS)
    assert (log.leads, len(log), log.starts.tolist()) == (("lead",), 0, [0, 0])
    assert (log.numbers.shape, log.texts.shape) == ((3, 0), (3, 0))


def test_no_columns():
    """A ladder that reads no property gives a log without property columns."""
    log = log_of_rows("lead", [("view", 1, 1, {"minutes": 3})], LogColumns())
    assert (log.numbers.shape, log.texts.shape, log.text_values) == ((0, 1), (0, 1), ())
