"""Offers that are drawn: what is logged, whom the policy is asked about, what is planted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from features.events.log import DAY_US
from models.bundle import Bundle
from models.offers.offer_model import of_step
from models.offers.options import NO_ASK, NURTURE, options_of
from tests.training.policies.instants import shares_at
from tests.training.simulation.scene import DRAWN, TRAP, decisions, exposed, rungs_of, went_on
from training.simulation.world import Simulation, _World, simulate


def test_without_a_policy_all_options_of_the_next_step_are_as_likely(b2b, world):
    """Each decision holds the asks of its step, nurture and no ask, and nothing else."""
    options, rung = options_of(b2b), {goal.id: at for at, goal in enumerate(b2b.goals)}
    for one in decisions(world):
        there = np.flatnonzero(of_step(b2b, rung[one.step]))
        assert set(one.options) == {options.ids[at] for at in there}
        assert one.probabilities == pytest.approx((1.0 / len(there),) * len(there))


def test_one_decision_a_lead_and_rung(world):
    """Whoever reaches a rung is decided about once, at once."""
    pairs = Counter((one.lead_id, one.step) for one in decisions(world))
    assert set(pairs.values()) == {1}
    assert len({lead for lead, _ in pairs}) == DRAWN.leads


@pytest.mark.slow
def test_options_come_as_often_as_is_logged(b2b):
    """With chances that differ from lead to lead, choices have the frequencies of their chances."""
    options = options_of(b2b)

    def policy(log, lead, as_of):
        position = rungs_of(log, b2b, lead, as_of)
        there = np.array([of_step(b2b, at) for at in position], dtype=float)
        lean = np.where(lead[:, None] % 2 == 0, [5.0], [0.2])
        there[:, [options.nurture]] *= lean
        return there / there.sum(axis=1, keepdims=True)

    made = decisions(simulate(b2b, replace(DRAWN, leads=4000), policy=policy))
    shares = np.array([[dict(zip(d.options, d.probabilities, strict=True)).get(o, 0.0)
                        for o in options.ids] for d in made])  # fmt: skip
    chosen = np.array([options.ids.index(one.chosen) for one in made])
    assert len(np.unique(shares[:, options.nurture].round(6))) > 4
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (shares[np.arange(len(made)), chosen] > 0).all()
    for level in np.unique(shares.round(6), axis=0):
        here = (np.abs(shares - level) < 1e-5).all(axis=1)
        if here.sum() > 300:
            found = np.bincount(chosen[here], minlength=len(options)) / here.sum()
            error = np.sqrt(level * (1 - level) / here.sum())
            assert (np.abs(found - level) <= 4 * error + 1e-9).all()


def test_most_decisions_reach_their_leads(world):
    """Nineteen of twenty do; only what did was extended, at the exposure's instant."""
    made, reached = decisions(world), exposed(world)
    assert len(reached) / len(made) == pytest.approx(0.95, abs=0.01)
    events = world.events
    extended = events[events["name"] == world.ladder.events.offer_extended]
    told = {
        (one.lead_id, one.chosen)
        for one in made
        if one.decision_id in reached and one.chosen not in (NURTURE, NO_ASK)
    }
    assert set(zip(extended["lead_id"], extended["offer"], strict=True)) == told


def test_the_policy_is_asked_about_the_right_leads(b2b):
    """It gets the leads that stand on a rung, an instant soon after they came, and their past."""
    calls: list[tuple[tuple[str, ...], np.ndarray, np.ndarray]] = []

    def policy(log, lead, as_of):
        position = rungs_of(log, b2b, lead, as_of)
        calls.append((tuple(log.leads[at] for at in lead), as_of, position))
        there = np.array([of_step(b2b, at) for at in position], dtype=float)
        return there / there.sum(axis=1, keepdims=True)

    simulation = simulate(b2b, replace(DRAWN, leads=400), policy=policy)
    assert len(calls) == len(b2b.goals)
    made = {(one.lead_id, one.step): one for one in decisions(simulation)}
    for rung, (leads, as_of, position) in enumerate(calls):
        assert len(set(leads)) == len(leads) > 0
        # A completion that is deep enough for a rung above counts for it, too.
        assert (position >= rung).all()
        assert (position == rung).mean() > 0.95
        for lead, at in zip(leads, as_of.tolist(), strict=True):
            if (lead, b2b.goals[rung].id) in made:
                assert made[lead, b2b.goals[rung].id].as_of == at
    below = [set(leads) for leads, _, _ in calls]
    assert all(upper <= lower for lower, upper in pairwise(below))


