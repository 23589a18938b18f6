"""What a score costs inside one process, beside LightGBM's and MLflow's usual calls.

Rung's rows start from events and end with two probabilities and their intervals, and with reasons
where it says so. The peers' rows start from a finished frame of the same signals and end with one
number from one model of the same size.
"""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle
from math import isnan
from pathlib import Path
from statistics import median
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.tables import markdown
from features.events.log import EventLog
from features.events.of_lead import Row, log_of_rows
from features.ladder.file import read_ladder
from features.ladder.ladder import Ladder
from features.reading import read_events
from features.signals.program import Compiled, compile_ladder
from features.signals.snapshot import Snapshot, snapshot_at
from models.bundle import Bundle, save_bundle
from models.scores.learners.boosting import BoostingConfig
from models.scores.learners.learner import BoostedTrees
from models.scores.reasons import reasons
from training.decision_points import decision_points
from training.labels import label
from training.pipeline import train
from training.simulation.world import SimulationConfig, simulate

__all__ = ["Call", "Subject", "in_turn", "run", "saved_peer", "subject"]

Indices = npt.NDArray[np.int64]
Call = Callable[[], object]

_ROUNDS: Final = 5
_SECONDS: Final = 0.3
"""How long a call is repeated in each round."""
_ROTATING: Final = 64
"""Leads that take turns, so that no call is asked the same thing twice in a row."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A bundle as it is served, and the log it answers from."""

    bundle: Bundle
    log: EventLog
    folder: Path

    @property
    def as_of(self) -> int:
        """The end of the log, in microseconds."""
        return int(self.log.known.max())

    @cached_property
    def compiled(self) -> Compiled:
        """The program of the bundle's ladder."""
        return compile_ladder(self.bundle.ladder)

    @cached_property
    def open_leads(self) -> Indices:
        """The leads that have not bought, by index."""
        everyone = self.snapshot(np.arange(len(self.log.leads)))
        return np.flatnonzero(everyone.position < len(self.bundle.ladder.goals))

    def snapshot(self, leads: Indices) -> Snapshot:
        """The signals of leads at the end of the log."""
        return self.snapshot_of(self.log, leads)

    def snapshot_of(self, log: EventLog, leads: Indices) -> Snapshot:
        """The signals of leads of another log at the end of this one."""
        names = tuple(log.leads[at] for at in leads.tolist())
        return snapshot_at(log, self.compiled, names, leads, np.full(len(leads), self.as_of))

    def rows(self, lead: int) -> list[Row]:
        """The events of one lead, as a store gives them."""
        log = self.log
        rows: list[Row] = []
        for at in range(log.starts[lead], log.starts[lead + 1]):
            numbers = zip(log.columns.numbers, log.numbers[:, at].tolist(), strict=True)
            held: dict[str, object] = {name: value for name, value in numbers if not isnan(value)}
            for name, code, texts in zip(
                log.columns.texts, log.texts[:, at].tolist(), log.text_values, strict=True
            ):
                if code >= 0:
                    held[name] = texts[code]
            rows.append((log.names[log.name[at]], int(log.occurred[at]), int(log.known[at]), held))
        return rows

    def matrix(self, leads: Indices) -> pd.DataFrame:
        """The same signals as a frame of numbers, which is what the peers take."""
        matrix = self.bundle.encoding.matrix(self.snapshot(leads))
        return pd.DataFrame(matrix, columns=list(self.bundle.encoding.columns))

    @cached_property
    def peer(self) -> lgb.LGBMClassifier:
        """scikit-learn's face of LightGBM, with as many trees, on the same points."""
        log, ladder = self.log, self.bundle.ladder
        points = decision_points(log, ladder, end=self.as_of, seed=7)
        advanced, _ = label(log, ladder, points, self.as_of)
        matrix = self.bundle.encoding.matrix(points.snapshot)[advanced.mature]
        frame = pd.DataFrame(matrix, columns=list(self.bundle.encoding.columns))
        learner = self.bundle.advancement.learner
        booster = learner.booster if isinstance(learner, BoostedTrees) else None
        model = lgb.LGBMClassifier(
            n_estimators=booster.num_trees() if booster else 100,
            num_leaves=BoostingConfig().num_leaves,
            n_jobs=1,
            verbosity=-1,
        )
        return model.fit(frame, advanced.happened[advanced.mature])


def subject(
    folder: Path, leads: int, ladder: Ladder | None = None, *, drawn: bool = False
) -> Subject:
    """A simulated log of a ladder (default: the B2B one), and a bundle trained on it."""
    ladder = ladder or read_ladder("b2b")
    events = folder / "events.parquet"
    config = SimulationConfig(leads=leads, days=400, drawn=drawn)
    simulate(ladder, config).events.to_parquet(events, index=False)
    log, _ = read_events(events, ladder)
    return Subject(save_bundle(train(log, ladder), folder / "bundle"), log, folder)


