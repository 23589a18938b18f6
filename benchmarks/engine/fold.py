"""Point-in-time signals: how fast, beside polars, DuckDB and pandas.

Sorting is part of the work, loading is not. Every run has a process of its own; the designs take
turns, so that a busy machine slows all of them down alike; their answers are compared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.engine.fold_designs import (
    DAY,
    DESIGNS,
    TYPES,
    Data,
    rung_from_rows,
    rung_log_at_hand,
    save,
)
from benchmarks.tables import markdown, spread

__all__ = ["run"]

_PANDAS_PART = 10
"""pandas gets a tenth of the data: all of it takes its memory and our patience."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much data. `weekly` asks for every lead each week, else for random pairs."""

    title: str
    leads: int
    events: int
    asked: int
    weekly: bool = False

    def part(self, of: int) -> Size:
        """The same thing, so many times smaller."""
        return replace(
            self, leads=self.leads // of, events=self.events // of, asked=self.asked // of
        )

    @property
    def said(self) -> str:
        """In words."""
        return (
            f"{self.title}: {self.events:,} events of {self.leads:,} leads,"
            f" {self.asked:,} snapshots, {TYPES * 6} signals"
        )


SPARSE = Size("Sparse snapshots", leads=200_000, events=10_000_000, asked=400_000)
DENSE = Size("Weekly snapshots", leads=40_000, events=2_000_000, asked=1_000_000, weekly=True)

_WEEKS = 25
_AT_AN_EVENT = 0.05


def make(size: Size, seed: int = 0) -> Data:
    """Leads of very different activity, events in time order, some snapshots on an event."""
    rng = np.random.default_rng(seed)
    weight = rng.gamma(1.0, 1.0, size.leads)
    cumulated = np.cumsum(weight / weight.sum())
    lead = np.searchsorted(cumulated, rng.random(size.events)).clip(max=size.leads - 1)
    span = (7 * _WEEKS if size.weekly else 365) * DAY
    occurred = np.sort(rng.integers(0, span, size.events))
    if size.weekly:
        asked_lead = np.repeat(np.arange(size.leads), _WEEKS)
        asked_at = np.tile(np.arange(1, _WEEKS + 1) * 7 * DAY, size.leads)
    else:
        asked_lead = rng.integers(0, size.leads, size.asked)
        asked_at = rng.integers(0, span, size.asked)
        exact = np.flatnonzero(rng.random(size.asked) < _AT_AN_EVENT)
        event = rng.integers(0, size.events, len(exact))
        asked_lead[exact], asked_at[exact] = lead[event], occurred[event]
    return Data(
        lead=lead.astype(np.int32),
        kind=rng.integers(0, TYPES, size.events, dtype=np.int32),
        occurred=occurred,
        measure=rng.random(size.events),
        asked_lead=asked_lead,
        asked_at=asked_at,
        leads=size.leads,
    )


@dataclass(frozen=True, slots=True)
class Rival:
    """A design as it is run: on how much of the data, and on how many cores."""

    title: str
    design: str
    part: int = 1
    one_core: bool = False


