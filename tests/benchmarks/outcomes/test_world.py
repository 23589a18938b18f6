from dataclasses import replace

import numpy as np
import pytest

from benchmarks.outcomes.acts import DAY_MINUTES, Act
from benchmarks.outcomes.burn_in import burn_in
from benchmarks.outcomes.play import trained, worked
from benchmarks.outcomes.product import AsItIs, minutes_of
from benchmarks.outcomes.ranges import KINDS, RANGES, parameters_of
from benchmarks.outcomes.state import RUNNING
from benchmarks.outcomes.teams import Idle, LastActivity, PointsRule
from benchmarks.outcomes.world import World
from features.ladder.file import read_ladder

LADDER = read_ladder("b2b")
PAST, DAYS = 40, 30
NOTHING_HELPS = KINDS.index("nothing helps")
MIXED = KINDS.index("mixed")


@pytest.fixture(scope="module")
def past():
    """A mixed world after some weeks of trying."""
    return after(MIXED)


def after(number):
    planted = replace(parameters_of(number), arrivals=4.0)
    world = World(LADDER, planted, number, PAST + DAYS)
    burn_in(world, number, PAST)
    return world


def lead_events(world, lead):
    return [(name, at) for name, at, _, _ in world.journal.rows[lead]]


class Watched:
    """A team whose mornings are kept."""

    def __init__(self, team):
        self.team, self.mornings, self.asked_over = team, [], 0

    def mails(self, world):
        return self.kept(world, self.team.mails(world), [])

    def work(self, world):
        return self.kept(world, self.team.work(world), self.mornings)

    def kept(self, world, acts, into):
        into.append((world.day, acts))
        state, waits = world.state, world.journal.waits_since
        for act in acts:
            under_way = state.booked_until[act.lead] >= 0 or state.pilot[act.lead] == RUNNING
            if act.how in ("mail", "call") and (under_way or waits[act.lead] >= 0):
                self.asked_over += 1
        return acts


class OnlyEven:
    """Calls every other lead every day."""

    def mails(self, _):
        return []

    def work(self, world):
        leads = np.flatnonzero(world.is_here & (world.people.born < world.day))
        ask = {lead: world.menu.asks[world.state.rung[lead]][0].id for lead in leads.tolist()}
        return [Act(lead, "call", offer, 1.0) for lead, offer in ask.items() if lead % 2 == 0]


def test_what_is_done_to_one_lead_changes_no_other(past):
    """A lead that nobody touches has the same life whatever is done to the others."""
    called, idle = worked(past, OnlyEven(), DAYS), worked(past, Idle(), DAYS)
    odd = range(1, len(past.people), 2)
    assert all(lead_events(called, lead) == lead_events(idle, lead) for lead in odd)
    assert any(lead_events(called, lead) != lead_events(idle, lead) for lead in range(0, 200, 2))


def test_a_past_is_left_as_it_was(past):
    """Each way of working goes on from the same day."""
    before = [len(rows) for rows in past.journal.rows], past.day, past.state.rung.copy()
    worked(past, LastActivity(), 5)
    assert [len(rows) for rows in past.journal.rows] == before[0]
    assert past.day == before[1]
    assert (past.state.rung == before[2]).all()


def test_nothing_helps_where_nothing_helps():
    """Where nothing helps the same leads take the same steps, whoever is called and mailed."""
    past = after(NOTHING_HELPS)
    worlds = [worked(past, team, DAYS) for team in (Idle(), LastActivity(), PointsRule())]
    assert worlds[1].effects.asks > 100
    for world in worlds[1:]:
        assert (world.state.rung == worlds[0].state.rung).all()
        assert (world.state.bought == worlds[0].state.bought).all()
        assert (world.state.is_gone == worlds[0].state.is_gone).all()


@pytest.mark.parametrize("team", [LastActivity, PointsRule])
def test_a_day_has_eight_hours(past, team):
    """No morning takes more minutes than a day has, and nobody works on a weekend."""
    watched = Watched(team())
    world = worked(past, watched, DAYS)
    assert max(minutes_of(acts) for _, acts in watched.mornings) <= DAY_MINUTES
    assert {day % 7 for day, _ in watched.mornings} == {0, 1, 2, 3, 4}
    spent = sum(minutes_of(acts) for _, acts in watched.mornings)
    assert world.effects.minutes == spent > 0


@pytest.mark.slow
def test_rung_as_it_is_asks_over_nothing(past):
    """Today's queue keeps to the hours of a day and asks over nothing that is under way."""
    watched = Watched(AsItIs(trained(past, LADDER), len(past.people)))
    worked(past, watched, DAYS)
    assert max(minutes_of(acts) for _, acts in watched.mornings) <= DAY_MINUTES
    assert sum(len(acts) for _, acts in watched.mornings) > 0
    assert watched.asked_over == 0


def test_parameters_come_from_their_ranges():
    """Every world is drawn from the ranges, and a quarter of them is hard for Rung."""
    assert (KINDS.count("nothing helps"), KINDS.count("points are right")) == (3, 2)
    for number in range(len(KINDS)):
        planted = parameters_of(number)
        assert planted == parameters_of(number)
        for name, (low, high) in RANGES.items():
            assert low <= getattr(planted, name) <= high or planted.kind == "nothing helps"
