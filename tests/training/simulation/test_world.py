"""The simulated world: the same for the same seed, in pairs under two policies, and its value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from models.offers.options import NO_ASK, NURTURE, options_of
from tests.training.simulation.scene import DRAWN, asked, decisions, exposed, went_on
from training.simulation.offers import Chooser
from training.simulation.world import simulate


def test_the_same_seed_gives_the_same_log(b2b, world):
    """And another seed another one."""
    pd.testing.assert_frame_equal(simulate(b2b, DRAWN).events, world.events)
    other = simulate(b2b, replace(DRAWN, seed=2))
    assert not other.events["occurred_at"].equals(world.events["occurred_at"])


def test_leads_have_the_same_luck_under_every_policy(b2b):
    """A lead that is offered the same goes on alike, so that policies are compared in pairs."""

    options = options_of(b2b)

    def always(name: str) -> Chooser:
        shares = np.eye(len(options))[options.ids.index(name)]
        return lambda _log, lead, _as_of: np.tile(shares, (len(lead), 1))

    none, nurtured = (simulate(b2b, DRAWN, policy=always(name)) for name in (NO_ASK, NURTURE))
    np.testing.assert_array_equal(none.value, nurtured.value)


def test_value_is_the_purchases_less_the_costs(b2b, world):
    """Of each lead: what its purchase is worth, less what every offer that reached it costs."""
    expected = dict.fromkeys(sorted(set(world.events["lead_id"])), 0.0)
    for one in decisions(world):
        if one.decision_id in exposed(world) and one.chosen in asked(b2b):
            offer = next(offer for offer in b2b.offers if offer.id == one.chosen)
            expected[one.lead_id] -= b2b.cost(offer)
    for lead, rungs in went_on(world).items():
        expected[lead] += b2b.value.purchase * (len(b2b.goals) - 1 in rungs)
    np.testing.assert_allclose(world.value, list(expected.values()), atol=1e-9)
    assert (world.value > 0).sum() > 20
    assert (world.value < 0).sum() > 20
