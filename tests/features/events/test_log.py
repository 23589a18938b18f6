"""What a log is made from, and parts of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from features.errors import EventsError
from features.events.log import EventLog, LogColumns
from tests.features import strategies
from tests.features.signals.scene import (
    assert_same_log,
    at_instants,
    bits,
    event,
    small_ladder,
    thorough,
)
from tests.features.strategies import LEADS, START_US, log_of


def test_a_part_of_a_log_lies_in_memory_like_a_log():
    """The compiled fold is not compiled again for the arrays of `only`."""
    log = log_of([event("page", START_US, lead=lead) for lead in LEADS], small_ladder())
    part = log.only(np.array([True, False, True]))
    for column in ("starts", "name", "occurred", "known", "numbers", "texts"):
        assert getattr(part, column).flags.c_contiguous, column


@thorough
@given(strategies.ladders(), strategies.logs, strategies.instants)
def test_absent_known_is_the_instant_it_happened(ladder, events, as_of):
    """A log without `known` is the log in which everything was known when it happened."""
    prompt = [replace(event, known_us=event.occurred_us) for event in events]
    log = log_of(prompt, ladder)
    bare = EventLog.from_columns(
        [event.lead_id for event in prompt],
        [event.name for event in prompt],
        np.array([event.occurred_us for event in prompt], dtype=np.int64),
        numbers={
            name: [event.properties.get(name, np.nan) for event in prompt]
            for name in log.columns.numbers
        },
        texts={
            name: [event.properties.get(name) for event in prompt] for name in log.columns.texts
        },
    )
    assert bare.columns == log.columns
    assert_same_log(bare, log)
    for lead in LEADS:
        rows = [bits(at_instants(held, ladder, lead, [as_of])) for held in (bare, log)]
        assert rows[0] == rows[1]


def test_an_event_without_a_lead_is_refused():
    """An event is of somebody and has a name."""
    with pytest.raises(EventsError, match=r"without a lead_id or a name"):
        EventLog.from_columns(["ann", None], ["page", "page"], np.zeros(2, np.int64))


def test_a_log_may_hold_columns_that_no_array_is_given_for():
    """A property that no event has is absent throughout."""
    log = EventLog.from_columns(
        ["ann"], ["page"], np.zeros(1, np.int64), columns=LogColumns(("seconds",), ("room",))
    )
    assert np.isnan(log.numbers).all()
    assert (log.texts == -1).all()
    assert log.text_values == ((),)


def test_how_far_events_were_known_ahead_stays_with_them():
    """By how much `occurred` was moved back is kept, whatever is sorted or taken out."""
    hour = 3_600_000_000
    ahead = {"a": 2 * hour, "b": 0, "c": 5 * hour}
    known = {"a": START_US + 3 * hour, "b": START_US + 2 * hour, "c": START_US + hour}
    log = EventLog.from_columns(
        ["two", "one", "two"],
        ["a", "b", "c"],
        np.array([known[name] + ahead[name] for name in "abc"], dtype=np.int64),
        np.array([known[name] for name in "abc"], dtype=np.int64),
    )
    parts = log, log.only(np.array([False, True])), log.known_by(START_US + 2 * hour)
    for part in parts:
        names = [part.names[at] for at in part.name]
        assert part.ahead is not None
        assert part.ahead.tolist() == [ahead[name] for name in names]
    assert log.occurred.tolist() == [known[log.names[at]] for at in log.name]


def test_a_log_without_such_events_keeps_nothing_of_them():
    """Nothing is held where nothing was moved."""
    later = np.array([START_US + 5], dtype=np.int64)
    log = EventLog.from_columns(["one"], ["a"], later - 5, later)
    assert log.ahead is None
