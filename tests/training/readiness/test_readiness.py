"""What of a ladder a log has: a function of what was known, and its promises against what came."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from features.events.log import DAY_US
from features.ladder.file import read_ladder
from features.reading import read_events
from models.judging.readiness import LEVELS, Readiness
from tests.serving.shapes import check_shape
from tests.training.readiness.scene import LADDER, log_of
from training.pipeline import train
from training.readiness.readiness import readiness
from training.simulation.config import SimulationConfig
from training.simulation.world import simulate

B2B = read_ladder("b2b")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Leads that arrive at one pace all the time."""
    path = tmp_path_factory.mktemp("ready") / "events.parquet"
    simulate(B2B, SimulationConfig(leads=1000, days=330, seed=4)).events.to_parquet(path)
    return read_events(path, B2B)[0]


@pytest.fixture(scope="module")
def early(log):
    return readiness(log, B2B, day(log, 70))


def day(log, days: float) -> int:
    return int(log.known.min()) + round(days * DAY_US)


def test_it_is_of_the_shape_it_is_served_in(early):
    """And plain values: JSON holds all of it."""
    check_shape(Readiness, json.loads(json.dumps(early, allow_nan=False)))


def test_it_is_a_function_of_what_was_known(log, early):
    """What comes later, or was never read, changes nothing."""
    last = int(log.known_by(day(log, 70)).known.max())
    alone = readiness(log.known_by(last), B2B)
    assert alone == readiness(log, B2B, last)
    assert alone["steps"][0]["reached"] == early["steps"][0]["reached"]


def test_what_is_promised_comes(log, early):
    """A level that was promised of a step is there soon after the weeks that were said."""
    promised = 0
    for at, step in enumerate(early["steps"]):
        following = step["next"]
        if following is None or following["weeks"] is None:
            continue
        then = day(log, 70 + 7 * (1.3 * following["weeks"] + 2.0))
        if then > log.judged_until(None):
            continue
        promised += 1
        reached = readiness(log, B2B, then)["steps"][at]["level"]
        assert LEVELS.index(reached) >= LEVELS.index(following["level"]), step
    assert promised >= 4


def test_what_is_promised_does_not_come_much_sooner(log, early):
    """At a third of the weeks that were said it is not there, where these are more than a few."""
    looked = 0
    for at, step in enumerate(early["steps"]):
        following = step["next"]
        if following is None or following["weeks"] is None or following["weeks"] < 6:
            continue
        looked += 1
        then = day(log, 70 + 7 * following["weeks"] / 3)
        reached = readiness(log, B2B, then)["steps"][at]["level"]
        assert LEVELS.index(reached) < LEVELS.index(following["level"]), step
    assert looked >= 2


def test_it_is_what_training_finds(log, early):
    """The same points, the same outcomes, and a model where it says so."""
    bundle = train(log, B2B, until=day(log, 70))
    for goal in ("advancement", "purchase"):
        told, found = bundle.manifest["trained_on"][goal], early[goal]
        assert told["points"] == found["outcomes"]["decided"]
        assert told["pending"] == found["outcomes"]["pending"]
        has_model = getattr(bundle, goal).learner is not None
        assert has_model == (found["level"] in ("model", "calibrated"))


def test_a_dead_step_has_no_date():
    """Nothing can be promised of a step that no event completes."""
    rows: list[tuple[object, ...]] = [(f"{at}", "page", float(at)) for at in range(40)]
    rows += [(f"{at}", "video", at + 0.5, 0.1) for at in range(30)]
    found = readiness(log_of(rows), LADDER)
    (look, tries, buys) = found["steps"]
    assert [one["why"] for one in look["dead"]] == ["never_met"]
    assert (look["reached"], look["completed"], tries["reached"]) == (40, 0, 0)
    assert look["next"] is not None
    assert look["next"]["weeks"] is None
    assert [one["why"] for one in buys["dead"]] == ["never_named", "never_reached"]
    assert "Nothing can be learned of 3 steps as it stands" in found["summary"]


def test_leads_that_jump_over_a_step_do_not_stand_there():
    """Whoever tries without looking has reached the step after it, and skipped this one."""
    nan = float("nan")
    rows: list[tuple[object, ...]] = [(f"{at}", "page", float(at)) for at in range(20)]
    rows += [(f"{at}", "trial", at + 0.5, nan, "full") for at in range(6)]
    found = readiness(log_of(rows), replace(LADDER))
    look, tries, buys = found["steps"]
    assert (look["reached"], look["skipped"]) == (20, 6)
    assert (tries["reached"], tries["completed"], tries["leads_a_week"]) == (6, 6, 0.0)
    assert buys["reached"] == 6
