"""A simulated half year in which the world changes: frozen, recalibrated and retrained each week.

Each week's scores are judged by what came of them, on the same points: what a bundle says that was
trained before the change, the same moved by the outcomes known at each score, and what a bundle
says that is trained anew at the beginning of each week on all that was known then.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from benchmarks.tables import markdown
from features.arrays import Floats, Ints
from features.events.log import DAY_US, EventLog
from features.ladder.file import read_ladder
from features.ladder.ladder import Ladder
from features.reading import read_events
from models.judging import metrics
from models.recalibrated import Recalibrated
from training.decision_points import Points, decision_points
from training.labels import label
from training.pipeline import train
from training.recalibration import recalibrate
from training.simulation.config import SimulationConfig, WorldChange
from training.simulation.world import simulate

__all__ = ["run"]

_DAYS: Final = 330.0
_TRAINED, _CHANGED, _JUDGED = 130.0, 150.0, 290.0
_WAYS: Final = ("frozen", "recalibrated", "retrained weekly")
_COLOURS: Final = ("#b5651d", "#2f7f5f", "#5b6b7b")
_CHANGES: Final = {
    "nothing changes": None,
    "odds grow by 2.5": WorldChange(_CHANGED, log_odds=0.9),
    "odds fall by 2.5": WorldChange(_CHANGED, log_odds=-0.9),
    "a channel closes": WorldChange(_CHANGED, closes=("source", "referral")),
    "a signal falls silent": WorldChange(_CHANGED, silences="page_viewed"),
}


@dataclass(frozen=True, eq=False, slots=True)
class Judged:
    """Scores of one change, a row each: what each way said, and what came."""

    said: dict[str, Floats]
    happened: Floats
    week: Ints


def run(*, small: bool = False, picture: Path | None = None) -> str:
    """A table of log losses and calibration errors after the change; `picture` is where to draw."""
    ladder, leads = read_ladder("b2b"), 500 if small else 1500
    rows, found = [], {}
    for name, change in _CHANGES.items():
        print(f"a half year in which {name} ...", file=sys.stderr, flush=True)
        judged = found[name] = _judged(ladder, SimulationConfig(leads, _DAYS, 5, drift=change))
        cells = []
        for way in _WAYS:
            loss = metrics.log_loss(judged.said[way], judged.happened)
            error = metrics.ece(judged.said[way], judged.happened)
            chance = metrics.ece_by_chance(judged.said[way], 7)
            cells.append(f"{loss:.4f} / {error:.3f} ({chance:.3f})")
        rows.append([name, *cells, f"{len(judged.happened):,}"])
    if picture is not None:
        _draw(found, picture)
    head = ["log loss / ECE (by chance), advancement", *_WAYS, "scores"]
    return markdown(head, rows)


def _judged(ladder: Ladder, config: SimulationConfig) -> Judged:
    log = _log(ladder, config)
    begin, end = (config.starts_at + round(day * DAY_US) for day in (_CHANGED, _JUDGED))
    points = decision_points(log, ladder, start=begin, end=end, seed=3)
    outcomes = label(log, ladder, points, log.judged_until(None))[0]
    points, happened = points.rows(outcomes.decided), outcomes.happened[outcomes.decided]
    bundle = train(log, ladder, until=config.starts_at + round(_TRAINED * DAY_US))
    moves = recalibrate(log, bundle, end)
    week = (points.as_of - begin - 1) // (7 * DAY_US)
    return Judged(
        {
            "frozen": bundle.score(points.snapshot).advance.probability,
            "recalibrated": Recalibrated(bundle, moves).score(points.snapshot).advance.probability,
            "retrained weekly": _retrained(log, ladder, points, week, begin),
        },
        happened,
        week,
    )


def _retrained(log: EventLog, ladder: Ladder, points: Points, week: Ints, begin: int) -> Floats:
    said = np.empty(len(points))
    for one in np.unique(week).tolist():
        bundle = train(log, ladder, until=begin + one * 7 * DAY_US)
        rows = week == one
        said[rows] = bundle.score(points.rows(rows).snapshot).advance.probability
    return said


def _log(ladder: Ladder, config: SimulationConfig) -> EventLog:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        simulate(ladder, config).events.to_parquet(path, index=False)
        return read_events(path, ladder)[0]


def _draw(found: dict[str, Judged], path: Path) -> None:
    figure = Figure(figsize=(11.0, 6.0), layout="constrained", facecolor="white")
    for at, (name, judged) in enumerate(found.items()):
        axes = figure.add_subplot(2, 3, at + 1)
        for way, colour in zip(_WAYS, _COLOURS, strict=True):
            loss = metrics.losses(judged.said[way], judged.happened)
            weekly = np.bincount(judged.week, loss) / np.bincount(judged.week)
            axes.plot(weekly, color=colour, label=way)
        axes.set_title(name, loc="left", fontsize=10)
        axes.set_xlabel("weeks since the change", fontsize=8)
        axes.set_ylabel("log loss", fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        if at == 0:
            axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)
