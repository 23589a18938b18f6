"""What is said before outcomes are: against what came, in quiet logs, and where a signal broke."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from scipy.special import expit, logit

from features.events.log import DAY_US, EventLog
from features.ladder.file import read_ladder
from features.ladder.ladder import EventRule
from features.reading import read_events
from models.bundle import Bundle
from models.judging import metrics
from models.judging.served import AheadLook
from models.recalibrated import Recalibrated
from models.scores.recalibration import Move
from models.scores.step_rates import StepRates, advancement_priors
from tests.proofs import IS_FULL
from tests.training.scores.scene import (
    JUDGED_UNTIL,
    LADDER,
    TRAINED_UNTIL,
    small_bundle,
    small_log,
)
from training.decision_points import decision_points
from training.labels import label
from training.pipeline import train
from training.recalibration import recalibrate
from training.simulation.config import SimulationConfig, WorldChange
from training.simulation.world import simulate
from training.upkeep.ahead import look_ahead

B2B = read_ladder("b2b")
TRAINED, CHANGED, END = 130.0, 150.0, 300.0
DELAY = 21.0
"""Days within which a signal that falls silent is found; weeks of 1,500 leads in half a year."""


@cache
def world() -> tuple[EventLog, Bundle]:
    """Many leads, so that what comes differs little from what is expected by chance."""
    log = small_log(leads=1500)
    return log, small_bundle(log)


def broken() -> EventLog:
    """The log without the pages of the last twenty days."""
    log, _ = world()
    is_page = np.array(log.names)[log.name] == "page"
    is_gone = is_page & (log.occurred > JUDGED_UNTIL - 20 * DAY_US)
    never = int(log.known.max()) + 1
    return replace(log, known=np.where(is_gone, never, log.known)).known_by(never - 1)


def ahead(until: int = JUDGED_UNTIL) -> AheadLook:
    log, bundle = world()
    return look_ahead(bundle, log, until, {})


# ---------------------------------------------------------------------------------------- Expected


def test_expected_beside_what_came():
    """Ranking and surprise come to what the chances said of themselves before anything came."""
    log, bundle = world()
    at = TRAINED_UNTIL + 30 * DAY_US
    points = decision_points(log, LADDER, start=TRAINED_UNTIL, end=at, seed=7)
    then, told = label(log, LADDER, points, at)[0], bundle.score(points.snapshot).advance
    later = label(log, LADDER, points, JUDGED_UNTIL)[0]
    open_then = ~then.mature
    assert later.mature[open_then].all()
    assert 0 < open_then.sum() < len(points)
    found = ahead(at)["goals"][0]["running"]
    assert found is not None
    assert found["points"] == open_then.sum()
    assert found["leads"] == len(np.unique(points.lead[open_then]))
    probability, happened = told.probability[open_then], later.happened[open_then]
    expected = found["expected"]
    assert expected["rate"] == pytest.approx(probability.mean())
    assert expected["auc"] == pytest.approx(metrics.auc(probability, happened), abs=0.03)
    assert expected["log_loss"] == pytest.approx(metrics.log_loss(probability, happened), abs=0.05)
    assert (found["came"], found["auc_error"]) == (None, None)


def test_where_it_is_known():
    """Where the time is over what came stands beside it, by the same figures as a judgement has."""
    log, bundle = world()
    points = decision_points(log, LADDER, start=TRAINED_UNTIL, end=JUDGED_UNTIL, seed=7)
    outcomes, told = label(log, LADDER, points, JUDGED_UNTIL), bundle.score(points.snapshot)
    for one, came, said in zip(
        ahead()["goals"], outcomes, (told.advance, told.purchase), strict=True
    ):
        over, rows = one["over"], came.mature
        assert over is not None
        assert over["came"] is not None
        probability, happened = said.probability[rows], came.happened[rows]
        assert over["came"]["auc"] == metrics.auc(probability, happened)
        assert over["came"]["log_loss"] == metrics.log_loss(probability, happened)
        assert over["came"]["rate"] == pytest.approx(happened.mean())
        assert 0.0 < (over["auc_error"] or 0.0) < 0.05


def test_as_it_is_served():
    """Outcomes that moved the chances move what is expected of them."""
    log, bundle = world()
    moves = {"advancement": [Move(-1.0, 1.0, 50, TRAINED_UNTIL)]}
    look = look_ahead(bundle, log, JUDGED_UNTIL, moves)
    moved, still = (one["goals"][0]["running"] for one in (look, ahead()))
    assert moved is not None
    assert still is not None
    assert moved["expected"]["rate"] < still["expected"]["rate"] - 0.02
    points = decision_points(log, LADDER, start=TRAINED_UNTIL, end=JUDGED_UNTIL, seed=7)
    open_ = ~label(log, LADDER, points, JUDGED_UNTIL)[0].mature
    plain = bundle.score(points.snapshot).advance.probability[open_]
    assert moved["expected"]["rate"] == pytest.approx(expit(logit(plain) - 1.0).mean(), rel=1e-6)


def test_before_an_outcome_is_known():
    """On the first days after training all is expected and nothing known."""
    look = ahead(TRAINED_UNTIL + 2 * DAY_US)
    for goal in look["goals"]:
        assert goal["over"] is None
        assert goal["running"] is not None
        assert goal["running"]["points"] > 50


def test_nothing_to_look_at():
    """Before anything came, and where nobody was to be scored since, it is said why."""
    log, bundle = world()
    for until in (TRAINED_UNTIL, TRAINED_UNTIL - DAY_US):
        look = look_ahead(bundle, log, until, {})
        assert (look["goals"], look["moved"]) == ([], [])
        assert look["note"] == "nothing has come since the model was trained"
    soon = TRAINED_UNTIL + DAY_US // 24
    calls = replace(LADDER, score_at=(EventRule("never"),))
    look = look_ahead(replace(bundle, ladder=calls), log, soon, {})
    assert look["note"] == "no lead was to be scored since the model was trained"


# ------------------------------------------------------------------------------------------ Signals


def test_nothing_moved_in_a_log_that_is_what_it_was():
    """Nor is anything looked at longer back than four weeks."""
    look = ahead()
    assert look["moved"] == []
    assert look["since"] == "2026-05-27T00:00:00Z"
    assert look["until"] == "2026-06-24T00:00:00Z"


def test_a_signal_that_broke():
    """Pages are no longer sent: it is said before which step, of which signal, and in words."""
    _, bundle = world()
    (step, *_) = look_ahead(bundle, broken(), JUDGED_UNTIL, {})["moved"]
    assert (step["step"], step["title"]) == ("look", "Look")
    heavy = {one["id"]: one for one in step["signals"]}
    assert "activity.recent_3d" in heavy
    assert [one["share"] for one in step["signals"]] == sorted(
        (one["share"] for one in step["signals"]), reverse=True
    )
    assert all(one["moved"] > 0.2 for one in step["signals"])
    assert step["says"].startswith('What is said of the usual lead before Look was "')
    assert " in training, and is " in step["says"]


def test_where_the_rates_are_all_there_is():
    """A bundle that reads no signal says of none that it moved, and expects its rates."""
    _, bundle = world()
    rates = StepRates.prior(advancement_priors(LADDER))
    calibrator = replace(bundle.advancement.calibrator, slope=np.zeros(len(rates.mean)))
    model = replace(bundle.advancement, calibrator=calibrator)
    plain = replace(bundle, advancement=model, purchase=model)
    look = look_ahead(plain, broken(), JUDGED_UNTIL, {})
    assert look["moved"] == []
    assert look["goals"][0]["running"] is not None


# ------------------------------------------------------------------------------------ Planted truth


def simulated(seed: int, change: WorldChange | None, leads: int = 1500) -> EventLog:
    config = SimulationConfig(leads, END, seed, drift=change)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        simulate(B2B, config).events.to_parquet(path, index=False)
        return read_events(path, B2B)[0]


def day(at: float) -> int:
    return SimulationConfig(1, END).starts_at + round(at * DAY_US)


def first_alarm(log: EventLog, bundle: Bundle, days: np.ndarray) -> float | None:
    """The day of the first look that finds a signal moved."""
    looks = (
        (at, look_ahead(bundle, log, day(at), recalibrate(log, bundle, day(at)))) for at in days
    )
    return next((float(at) for at, look in looks if look["moved"]), None)


@pytest.mark.slow
def test_quiet_half_years():
    """No alarm where nothing changes, and what is open ranks then, on average, as expected."""
    gaps = []
    for seed in range(40, 60 if IS_FULL else 41):
        log = simulated(seed, None)
        bundle = train(log, B2B, until=day(TRAINED))
        assert first_alarm(log, bundle, np.arange(TRAINED + 7, END, 14)) is None
        gaps.append(gap_of(log, bundle))
    assert abs(float(np.mean(gaps))) < (0.02 if IS_FULL else 0.06)


def gap_of(log: EventLog, bundle: Bundle) -> float:
    """The AUC that is expected of the points that are open on a day, less the one that came."""
    at = day(200.0)
    moves = recalibrate(log, bundle, at)
    points = decision_points(log, B2B, start=day(TRAINED), end=at, seed=7)
    then, later = (label(log, B2B, points, when)[0] for when in (at, day(END)))
    rows = ~then.mature & later.mature
    told = Recalibrated(bundle, moves).score(points.snapshot).advance.probability
    came = metrics.auc(told[rows], later.happened[rows])
    running = look_ahead(bundle, log, at, moves)["goals"][0]["running"]
    assert running is not None
    assert running["expected"]["auc"] is not None
    assert came is not None
    return running["expected"]["auc"] - came


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40, 60 if IS_FULL else 41))
def test_a_signal_falls_silent(seed):
    """It is found within the stated delay, and not before."""
    log = simulated(seed, WorldChange(CHANGED, silences="page_viewed"))
    bundle = train(log, B2B, until=day(TRAINED))
    found = first_alarm(log, bundle, np.arange(TRAINED + 6, END, 7))
    assert found is not None
    assert CHANGED < found <= CHANGED + DELAY
