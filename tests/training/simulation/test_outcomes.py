"""How pilots of simulated leads end: once, when their days are over, and by the ladder's names."""

from dataclasses import replace

import numpy as np
import pytest

from features.events.log import DAY_US
from features.ladder.file import parse_ladder
from training.simulation.config import SimulationConfig
from training.simulation.log import SimulatedLog
from training.simulation.outcomes import PilotEndings

LADDER = parse_ladder(
    """
[ladder]
name = "beds"
[[step]]
id = "look"
title = "Look"
horizon_days = 7
complete_when = [{event = "looked"}]
[[step]]
id = "nights"
title = "Nights at home"
horizon_days = 14
band = [0.4, 0.6]
complete_when = [{event = "bed_lent"}, {event = "bed_deposit_paid"}]
[purchase]
horizon_days = 30
complete_when = [{event = "bed_bought"}]
engaged_by = ["slept_well"]
[[commitment]]
id = "lent"
title = "a bed is lent"
from = [{event = "bed_lent"}]
until = [{event = "bed_bought"}, {event = "slept_well"}, {event = "sleep_failed"}]
days = 20
"""
)
CONFIG = SimulationConfig(leads=4000, outcomes=1.0)
EVERY = np.arange(CONFIG.leads)


def outcomes(config=CONFIG, until=np.inf, event="bed_lent"):
    """What is told of leads of whom every second is bound, and the events."""
    log = SimulatedLog(LADDER, config)
    found = PilotEndings(log)
    found.begin(event, EVERY)
    reached, bound = np.full(CONFIG.leads, config.starts_at), EVERY % 2 == 0
    told = found.tell(2, EVERY, reached, np.full(CONFIG.leads, until), bound)
    return {chunk["name"].iloc[0]: chunk for chunk in log._chunks if len(chunk)}, told


def test_each_pilot_ends_once_by_the_ladders_own_names():
    """Well or badly, in the last of its days; the purchase is no outcome."""
    events, told = outcomes()
    assert set(events) == {"slept_well", "sleep_failed"}
    lead = np.concatenate([chunk["lead"] for chunk in events.values()])
    assert sorted(lead) == EVERY.tolist()
    days = np.concatenate([chunk["occurred"] for chunk in events.values()]) - CONFIG.starts_at
    assert (days >= 19 * DAY_US).all()
    assert (days <= 20 * DAY_US).all()
    assert sum(len(one.lead) for one in told) == CONFIG.leads


def test_an_outcome_tells_what_it_says():
    """The log-odds that are told are those of the shares of either kind of lead."""
    events, told = outcomes()
    for name, one in zip(("slept_well", "sleep_failed"), told, strict=True):
        bound = (events[name]["lead"] % 2 == 0).sum()
        seen = np.log(bound / (len(events[name]) - bound))
        assert seen == pytest.approx(one.log_odds[0], abs=0.2)


@pytest.mark.parametrize(
    "how",
    [
        {"until": 18.9},
        {"event": "bed_deposit_paid"},
        {"config": replace(CONFIG, outcomes=0.0)},
    ],
    ids=["who has left", "without a pilot", "untold"],
)
def test_no_outcome(how):
    """Of those who went on before, who agreed to nothing of that kind, or of whom none is told."""
    assert outcomes(**how)[0] == {}


def test_outcomes_are_no_other_acts(world):
    """In the shipped ladder success is interest in the contract: only a pilot's end brings it."""
    names = world.events["name"]
    started = set(world.events.loc[names == "pilot_started", "lead_id"])
    ended = world.events.loc[names.isin(["pilot_succeeded", "pilot_failed"]), "lead_id"]
    assert len(ended) >= 5
    assert ended.is_unique
    assert set(ended) <= started
