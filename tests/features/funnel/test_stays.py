"""When leads stood before a step and how it ended: against one obvious loop, and at every edge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import UnknownLead
from features.events.log import DAY_US
from features.funnel.states import State
from features.funnel.stays import Stays, stays_of
from features.ladder.ladder import EventRule, Ladder, Step, Trait
from features.signals.fold import NONE
from tests.features import strategies
from tests.features.strategies import START_US, log_of
from tests.oracles.snapshot_oracle import Event
from tests.oracles.stay_oracle import OracleStay, oracle_state, oracle_stays
from tests.profiles import examples

LADDER = Ladder(
    name="small",
    title="Watch, call, buy",
    steps=(
        Step("watch", "Watch", (EventRule("video"),), 7.0),
        Step("call", "Call", (EventRule("call"),), 14.0),
    ),
    purchase=Step("purchase", "Buy", (EventRule("order"),), 30.0),
    traits=(Trait("source", "category"), Trait("mail", "category", personal=True)),
    restart_on=(EventRule("again"),),
    lost_when=(EventRule("lost"),),
    back_when=(EventRule("back"),),
)


def event(name: str, day: float, known: float | None = None, lead: str = "ann", **said) -> Event:
    at, news = (START_US + round((day if d is None else d) * DAY_US) for d in (day, known))
    return Event(lead, name, at, news, said)


def told(stays: Stays) -> list[tuple[str, int, float, str]]:
    """Of each stay: whose, before which goal, since which day, what came of it."""
    return [
        (
            stays.leads[stays.lead[at]],
            int(stays.goal[at]),
            (int(stays.entered[at]) - START_US) / DAY_US,
            State(int(stays.state[at])).name.lower(),
        )
        for at in range(len(stays))
    ]


def stays_until(day: float, *events: Event, left: dict[str, int] | None = None) -> Stays:
    """The stays of some events, and of a stranger who is there until a day."""
    log = log_of([*events, event("page", 0, lead="zoe"), event("page", day, lead="zoe")], LADDER)
    return stays_of(log, LADDER, left=left)


# ------------------------------------------------------------------------------- against the oracle


def instants(stays: Stays, at: int) -> tuple[int | None, ...]:
    held = (stays.began, stays.entered, stays.advanced, stays.lost)
    return tuple(None if column[at] == NONE else int(column[at]) for column in held)


@settings(max_examples=examples(80), deadline=None)
@given(
    strategies.ladders(),
    st.lists(strategies.events(), min_size=1, max_size=40),
    st.integers(0, 80),
    st.dictionaries(st.sampled_from(strategies.LEADS), st.integers(0, 80), max_size=2),
)
def test_stays_are_those_of_a_plain_loop(ladder, events, grid, out):
    log = log_of(events, ladder)
    until = START_US + grid * strategies.GRID_US
    left = {
        lead: START_US + at * strategies.GRID_US for lead, at in out.items() if lead in log.leads
    }
    stays = stays_of(log, ladder, until, left)
    expected: list[OracleStay] = []
    for lead in log.leads:
        own = oracle_stays(events, ladder, lead, stays.until)
        expected += [
            stay
            for stay in own
            if stay.entered <= min(stays.counted_until, left.get(lead, stays.counted_until))
        ]
    assert [stays.leads[at] for at in stays.lead] == [stay.lead_id for stay in expected]
    assert stays.goal.tolist() == [stay.goal for stay in expected]
    for at, stay in enumerate(expected):
        assert instants(stays, at) == (stay.began, stay.entered, stay.advanced, stay.lost)
        state = oracle_state(stay, ladder, stays.counted_until, left.get(stay.lead_id))
        assert State(int(stays.state[at])).name.lower() == state
        assert bool(stays.passed[at]) == stay.passed
        codes = {
            one: stays.values[row][stays.traits[row, at]]
            for row, one in enumerate(stays.trait_ids)
            if stays.traits[row, at] >= 0
        }
        assert codes == stay.traits


# ---------------------------------------------------------------------------------------- the edges


def test_pending_until_the_horizon_is_over():
    stands = event("video", 1)
    assert told(stays_until(14.9, stands))[1] == ("ann", 1, 1.0, "pending")
    assert told(stays_until(15.0, stands))[1] == ("ann", 1, 1.0, "lapsed")
    on_the_day = stays_until(20.0, stands, event("call", 15.0))
    assert told(on_the_day)[1] == ("ann", 1, 1.0, "advanced")
    late = stays_until(20.0, stands, event("call", 15.01))
    assert told(late)[1:3] == [("ann", 1, 1.0, "lapsed"), ("ann", 2, 15.01, "pending")]


def test_who_passes_a_step_went_on_at_it():
    found = stays_until(10.0, event("page", 1), event("order", 3))
    assert told(found)[:3] == [
        ("ann", 0, 1.0, "advanced"),
        ("ann", 1, 3.0, "advanced"),
        ("ann", 2, 3.0, "advanced"),
    ]
    assert found.passed[:3].tolist() == [False, True, True]


def test_who_begins_anew_stands_before_the_first_step_again():
    found = stays_until(40.0, event("video", 1), event("again", 5), event("video", 6))
    assert told(found)[:4] == [
        ("ann", 0, 1.0, "advanced"),
        ("ann", 1, 1.0, "lapsed"),
        ("ann", 0, 5.0, "advanced"),
        ("ann", 1, 6.0, "lapsed"),
    ]
    assert found.began[:4].tolist() == [START_US + day * DAY_US for day in (1, 1, 5, 5)]


def test_a_purchase_that_begins_the_ladder_anew_is_one_all_the_same():
    ladder = replace(LADDER, restart_on=(EventRule("order"), EventRule("call")))
    bought = [event("video", 1), event("order", 3), event("video", 4), event("order", 5)]
    log = log_of([*bought, event("page", 0, lead="zoe"), event("page", 9, lead="zoe")], ladder)
    found = stays_of(log, ladder)
    assert told(found)[:7] == [
        ("ann", 0, 1.0, "advanced"),
        ("ann", 1, 1.0, "advanced"),
        ("ann", 2, 3.0, "advanced"),
        ("ann", 0, 3.0, "advanced"),
        ("ann", 1, 4.0, "advanced"),
        ("ann", 2, 5.0, "advanced"),
        ("ann", 0, 5.0, "pending"),
    ]
    log = log_of([event("video", 1), event("call", 3), event("page", 30, lead="zoe")], ladder)
    assert told(stays_of(log, ladder))[1] == ("ann", 1, 1.0, "lapsed")  # a step's event only begins


def test_lost_unless_it_came_back_or_went_on():
    stands, loses = event("video", 1), event("lost", 3)
    assert told(stays_until(4.0, stands, loses))[1][3] == "lost"
    assert told(stays_until(4.0, stands, loses, event("back", 3.5)))[1][3] == "pending"
    assert told(stays_until(6.0, stands, loses, event("call", 5)))[1:3] == [
        ("ann", 1, 1.0, "advanced"),
        ("ann", 2, 5.0, "lost"),  # and nothing has won it back
    ]
    assert told(stays_until(40.0, stands, event("lost", 16)))[1][3] == "lapsed"


def test_what_comes_after_an_opt_out_is_not_read():
    out = {"ann": START_US + 3 * DAY_US}
    found = stays_until(40.0, event("video", 1), event("call", 5), left=out)
    assert told(found)[:3] == [
        ("ann", 0, 1.0, "advanced"),
        ("ann", 1, 1.0, "left"),
        ("zoe", 0, 0.0, "lapsed"),
    ]
    with pytest.raises(UnknownLead):
        stays_until(4.0, event("video", 1), left={"nobody": START_US})


def test_traits_are_those_known_when_it_came():
    found = stays_until(
        9.0,
        event("identify", 1, source="fair", mail="a@b.example"),
        event("video", 2),
        event("identify", 3, source="mail"),
        event("call", 4),
    )
    assert found.trait_ids == ("source",)
    words = [found.values[0][code] if code >= 0 else None for code in found.traits[0]]
    assert words == ["fair", "fair", "mail", None]
    assert found.where("source", "mail").tolist() == [False, False, True, False]
    assert found.where("source", None).tolist() == [False, False, False, True]
    assert not found.where("source", "nowhere").any()


def test_news_that_comes_late_is_waited_for():
    """With most completions a day late, the last day is not counted: its news is still to come."""
    late = [event("video", day, day + 1, lead=f"l{day}") for day in range(1, 9)]
    found = stays_until(9.0, *late)
    assert found.counted_until == found.until - DAY_US
    assert all(stay[2] <= 8.0 for stay in told(found))


def test_nothing_to_tell():
    stays = stays_until(5.0).rows(np.zeros(1, dtype=np.bool_))
    assert len(stays) == 0
    assert stays.state.tolist() == []
    without = replace(LADDER, traits=())
    log = log_of([event("page", 1)], without)
    assert stays_of(log, without, START_US).lead.tolist() == []
