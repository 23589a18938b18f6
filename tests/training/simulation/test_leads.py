"""The leads of a simulation."""

from dataclasses import replace

import numpy as np
import pytest

from training.simulation.config import SimulationConfig
from training.simulation.leads import Leads

CONFIG = SimulationConfig(leads=4000)


def leads_of(ladder, config=CONFIG, planted=1):
    leads = Leads(ladder, config, np.random.default_rng(config.seed))
    leads.draw_traits(np.random.default_rng(planted))
    return leads


def test_spreads_are_those_of_the_configuration(b2b):
    """Intent and what traits add have the planted standard deviations, in log-odds."""
    leads = leads_of(b2b)
    assert leads.intent.std() == pytest.approx(CONFIG.intent_sd, rel=0.05)
    spreads = [leads_of(b2b, planted=seed).fit.std() for seed in range(20)]
    assert np.mean(spreads) == pytest.approx(CONFIG.trait_sd, rel=0.25)
    assert not leads_of(b2b, replace(CONFIG, trait_sd=0.0)).fit.any()


def test_every_trait_has_a_value(b2b):
    """Numbers are above 0, and words are given to all."""
    traits = leads_of(b2b).traits
    assert set(traits) == {trait.id for trait in b2b.traits}
    for trait in b2b.traits:
        assert len(traits[trait.id]) == CONFIG.leads
        if trait.type == "number":
            assert (traits[trait.id] > 0).all()


def test_luck_is_the_leads_own(b2b):
    """It depends on seed, rung and lead, and on nothing that was drawn before."""
    one, other = leads_of(b2b), leads_of(b2b, planted=2)
    np.testing.assert_array_equal(one.luck(1), other.luck(1))
    assert not np.array_equal(one.luck(1), one.luck(2))
    assert not np.array_equal(one.luck(1), one.luck(1, 1))
    assert 0 <= one.luck(1).min() < one.luck(1).max() < 1
