"""What came of a decision point: against the slow obvious version, and at every edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events.log import DAY_US, EventLog
from features.funnel.states import State
from features.ladder.ladder import Condition, EventRule, Ladder, Step
from features.signals.fold import NONE
from features.signals.snapshot import snapshot
from tests.features import strategies
from tests.features.strategies import START_US, log_of
from tests.oracles.label_oracle import oracle_delays, oracle_outcomes, oracle_position
from tests.oracles.snapshot_oracle import Event
from tests.profiles import examples
from training.decision_points import Points
from training.labels import arrival_delays, label, labelled

SECOND_US = 1_000_000
NAMES = {label: label.name.lower() for label in State}

LADDER = Ladder(
    name="small",
    title="Watch, call, buy",
    steps=(
        Step(
            "watch",
            "Watch",
            (EventRule("video", (Condition("fraction", "at_least", 0.8),)),),
            horizon_days=7.0,
            engaged_by=("video",),
        ),
        Step("call", "Call", (EventRule("call"),), horizon_days=14.0, engaged_by=("call",)),
    ),
    purchase=Step("purchase", "Buy", (EventRule("order"),), 30.0, engaged_by=("order",)),
    restart_on=(EventRule("again"),),
)
AS_OF = START_US + 100 * DAY_US
"""When most tests ask: what is known of a lead by then is one page."""


def event(name: str, occurred: int, known: int | None = None, lead: str = "ann", **said) -> Event:
    return Event(lead, name, occurred, occurred if known is None else known, said)


def points_at(log: EventLog, ladder: Ladder, asked: Sequence[tuple[str, int]]) -> Points:
    """Points at which some leads would have been asked about."""
    names = [lead for lead, _ in asked]
    as_of = np.array([when for _, when in asked], dtype=np.int64)
    lead = np.array([log.leads.index(name) for name in names], dtype=np.int64)
    return Points(lead, snapshot(log, ladder, names, as_of))


def told(
    events: Sequence[Event], until: int, *, as_of: int = AS_OF, ladder: Ladder = LADDER
) -> tuple[tuple[str, bool], tuple[str, bool]]:
    """What is known by `until` of Ann's advancement and purchase, and whether it is mature."""
    log = log_of([event("page", START_US), *events], ladder)
    advanced, purchased = label(log, ladder, points_at(log, ladder, [("ann", as_of)]), until)
    return said_of(advanced, 0), said_of(purchased, 0)


def said_of(outcomes, row: int) -> tuple[str, bool]:
    return NAMES[State(int(outcomes.state[row]))], bool(outcomes.mature[row])


# ------------------------------------------------------------------------------- Against the oracle


@settings(max_examples=examples(60), deadline=None)
@given(
    strategies.ladders(),
    st.lists(strategies.events(), min_size=5, max_size=40),
    st.lists(strategies.instants, min_size=1, max_size=4),
    strategies.instants,
    st.sampled_from([0, 0, 7 * DAY_US, 30 * DAY_US]),
)
def test_labels_equal_the_oracle(ladder, events, as_of, until, later):
    """Of every lead at any instant, by any other: what the slow obvious version says."""
    log, until = log_of(events, ladder), until + later
    asked = [
        (lead, when)
        for lead in log.leads
        for when in as_of
        if oracle_position(events, ladder, lead, when) < len(ladder.goals)
    ]
    found = label(log, ladder, points_at(log, ladder, asked), until)
    delays = arrival_delays(log, ladder, until).tolist()
    assert delays == pytest.approx(oracle_delays(events, ladder, until), abs=1)
    for row, (lead, when) in enumerate(asked):
        expected = oracle_outcomes(events, ladder, lead, when, until, delays)
        for outcomes, wanted in zip(found, expected, strict=True):
            assert said_of(outcomes, row) == (wanted.state, wanted.mature)
            known_at = int(outcomes.decided_at[row])
            assert (None if known_at == NONE else known_at) == wanted.known_at
            if outcomes.censoring is None:
                assert outcomes.decided[row] == wanted.mature
                assert outcomes.weight[row] == float(wanted.mature)


