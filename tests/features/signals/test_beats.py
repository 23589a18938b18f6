"""Reading in beats: what adds up to a completion, what an idle tab counts, and what came late."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events.log import EventLog, LogColumns
from features.events.of_lead import Row, log_of_rows
from features.ladder.file import read_ladder
from features.ladder.ladder import Activity, Beats, Condition, EventRule
from features.offers.history import history_of
from features.signals.beats import sums_of_log, sums_of_rows
from features.signals.program import compile_ladder
from features.signals.snapshot import snapshot_at
from tests.profiles import examples

B2B = read_ladder("b2b")
MINUTE = 60_000_000
NOW = 1_780_000_000_000_000
BEATS = Beats("content_read", "seconds", "content", most=600.0, within_minutes=30.0)
COLUMNS = LogColumns(("seconds",), ("content",))


def beat(minute: float, seconds: float, content: str | None = "guide", late: float = 0.0) -> Row:
    said: dict[str, object] = {"seconds": seconds}
    if content is not None:
        said["content"] = content
    at = NOW + round(minute * MINUTE)
    return "content_read", at, at + round(late * MINUTE), said


def sums(*rows: Row) -> list[float]:
    """Of rows in the order of time, by both ways to find them."""
    found = sums_of_log(log_of_rows("ann", list(rows), COLUMNS), BEATS)
    other = sums_of_rows([(row[1], row) for row in rows], BEATS)
    np.testing.assert_allclose(found, [other.get(at, np.nan) for at in range(len(rows))])
    return [float(one) for one in found]


def position(*rows: Row, as_of: int = NOW + 10**12) -> int:
    compiled = compile_ladder(B2B)
    log = log_of_rows("ann", list(rows), compiled.columns)
    taken = snapshot_at(log, compiled, ("ann",), np.zeros(1, np.int64), np.array([as_of]))
    return int(taken.position[0])


def test_beats_of_one_piece_add_up():
    """Three beats of 100 seconds are 300: the step is completed by the third, and not before."""
    beats = [beat(0, 100), beat(2, 100), beat(4, 100)]
    assert sums(*beats) == [100, 200, 300]
    assert position(*beats[:2]) == 0
    assert position(*beats) == 1
    assert history_of(beats, B2B, NOW + 10**12).completed == {"content": beats[2][1]}
    assert history_of(beats[:2], B2B, NOW + 10**12).completed == {}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([beat(0, 100), beat(31, 100), beat(60, 100)], [100, 100, 200]),  # a pause begins anew
        ([beat(0, 100), beat(30, 100), beat(60, 100)], [100, 200, 300]),  # the limit is no pause
        ([beat(0, 100), beat(1, 100, "other"), beat(2, 100)], [100, 100, 200]),  # two tabs
        ([beat(0, 100, None), beat(1, 100, None)], [100, 100]),  # of no piece that is known
        ([beat(0, 1200)], [600]),  # an idle tab
        ([beat(0, 1200), beat(21, 1200)], [600, 1200]),
        ([beat(0, 100), beat(5, 100, late=60), beat(10, 100)], [100, 200, 200]),  # not known then
    ],
)
def test_what_adds_up(rows, expected):
    """Of one piece, in one go, as far as it was known; a beat counts for so much at most."""
    assert sums(*rows) == expected


def test_a_beat_that_came_late_changes_nothing_before():
    """What was known at an instant gives the same, whatever arrives later of the time before."""
    beats = [beat(0, 150), beat(10, 100)]
    late = beat(5, 100, late=600)
    then = beats[1][2] + 1
    assert position(*beats, as_of=then) == position(beats[0], late, beats[1], as_of=then) == 0
    assert position(beats[0], late, beats[1], beat(12, 60)) == 1


def test_a_short_beat_is_no_bounce():
    """A last beat of a few seconds ends a reading; it does not speak against the lead."""
    compiled = compile_ladder(B2B)
    at = [signal.id for signal in compiled.signals].index("against.content_read")
    for rows, is_bounce in (([beat(0, 5)], True), ([beat(0, 90), beat(2, 5)], False)):
        log = log_of_rows("ann", rows, compiled.columns)
        taken = snapshot_at(
            log, compiled, ("ann",), np.zeros(1, np.int64), np.array([NOW + 10 * MINUTE])
        )
        assert (taken.values[0, at] > 0.5) == is_bounce


def test_signals_aggregate_what_came():
    """The longest read of a row of the file is that of one event: sums are for conditions."""
    compiled = compile_ladder(B2B)
    at = [signal.id for signal in compiled.signals].index("longest_read")
    log = log_of_rows("ann", [beat(0, 100), beat(2, 120)], compiled.columns)
    taken = snapshot_at(
        log, compiled, ("ann",), np.zeros(1, np.int64), np.array([NOW + 10 * MINUTE])
    )
    assert taken.values[0, at] == 120.0


@settings(deadline=None, max_examples=examples(100))
@given(
    st.lists(
        st.tuples(
            st.integers(0, 90),
            st.sampled_from([5.0, 100.0, 700.0, float("nan")]),
            st.sampled_from([None, "guide", "other"]),
            st.sampled_from([0, 0, 7, 40]),
            st.sampled_from(["content_read", "content_read", "page_viewed"]),
        ),
        max_size=12,
    )
)
def test_both_ways_agree(drawn):
    """A log and a lead's rows give the same sums, whatever comes in between."""
    rows = [
        (name, *beat(minute, seconds, content, late)[1:])
        for minute, seconds, content, late, name in sorted(drawn, key=lambda one: (one[0], one[3]))
    ]
    ordered = sorted(rows, key=lambda row: (row[1], row[2], row[0]))
    log = EventLog.from_columns(
        ["ann"] * len(ordered),
        [row[0] for row in ordered],
        np.array([row[1] for row in ordered], dtype=np.int64),
        np.array([row[2] for row in ordered], dtype=np.int64),
        numbers={"seconds": np.array([row[3]["seconds"] for row in ordered], dtype=np.float64)},
        texts={"content": [row[3].get("content") for row in ordered]},
        columns=COLUMNS,
    )
    found = np.sort(sums_of_log(log, BEATS))
    other = sums_of_rows([(row[1], row) for row in ordered], BEATS)
    expected = np.sort([other.get(at, np.nan) for at in range(len(ordered))])
    if len({(row[1], row[2], row[0]) for row in ordered}) == len(ordered):
        np.testing.assert_allclose(found, expected)


