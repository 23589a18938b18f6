"""The statistics on data with a known answer: what is predicted against what was planted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import roc_auc_score

from features.clock import microseconds, when
from features.events.log import DAY_US, EventLog
from features.funnel.states import State
from features.ladder.file import read_ladder
from features.reading import read_events
from features.signals.snapshot import snapshot
from models.bundle import Bundle, load_bundle, save_bundle
from models.judging.intervals import wilson
from tests.sharing import made_once
from training.decision_points import Points, decision_points
from training.labels import Outcomes, label
from training.pipeline import train
from training.simulation.world import Simulation, SimulationConfig, simulate

pytestmark = pytest.mark.slow

LEADS = 10_000
TRAIN_DAYS, ALL_DAYS = 300, 480


@dataclass
class World:
    """A simulation, its log, a bundle trained on its first part, and the later points."""

    simulation: Simulation
    log: EventLog
    bundle: Bundle
    points: Points
    advanced: Outcomes
    split: int
    end: int

    def independent(self) -> tuple[Points, npt.NDArray[np.float64]]:
        """Busy leads at instants 45 days apart, and what came of them within less than that.

        What comes of different leads, or in different windows, is independent given the past. (A
        random point of each lead would not do: how many points a lead has depends on what came.)
        """
        ladder, busy_us = self.bundle.ladder, 21 * DAY_US
        quick = [goal.horizon_days < 45 for goal in ladder.goals]
        parts = []
        for days in (2, 47, 92):
            now = self.split + days * DAY_US
            taken = snapshot(self.log, ladder, None, when(now))
            rung = np.minimum(taken.position, len(quick) - 1)
            keep = (taken.last_active >= now - busy_us) & np.array(quick)[rung]
            parts.append(Points(np.flatnonzero(keep), taken.rows(keep)))
        points = Points(
            np.concatenate([part.lead for part in parts]),
            replace(
                parts[0].snapshot,
                leads=tuple(lead for part in parts for lead in part.snapshot.leads),
                as_of=np.concatenate([part.as_of for part in parts]),
                values=np.concatenate([part.snapshot.values for part in parts]),
                position=np.concatenate([part.position for part in parts]),
                last_active=np.concatenate([part.snapshot.last_active for part in parts]),
                lost_at=np.concatenate([part.snapshot.lost_at for part in parts]),
            ),
        )
        advanced, _ = label(self.log, ladder, points, self.end)
        assert advanced.mature.all()
        return points, advanced.happened


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A hazard that depends only on what can be observed."""
    ladder = read_ladder("b2b")
    config = SimulationConfig(leads=LEADS, days=ALL_DAYS, seed=11).observable()
    simulation = simulate(ladder, config)
    split = microseconds(config.start) + TRAIN_DAYS * DAY_US

    def make(folder: Path) -> None:
        simulation.events.to_parquet(folder / "events.parquet", index=False)
        known, _ = read_events(folder / "events.parquet", ladder)
        save_bundle(train(known, ladder, until=split), folder / "bundle")

    # Training takes minutes: it is done once for all processes.
    folder = made_once(tmp_path_factory, "planted-truth", make)
    log, _ = read_events(folder / "events.parquet", ladder)
    bundle, end = load_bundle(folder / "bundle"), microseconds(simulation.end)
    points = decision_points(log, ladder, start=split, end=end, seed=5)
    advanced, _ = label(log, ladder, points, end)
    return World(simulation, log, bundle, points, advanced, split, end)


def bins_inside(probability: npt.NDArray[np.float64], happened: npt.NDArray[np.float64]) -> int:
    """How many of ten equal-count bins have their mean prediction in the outcome's interval."""
    order = np.argsort(probability, kind="stable")
    inside = 0
    for rows in np.array_split(order, 10):
        low, high = wilson(int(happened[rows].sum()), len(rows))
        inside += low <= probability[rows].mean() <= high
    return inside