@settings(max_examples=examples(80), deadline=None)
@given(st.lists(strategies.events(), max_size=40), strategies.instants)
def test_the_delay_equals_the_oracle(events, until):
    """How long to wait for late arrivals of a goal is the 99th percentile of what completes it."""
    rules = (EventRule("page"), EventRule("call"))
    steps = (Step("one", "One", rules[:1], 7.0), Step("two", "Two", rules, 7.0))
    purchase = Step("purchase", "Buy", (EventRule("mail"),), 7.0)
    ladder = Ladder("delays", "Delays", steps, purchase)
    delays = arrival_delays(log_of(events, ladder), ladder, until).tolist()
    assert delays == pytest.approx(oracle_delays(events, ladder, until), abs=1)


# -------------------------------------------------------------------------------------- The horizon


@pytest.mark.parametrize(
    ("over_by", "state"), [(-1, ("pending", False)), (0, ("lapsed", True)), (1, ("lapsed", True))]
)
def test_a_lead_is_pending_until_its_horizon_is_over(over_by, state):
    """A microsecond before the end of the horizon nothing is known; at its end the lead lapsed."""
    advancement, _ = told([], AS_OF + 7 * DAY_US + over_by)
    assert advancement == state
    _, purchase = told([], AS_OF + 30 * DAY_US + over_by)
    assert purchase == state


@pytest.mark.parametrize(("late_by", "state"), [(-1, "advanced"), (0, "advanced"), (1, "lapsed")])
def test_the_end_of_the_horizon_is_within_it(late_by, state):
    """What happens exactly at the end counts, a microsecond later it does not."""
    events = [event("call", AS_OF + 7 * DAY_US + late_by)]
    assert told(events, AS_OF + 40 * DAY_US)[0] == (state, True)
    events = [event("order", AS_OF + 30 * DAY_US + late_by)]
    assert told(events, AS_OF + 40 * DAY_US)[1] == (state, True)


def test_an_early_advance_is_known_but_not_mature():
    """A lead that has advanced while its horizon runs is advanced, and not to be learned from."""
    events = [event("order", AS_OF + DAY_US)]
    for until in (AS_OF + DAY_US, AS_OF + 7 * DAY_US - 1):
        assert told(events, until) == (("advanced", False), ("advanced", False))
    assert told(events, AS_OF + 7 * DAY_US) == (("advanced", True), ("advanced", False))


def test_each_rung_has_its_own_horizon():
    """The next step's horizon counts, not that of the step that was completed in the end."""
    events = [event("order", AS_OF + 10 * DAY_US)]
    on_first = told(events, AS_OF + 60 * DAY_US)
    on_second = told([event("video", AS_OF, fraction=0.9), *events], AS_OF + 60 * DAY_US)
    on_third = told([event("call", AS_OF), *events], AS_OF + 60 * DAY_US)
    assert [found[0][0] for found in (on_first, on_second, on_third)] == [
        "lapsed",
        "advanced",
        "advanced",
    ]
    assert {found[1][0] for found in (on_first, on_second, on_third)} == {"advanced"}


def test_before_the_last_rung_both_goals_are_one():
    """Where the next step is the purchase, advancement and purchase have one outcome."""
    at_last = event("call", AS_OF - DAY_US)
    for day in (1, 29, 31):
        for until in (AS_OF + 20 * DAY_US, AS_OF + 40 * DAY_US):
            advancement, purchase = told([at_last, event("order", AS_OF + day * DAY_US)], until)
            assert advancement == purchase


# -------------------------------------------------------------------------------------- Two clocks


@pytest.mark.parametrize(("after", "state"), [(0, "lapsed"), (1, "advanced")])
def test_what_is_known_at_the_instant_itself_is_not_to_come(after, state):
    """A call known at `as_of` is position; known a microsecond later it is an advance."""
    advancement, _ = told([event("call", AS_OF + after)], AS_OF + 60 * DAY_US)
    assert advancement == (state, True)


def test_what_was_reported_late_was_to_come():
    """A call from before `as_of` that was reported after it counts as an advance."""
    late = [event("call", AS_OF - 50 * DAY_US, AS_OF + 1)]
    assert told(late, AS_OF + 1)[0] == ("advanced", False)