def run(*, small: bool = False) -> str:
    """The tables of this benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        it = subject(Path(folder), leads=400 if small else 1500)
        sizes = (1_000,) if small else (1_000, 100_000)
        return "\n\n".join([_one_lead(it), *(_batch(it, size) for size in sizes)])


def _one_lead(it: Subject) -> str:
    one = it.open_leads[np.linspace(0, len(it.open_leads) - 1, _ROTATING).astype(int)]
    leads = cycle([np.array([lead]) for lead in one.tolist()])
    stored = cycle([it.rows(lead) for lead in one.tolist()])
    snapshots = cycle([it.snapshot(np.array([lead])) for lead in one.tolist()])
    frames = cycle([it.matrix(np.array([lead])) for lead in one.tolist()])
    first, bundle, columns = np.zeros(1, dtype=np.int64), it.bundle, it.compiled.columns

    def explained(snapshot: Snapshot) -> object:
        return bundle.score(snapshot), reasons(snapshot, bundle.explain(snapshot), 0)

    calls: dict[str, Call] = {
        "**Rung, events in memory → score**": lambda: bundle.score(it.snapshot(next(leads))),
        "Rung, rows of a store → score": lambda: bundle.score(
            it.snapshot_of(log_of_rows("lead", next(stored), columns), first)
        ),
        "Rung, events in memory → score and reasons": lambda: explained(it.snapshot(next(leads))),
        "Rung, signals alone": lambda: it.snapshot(next(leads)),
        "Rung, signals at hand → score": lambda: bundle.score(next(snapshots)),
        "LGBMClassifier.predict_proba(DataFrame)": lambda: it.peer.predict_proba(next(frames)),
    }
    with _quiet():
        pyfunc = _as_pyfunc(it)
        calls["MLflow pyfunc of that model"] = lambda: pyfunc.predict(next(frames))
        times = in_turn(calls)
    learners = [model.learner for model in _models(bundle)]
    trees = [one.booster.num_trees() for one in learners if isinstance(one, BoostedTrees)]
    title = (
        f"**One lead**: {len(it.compiled.signals)} signals, {len(it.log) / len(it.log.leads):.0f}"
        f" events a lead, boosters of {' and '.join(map(str, trees))} trees"
    )
    return f"{title}\n\n{_table(['one lead', 'µs', 'Rung = 1'], times, 1e6, 0)}"


def _models(bundle: Bundle) -> tuple[Any, Any]:
    return bundle.advancement, bundle.purchase


def _batch(it: Subject, size: int) -> str:
    leads = np.random.default_rng(0).choice(it.open_leads, size)
    frame = it.matrix(leads)
    calls: dict[str, Call] = {
        "**Rung, events in memory → scores**": lambda: it.bundle.score(it.snapshot(leads)),
        "Rung, signals alone": lambda: it.snapshot(leads),
        "LGBMClassifier.predict_proba(DataFrame), all cores": lambda: it.peer.predict_proba(
            frame, num_threads=0
        ),
    }
    if size <= 1_000:
        calls["Rung, events in memory → scores and contributions"] = lambda: (
            it.bundle.score(it.snapshot(leads)),
            it.bundle.explain(it.snapshot(leads)),
        )
    header = [f"{size:,} leads", "µs a lead", "Rung = 1"]
    return _table(header, in_turn(calls), 1e6 / size, 2)


def saved_peer(it: Subject) -> Path:
    """The peer's model as MLflow keeps it: with a signature that every call is checked against."""
    import models.registry  # noqa: F401, I001 - first: it keeps MLflow from phoning home
    import mlflow

    frame = it.matrix(it.open_leads[:5])
    folder = it.folder / "peer"
    mlflow.lightgbm.save_model(
        it.peer,
        str(folder),
        signature=mlflow.models.infer_signature(frame, it.peer.predict(frame)),
        pip_requirements=["lightgbm"],
    )
    return folder


def _as_pyfunc(it: Subject) -> Any:
    """The peer's model as MLflow serves it."""
    folder = saved_peer(it)
    import mlflow

    return mlflow.pyfunc.load_model(str(folder))


class _quiet(warnings.catch_warnings):  # noqa: N801 - used as a statement
    """No warnings of MLflow about dependencies and integer columns."""

    def __enter__(self) -> Any:
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        entered = super().__enter__()
        warnings.simplefilter("ignore")
        return entered


def in_turn(calls: dict[str, Call]) -> dict[str, float]:
    """Seconds of each call: the median over rounds in which all take turns."""
    rounds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(_ROUNDS):
        for name, call in calls.items():
            rounds[name].append(_seconds(call))
    return {name: median(times) for name, times in rounds.items()}


def _seconds(call: Call) -> float:
    """The median time of one call, over a fraction of a second of them."""
    times: list[float] = []
    until = time.perf_counter() + _SECONDS
    while not times or time.perf_counter() < until:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return median(times)


def _table(header: list[str], times: dict[str, float], unit: float, digits: int) -> str:
    ours = next(iter(times.values()))
    rows = [
        [name, f"{seconds * unit:,.{digits}f}", f"{seconds / ours:.2f}x"]
        for name, seconds in times.items()
    ]
    return markdown(header, rows)
