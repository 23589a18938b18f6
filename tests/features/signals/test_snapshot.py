"""The signal fold against the slow obvious version, its invariants, and its edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.clock import microseconds
from features.errors import EventsError, TimeError, UnknownLead
from features.events.log import DAY_US, EventLog, LogColumns, Times
from features.ladder.file import read_ladder
from features.ladder.ladder import Condition, EventRule, Ladder, SignalRow, Step, Trait
from features.signals import fold
from features.signals.program import compile_ladder, link
from features.signals.snapshot import Snapshot, snapshot, snapshot_at
from features.signals.table import Op, signals_of
from tests.features import strategies
from tests.features.strategies import GRID_US, LEADS, START_US, log_of
from tests.oracles.snapshot_oracle import (
    AGGREGATES,
    Event,
    Value,
    in_order,
    meets_any,
    oracle_next_completions,
    oracle_snapshot,
)

HOUR_US = DAY_US // 24
COUNTS = {
    Op.COUNT,
    Op.ACTIVE_DAYS,
    Op.DISTINCT,
    Op.STREAK,
    Op.POSITION,
    Op.STEPS_COMPLETED,
}

thorough = settings(max_examples=60, deadline=None)


# ------------------------------------------------------------------------------ What tests speak of


def at_instants(log: EventLog, ladder: Ladder, lead: str, as_of: Sequence[int]) -> Snapshot:
    """Snapshots of one lead, which the log need not hold."""
    index = log.leads.index(lead) if lead in log.leads else -1
    instants = np.array(as_of, dtype=np.int64)
    return snapshot_at(
        log,
        compile_ladder(ladder),
        (lead,) * len(instants),
        np.full_like(instants, index),
        instants,
    )


def bits(taken: Snapshot) -> list[tuple[object, ...]]:
    """Each row of a snapshot exactly: numbers by their bits, categories by their text."""
    numbers = [at for at, signal in enumerate(taken.signals) if signal.id not in taken.categories]
    texts = [at for at, signal in enumerate(taken.signals) if signal.id in taken.categories]
    return [
        (
            taken.values[row, numbers].tobytes(),
            [taken.value(row, at) for at in texts],
            int(taken.position[row]),
            int(taken.last_active[row]),
        )
        for row in range(len(taken))
    ]


def values(taken: Snapshot, row: int = 0) -> dict[str, Value]:
    """One row of a snapshot as a person would say it, by signal."""
    return {signal.id: taken.value(row, at) for at, signal in enumerate(taken.signals)}


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


def sorted_instants(log: EventLog) -> list[int]:
    """Instants at, just before and just after everything that a log's clocks show."""
    clocks = {int(when) for when in (*log.known, *log.occurred)}
    return sorted({when + off for when in clocks for off in (-1, 0, 1)})


# ------------------------------------------------------------------------------- Against the oracle


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
    advanced, purchased = link(log, compile_ladder(ladder)).next_completions(
        np.full_like(position, log.index_of(lead)), np.full_like(position, as_of), position, until
    )
    return [
        (None if one == fold.NONE else int(one), None if other == fold.NONE else int(other))
        for one, other in zip(advanced, purchased, strict=True)
    ]


@thorough
@given(strategies.ladders(), st.lists(strategies.events(), min_size=5, max_size=40))
def test_rows_of_goal_equal_the_oracle(ladder, events):
    """The events that complete, restart or are scored at are those that meet the ladder's rules."""
    log, compiled = log_of(events, ladder), compile_ladder(ladder)
    in_rows = [event for lead in log.leads for event in in_order(events, ladder, lead)]
    goals = [goal.complete_when for goal in ladder.goals]
    for number, rules in enumerate([*goals, ladder.restart_on, ladder.score_at]):
        found = link(log, compiled).meets(number)
        assert found.tolist() == [meets_any(rules, event) for event in in_rows]


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


# --------------------------------------------------------------------------------------- Invariants