@pytest.mark.parametrize(("after", "state"), [(0, "advanced"), (1, "pending")])
def test_only_what_is_known_by_until_counts(after, state):
    """An advance reported a microsecond after `until` is not known yet."""
    until = AS_OF + 3 * DAY_US
    assert told([event("call", AS_OF + DAY_US, until + after)], until)[0] == (state, False)


def test_an_advance_may_be_reported_after_the_horizon():
    """It counts by when it happened, however long it took to be known."""
    events = [event("call", AS_OF + 7 * DAY_US, AS_OF + 20 * DAY_US)]
    assert told(events, AS_OF + 20 * DAY_US - 1)[0] == ("lapsed", True)
    # By then it is known that a report may take thirteen days, so that the horizon ends later.
    assert told(events, AS_OF + 20 * DAY_US)[0] == ("advanced", True)
    assert told(events, AS_OF + 21 * DAY_US)[0] == ("advanced", True)


def test_the_first_step_above_counts():
    """To leap over the next step is to advance; to repeat a step below is not."""
    watched = event("video", AS_OF - DAY_US, fraction=0.9)
    until = AS_OF + 60 * DAY_US
    assert told([event("order", AS_OF + DAY_US)], until)[0] == ("advanced", True)
    again = event("video", AS_OF + DAY_US, fraction=0.9)
    assert told([watched, again], until)[0] == ("lapsed", True)
    assert told([event("video", AS_OF + DAY_US, fraction=0.79)], until)[0] == ("lapsed", True)


def test_a_restart_ends_the_search():
    """What a lead does after it began anew is no outcome of what was before."""
    events = [event("again", AS_OF + DAY_US), event("order", AS_OF + 2 * DAY_US)]
    assert told(events, AS_OF + 60 * DAY_US) == (("lapsed", True), ("lapsed", True))


def test_a_step_whose_event_begins_the_ladder_anew_is_not_completed_by_it():
    """As in the funnel: whoever begins anew stands before the first step; a purchase is one."""
    anew = replace(LADDER, restart_on=(EventRule("call"), EventRule("order")))
    until = AS_OF + 60 * DAY_US
    watched = event("video", AS_OF - DAY_US, fraction=0.9)
    called, bought = event("call", AS_OF + DAY_US), event("order", AS_OF + DAY_US)
    assert told([watched, called], until)[0] == ("advanced", True)
    assert told([watched, called], until, ladder=anew) == (("lapsed", True), ("lapsed", True))
    assert told([watched, bought], until, ladder=anew) == (("advanced", True), ("advanced", True))


def test_until_before_anything_is_known():
    """Before the instant that is asked about every lead is pending."""
    events = [event("order", AS_OF + DAY_US)]
    for until in (START_US - 1, AS_OF):
        assert told(events, until) == (("pending", False), ("pending", False))


# ---------------------------------------------------------------------------------- Late arrivals


def delays(seconds: Sequence[float], name: str = "call") -> list[Event]:
    """Events of another lead, each known so many seconds after it happened; the first at once."""
    begun = event(name, START_US, lead="bob")
    return [begun] + [
        event(name, START_US + at * SECOND_US, START_US + round((at + late) * SECOND_US), "bob")
        for at, late in enumerate(seconds, start=1)
    ]


def waits(events: Sequence[Event], until: int = AS_OF, *, goal: str = "call") -> int:
    found = arrival_delays(log_of(events, LADDER), LADDER, until)
    return int(found[[one.id for one in LADDER.goals].index(goal)])


def test_the_delay_is_the_99th_percentile():
    """Of a hundred delays from 1 to 100 seconds, and one of none, it is 99."""
    order = np.random.default_rng(3).permutation(100) + 1
    assert waits(delays(order.tolist())) == pytest.approx(99 * SECOND_US, abs=1)


def test_of_few_the_latest_is_not_waited_for():
    """One order of thirty that was found again after a year keeps no goal waiting for a year."""
    often = [60.0] * 30
    often[7] = 365 * 86_400.0
    assert waits(delays(often), AS_OF + 400 * DAY_US) < 61 * SECOND_US + 365 * DAY_US / 30
    assert waits(delays([0, 100])) == pytest.approx(100 / 3 * SECOND_US, abs=1)


