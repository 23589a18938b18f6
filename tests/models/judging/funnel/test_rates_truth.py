"""Rates hold the planted truth where those that count the pending as lost do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.funnel.stays import stays_of
from features.ladder.file import read_ladder
from models.judging.funnel.rates import funnel
from models.judging.intervals import wilson
from tests.proofs import size, tell
from tests.training.simulation.scene import log_of_simulation
from training.simulation.world import SimulationConfig, simulate

B2B = read_ladder("b2b")
WORLD = SimulationConfig(world_seed=3, days=90)


def funnel_of(config: SimulationConfig):
    return funnel(stays_of(log_of_simulation(simulate(B2B, config)), B2B))


@pytest.mark.slow
def test_rates_hold_the_truth():
    """Leads of the same world arrive until the log ends, so that many still have time.

    The truth is that of very many leads whose time is over.
    """
    all_over = replace(WORLD, leads=size(40_000, 100_000), days=330, arrive_days=90, seed=999)
    truth = [step["rate"]["value"] for step in funnel_of(all_over)["steps"]]
    logs = size(24, 300)
    holds = np.zeros((logs, len(truth)), dtype=np.bool_)
    naive = np.zeros((logs, len(truth)), dtype=np.bool_)
    for seed in range(logs):
        for at, step in enumerate(funnel_of(replace(WORLD, leads=800, seed=seed))["steps"]):
            rate, counts = step["rate"], step["counts"]
            holds[seed, at] = rate["low"] <= truth[at] <= rate["high"]
            low, high = wilson(float(counts["advanced"]), float(counts["came"]))
            naive[seed, at] = low <= truth[at] <= high
    tell("funnel: rates that hold the truth", holds.mean(), "at least 0.93", logs)
    tell("funnel: the same counting the pending as lost", naive.mean(), "less than 0.93", logs)
    assert holds.mean() >= size(90, 93) / 100
    assert holds.mean(axis=0).min() >= size(75, 91) / 100
    assert naive.mean() < 0.8
    assert naive[:, -1].mean() < 0.5  # the purchase takes longest
