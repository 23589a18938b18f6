"""How soon: chances within parts of the horizons, read from one score or trained for each.

A world of its own each time: a bundle of the ladder's horizons says what falls into an eighth, a
quarter and a half of them (`models.horizons`), beside bundles that were trained for horizons so
short, and beside an even pace. All are judged on the same later points of the log.

How many of the intervals hold what was planted is counted over simpler worlds, in which the chance
of each lead within each part is known.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from benchmarks.tables import markdown
from features.arrays import Floats
from features.events.log import DAY_US, EventLog
from features.ladder.file import read_ladder
from features.ladder.ladder import Ladder
from features.reading import read_events
from models.horizons import within_part
from models.scores.timing import fit_timing, spread, spread_ends
from models.scores.venn_abers import LEVEL
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
    cover = markdown(
        ("pace", "leads", "chance alone", "chance and pace", "width", "width with the pace"),
        list(_covers(20 if small else 400)),
    )
    return (
        f"{markdown(heads, rows)}\n\n{told} {seconds[1]:.0f} s more.\n\n"
        f"Intervals that hold the planted chance, of {LEVEL:.0%}:\n\n{cover}"
    )


def _covers(worlds: int) -> Iterator[tuple[str, ...]]:
    """Rows of the share of intervals that hold the truth, without the error of w and with it.

    A lead's hazard passes by u ** pace; where the likely hurry, by u ** (pace / 1.23) of one with
    twice the hazard.
    """
    for title, pace, hurry in (
        ("at first", 0.5, 0.0),
        ("even", 1.0, 0.0),
        ("at the end", 2.0, 0.0),
        ("even, and the likely hurry", 1.0, 0.3),
    ):
        for leads in (60, 200, 1000):
            found = np.mean(
                [_covered(world, leads, pace, hurry) for world in range(worlds)], axis=0
            )
            shares = (f"{100 * one:.0f} %" for one in found[:2])
            yield (title, f"{leads:,}", *shares, *(f"{one:.3f}" for one in found[2:]))


def _covered(world: int, leads: int, pace: float, hurry: float) -> Floats:
    """Shape (4,): the share of intervals that hold the truth, without the pace and with it; widths.

    All chances are known but for one factor of the hazards, which is estimated, as is the pace.
    """
    rng = np.random.default_rng(world)
    truth = rng.beta(2, 5, leads)
    hazard = -np.log1p(-truth)
    power = pace * (hazard / np.median(hazard)) ** -hurry
    took = (rng.exponential(size=leads) / hazard) ** (1.0 / power)
    came = np.where(took <= 1.0, took, np.nan)
    number = float(np.clip((took <= 1.0).sum(), 1, leads - 1))
    factor = brentq(lambda one: -np.expm1(-one * hazard).sum() - number, 1e-6, 1e6)
    away = np.exp(norm.ppf((1.0 + LEVEL) / 2.0) / np.sqrt(number))
    said, low, high = (-np.expm1(-hazard * factor * one) for one in (1.0, 1.0 / away, away))
    rung = np.zeros(leads, dtype=np.int64)
    timing = fit_timing(rung, said, came, np.ones(leads), np.arange(leads), 1)
    found = []
    for part in PARTS:
        wanted = -np.expm1(-hazard * part**power)
        passed = timing.passed(said, rung, np.array([part]))
        alone = spread(low, passed.w), spread(high, passed.w)
        both = spread_ends(said, (low, high), passed)
        held = [((one <= wanted) & (wanted <= other)).mean() for one, other in (alone, both)]
        found.append([*held, *((other - one).mean() for one, other in (alone, both))])
    return np.asarray(np.mean(found, axis=0))


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