def test_another_measure_is_left_alone():
    """Only the conditions on that property of that event read sums."""
    ladder = replace(B2B, beats=(replace(BEATS, event="tool_used", measure="minutes"),))
    rows = [beat(0, 200), beat(2, 200)]
    compiled = compile_ladder(ladder)
    log = log_of_rows("ann", rows, compiled.columns)
    taken = snapshot_at(log, compiled, ("ann",), np.zeros(1, np.int64), np.array([NOW + 10**12]))
    assert taken.position[0] == 0


def test_a_pattern_reads_sums_as_a_name_does():
    """A rule for all names that end so is met by what adds up, in the fold as in a history."""
    short = EventRule("*_read", (Condition("seconds", "below", 10.0),))
    ladder = replace(B2B, activity=Activity(against=(short,)))
    compiled = compile_ladder(ladder)
    at = [signal.is_against for signal in compiled.signals].index(True)
    for rows, is_against in (([beat(0, 5)], True), ([beat(0, 90), beat(2, 5)], False)):
        log = log_of_rows("ann", rows, compiled.columns)
        taken = snapshot_at(
            log, compiled, ("ann",), np.zeros(1, np.int64), np.array([NOW + 10 * MINUTE])
        )
        assert (taken.values[0, at] > 0.5) == is_against
