"""The counting rule against loops over the log, and what it makes of names that are rare."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.log import DAY_US, EventLog
from models.scores.step_rates import PRIOR_LEADS, StepRates, advancement_priors
from tests.training.scores.scene import JUDGED_UNTIL, LADDER, START_US, TRAINED_UNTIL, small_log
from training.decision_points import Points, decision_points
from training.labels import label
from training.scores.baselines.counting import counting_rule, last_rows


def last_by_loop(log: EventLog, counts, lead: int, now: int) -> int:
    """The last row as things happened, of those known by an instant."""
    found = -1
    for row in range(log.starts[lead], log.starts[lead + 1]):
        if counts[row] and log.known[row] <= now:
            found = row
    return found


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_last_rows_against_a_loop(seed, events):
    """Late events, instants of events, rows that do not count, leads without any."""
    rng = np.random.default_rng(seed)
    occurred = START_US + rng.integers(0, 20, events) * DAY_US
    log = EventLog.from_columns(
        [f"{at}" for at in rng.integers(0, 5, events)],
        rng.choice(["a", "b"], events).tolist(),
        occurred,
        occurred + rng.integers(0, 9, events) * DAY_US,
    )
    counts = rng.random(events) < 0.7
    lead = rng.integers(0, len(log.leads), 40)
    as_of = START_US + rng.integers(-2, 30, 40) * DAY_US
    slow = [last_by_loop(log, counts, *each) for each in zip(lead, as_of, strict=True)]
    assert last_rows(log, counts, lead, as_of).tolist() == slow


@pytest.fixture(scope="module")
def asked():
    """A log, the training points with what came of them, and the points to judge."""
    log = small_log(leads=200)
    train = decision_points(log, LADDER, end=TRAINED_UNTIL, seed=7)
    outcomes, _ = label(log, LADDER, train, TRAINED_UNTIL)
    judged = decision_points(log, LADDER, start=TRAINED_UNTIL, end=JUDGED_UNTIL, seed=7)
    return log, train.rows(outcomes.mature), outcomes.happened[outcomes.mature], judged


def rates_of(train: Points, happened) -> StepRates:
    prior = StepRates.prior(advancement_priors(LADDER))
    return prior.updated(train.position, happened, train.lead)


def by_loops(log, rates, train, happened, judged):
    """The rule as one would explain it: the points like this one, a share of their leads."""
    everything = np.ones(len(log), dtype=bool)

    def like(points, at):
        row = last_by_loop(log, everything, points.lead[at], points.as_of[at])
        return points.position[at], log.names[log.name[row]] if row >= 0 else None

    known = [like(train, at) for at in range(len(train))]
    found = []
    for at in range(len(judged)):
        own = like(judged, at)
        rows = [row for row, other in enumerate(known) if other == own]
        leads = len({int(train.lead[row]) for row in rows})
        went_on = np.mean(happened[rows]) if rows else 0.0
        step = rates.mean[judged.position[at]]
        found.append((step * PRIOR_LEADS + went_on * leads) / (PRIOR_LEADS + leads))
    return found


def test_rates_against_loops(asked):
    """A share of the leads, drawn to the rate of the step with the weight of a few leads."""
    log, train, happened, judged = asked
    few = judged.rows(np.arange(len(judged)) % 20 == 0)
    rates = rates_of(train, happened)
    found = counting_rule(log, LADDER, rates, train, happened, few)
    assert found == pytest.approx(by_loops(log, rates, train, happened, few))
    assert len(np.unique(found.round(6))) > len(LADDER.goals)


def test_a_name_that_was_never_the_last_is_its_steps(asked):
    """Without a training point like it the rate of the step is all that is known."""
    log, train, happened, judged = asked
    rates = rates_of(train, happened)
    nothing = train.rows(np.zeros(len(train), dtype=bool))
    found = counting_rule(log, LADDER, rates, nothing, np.zeros(0), judged)
    assert found == pytest.approx(rates.mean[judged.position])


def test_what_the_business_did_is_no_last_event(asked):
    """An offer that is extended to everybody changes no answer."""
    log, train, happened, judged = asked
    rates = rates_of(train, happened)
    alone = counting_rule(log, LADDER, rates, train, happened, judged)
    offered = len(log.leads)
    more = EventLog.from_columns(
        [*(log.leads[at] for at in log.lead_of_rows()), *log.leads],
        [*(log.names[at] for at in log.name), *["offer_extended"] * offered],
        np.concatenate([log.occurred, log.occurred[log.starts[1:] - 1] + 1]),
        np.concatenate([log.known, log.occurred[log.starts[1:] - 1] + 1]),
        columns=log.columns,
    )
    assert "offer_extended" in more.names
    assert counting_rule(more, LADDER, rates, train, happened, judged) == pytest.approx(alone)
