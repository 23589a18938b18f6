"""The chances that only the simulator knows, against Bayes' rule by a loop."""

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.clock import microseconds
from features.events.log import DAY_US
from training.simulation.config import (
    BUSY_PER_DAY,
    FADE_DAYS,
    LISTENS_DAYS,
    QUIET_PER_DAY,
    REFUSES_BOUND,
    REFUSES_QUIET,
    SHAPE,
    SUCCEEDS_BOUND,
    SUCCEEDS_QUIET,
)
from training.simulation.names import lead_ids
from training.simulation.truth import _last_before

rows = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=20)
asked = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=10)


@given(rows, asked)
def test_the_last_row_before(held, wanted):
    """The last row of (lead, instant) that is not after each wanted one, or -1."""
    held = sorted(held)
    row, want = (np.array(each, dtype=np.int64).reshape(-1, 2).T for each in (held, wanted))
    slow = [sum(1 for one in held if one <= pair) - 1 for pair in wanted]
    assert _last_before(row[0], row[1], want[0], want[1]).tolist() == slow


REFUSALS = (
    *("session_ended", "form_abandoned", "session_no_show", "proposal_declined"),
    *("meeting_cancelled", "email_unsubscribed", "offer_declined"),
)


def times_of(simulation, lead, *names):
    """When a lead had events of some names."""
    mine = lead_ids(simulation.config.leads)[lead]
    events = simulation.events[simulation.events["lead_id"] == mine]
    times = events.loc[events["name"].isin(names), "occurred_at"]
    return {microseconds(time.to_pydatetime()) for time in times}


def by_bayes(simulation, lead, as_of):
    """The chance of one lead, action by action."""
    truth = simulation._truth
    stays = np.flatnonzero((truth.stays.lead == lead) & (truth.stays.reached_at <= as_of))
    if not len(stays):
        return math.nan
    stay = stays[-1]
    rung, reached_at = truth.stays.rung[stay], truth.stays.reached_at[stay]
    if rung == len(simulation.ladder.goals):
        return math.nan
    days = (as_of - reached_at) / DAY_US
    scale, chance = truth.stays.scale[stay], truth.stays.chance[stay]
    still = math.exp(-((days / scale) ** SHAPE))
    odds = chance / (1 - chance) * still
    refused = times_of(simulation, lead, *REFUSALS)
    succeeded = times_of(simulation, lead, "pilot_succeeded")
    failed = times_of(simulation, lead, "pilot_failed")
    for one, acted_at in zip(truth.told.lead, truth.told.acted_at, strict=True):
        if one != lead or not reached_at < acted_at <= as_of:
            continue
        if acted_at in refused:
            odds *= REFUSES_BOUND / REFUSES_QUIET
        elif acted_at in succeeded:
            odds *= SUCCEEDS_BOUND / SUCCEEDS_QUIET
        elif acted_at in failed:
            odds *= (1 - SUCCEEDS_BOUND) / (1 - SUCCEEDS_QUIET)
        else:
            age = (acted_at - reached_at) / DAY_US
            odds *= BUSY_PER_DAY / (QUIET_PER_DAY * math.exp(-age / FADE_DAYS))
    heard = min(days, LISTENS_DAYS)
    quiet = QUIET_PER_DAY * FADE_DAYS * (1 - math.exp(-heard / FADE_DAYS))
    odds *= math.exp(quiet - BUSY_PER_DAY * heard)
    odds *= math.exp((REFUSES_QUIET - REFUSES_BOUND) * heard)
    horizon = simulation.ladder.goals[rung].horizon_days
    later = math.exp(-(((days + horizon) / scale) ** SHAPE))
    return odds / (1 + odds) * (1 - later / still)


@pytest.mark.parametrize("days", [40, 150])
def test_chances_by_a_loop(world, days):
    """Both densities are weighed on every action, and on the silence between."""
    as_of = microseconds(world.end - timedelta(days=days))
    ids = tuple(sorted(set(world.events["lead_id"])))[:25]
    told = world.truth(ids, np.full(len(ids), as_of))
    slow = [by_bayes(world, number, as_of) for number in range(len(ids))]
    assert np.isnan(told).tolist() == np.isnan(slow).tolist()
    np.testing.assert_allclose(told, slow, rtol=1e-6)


def test_nothing_before_the_first_event(world):
    """A lead that has not come yet has no chance; none is outside [0, 1]."""
    ids = tuple(sorted(set(world.events["lead_id"])))
    before = np.full(len(ids), microseconds(world.config.start) - 1)
    with np.errstate(invalid="ignore"):
        assert np.isnan(world.truth(ids, before)).all()
    now = world.truth(ids, np.full(len(ids), microseconds(world.end)))
    some = now[~np.isnan(now)]
    assert len(some) > 100
    assert ((some >= 0) & (some <= 1)).all()