_CORES = len(os.sched_getaffinity(0))
_RIVALS = (
    Rival(f"**Rung** ({_CORES} cores)", "rung"),
    Rival("Rung (1 core)", "rung", one_core=True),
    Rival(f"polars, join + group_by ({_CORES} cores)", "polars"),
    Rival(f"DuckDB, range join + GROUP BY ({_CORES} cores)", "duckdb"),
    Rival(f"pandas, merge + groupby (on 1/{_PANDAS_PART} of it)", "pandas", part=_PANDAS_PART),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One process of one design: the first time, and the second, which counts."""

    first: float
    seconds: float
    peak_mib: float
    before_mib: float


def run(*, small: bool = False, rounds: int = 3) -> str:
    """All tables of this benchmark."""
    parts = []
    for size in (SPARSE, DENSE):
        parts.append(_compared(size.part(20) if small else size, rounds))
    parts.append(_one_lead(repeats=200 if small else 1000))
    return "\n\n".join(parts)


def _compared(size: Size, rounds: int) -> str:
    runs: dict[Rival, list[Measured]] = {rival: [] for rival in _RIVALS}
    with tempfile.TemporaryDirectory() as root:
        folders = {part: _folder(Path(root), size, part) for part in {r.part for r in _RIVALS}}
        for _ in range(rounds):
            for rival in _RIVALS:
                runs[rival].append(_child(rival, folders[rival.part]))
        _child(replace(_RIVALS[0], part=_PANDAS_PART), folders[_PANDAS_PART])
        error = max(_disagreement(folder) for folder in folders.values())
    return "\n\n".join(
        [
            f"**{size.said}**",
            _table(size, runs),
            f"Answers compared on a sample: largest relative difference {error:.0e},"
            " absent where Rung says absent.",
        ]
    )


def _folder(root: Path, size: Size, part: int) -> Path:
    """The data, made in another process: a child's peak is at least that of its parent."""
    folder = root / str(part)
    folder.mkdir()
    some = size.part(part)
    _run(
        "benchmarks.engine.fold",
        folder,
        *map(str, (some.leads, some.events, some.asked, int(some.weekly))),
    )
    return folder


def _child(rival: Rival, folder: Path) -> Measured:
    before = os.sched_getaffinity(0)
    if rival.one_core:
        os.sched_setaffinity(0, {max(before)})
    try:
        return Measured(**json.loads(_run("benchmarks.engine.fold_designs", rival.design, folder)))
    finally:
        os.sched_setaffinity(0, before)


def _run(module: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def _disagreement(folder: Path) -> float:
    """The largest relative difference from Rung's answers; infinite where one has no answer."""
    ours = np.load(folder / "sample-rung.npy")
    worst = 0.0
    for path in folder.glob("sample-*.npy"):
        theirs = np.load(path)
        if (np.isnan(ours) != np.isnan(theirs)).any():
            return np.inf
        error = np.abs(ours - theirs) / np.maximum(np.abs(ours), 1e-9)
        worst = max(worst, float(np.nanmax(error)))
    return worst


def _table(size: Size, runs: dict[Rival, list[Measured]]) -> str:
    per_event = {
        rival: median(one.seconds for one in measured) / (size.events // rival.part)
        for rival, measured in runs.items()
    }
    rows = []
    for rival, measured in runs.items():
        part = size.part(rival.part)
        seconds = median(one.seconds for one in measured)
        rows.append(
            [
                rival.title,
                spread([one.first for one in measured]),
                spread([one.seconds for one in measured]),
                f"{part.events / seconds / 1e6:.1f} M",
                f"{part.asked / seconds / 1e3:,.0f} k",
                f"{per_event[rival] / per_event[_RIVALS[0]]:.1f}x",
                f"{median(one.peak_mib - one.before_mib for one in measured):,.0f}",
                f"{median(one.peak_mib for one in measured):,.0f}",
            ]
        )
    header = [
        "design", "first time, s", "second time, s", "events/s", "snapshots/s", "time, Rung = 1",
        "peak over input, MiB", "peak, MiB",
    ]  # fmt: skip
    return markdown(header, rows)


def _one_lead(repeats: int) -> str:
    """Microseconds for the 72 signals of one lead, from what a request has at hand."""
    header = ["one lead", "50 events, µs", "500 events, µs"]
    sizes = (50, 500)
    timed: dict[str, list[str]] = {}
    for count in sizes:
        data = make(Size("", leads=1, events=count, asked=1))
        data = replace(data, asked_at=np.array([365 * DAY]))
        for title, call in _one_lead_calls(data).items():
            fast = title.startswith("Rung")
            timed.setdefault(title, []).append(
                _microseconds(call, repeats if fast else repeats // 20)
            )
    return "**One lead** (median of repeats)\n\n" + markdown(
        header, [[title, *cells] for title, cells in timed.items()]
    )


def _one_lead_calls(data: Data) -> dict[str, Callable[[], object]]:
    return {
        "Rung, log at hand": rung_log_at_hand(data),
        "Rung, from arrays": DESIGNS["rung"](data),
        "Rung, from rows of a store": rung_from_rows(data),
        "polars": DESIGNS["polars"](data),
        "pandas": DESIGNS["pandas"](data),
        "DuckDB": DESIGNS["duckdb"](data),
    }


def _microseconds(call: Callable[[], object], repeats: int) -> str:
    call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return f"{median(times) * 1e6:,.0f}"


if __name__ == "__main__":
    _leads, _events, _asked, _weekly = map(int, sys.argv[2:])
    save(make(Size("", _leads, _events, _asked, bool(_weekly))), Path(sys.argv[1]))
