"""The simulated world: the same for the same seed, in pairs under two policies, and its value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from models.offers.options import NO_ASK, NURTURE, options_of
from tests.training.simulation.scene import DRAWN, asked, decisions, exposed, went_on
from training.simulation.config import SimulationConfig, WorldChange
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


DAY = 150.0


def changed(b2b, **more):
    """The world of a config with a change on a day, and the same world without."""
    config = SimulationConfig(leads=300, days=220, seed=4)
    with_it = replace(config, drift=WorldChange(DAY, **more))
    return simulate(b2b, config), simulate(b2b, with_it)


def until_then(simulation) -> pd.DataFrame:
    events = simulation.events
    begun = pd.Timestamp(simulation.config.starts_at, unit="us", tz="UTC") + pd.Timedelta(days=DAY)
    early: pd.DataFrame = events[events["known_at"] < begun]
    return early


def test_odds_that_change(b2b):
    """From a day on more go on, and the truth knows it; before it less is otherwise than one."""
    plain, grown = changed(b2b, log_odds=1.5)
    assert grown.value.sum() > plain.value.sum()
    early = [until_then(one) for one in (plain, grown)]
    assert abs(len(early[0]) - len(early[1])) < 0.02 * len(early[0])


def test_a_channel_that_closes(b2b):
    """Nobody comes from it any more; those who came before are still there."""
    _, closed = changed(b2b, closes=("source", "referral"))
    told = closed.events[closed.events["source"] == "referral"]
    begun = pd.Timestamp(closed.config.drifts_at, unit="us", tz="UTC")
    first = told.groupby("lead_id")["occurred_at"].min()
    assert len(first) > 10
    assert (first < begun + pd.Timedelta(days=60)).all()
    came = closed.events.groupby("lead_id")["occurred_at"].min()
    assert (came[first.index] < begun).all()


def test_a_signal_that_falls_silent(b2b):
    """It is reported no more from a day on, and nothing else is otherwise."""
    plain, silent = changed(b2b, silences="page_viewed")
    begun = pd.Timestamp(silent.config.drifts_at, unit="us", tz="UTC")
    pages = silent.events[silent.events["name"] == "page_viewed"]
    assert len(pages)
    assert (pages["occurred_at"] < begun).all()
    assert plain.value.tolist() == silent.value.tolist()
