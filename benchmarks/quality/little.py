"""Few leads: log loss of the bands alone, of the steps' rates and of what is served.

Worlds with other effects each: a log of few leads, and other leads of the same world to answer for.
What came of these is not drawn; the loss is that against the simulator's own chances, so that what
is judged on leaves nothing to luck.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.tables import markdown
from features.arrays import Floats
from features.events.log import EventLog
from features.ladder.file import read_ladder
from features.ladder.ladder import Ladder
from features.reading import read_events
from models.scores.step_rates import StepRates, advancement_priors
from training.decision_points import Points, decision_points
from training.labels import label
from training.pipeline import train
from training.simulation.config import SimulationConfig
from training.simulation.world import Simulation, simulate

__all__ = ["LITTLE", "losses", "run"]

LITTLE: Final = (30, 60, 120, 300)
"""Leads of a log."""
_WAYS: Final = ("bands", "rates", "served", "truth")
_JUDGED: Final = 300
"""Leads to answer for."""


def run(*, small: bool = False) -> str:
    """The mean excess of each way over the truth, by the number of leads, as a table."""
    worlds = 2 if small else 8
    ladder = read_ladder("b2b")
    rows = []
    for leads in LITTLE:
        found = np.array([losses(ladder, leads, world) for world in range(worlds)])
        excess = found[:, :3] - found[:, 3:]
        gap = excess[:, 2] - excess[:, :2].min(axis=1)
        error = gap.std(ddof=1) / np.sqrt(worlds)
        told = [f"{one:.4f}" for one in excess.mean(axis=0)]
        rows.append((str(leads), *told, f"{gap.mean():+.4f} ± {error:.4f}"))
    return markdown(("leads", *_WAYS[:3], "served minus the better of the two"), rows)


def losses(ladder: Ladder, leads: int, world: int, days: float = 180.0) -> tuple[float, ...]:
    """The log loss of each of `_WAYS` in a world, by a log of few leads.

    Parameters
    ----------
    world : seeds the effects, the leads of the log, and those to answer for.
    days : over which leads arrive.
    """
    planted = SimulationConfig(leads=leads, days=days, seed=2 * world + 1, world_seed=world)
    log, _ = _log(simulate(ladder, planted), ladder)
    bundle = train(log, ladder)
    until = log.judged_until(None)
    points = decision_points(log, ladder, end=until, seed=7)
    advanced, _ = label(log, ladder, points, until)
    known = points.rows(advanced.decided)
    bands = StepRates.prior(advancement_priors(ladder))
    rates = bands.updated(known.position, advanced.happened[advanced.decided], known.lead)
    asked, truth = _judged(ladder, world)
    told = bundle.advancement.estimate(bundle.encoding.matrix(asked.snapshot), asked.position)
    ways = (bands.mean[asked.position], rates.mean[asked.position], told.probability, truth)
    return tuple(_loss(way, truth) for way in ways)


def _judged(ladder: Ladder, world: int) -> tuple[Points, Floats]:
    """Points of other leads of a world, and their chances."""
    planted = SimulationConfig(leads=_JUDGED, seed=2 * world + 2, world_seed=world)
    simulation = simulate(ladder, planted)
    log, _ = _log(simulation, ladder)
    points = decision_points(log, ladder, end=planted.ends_at, seed=7)
    truth = simulation.truth(tuple(log.leads[at] for at in points.lead), points.as_of)
    known = ~np.isnan(truth)
    return points.rows(known), truth[known]


def _log(simulation: Simulation, ladder: Ladder) -> tuple[EventLog, object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        simulation.events.to_parquet(path)
        return read_events(path, ladder)


def _loss(probability: Floats, truth: Floats) -> float:
    """The expected surprise in nats."""
    told = np.clip(probability, 1e-15, 1.0 - 1e-15)
    each: Floats = -(truth * np.log(told) + (1.0 - truth) * np.log1p(-told))
    return float(each.mean())