def test_a_goal_waits_for_its_own_news():
    """Orders that are told once a month are waited for, whatever calls do; calls are not."""
    orders = delays(np.linspace(0, 30 * 86_400, 200).tolist(), "order")
    found = [*delays([1] * 5000), *orders]
    assert waits(found, goal="call") == SECOND_US
    assert 28 * DAY_US < waits(found, goal="purchase") < 30 * DAY_US
    # Nobody watched: it is waited for as for all together.
    assert waits(found, goal="watch") > 20 * DAY_US


def test_history_that_is_brought_later_is_no_delay():
    """A CRM that is connected brings the orders of two years at once; those that follow tell."""
    connected = START_US + 60 * DAY_US
    history = [event("order", START_US + at * DAY_US, connected, "bob") for at in range(50)]
    assert waits(history, goal="purchase") > 50 * DAY_US  # nothing else is known yet
    live = [
        event("order", connected + at * DAY_US, connected + at * DAY_US + SECOND_US, "bob")
        for at in range(1, 20)
    ]
    assert waits([*history, *live], goal="purchase") == SECOND_US


def filled(*gaps: int, often: int = 150, late: float = 0.0) -> list[Event]:
    """An order a day, and on some days the orders of the fifty days before that, in one go."""
    day = [START_US + at * DAY_US for at in range(often)]
    orders = [event("order", at, at + round(late * (at // DAY_US % 10 == 0)), "bob") for at in day]
    for gap in gaps:
        orders += [
            event("order", day[gap - at], day[gap] + at * 3600 * SECOND_US, "ann")
            for at in range(50)
        ]
    return orders


def test_what_was_brought_in_one_go_is_no_delay():
    """A gap that was filled once, in two days, is not waited for; one that comes again is."""
    until = START_US + 150 * DAY_US
    assert waits(filled(), until, goal="purchase") == 0
    assert waits(filled(100), until, goal="purchase") < 8 * DAY_US  # what is older was overtaken
    assert waits(filled(60, 130), until, goal="purchase") > 40 * DAY_US


def test_late_reports_are_waited_for_beside_what_was_brought_in_one_go():
    """Of orders one in ten of which is told two days later, two days are waited for still."""
    until = START_US + 152 * DAY_US
    assert 2 * DAY_US < waits(filled(100, late=2 * DAY_US), until, goal="purchase") < 8 * DAY_US


def test_what_is_told_at_intervals_is_waited_for_beside_what_was_brought_in_one_go():
    """Orders of a month that are told at its end overtake none, however many there are at once."""
    months = [
        event("order", START_US + at * DAY_US, START_US + (at // 30 + 1) * 30 * DAY_US, "bob")
        for at in range(180)
    ]
    until = START_US + 181 * DAY_US
    assert waits(months, until, goal="purchase") > 28 * DAY_US


def test_nothing_completed_is_nothing_to_wait_for():
    """Events that complete nothing may be as late as they like."""
    assert waits(delays([10_000], "page")) == 0
    assert waits([]) == 0


def test_every_goal_counts_for_the_delay():
    """Each step's completions and the purchases are waited for alike."""
    for name in ("call", "order"):
        goal = {"order": "purchase"}.get(name, name)
        assert waits(delays([7] * 200, name), goal=goal) == 7 * SECOND_US
    watched = [
        event("video", START_US + at, START_US + at + 7 * SECOND_US * (at > 0), fraction=0.8)
        for at in range(200)
    ]
    half = event("video", START_US + 1, START_US + 9 * SECOND_US, fraction=0.5)
    assert waits([*watched, half], goal="watch") == 7 * SECOND_US


@pytest.mark.parametrize(("short_by", "wait"), [(0, 60), (1, 0)])
def test_a_report_that_is_not_in_yet_is_no_delay(short_by, wait):
    """A completion counts from the instant at which it is known."""
    happened = [event("call", START_US), event("call", START_US, START_US + 60 * SECOND_US)]
    found = waits(happened, START_US + 60 * SECOND_US - short_by)
    assert found == pytest.approx(wait / 2 * SECOND_US)


def test_a_clock_that_ran_ahead_is_no_negative_delay():
    """An event said to occur after it was known was known at once."""
    assert waits([event("call", START_US + DAY_US, START_US)]) == 0


@pytest.mark.parametrize(("over_by", "state"), [(-1, ("pending", False)), (0, ("lapsed", True))])
def test_a_horizon_is_over_when_late_arrivals_had_their_time(over_by, state):
    """A lead lapses when its horizon and the delay of its report are over, not before."""
    until = AS_OF + 7 * DAY_US + 60 * SECOND_US + over_by
    late = [
        event(
            "video", START_US + at, START_US + at + 60 * SECOND_US * (at > 0), "bob", fraction=1.0
        )
        for at in range(200)
    ]
    assert told(late, until)[0] == state


# ----------------------------------------------------------------------------------------- The rest


def test_rows_are_those_of_the_points():
    """Each point has its own lead, instant and horizon, in the order in which they stand."""
    events = [
        event("page", START_US),
        event("video", START_US, lead="bob", fraction=1.0),
        event("call", AS_OF + 10 * DAY_US),
        event("call", AS_OF + 10 * DAY_US, lead="bob"),
    ]
    log = log_of(events, LADDER)
    asked = [("ann", AS_OF), ("ann", AS_OF + 4 * DAY_US), ("bob", AS_OF)]
    points = points_at(log, LADDER, asked)
    advanced, purchased = label(log, LADDER, points, AS_OF + 12 * DAY_US)
    assert [said_of(advanced, row) for row in range(3)] == [
        ("lapsed", True),
        ("advanced", True),
        ("advanced", False),
    ]
    assert advanced.happened.tolist() == [0.0, 1.0, 1.0]
    assert purchased.happened.tolist() == [0.0, 0.0, 0.0]
    assert (purchased.state == State.PENDING).all()


def test_a_table_of_labels_says_what_came_and_when():
    """In words, with the instant in UTC; what is pending has none, and weighs nothing."""
    ladder = replace(LADDER, lost_when=(EventRule("struck off"),))
    events = [
        *(event("page", START_US, lead=lead) for lead in ("ann", "bob", "cid", "dee")),
        event("call", AS_OF + DAY_US, lead="ann"),
        event("struck off", AS_OF + 2 * DAY_US, lead="bob"),
    ]
    log = log_of(events, ladder)
    asked = [("ann", AS_OF), ("bob", AS_OF), ("cid", AS_OF), ("dee", AS_OF + 30 * DAY_US)]
    points = points_at(log, ladder, asked)
    frame = pd.DataFrame({"lead": [lead for lead, _ in asked]}, index=[7, 5, 3, 1])
    table = labelled(frame, *label(log, ladder, points, AS_OF + 31 * DAY_US))
    assert table.index.tolist() == [7, 5, 3, 1]
    assert table["lead"].tolist() == ["ann", "bob", "cid", "dee"]
    assert table["advancement.outcome"].tolist() == ["advanced", "lost", "lapsed", "pending"]
    assert table["purchase.outcome"].tolist() == ["lapsed", "lost", "lapsed", "pending"]
    as_of = pd.Timestamp(AS_OF, unit="us", tz="UTC")
    # Of four that stand at this step three were waited for longer than a day: a decision that
    # takes longer stands for 4/3 leads, where the others stand for one. Their mean is 1.
    weights = {"advancement": [9 / 11, 12 / 11, 12 / 11, 0.0], "purchase": [1.0, 1.0, 1.0, 0.0]}
    for goal, days in (("advancement", [1, 2, 7]), ("purchase", [30, 2, 30])):
        decided_at = table[f"{goal}.decided_at"]
        assert decided_at.tolist()[:3] == [as_of + pd.Timedelta(days=day) for day in days]
        assert decided_at.isna().tolist() == [False, False, False, True]
        assert table[f"{goal}.decided"].tolist() == [True, True, True, False]
        assert table[f"{goal}.weight"].tolist() == pytest.approx(weights[goal])


def test_no_points():
    """Nobody asked about has no outcomes, and of an empty log neither."""
    for events in ([event("page", START_US)], []):
        log = log_of(events, LADDER)
        for outcomes in label(log, LADDER, points_at(log, LADDER, []), AS_OF):
            assert (len(outcomes.state), len(outcomes.mature), len(outcomes.happened)) == (0, 0, 0)
