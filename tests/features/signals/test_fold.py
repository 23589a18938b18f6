"""The compiled fold is the slow obvious version, signal by signal and completion by completion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.log import DAY_US, EventLog
from features.ladder.file import read_ladder
from features.ladder.ladder import Condition, EventRule, Ladder, SignalRow
from features.signals import fold
from features.signals.linked_log import link
from features.signals.program import compile_ladder
from features.signals.signal import Op
from features.signals.snapshot import Snapshot
from features.signals.table import signals_of
from tests.features import strategies
from tests.features.signals.scene import HOUR_US, at_instants, event, small_ladder, thorough, values
from tests.features.strategies import GRID_US, LEADS, START_US, log_of
from tests.oracles.snapshot_oracle import (
    AGGREGATES,
    Event,
    oracle_next_completions,
    oracle_snapshot,
)

COUNTS = {
    Op.COUNT,
    Op.ACTIVE_DAYS,
    Op.DISTINCT,
    Op.STREAK,
    Op.POSITION,
    Op.STEPS_COMPLETED,
}


def assert_equals_oracle(
    taken: Snapshot, row: int, events: Sequence[Event], ladder: Ladder
) -> None:
    expected = oracle_snapshot(events, ladder, taken.leads[row], int(taken.as_of[row]))
    assert set(expected.signals) == {signal.id for signal in taken.signals}
    for at, signal in enumerate(taken.signals):
        value, wanted = taken.value(row, at), expected.signals[signal.id]
        if signal.op in COUNTS or not isinstance(wanted, float | int):
            assert value == wanted, signal
        else:
            assert value == pytest.approx(wanted, rel=1e-9, abs=1e-12), signal
    assert taken.position[row] == expected.position
    assert taken.last_active[row] == (
        fold.NONE if expected.last_active is None else expected.last_active
    )
    assert taken.lost_at[row] == (fold.NONE if expected.lost_at is None else expected.lost_at)


def sorted_instants(log: EventLog) -> list[int]:
    """Instants at, just before and just after everything that a log's clocks show."""
    clocks = {int(when) for when in (*log.known, *log.occurred)}
    return sorted({when + off for when in clocks for off in (-1, 0, 1)})


@thorough
@given(strategies.ladders(), strategies.logs, st.lists(strategies.instants, min_size=1, max_size=2))
def test_fold_equals_the_oracle(ladder, events, as_of):
    """Every signal of every lead at any instant is what the slow obvious version says."""
    log = log_of(events, ladder)
    for lead in LEADS:
        taken = at_instants(log, ladder, lead, as_of)
        for row in range(len(taken)):
            assert_equals_oracle(taken, row, events, ladder)


@thorough
@given(
    strategies.ladders(), st.lists(strategies.events(["ann"]), min_size=5, max_size=40), st.data()
)
def test_fold_equals_the_oracle_where_clocks_tick(ladder, events, data):
    """The same at the instants where something becomes known, and a microsecond around them."""
    log = log_of(events, ladder)
    clocks = st.sampled_from(sorted_instants(log))
    taken = at_instants(log, ladder, "ann", data.draw(st.lists(clocks, min_size=1, max_size=3)))
    for row in range(len(taken)):
        assert_equals_oracle(taken, row, events, ladder)


def test_fold_equals_the_oracle_where_a_refusal_begins_the_ladder_anew():
    """It is left out of what speaks against, which is a pattern; another refusal is not."""
    ladder = replace(small_ladder(), restart_on=(EventRule("offer_declined"),))
    events = [event("offer_declined", HOUR_US), event("seat_declined", 2 * HOUR_US)]
    taken = at_instants(log_of(events, ladder), ladder, "ann", [HOUR_US, 2 * HOUR_US])
    for row in range(len(taken)):
        assert_equals_oracle(taken, row, events, ladder)
    assert [values(taken, row)["against.recent"] for row in range(2)] == [0.0, 1.0]


def test_fold_equals_the_oracle_before_1970():
    """Days are counted in whole UTC days on both sides of the epoch."""
    ladder = small_ladder()
    events = [event("page", at * HOUR_US) for at in (-50, -25, -24, -1, 0, 1, 23, 24)]
    taken = at_instants(log_of(events, ladder), ladder, "ann", [0, 30 * HOUR_US])
    for row in range(len(taken)):
        assert_equals_oracle(taken, row, events, ladder)
    assert values(taken, 1)["step.watch.active_days"] == 5