def test_a_rung_that_nobody_reaches(b2b, trained: Bundle):
    """A policy of a bundle may be asked about no lead at all."""
    config = replace(DRAWN, leads=2, days=20, arrive_days=1)
    found = simulate(
        b2b, config, policy=lambda log, lead, as_of: shares_at(trained, log, lead, as_of, "learned")
    )
    assert len(decisions(found)) >= 2


def rates(simulation: Simulation, step: str, chosen: str) -> tuple[float, float]:
    """How often leads completed a step, and the last one, after an option reached them there."""
    ladder, done = simulation.ladder, went_on(simulation)
    rung, reached = [g.id for g in ladder.goals].index(step), exposed(simulation)
    leads = [
        one.lead_id
        for one in decisions(simulation)
        if (one.step, one.chosen) == (step, chosen) and one.decision_id in reached
    ]
    completed = [lead for lead in leads if rung in done[lead]]
    further = [rung + 1 in done[lead] for lead in completed]
    return len(completed) / len(leads), float(np.mean(further))


@pytest.mark.slow
def test_the_trap_helps_its_step_and_spoils_the_later_ones(b2b):
    """Leads that took it go on more often than after no ask, and then stop more often."""
    config = replace(
        DRAWN, leads=8000, trap=TRAP, trap_gain=1.5, trap_loss=2.5, offer_sd=0.0, aversion=0.0
    )
    simulation = simulate(b2b, config)
    step = next(offer.step for offer in b2b.offers if offer.id == TRAP)
    trapped, after = rates(simulation, step, TRAP)
    free, after_free = rates(simulation, step, NO_ASK)
    assert trapped > free + 0.15
    assert after < after_free - 0.15


@pytest.mark.slow
def test_what_reached_nobody_changes_nothing(b2b):
    """Leads that were never shown a very good offer go on as often as those that got no ask."""
    offer = b2b.offers_of(b2b.goals[0].id)[0]
    simulation = simulate(b2b, replace(DRAWN, leads=8000, trap=offer.id, trap_gain=4.0))
    reached, done = exposed(simulation), went_on(simulation)
    missed = [
        0 in done[one.lead_id]
        for one in decisions(simulation)
        if one.chosen == offer.id and one.decision_id not in reached
    ]
    free, _ = rates(simulation, offer.step, NO_ASK)
    shown, _ = rates(simulation, offer.step, offer.id)
    error = np.sqrt(free * (1 - free) / len(missed))
    assert len(missed) > 50
    assert abs(np.mean(missed) - free) < 3 * error < shown - free


def test_match_makes_an_offer_suit_some_leads_better(b2b):
    """With `match_sd` an offer's effect differs between leads; without it does not."""
    for match_sd, spreads in ((0.0, False), (0.8, True)):
        here = _World(b2b, replace(DRAWN, match_sd=match_sd, aversion=0.0))
        here.leads.draw_traits(here.planted)
        spread = here.offers.suited(0, here.leads.number).std(axis=0)
        options = options_of(b2b)
        first = (options.rung == 0) & options.is_ask
        assert (spread[first] > 0.01).all() == spreads
        assert (spread[[options.nurture, options.no_ask]] == 0.0).all()


def test_decisions_close_with_their_steps_window(b2b, world):
    """The window for the outcome is the step's horizon."""
    horizon = {goal.id: goal.horizon_days for goal in b2b.goals}
    for one in decisions(world)[:500]:
        assert one.expires_at - one.as_of == round(horizon[one.step] * DAY_US)
