"""What happens in a simulation, as it is written down."""

import numpy as np
import pytest

from features.events.log import DAY_US
from training.simulation.config import SimulationConfig
from training.simulation.log import SimulatedLog


@pytest.fixture
def log(b2b):
    """Views of leads 2 and 0 on the first days, and an offer to lead 1."""
    config = SimulationConfig(leads=3, days=10, late_share=0.5)
    log = SimulatedLog(b2b, config)
    days = np.tile(np.arange(9), 2)
    lead = np.repeat([2, 0], 9)
    log.emit("page_viewed", lead, config.starts_at + days * DAY_US, {})
    offer = {"offer": np.array(["guide"], dtype=object)}
    log.emit(b2b.events.offer_extended, np.array([1]), np.array([config.starts_at]), offer)
    return log


def test_the_table_is_in_the_order_of_what_was_known(log):
    """Some things are learned of later than they happened, and none after the end."""
    table = log.table(np.random.default_rng(1))
    assert table["known_at"].is_monotonic_increasing
    assert (table["known_at"] >= table["occurred_at"]).all()
    assert (table["known_at"] > table["occurred_at"]).any()
    assert table["known_at"].max().value // 1000 <= log.config.ends_at
    assert table["message_id"].is_unique


def test_the_log_so_far_knows_everything(log):
    """What a policy is asked with was known when it happened; leads are found by number."""
    so_far = log.so_far()
    assert len(so_far) == 19
    assert (so_far.known == so_far.occurred).all()
    numbers = np.array([2, 0, 1])
    names = [so_far.leads[at] for at in log.indices(so_far, numbers)]
    assert names == [log.lead_ids[number] for number in numbers]