@pytest.mark.parametrize("name", ["b2b", "b2c", "b2b-assessment"])
def test_fold_equals_the_oracle_on_shipped_ladders(name):
    """A busy lead on each shipped ladder has the signals that the slow obvious version says."""
    ladder = read_ladder(name)
    chance = np.random.default_rng(7)
    rules = [rule for goal in ladder.goals for rule in goal.complete_when]
    names = sorted({name for goal in ladder.goals for name in goal.engaged_by})
    events = []
    for _ in range(300):
        rule = rules[chance.integers(len(rules))]
        occurred = START_US + int(chance.integers(60 * DAY_US))
        said = {c.property: _near(c, chance) for c in rule.where}
        given_name = rule.event if chance.random() < 0.6 else names[chance.integers(len(names))]
        late = int(chance.integers(2 * DAY_US)) if chance.random() < 0.3 else 0
        events.append(Event("ann", given_name, occurred, occurred + late, said))
    as_of = [START_US + days * DAY_US for days in (0, 3, 10, 30, 70)]
    taken = at_instants(log_of(events, ladder), ladder, "ann", as_of)
    for row in range(len(taken)):
        assert_equals_oracle(taken, row, events, ladder)


def _near(condition: Condition, chance: np.random.Generator) -> float | str:
    """A value that meets a condition, or one that just does not."""
    match condition.value:
        case str(text):
            return text if chance.random() < 0.5 else "something else"
        case tuple(texts):
            return texts[chance.integers(len(texts))] if chance.random() < 0.5 else "something else"
    return float(condition.value) + float(chance.integers(-1, 2)) / 8


@thorough
@given(
    strategies.ladders(),
    st.lists(strategies.events(["ann"]), min_size=8, max_size=40),
    st.data(),
)
def test_next_completions_equal_the_oracle(ladder, events, data):
    """What is completed next from any position, and when, is what the slow obvious version says."""
    log = log_of(events, ladder)
    clocks = [int(when) for when in (*log.known, *log.occurred)]
    as_of, until = sorted(
        data.draw(st.sampled_from(clocks)) + data.draw(st.sampled_from([-GRID_US, -1, 0, 1]))
        for _ in range(2)
    )
    found = next_completions(log, ladder, "ann", as_of, until)
    for position, times in enumerate(found):
        assert times == oracle_next_completions(events, ladder, "ann", as_of, position, until)


def next_completions(
    log: EventLog, ladder: Ladder, lead: str, as_of: int, until: int
) -> list[tuple[int | None, int | None]]:
    """What a lead next completes (advanced, purchased), from each position there is."""
    position = np.arange(len(ladder.goals) + 1)
    found = link(log, compile_ladder(ladder)).next_completions(
        np.full_like(position, log.index_of(lead)), np.full_like(position, as_of), position, until
    )
    return [
        (None if one == fold.NONE else int(one), None if other == fold.NONE else int(other))
        for one, other in zip(found.advanced, found.purchased, strict=True)
    ]


def test_every_operation_has_its_number_in_the_kernel():
    """The kernel's constants and `Op` are the same numbers, and there is no other constant."""
    assert {op.name: getattr(fold, op.name) for op in Op} == {op.name: op.value for op in Op}
    assert [op.value for op in Op] == list(range(len(Op)))


def test_every_operation_is_covered_by_the_oracle():
    """An operation without a slow obvious version cannot be added."""
    assert set(AGGREGATES) == set(Op)


def test_generated_ladders_reach_every_operation():
    """The standard set and the custom rows together use every operation there is."""
    rows = [SignalRow(f"row_{how}", (), how, "m", half_life_days=1.0) for how in strategies.HOWS]
    ladder = replace(small_ladder(), signals=tuple(rows))
    assert {signal.op for signal in signals_of(ladder)} == set(Op)


def test_what_is_reported_late_was_still_to_come():
    """An advance that happened before `as_of` counts where it was not known then, by `until`."""
    ladder, as_of = small_ladder(), START_US + DAY_US
    events = [
        event("video", START_US, fraction=0.9),  # known at as_of: it is position, not advance
        event("call", START_US, as_of + 1),
        event("order", as_of + HOUR_US, as_of + 2 * HOUR_US),
    ]
    log = log_of(events, ladder)
    late, order = START_US, as_of + HOUR_US
    assert next_completions(log, ladder, "ann", as_of, as_of) == [(None, None)] * 4
    assert next_completions(log, ladder, "ann", as_of, as_of + 1)[:3] == [
        (late, None),
        (late, None),
        (None, None),
    ]
    assert next_completions(log, ladder, "ann", as_of, as_of + 2 * HOUR_US) == [
        (late, order),
        (late, order),
        (order, order),
        (None, order),
    ]


def test_a_late_restart_ends_the_search_for_completions():
    """What `next_completions` says of a restart holds for one that is reported late, too."""
    ladder, as_of = small_ladder(), START_US + DAY_US
    events = [
        event("again", START_US, as_of + HOUR_US),
        event("call", as_of + 2 * HOUR_US),
    ]
    log = log_of(events, ladder)
    assert next_completions(log, ladder, "ann", as_of, as_of + DAY_US)[0] == (None, None)
