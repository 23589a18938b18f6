"""Ladders and event logs to test with: small, crowded, and full of ties and edges.

Times lie on a coarse grid and windows are multiples of it, so that ties in both clocks and events
exactly at the edge of a window are common. Numbers are eighths, so that sums are exact, but for the
thresholds of the shipped ladders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
from hypothesis import strategies as st

from features.clock import rfc3339
from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.ladder import (
    Activity,
    Beats,
    Condition,
    EventNames,
    EventRule,
    How,
    Ladder,
    Operator,
    SignalRow,
    Step,
    Trait,
)
from features.signals.table import ladder_columns
from tests.oracles.snapshot_oracle import Event

START_US = 1_772_323_200_000_000  # 2026-03-01T00:00Z
GRID_US = DAY_US // 4

LEADS = ("ann", "bob", "cem")
NUMBERS = ("fraction", "seconds", "flag")
TEXTS = ("room", "section")
WORDS = ("blue", "green", "red")
STARTS = "starts_at"
"""A text property that holds an instant."""
NAMES = EventNames(traits="profile")
EVENTS = (
    "page",
    "video",
    "mail",
    "call",
    *(NAMES.traits, NAMES.offer_extended, NAMES.offer_seen, NAMES.offer_declined),
    *(NAMES.lead_asked, NAMES.business_replied),
)
HOWS: tuple[How, ...] = get_args(How)
NUMBER_OPERATORS: tuple[Operator, ...] = tuple(
    operator for operator in get_args(Operator) if operator != "one_of"
)

starts = st.one_of(
    st.integers(-4, 60).map(lambda at: rfc3339(START_US + GRID_US * at)),
    st.sampled_from(["2026-03-09", "2026-03-05T12:00:00+02:00", "soon", "2026-03-05T12:00:00"]),
)
numbers = st.sampled_from([-1.0, 0.0, 0.125, 0.799, 0.8, 1.0, 2.5, 299.875, 300.0, 301.0])
windows = st.sampled_from([None, 0.25, 1.0, 2.5, 7.0])
half_lives = st.sampled_from([0.25, 1.0, 7.0, 30.0])

conditions = st.one_of(
    st.builds(Condition, st.sampled_from(NUMBERS), st.sampled_from(NUMBER_OPERATORS), numbers),
    st.builds(
        Condition,
        st.sampled_from(TEXTS),
        st.sampled_from(["is", "is_not"]),
        st.sampled_from(WORDS),
    ),
    st.builds(
        Condition,
        st.sampled_from(TEXTS),
        st.just("one_of"),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True).map(tuple),
    ),
)

rules = st.builds(
    EventRule,
    st.sampled_from(EVENTS),
    st.lists(conditions, max_size=2).map(tuple),
)


@st.composite
def alternatives(draw: st.DrawFn) -> tuple[EventRule, ...]:
    """One rule or several, now and then two on events of the same name."""
    found = draw(st.lists(rules, min_size=1, max_size=3, unique=True))
    if draw(st.booleans()):
        found.append(EventRule(found[0].event, (draw(conditions),)))
    return tuple(dict.fromkeys(found))


patterns = st.builds(
    EventRule,
    st.sampled_from([*EVENTS, "*", "*e", "*age", "*_declined", "*_seen"]),
    st.lists(conditions, max_size=1).map(tuple),
)
_kinds = st.one_of(st.none(), st.lists(patterns, max_size=3, unique=True).map(tuple))
activities = st.builds(Activity, interest=_kinds, against=_kinds, ours=_kinds)


@st.composite
def steps(draw: st.DrawFn, step_id: str) -> Step:
    """A step whose completing events engage with it, as in every ladder file."""
    complete_when = draw(alternatives())
    others = draw(st.lists(st.sampled_from(EVENTS), max_size=2))
    return Step(
        id=step_id,
        title=step_id.title(),
        complete_when=complete_when,
        horizon_days=draw(st.sampled_from([0.25, 7.0, 30.0])),
        engaged_by=tuple(dict.fromkeys((*others, *(rule.event for rule in complete_when)))),
    )


@st.composite
def signal_rows(draw: st.DrawFn, row_id: str, how: How) -> SignalRow:
    """A row that the user adds, with the measure that its `how` reads."""
    is_text = how in ("distinct", "days_until") or (how == "last" and draw(st.booleans()))
    measured = how in ("sum", "mean", "max", "min", "last", "distinct", "days_until")
    texts = (STARTS,) if how == "days_until" else TEXTS
    return SignalRow(
        id=row_id,
        of=draw(st.one_of(st.just(()), alternatives())),
        how=how,
        measure=draw(st.sampled_from(texts if is_text else NUMBERS)) if measured else "",
        measure_type="category" if is_text else "number",
        window_days=draw(windows),
        half_life_days=draw(half_lives) if how == "decayed_count" else None,
    )


beats = st.builds(
    Beats,
    st.sampled_from(EVENTS),
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
    st.sampled_from([0.5, 2.0, 300.0]),
    st.sampled_from([0.001, 360.0, 1440.0]),  # the grid is of 360 minutes
)


@st.composite
def ladders(draw: st.DrawFn) -> Ladder:
    """Ladders of 2 to 12 steps, with every kind of rule, trait and custom signal."""
    count = draw(st.one_of(st.integers(2, 3), st.integers(2, 12)))
    hows = draw(st.lists(st.sampled_from(HOWS), max_size=5))
    traits = (Trait("fraction", "number"), Trait("seconds", "number"), Trait("room", "category"))
    return Ladder(
        name="generated",
        title="Generated",
        steps=tuple(draw(steps(f"step{at}")) for at in range(count)),
        purchase=draw(steps("purchase")),
        traits=tuple(draw(st.lists(st.sampled_from(traits), max_size=3, unique=True))),
        signals=tuple(draw(signal_rows(f"row{at}", how)) for at, how in enumerate(hows)),
        events=NAMES,
        restart_on=draw(st.one_of(st.just(()), alternatives())),
        score_at=draw(st.one_of(st.just(()), alternatives())),
        lost_when=draw(st.one_of(st.just(()), alternatives())),
        back_when=draw(st.one_of(st.just(()), alternatives())),
        activity=draw(activities),
        beats=tuple(draw(st.lists(beats, max_size=2, unique_by=lambda one: one.event))),
    )


@st.composite
def events(draw: st.DrawFn, leads: Sequence[str] = LEADS) -> Event:
    """An event: known in time, late, or (a clock that ran ahead) before it is said to occur."""
    occurred = START_US + GRID_US * draw(st.integers(0, 40)) + draw(st.sampled_from([0, 0, 0, 1]))
    late_by = draw(st.sampled_from([0, 0, 0, 1, GRID_US, 5 * DAY_US, -GRID_US, -3 * DAY_US]))
    properties: dict[str, float | str] = {}
    properties |= draw(st.dictionaries(st.sampled_from(NUMBERS), numbers, max_size=3))
    properties |= draw(
        st.dictionaries(
            st.sampled_from(TEXTS), st.sampled_from([*WORDS, "unheard of", "Ärger"]), max_size=2
        )
    )
    properties |= draw(st.dictionaries(st.just(STARTS), starts, max_size=1))
    return Event(
        lead_id=draw(st.sampled_from(leads)),
        name=draw(st.sampled_from([*EVENTS, "unheard_of", "Zebra"])),
        occurred_us=occurred,
        known_us=occurred + late_by,
        properties=properties,
    )


logs = st.lists(events(), max_size=40)
instants = st.builds(
    lambda steps, off: START_US + GRID_US * steps + off,
    st.integers(-2, 70),
    st.sampled_from([-1, 0, 0, 0, 1]),
)


def log_of(events: Sequence[Event], ladder: Ladder) -> EventLog:
    """The events as a log that holds the columns of a ladder, in the order in which they come."""
    columns = LogColumns(*ladder_columns(ladder))
    return EventLog.from_columns(
        lead=[event.lead_id for event in events],
        name=[event.name for event in events],
        occurred=np.array([event.occurred_us for event in events], dtype=np.int64),
        known=np.array([event.known_us for event in events], dtype=np.int64),
        numbers={
            column: [event.properties.get(column, np.nan) for event in events]
            for column in columns.numbers
        },
        texts={
            column: [event.properties.get(column) for event in events] for column in columns.texts
        },
        columns=columns,
    )
