"""The next experiment: as many leads as give the power that is said."""

from __future__ import annotations

import numpy as np
import pytest

from features.events.log import DAY_US
from features.ladder.ladder import Band
from models.judging.funnel.causes.next_experiment import (
    draft_experiment,
    leads_a_week,
    leads_of_both_arms,
)
from tests.models.judging.funnel.planted import planted_ladder

LADDER = planted_ladder()
WEEK = 7 * DAY_US


@pytest.mark.parametrize("power", [0.8, 0.9])
@pytest.mark.parametrize(("rate", "other"), [(0.2, 0.3), (0.6, 0.65), (0.05, 0.1), (0.3, 0.2)])
def test_the_power_is_had(power, rate, other):
    """By simulation of the test that it is for."""
    each = leads_of_both_arms(rate, other, power) // 2
    rng = np.random.default_rng(1)
    one, two = rng.binomial(each, rate, 20000) / each, rng.binomial(each, other, 20000) / each
    middle = (one + two) / 2
    z = np.abs(two - one) / np.sqrt(middle * (1 - middle) * 2 / each)
    assert (z > 1.96).mean() == pytest.approx(power, abs=0.02)


def test_pace():
    """Of the last eight weeks; of a younger log, of all of it, a week at least."""
    end = 100 * WEEK
    assert leads_a_week(end - 1 - np.arange(80) * WEEK // 4, end) == pytest.approx(4.0)
    assert leads_a_week(end - np.array([0, 1, 2]), end) == 3.0
    assert leads_a_week(np.array([end - 2 * WEEK, end]), end) == pytest.approx(1.0)
    assert leads_a_week(np.array([end - 50 * WEEK]), end) == 0.0
    assert leads_a_week(np.empty(0, np.int64), end) == 0.0


def jump(**changed):
    share = {"value": 0.2, "low": 0.1, "high": 0.3, "leads": 100}
    told = {"effort_before": 21.0, "most": 5.0, "by_fields": [{"fields": 1, "went_on": share}]}
    return told | changed


def test_the_draft():
    """Half of the way to the band, and the weeks until the last lead's time is over."""
    step, before = LADDER.goals[2], LADDER.goals[1]
    draft = draft_experiment("jump", step, before, 0.2, Band(0.4, 0.6), 50.0, jump())
    assert draft["rate_worth"] == pytest.approx(0.3)
    assert draft["leads_80"] == leads_of_both_arms(0.2, draft["rate_worth"], 0.8)
    assert draft["leads_90"] > draft["leads_80"]
    assert draft["weeks_80"] == pytest.approx(draft["leads_80"] / 50 + 2, abs=0.05)
    assert draft["arms"] == ["as it is", "lighter offer"]
    assert "at most 105 minutes' worth" in draft["change"]
    nobody = draft_experiment("value", step, before, 0.2, Band(0.4, 0.6), 0.0, jump())
    assert (nobody["weeks_80"], nobody["weeks_90"]) == (None, None)
    assert nobody["arms"][1] == "more value first"
    assert "'Worksheet'" in nobody["change"]


def test_what_is_changed():
    """Many fields go first; without an offer before there is no limit to name."""
    step = LADDER.goals[2]
    cell = jump()["by_fields"][0]
    many = jump(by_fields=[cell, cell | {"fields": 5}])
    draft = draft_experiment("jump", step, None, 0.2, Band(0.4, 0.6), 1.0, many)
    assert draft["arms"][1] == "fewer fields"
    assert "two instead of 5" in draft["change"]
    for fields, arm in ((2, "lighter offer"), (3, "fewer fields")):
        some = jump(by_fields=[cell, cell | {"fields": fields}])
        draft = draft_experiment("jump", step, None, 0.2, Band(0.4, 0.6), 1.0, some)
        assert draft["arms"][1] == arm
    open_ended = jump(effort_before=None)
    draft = draft_experiment("jump", step, None, 0.2, Band(0.4, 0.6), 1.0, open_ended)
    assert "at most" not in draft["change"]