@thorough
@given(
    strategies.ladders(),
    strategies.logs,
    strategies.instants,
    st.lists(strategies.events(), max_size=10),
    st.integers(1, DAY_US),
)
def test_no_future(ladder, events, as_of, others, later):
    """Adding, removing or changing events learned of after `as_of` changes not one bit."""
    past = [event for event in events if event.known_us <= as_of]
    changed = [replace(event, known_us=max(event.known_us, as_of + later)) for event in others]
    rows = []
    for known in (events, past, [*changed, *past], [*events, *changed]):
        log = log_of(known, ladder)
        rows.append([bits(at_instants(log, ladder, lead, [as_of])) for lead in LEADS])
    assert rows[0] == rows[1] == rows[2] == rows[3]


@thorough
@given(strategies.ladders(), strategies.logs, strategies.instants)
def test_one_lead_equals_its_row_among_all(ladder, events, as_of):
    """A lead asked for alone, in a log of its own or not, has the bits of its row among all."""
    log = log_of(events, ladder)
    instants = np.full(len(log.leads), as_of, dtype=np.int64)
    everyone = bits(snapshot(log, ladder, None, instants))
    for at, lead in enumerate(log.leads):
        alone = log_of([event for event in events if event.lead_id == lead], ladder)
        kept = log.only(np.array(log.leads) == lead)
        for held in (log, alone, kept):
            assert bits(snapshot(held, ladder, [lead], instants[:1])) == [everyone[at]]


@thorough
@given(strategies.ladders(), strategies.logs, strategies.instants, st.randoms())
def test_row_order_has_no_effect(ladder, events, as_of, chance):
    """The rows of the input may come in any order, those with equal clocks too."""
    shuffled = list(events)
    chance.shuffle(shuffled)
    logs = [log_of(rows, ladder) for rows in (events, shuffled, events[::-1])]
    rows = [[bits(at_instants(log, ladder, lead, [as_of])) for lead in LEADS] for log in logs]
    assert rows[0] == rows[1] == rows[2]


@thorough
@given(st.lists(strategies.events(), min_size=2, max_size=40), st.randoms())
def test_row_order_has_no_effect_on_the_log(events, chance):
    """The log of shuffled rows is the log of the rows, column by column and bit by bit."""
    ladder = small_ladder()
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert_same_log(log_of(events, ladder), log_of(shuffled, ladder))


