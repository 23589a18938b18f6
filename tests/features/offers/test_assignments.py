"""Assignments as events: written once for an id, read back from rows and from a log."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.log import DAY_US
from features.ladder.file import read_ladder
from features.offers.assignments import (
    CALLED,
    CALLING,
    LEFT_ALONE,
    Assignment,
    assignment_event,
    assignment_of,
    row_of,
)
from features.offers.history import history_of

LADDER = read_ladder("b2b")
ALONE = Assignment(CALLING, LEFT_ALONE, 0.05)
shares = st.floats(0, 1, exclude_min=True, exclude_max=True)


@given(st.sampled_from([LEFT_ALONE, CALLED]), shares)
def test_there_and_back(arm, share):
    """What was written is read back, from the record and from the event."""
    told = Assignment(CALLING, arm, share)
    assert Assignment.of_record(told.record()) == told
    event = assignment_event(told, "ann", LADDER, 7)
    assert assignment_of(json.loads(event.properties)) == told
    assert row_of(event) == ("rung_assignment", 7, 7, json.loads(event.properties))
    assert {"experiment": CALLING, "arm": arm, "share": share}.items() <= row_of(event)[3].items()


def test_once_for_an_id():
    """An id has one event for each experiment of a ladder, whenever it is written."""
    first, again = (assignment_event(ALONE, "ann", LADDER, at) for at in (1, 2))
    assert first.message_id == again.message_id
    others = [
        assignment_event(ALONE, "bob", LADDER, 1),
        assignment_event(replace(ALONE, experiment="framing"), "ann", LADDER, 1),
        assignment_event(ALONE, "ann", replace(LADDER, name="other"), 1),
    ]
    assert len({first.message_id, *(one.message_id for one in others)}) == 4
    assert all(str(one.message_id).startswith("rung-") for one in others)


@pytest.mark.parametrize(
    "record", [None, 1, "", "[]", "nonsense", '{"experiment": "calling", "arm": "a", "share": 0.5}']
)
def test_what_cannot_be_read_is_none(record):
    """A row of a lead that says nothing readable puts it into no arm."""
    assert assignment_of({"rung_record": record}) is None
    rows = [("rung_assignment", 1, 1, {"rung_record": record, "arm": "none"})]
    assert history_of(rows, LADDER, 9).calling is None


def test_the_first_counts():
    """Of a lead's assignments the first of each experiment counts that is known."""
    late = row_of(assignment_event(ALONE, "ann", LADDER, 3 * DAY_US))
    early = row_of(assignment_event(replace(ALONE, arm=CALLED), "ann", LADDER, 2 * DAY_US))
    other = row_of(assignment_event(replace(ALONE, experiment="framing"), "ann", LADDER, DAY_US))
    rows = [late, other, early]
    assert history_of(rows, LADDER, 4 * DAY_US).calling == (CALLED, 2 * DAY_US)
    assert history_of([late], LADDER, 4 * DAY_US).calling == (LEFT_ALONE, 3 * DAY_US)
    before = history_of(rows, LADDER, 2 * DAY_US - 1)
    assert before.calling is None
    assert before.arms == {"framing": (LEFT_ALONE, DAY_US)}