def test_the_planted_truth_is_true(world: World) -> None:
    """The simulator's own probabilities are calibrated: the yardstick is straight."""
    points, happened = world.independent()
    truth = world.simulation.truth(points.snapshot.leads, points.as_of)
    assert not np.isnan(truth).any()
    assert bins_inside(truth, happened) >= 9


def test_predictions_are_calibrated(world: World) -> None:
    """In at least 9 of 10 bins the mean prediction lies in the Wilson interval of the outcome."""
    points, happened = world.independent()
    served = world.bundle.score(points.snapshot).advance.probability
    assert bins_inside(served, happened) >= 9


def test_each_step_with_enough_data_is_calibrated(world: World) -> None:
    """The same holds on every rung that has 400 points with 40 of either outcome."""
    points, happened = world.independent()
    served = world.bundle.score(points.snapshot).advance.probability
    judged = 0
    for rung in range(len(world.bundle.ladder.goals)):
        here = points.position == rung
        reached = happened[here].sum()
        if here.sum() >= 400 and min(reached, here.sum() - reached) >= 40:
            judged += 1
            assert bins_inside(served[here], happened[here]) >= 9, rung
    assert judged >= 2


def test_nearly_as_good_as_the_truth(world: World) -> None:
    """The AUC is within 0.01 of that of the true probabilities."""
    mature = world.advanced.mature
    points, happened = world.points.rows(mature), world.advanced.happened[mature]
    truth = world.simulation.truth(points.snapshot.leads, points.as_of)
    served = world.bundle.score(points.snapshot).advance.probability
    assert roc_auc_score(happened, served) >= roc_auc_score(happened, truth) - 0.01


def test_the_interval_covers_the_calibration_curve(world: World) -> None:
    """The mean truth of leads with like scores lies in their interval for nine of ten groups."""
    points, _ = world.independent()
    truth = world.simulation.truth(points.snapshot.leads, points.as_of)
    served = world.bundle.score(points.snapshot).advance
    covered = 0
    for rows in np.array_split(np.argsort(served.probability, kind="stable"), 20):
        low, high = served.low[rows].mean(), served.high[rows].mean()
        covered += low <= truth[rows].mean() <= high
    assert covered >= 17


def rates(world: World, days: float) -> tuple[float, float, float, float]:
    """First-rung points of the last days: naive rate, true rate, our rate, true rate of ours."""
    chosen = (world.points.as_of > world.end - days * DAY_US) & (world.points.position == 0)
    points, state = world.points.rows(chosen), world.advanced.state[chosen]
    mature = world.advanced.mature[chosen]
    truth = world.simulation.truth(points.snapshot.leads, points.as_of)
    advanced = state == State.ADVANCED
    return advanced.mean(), truth.mean(), advanced[mature].mean(), truth[mature].mean()


def test_pending_is_not_lost(world: World) -> None:
    """Counting pending leads as lost understates the rate by a fifth; ours holds the true one."""
    naive, truth, _, _ = rates(world, days=15)
    assert naive < 0.8 * truth
    _, _, ours, true_of_ours = rates(world, days=90)
    assert abs(ours - true_of_ours) < 0.1 * true_of_ours


def test_keeping_early_successes_alone_is_biased(world: World) -> None:
    """Pending points that have advanced already must not be kept while the others are dropped."""
    recent = world.points.as_of > world.end - 40 * DAY_US
    known = recent & (world.advanced.state != State.PENDING)
    rate = (world.advanced.state[known] == State.ADVANCED).mean()
    points = world.points.rows(known)
    truth = world.simulation.truth(points.snapshot.leads, points.as_of).mean()
    mature = recent & world.advanced.mature
    points = world.points.rows(mature)
    honest = world.simulation.truth(points.snapshot.leads, points.as_of).mean()
    assert rate > truth + 0.02
    assert abs(world.advanced.happened[mature].mean() - honest) < 0.02