@pytest.mark.parametrize("ties", [1, 7])
def test_row_order_has_no_effect_on_long_leads(ties):
    """A lead whose rows are far out of order, in long runs of equal clocks too, is sorted alike."""
    ladder, chance = small_ladder(), np.random.default_rng(11)
    events = [
        event("page", (at // ties) * HOUR_US, seconds=float(chance.integers(3)), room=str(at % 5))
        for at in range(700)
    ]
    shuffled = [events[at] for at in chance.permutation(len(events))]
    for rows in (events[::-1], shuffled):
        assert_same_log(log_of(events, ladder), log_of(rows, ladder))


def test_row_order_has_no_effect_on_signed_zeros():
    """0 and -0 are one number: which of them came first cannot be told from a snapshot."""
    ladder = small_ladder()
    told = [event("identify", START_US, seconds=zero) for zero in (0.0, -0.0)]
    rows = [
        bits(at_instants(log_of(events, ladder), ladder, "ann", [START_US]))
        for events in (told, told[::-1])
    ]
    assert rows[0] == rows[1]


def test_a_part_of_a_log_lies_in_memory_like_a_log():
    """The compiled fold is not compiled again for the arrays of `only`."""
    log = log_of([event("page", START_US, lead=lead) for lead in LEADS], small_ladder())
    part = log.only(np.array([True, False, True]))
    for column in ("starts", "name", "occurred", "known", "numbers", "texts"):
        assert getattr(part, column).flags.c_contiguous, column


def assert_same_log(one: EventLog, other: EventLog) -> None:
    assert (one.leads, one.names, one.text_values) == (other.leads, other.names, other.text_values)
    for column in ("starts", "name", "occurred", "known", "numbers", "texts"):
        assert getattr(one, column).tobytes() == getattr(other, column).tobytes(), column


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


@thorough
@given(strategies.ladders(), st.lists(strategies.events(), min_size=1, max_size=40), st.data())
def test_equal_snapshots_in_one_call_are_equal(ladder, events, data):
    """The same lead at the same instant, twice in one call in any order, has the same row."""
    log = log_of(events, ladder)
    pairs = st.tuples(st.sampled_from(log.leads), strategies.instants)
    asked = data.draw(st.lists(pairs, min_size=1, max_size=6))
    asked = data.draw(st.permutations(asked * 2))
    leads, as_of = zip(*asked, strict=True)
    taken = bits(snapshot(log, ladder, leads, np.array(as_of, dtype=np.int64)))
    for (lead, when), row in zip(asked, taken, strict=True):
        assert [row] == bits(snapshot(log, ladder, [lead], np.array([when], dtype=np.int64)))


@pytest.mark.parametrize("processors", [1, 3])
def test_a_large_call_equals_small_ones(monkeypatch, processors):
    """Snapshots enough for several threads have the bits that they have in small calls."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(processors)))
    ladder, chance = read_ladder("b2b"), np.random.default_rng(5)
    names = sorted({name for goal in ladder.goals for name in goal.engaged_by})
    events = [
        Event(
            f"lead{chance.integers(300):03}",
            names[chance.integers(len(names))],
            when := START_US + int(chance.integers(40 * DAY_US)),
            when + int(chance.integers(3)) * HOUR_US,
            {"minutes": float(chance.integers(40)), "section": ["pricing", "blog"][at % 2]},
        )
        for at in range(6000)
    ]
    log, count = log_of(events, ladder), 45_000
    leads = chance.integers(len(log.leads), size=count)
    as_of = START_US + chance.integers(50 * DAY_US, size=count)
    large = _at_rows(log, ladder, leads, as_of)
    for first in range(0, count, 5_000):
        part = slice(first, first + 5_000)
        small = _at_rows(log, ladder, leads[part], as_of[part])
        assert small.values.tobytes() == large.values[part].tobytes()
        assert (small.position == large.position[part]).all()
        assert (small.last_active == large.last_active[part]).all()
    assert len(np.unique(large.position)) > 1


def _at_rows(log: EventLog, ladder: Ladder, leads: np.ndarray, as_of: Times) -> Snapshot:
    return snapshot(log, ladder, [log.leads[at] for at in leads], as_of)


# -------------------------------------------------------------------------------------------- Edges


def event(
    name: str, occurred: int, known: int | None = None, lead: str = "ann", **properties: float | str
) -> Event:
    return Event(lead, name, occurred, occurred if known is None else known, properties)


def small_ladder(**parts: object) -> Ladder:
    """Watch 80 % of a video, then call, then buy; `again` begins anew."""
    watch = EventRule("video", (Condition("fraction", "at_least", 0.8),))
    return Ladder(
        name="small",
        title="Small",
        steps=(
            Step("watch", "Watch", (watch,), 7.0, engaged_by=("page", "video")),
            Step("call", "Call", (EventRule("call"),), 14.0, engaged_by=("call",)),
        ),
        purchase=Step("purchase", "Buy", (EventRule("order"),), 30.0, engaged_by=("order",)),
        **{  # type: ignore[arg-type]
            "traits": (Trait("seconds", "number"), Trait("room", "category")),
            "restart_on": (EventRule("again"),),
            **parts,
        },
    )


def signals_at(
    events: Sequence[Event], as_of: int, ladder: Ladder | None = None, lead: str = "ann"
) -> dict[str, Value]:
    ladder = ladder or small_ladder()
    return values(at_instants(log_of(events, ladder), ladder, lead, [as_of]))


@pytest.mark.parametrize(("window_days", "name"), [(1, "1d"), (7, "7d"), (30, "30d")])
def test_an_event_exactly_a_window_old_is_out(window_days, name):
    """A window holds what is younger than it: at its edge an event is out, just inside it is in."""
    edge = START_US + window_days * DAY_US
    events = [event("page", START_US)]
    assert signals_at(events, edge)[f"activity.count_{name}"] == 0
    assert signals_at(events, edge - 1)[f"activity.count_{name}"] == 1


def test_a_window_of_a_custom_signal_may_be_a_fraction_of_a_day():
    """A window of half a day ends after twelve hours."""
    row = SignalRow("lately", (EventRule("page"),), "count", window_days=0.5)
    ladder, events = small_ladder(signals=(row,)), [event("page", START_US)]
    assert signals_at(events, START_US + 12 * HOUR_US, ladder)["lately"] == 0
    assert signals_at(events, START_US + 12 * HOUR_US - 1, ladder)["lately"] == 1


def test_as_of_is_inclusive():
    """An event is in from the very instant at which it is known, whenever it occurred."""
    events = [event("page", START_US, START_US + DAY_US)]
    assert signals_at(events, START_US + DAY_US - 1)["step.watch.count"] == 0
    assert signals_at(events, START_US + DAY_US)["step.watch.count"] == 1
    assert signals_at(events, START_US + DAY_US)["step.watch.days_since_last"] == 1.0


def test_a_clock_that_ran_ahead_is_set_back():
    """An event said to occur after it was known occurred when it was known."""
    events = [event("page", START_US + 3 * DAY_US, START_US)]
    assert signals_at(events, START_US + DAY_US)["step.watch.days_since_last"] == 1.0


def test_a_late_event_is_as_old_as_when_it_happened():
    """Recency follows when it happened: a call reported late does not make the lead recent."""
    events = [
        event("page", START_US + 2 * DAY_US),
        event("call", START_US, START_US + 3 * DAY_US),
    ]
    found = signals_at(events, START_US + 4 * DAY_US)
    assert found["step.call.days_since_last"] == 4.0
    assert found["activity.days_since_last"] == 2.0
    assert found["activity.days_since_first"] == 4.0


@pytest.mark.parametrize(
    ("name", "said", "position"),
    [
        ("video_progress", {"watched_fraction": 0.80}, 1),
        ("video_progress", {"watched_fraction": 0.799}, 0),
        ("video_progress", {}, 0),
        ("content_read", {"seconds": 300.0}, 1),
        ("content_read", {"seconds": 299.0}, 0),
        ("tool_used", {"minutes": 3.0}, 1),
        ("tool_used", {"minutes": 3.0, "own_data": 1.0}, 0),
        ("tool_used", {"minutes": 15.0, "own_data": 1.0}, 3),
        ("asset_used", {"minutes": 15.0}, 2),
        ("asset_used", {"minutes": 14.9}, 0),
        ("asset_opened", {"minutes": 60.0}, 0),
        ("webinar_attended", {"minutes": 20.0}, 3),
        ("webinar_attended", {"minutes": 19.0}, 0),
        ("contract_signed", {}, 6),
    ],
)
def test_what_completes_a_step_of_the_b2b_ladder(name, said, position):
    """80 % of a video, 300 s of reading, 15 minutes of use: at the figure it counts, below not."""
    events = [event(name, START_US, **said)]
    assert signals_at(events, START_US, read_ladder("b2b"))["ladder.position"] == position


@pytest.mark.parametrize("fractions", list(permutations((0.25, 0.5, 0.82))))
def test_order_of_progress_has_no_effect(fractions):
    """Progress of 25, 50 and 82 % counts and completes the same in whichever order it is told."""
    events = [
        event("video_progress", START_US + at * HOUR_US, watched_fraction=fraction)
        for at, fraction in enumerate(fractions)
    ]
    found = signals_at(events, START_US + DAY_US, read_ladder("b2b"))
    assert found["ladder.position"] == 1
    assert found["step.content.count"] == 3
    assert found["step.content.max.watched_fraction"] == 0.82
    assert found["step.content.sum.watched_fraction"] == pytest.approx(1.57)


def test_registering_attending_and_watching_later_differ():
    """Three leads that differ in nothing but this have three different rows (S17)."""
    ladder = read_ladder("b2b")
    names = ("webinar_registered", "webinar_attended", "webinar_watched_on_demand")
    rows = [
        signals_at([event(name, START_US, minutes=45.0)], START_US + DAY_US, ladder)
        for name in names
    ]
    registered, attended, watched = rows
    assert [row["ladder.position"] for row in rows] == [0, 3, 0]
    assert attended not in (registered, watched)
    assert registered != watched


def test_attending_for_longer_shows():
    """Minutes attended are depth: 45 minutes and 20 minutes are different rows (S17)."""
    ladder = read_ladder("b2b")
    long, short = (
        signals_at([event("webinar_attended", START_US, minutes=minutes)], START_US, ladder)
        for minutes in (45.0, 20.0)
    )
    assert long["step.participation.max.minutes"] == 45
    assert short["step.participation.max.minutes"] == 20


def test_reply_hours():
    """A wait begins with the first question that is open and ends with the next reply."""
    asked, replied = "lead_asked", "business_replied"
    events = [
        event(replied, START_US - HOUR_US),  # a reply to nothing
        event(asked, START_US),
        event(asked, START_US + HOUR_US),  # asked again, still waiting since the first
        event(replied, START_US + 2 * HOUR_US),
        event(replied, START_US + 3 * HOUR_US),  # a second reply to the same
        event(asked, START_US + DAY_US),
        event(replied, START_US + DAY_US + 4 * HOUR_US),
        event(asked, START_US + 2 * DAY_US),
    ]
    found = signals_at(events, START_US + 2 * DAY_US + 5 * HOUR_US)
    assert found["replies.hours"] == 3.0
    assert found["replies.hours_waiting"] == 5.0
    before = signals_at(events, START_US + 3 * HOUR_US // 2)
    assert (before["replies.hours"], before["replies.hours_waiting"]) == (None, 1.5)
    between = signals_at(events, START_US + 12 * HOUR_US)
    assert (between["replies.hours"], between["replies.hours_waiting"]) == (2.0, None)


def test_offers_ignored_is_a_streak():
    """Offers without an answer add up; seeing one or completing a step begins anew."""
    extended = [event("offer_extended", START_US + at * DAY_US) for at in range(6)]
    seen = event("offer_seen", START_US + DAY_US + HOUR_US)
    called = event("call", START_US + 3 * DAY_US + HOUR_US)
    half = event("video", START_US + 4 * DAY_US + HOUR_US, fraction=0.5)
    events = [*extended, seen, called, half]
    streak = [
        signals_at(events, START_US + at * DAY_US + 2 * HOUR_US)["offers.ignored"]
        for at in range(6)
    ]
    assert streak == [1, 0, 1, 0, 1, 2]
    assert signals_at(events, START_US + 6 * DAY_US)["offers.extended"] == 6


def test_a_declined_offer_is_answered():
    """An offer that the lead said no to was not ignored."""
    events = [
        event("offer_extended", START_US),
        event("offer_declined", START_US + HOUR_US),
    ]
    assert signals_at(events, START_US + DAY_US)["offers.ignored"] == 0


def test_what_we_do_is_not_activity():
    """Offers, replies and profile data that arrive make no lead active."""
    events = [event(name, START_US) for name in ("offer_extended", "business_replied", "identify")]
    ladder = small_ladder()
    taken = at_instants(log_of(events, ladder), ladder, "ann", [START_US])
    assert taken.last_active[0] == fold.NONE
    assert values(taken)["activity.count_30d"] == 0
    assert values(taken)["activity.days_since_last"] is None
    assert values(taken)["ladder.days_at_position"] is None


def test_restart_resets_the_position_but_not_the_counts():
    """A lead that begins anew stands on rung 0 with all its history."""
    events = [
        event("video", START_US, fraction=0.9),
        event("call", START_US + DAY_US),
        event("again", START_US + 2 * DAY_US),
    ]
    before = signals_at(events[:2], START_US + 4 * DAY_US)
    after = signals_at(events, START_US + 4 * DAY_US)
    assert (before["ladder.position"], before["ladder.steps_completed"]) == (2, 2)
    assert (after["ladder.position"], after["ladder.steps_completed"]) == (0, 0)
    assert after["ladder.days_at_position"] == 2.0
    assert before["ladder.pace"] == pytest.approx(1 / 14)
    assert after["ladder.pace"] is None
    same = (
        "step.watch.count",
        "step.watch.max.fraction",
        "step.call.count",
        "step.call.days_since_last",
    )
    assert [before[name] for name in same] == [after[name] for name in same]
    assert after["activity.count_7d"] == 3


def test_pace_after_a_restart_is_counted_from_it():
    """What a lead did before it began anew does not slow its first step down."""
    events = [
        event("page", START_US),
        event("again", START_US + 20 * DAY_US),
        event("video", START_US + 27 * DAY_US, fraction=0.8),
    ]
    assert signals_at(events, START_US + 30 * DAY_US)["ladder.pace"] == 1.0


def test_a_skipped_rung_counts_as_position_but_not_as_completed():
    """Position is the highest rung completed; the steps below it need not be."""
    found = signals_at([event("call", START_US)], START_US)
    assert (found["ladder.position"], found["ladder.steps_completed"]) == (2, 1)


def test_only_the_first_completion_counts():
    """Completing a step again does not make the lead new on its rung."""
    events = [event("call", START_US), event("call", START_US + 5 * DAY_US)]
    assert signals_at(events, START_US + 6 * DAY_US)["ladder.days_at_position"] == 6.0


def test_profile():
    """The last value told of a trait holds until another is told; completeness is their share."""
    events = [
        event("identify", START_US, seconds=10.0, room="blue"),
        event("identify", START_US + DAY_US, room="red"),
        event("page", START_US + 2 * DAY_US, room="green", seconds=99.0),
    ]
    found = signals_at(events, START_US + 3 * DAY_US)
    assert (found["trait.seconds"], found["trait.room"]) == (10.0, "red")
    assert found["profile.completeness"] == 1.0
    assert signals_at(events[1:], START_US + 3 * DAY_US)["profile.completeness"] == 0.5
    assert signals_at([], START_US)["profile.completeness"] == 0.0


def test_nothing_known_is_a_row_of_zeros_and_absences():
    """A lead of whom nothing is known yet has counts of 0 and nothing else."""
    events = [event("page", START_US, START_US + 1)]
    found = signals_at(events, START_US)
    assert found == signals_at([], START_US) == signals_at(events, START_US, lead="nobody")
    assert set(found.values()) == {0.0, None}


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


# ------------------------------------------------------------------------------------------- Asking


def test_an_instant_is_the_same_in_every_time_zone():
    """`as_of` is an instant: 13:00+01:00 and 12:00Z are one."""
    ladder = small_ladder()
    log = log_of([event("page", START_US)], ladder)
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    abroad = noon.astimezone(timezone(timedelta(hours=1)))
    taken = [snapshot(log, ladder, None, when) for when in (noon, abroad)]
    assert bits(taken[0]) == bits(taken[1])
    assert taken[0].as_of.tolist() == [microseconds(noon)]
    assert values(taken[0])["step.watch.days_since_last"] == 1.5


def test_a_naive_as_of_is_refused():
    """An instant without a time zone is no instant; the error shows how to write one."""
    ladder = small_ladder()
    log = log_of([event("page", START_US)], ladder)
    naive = datetime(2026, 3, 2, 12)  # noqa: DTZ001 what is refused
    with pytest.raises(TimeError, match=r"no time zone; write 2026-03-02T12:00:00Z for UTC"):
        snapshot(log, ladder, None, naive)


def test_an_unknown_lead_is_refused_with_a_hint():
    """A lead that the log does not hold is named, with the one that was perhaps meant."""
    ladder = small_ladder()
    log = log_of([event("page", START_US, lead=lead) for lead in ("anna", "bert")], ladder)
    with pytest.raises(UnknownLead, match=r"no lead 'ana' in this log; did you mean 'anna'\?"):
        snapshot(log, ladder, ["bert", "ana"], datetime(2026, 3, 2, tzinfo=UTC))


def test_an_unknown_lead_unlike_any_other_is_refused_without_a_hint():
    """Where nothing is close there is nothing to guess; an empty log is no exception."""
    ladder = small_ladder()
    with pytest.raises(UnknownLead, match=r"no lead 'zoe' in this log$"):
        snapshot(log_of([], ladder), ladder, ["zoe"], datetime(2026, 3, 2, tzinfo=UTC))


def test_a_log_that_lacks_a_column_is_refused():
    """A log read for another ladder is refused, with the columns that it lacks."""
    log = log_of([event("page", START_US)], small_ladder(traits=()))
    with pytest.raises(EventsError, match=r"lacks the columns \['room', 'seconds'\]"):
        snapshot(log, small_ladder(), None, datetime(2026, 3, 2, tzinfo=UTC))


def test_a_log_with_other_columns_is_refused():
    """A log that holds more than the ladder reads was read for another one, too."""
    log = log_of([event("page", START_US)], small_ladder())
    with pytest.raises(EventsError, match=r"read for another ladder"):
        snapshot(log, small_ladder(traits=()), None, datetime(2026, 3, 2, tzinfo=UTC))


def test_an_event_without_a_lead_is_refused():
    """An event is of somebody and has a name."""
    with pytest.raises(EventsError, match=r"without a lead_id or a name"):
        EventLog.from_columns(["ann", None], ["page", "page"], np.zeros(2, np.int64))


def test_as_many_instants_as_leads():
    """An array of instants that is not one a lead is refused, not read beyond its end."""
    ladder = small_ladder()
    log = log_of([event("page", START_US)], ladder)
    with pytest.raises((EventsError, ValueError), match=r"as_of"):
        snapshot(log, ladder, ["ann", "ann", "ann"], np.array([START_US], dtype=np.int64))


def test_no_leads_are_no_rows():
    """Asked about nobody, or of an empty log, a snapshot has no rows and all its columns."""
    ladder, when = small_ladder(), datetime(2026, 3, 2, tzinfo=UTC)
    for log, leads in ((log_of([], ladder), None), (log_of([event("page", 0)], ladder), [])):
        taken = snapshot(log, ladder, leads, when)
        assert len(taken) == 0
        assert taken.frame().shape == (0, 2 + len(signals_of(ladder)))


def test_a_frame_says_what_the_rows_say():
    """The frame holds the leads, the instant and each signal's value, categories as texts."""
    ladder, when = small_ladder(), datetime(2026, 3, 2, tzinfo=UTC)
    events = [
        event("identify", START_US, room="blue"),
        event("page", START_US, lead="bob", seconds=3.0),
    ]
    taken = snapshot(log_of(events, ladder), ladder, ["bob", "ann"], when)
    frame = taken.frame()
    assert frame["lead_id"].tolist() == ["bob", "ann"]
    assert frame["as_of"].tolist() == [when, when]
    for row in range(2):
        for name, value in values(taken, row).items():
            told = frame[name].iloc[row]
            assert (told != told) if value is None else (told == value), name


def test_some_rows_of_a_snapshot():
    """Rows picked by mask or by index are those rows."""
    ladder = small_ladder()
    log = log_of([event("page", START_US + at, lead=lead) for at, lead in enumerate(LEADS)], ladder)
    taken = snapshot(log, ladder, None, datetime(2026, 3, 2, tzinfo=UTC))
    by_mask = taken.rows(np.array([True, False, True]))
    by_index = taken.rows(np.array([2, 0]))
    assert by_mask.leads == ("ann", "cem")
    assert by_index.leads == ("cem", "ann")
    assert bits(by_mask) == [bits(taken)[0], bits(taken)[2]] == bits(by_index)[::-1]


def test_a_log_may_hold_columns_that_no_array_is_given_for():
    """A property that no event has is absent throughout."""
    log = EventLog.from_columns(
        ["ann"], ["page"], np.zeros(1, np.int64), columns=LogColumns(("seconds",), ("room",))
    )
    assert np.isnan(log.numbers).all()
    assert (log.texts == -1).all()
    assert log.text_values == ((),)
