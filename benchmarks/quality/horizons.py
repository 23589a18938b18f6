"""How soon: chances within parts of the horizons, read from one score or trained for each.

A world of its own each time: a bundle of the ladder's horizons says what falls into an eighth, a
quarter and a half of them (`models.horizons`), beside bundles that were trained for horizons so
short, and beside an even pace. All are judged on the same later points of the log.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

import numpy as np

from benchmarks.tables import markdown
from features.arrays import Floats
from features.events.log import DAY_US, EventLog
from features.ladder.file import read_ladder
from features.ladder.ladder import Ladder
from features.reading import read_events
from models.horizons import within_part
from training.decision_points import decision_points
from training.labels import label
from training.pipeline import train
from training.simulation.config import SimulationConfig
from training.simulation.world import simulate

__all__ = ["Judged", "judged", "run"]

PARTS: Final = (1 / 8, 1 / 4, 1 / 2)
_GOALS: Final = ("next step", "purchase")
_DAYS: Final = 420.0
_AFTER_DAYS: Final = 150.0
"""Of the log, after the end of training."""


class Judged(NamedTuple):
    """A goal within a part of its horizon, in one world.

    Parameters
    ----------
    came, said : the share that had reached it by then, and what was said on average.
    losses : log loss of what is read from the score, of a training for that horizon, of an even
        pace, and of the share itself.
    """

    goal: str
    part: float
    came: float
    said: float
    losses: tuple[float, ...]


def run(*, small: bool = False) -> str:
    """Log losses by goal and part, over worlds, as a table; how long it took to train for them."""
    worlds, leads = (2, 300) if small else (6, 1500)
    ladder = read_ladder("b2b")
    found: list[Judged] = []
    seconds = np.zeros(2)
    for world in range(worlds):
        for one, took in judged(ladder, world, leads):
            found.append(one)
            seconds += took
    rows = []
    for goal in _GOALS:
        for part in PARTS:
            here = [one for one in found if (one.goal, one.part) == (goal, part)]
            losses = np.array([one.losses for one in here])
            gap = losses[:, 0] - losses[:, 1]
            rows.append(
                (
                    f"{goal}, 1/{1 / part:g} of the horizon",
                    f"{100 * np.mean([one.came for one in here]):.1f} %",
                    f"{100 * np.mean([one.said for one in here]):.1f} %",
                    *(f"{loss:.4f}" for loss in losses.mean(axis=0)),
                    f"{gap.mean():+.4f} ± {gap.std(ddof=1) / np.sqrt(worlds):.4f}",
                )
            )
    heads = ("within", "came", "said", "read from the score", "trained for it", "even pace",
             "the share", "read minus trained")  # fmt: skip
    told = f"Trained for the ladder's horizons in {seconds[0]:.0f} s, for those three times in"
    return f"{markdown(heads, rows)}\n\n{told} {seconds[1]:.0f} s more."


def judged(ladder: Ladder, world: int, leads: int) -> Iterator[tuple[Judged, Floats]]:
    """Both goals within each part in a world, with the seconds of training that they took.

    Those are of shape (2,): for the ladder's horizons, and for shorter ones.
    """
    log = _log(ladder, world, leads)
    end = log.judged_until(None)
    until = end - round(_AFTER_DAYS * DAY_US)
    begun = perf_counter()
    bundle = train(log, ladder, until=until)
    took = np.array([perf_counter() - begun, 0.0])
    longest = round(max(goal.horizon_days for goal in ladder.goals) * DAY_US)
    points = decision_points(log, ladder, start=until, end=end - longest, seed=7)
    outcomes = label(log, ladder, points, end)
    scores = bundle.score(points.snapshot)
    whole = (scores.advance.probability, scores.purchase.probability)
    for part in PARTS:
        begun = perf_counter()
        trained = train(log, _shortened(ladder, part), until=until).score(points.snapshot)
        took[1] += perf_counter() - begun
        theirs = (trained.advance.probability, trained.purchase.probability)
        ours = within_part(bundle, scores, part)
        for at, goal in enumerate(_GOALS):
            keep = outcomes[at].mature
            happened = (outcomes[at].reached_after[keep] <= part).astype(np.float64)
            said, even = ours[at].probability[keep], 1.0 - (1.0 - whole[at][keep]) ** part
            share = np.full(len(happened), happened.mean())
            ways = (said, theirs[at][keep], even, share)
            losses = tuple(_loss(happened, way) for way in ways)
            yield Judged(goal, part, happened.mean(), said.mean(), losses), took
            took = np.zeros(2)


def _shortened(ladder: Ladder, part: float) -> Ladder:
    """The ladder with that part of each horizon."""
    steps = [replace(one, horizon_days=part * one.horizon_days) for one in ladder.goals]
    return replace(ladder, steps=tuple(steps[:-1]), purchase=steps[-1])


def _loss(happened: Floats, chance: Floats) -> float:
    return float(-np.mean(happened * np.log(chance) + (1.0 - happened) * np.log1p(-chance)))


def _log(ladder: Ladder, world: int, leads: int) -> EventLog:
    planted = SimulationConfig(leads=leads, days=_DAYS, seed=world + 1, world_seed=world)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        simulate(ladder, planted).events.to_parquet(path, index=False)
        return read_events(path, ladder)[0]
