"""Apache Spark beside one process: a standalone master and two one-core workers on the same cores.

Both start from the same parts on the disk and end with the same files; both are started anew, and
take turns. Seconds and processor time of all that takes part are counted, of Spark with its
driver, its daemons and its executors.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.many_leads.standalone import Spark, Standalone, found_spark, standalone
from benchmarks.tables import markdown, spread
from features.clock import rfc3339
from features.ladder.file import read_ladder
from features.reading import read_events
from models.bundle import save_bundle
from training.pipeline import train
from training.simulation.world import SimulationConfig, simulate

__all__ = ["run"]

_CORES: Final = 2
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_SAMPLED_EACH_S: Final = 0.1
_GOAL: Final = 1.5
_LADDER: Final = "b2b"


@dataclass(frozen=True, slots=True)
class _Sizes:
    leads: int
    copies: int
    partitions: int
    rounds: int


_FULL: Final = _Sizes(2000, 500, 32, 3)
_SMALL: Final = _Sizes(1000, 10, 4, 1)


@dataclass(frozen=True, slots=True)
class _Run:
    """How long something took, and the processor time of all its processes."""

    seconds: float
    cpu: float


def run(*, small: bool = False) -> str:
    """The table of this benchmark; a word where Spark cannot be run."""
    spark, why = found_spark()
    if spark is None:
        return f"Skipped: {why}."
    sizes = _SMALL if small else _FULL
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[:_CORES]))
    try:
        with tempfile.TemporaryDirectory() as name:
            return _compared(spark, Path(name), sizes)
    finally:
        os.sched_setaffinity(0, before)


def _compared(spark: Spark, root: Path, sizes: _Sizes) -> str:
    as_of, events, leads = _made(root, sizes)
    with standalone(spark, root, workers=_CORES) as cluster:
        brought = _on_cluster(
            spark, cluster, "import", root / "log", "--ladder", _LADDER, "--out", root / "parts",
            "--partitions", sizes.partitions,
        )  # fmt: skip
        runs: dict[str, tuple[list[_Run], list[_Run]]] = {}
        for _ in range(sizes.rounds):
            for verb, arguments in _verbs(root, as_of).items():
                one, many = runs.setdefault(verb, ([], []))
                one.append(
                    _alone(verb, root / "parts", *arguments, "--out", root / f"{verb}.parquet")
                )
                there = {"features": "snapshot"}.get(verb, verb)
                out = ("--out", root / verb)
                many.append(_on_cluster(spark, cluster, there, root / "parts", *arguments, *out))
    differ = [verb for verb in runs if not _same(root / f"{verb}.parquet", root / verb)]
    same = "bit for bit the same" if not differ else f"NOT the same: {', '.join(differ)}"
    rows = [_row(verb, *of) for verb, of in runs.items()]
    ratio = _ratio(*runs["score"], "seconds")
    met = "met" if ratio <= _GOAL and not differ else "not met"
    return "\n\n".join(
        [
            f"**{events:,} events of {leads:,} leads in {sizes.partitions} parts, two cores**",
            markdown(
                [
                    "verb", "one process, s", "Spark, s", "ratio",
                    "one process, CPU s", "Spark, CPU s", "ratio of CPU",
                ],
                rows,
            ),
            f"Import into parts on Spark (checked, each message once, who is whom, two shuffles):"
            f" {brought.seconds:.0f} s, {brought.cpu:.0f} s of CPU."
            f" Of every lead, what both wrote is {same}.",
            f"scores at most {_GOAL}x one process: {ratio:.2f} ({met})",
        ]
    )  # fmt: skip


def _made(root: Path, sizes: _Sizes) -> tuple[str, int, int]:
    """A log of many copies of simulated leads, and a bundle trained on one; instant, how much."""
    ladder = read_ladder(_LADDER)
    simulation = simulate(ladder, SimulationConfig(leads=sizes.leads, days=300))
    events, log = simulation.events, root / "log"
    log.mkdir()
    for at in range(sizes.copies):
        named = {
            "lead_id": events["lead_id"] + f"-{at:04}",
            "message_id": events["message_id"] + f"-{at:04}",
        }
        events.assign(**named).to_parquet(log / f"events-{at:04}.parquet", index=False)
    first, _ = read_events(log / "events-0000.parquet", ladder)
    save_bundle(train(first, ladder), root / "bundle")
    count = sizes.copies * len(events), sizes.copies * events["lead_id"].nunique()
    return rfc3339(int(first.known.max())), *count


def _verbs(root: Path, as_of: str) -> dict[str, tuple[str, ...]]:
    at = ("--as-of", as_of)
    return {
        "score": ("--bundle", str(root / "bundle"), *at),
        "features": ("--ladder", _LADDER, *at),
    }


def _alone(*arguments: object) -> _Run:
    return _timed([sys.executable, "-m", "rung", *map(str, arguments)], dict(os.environ), ())


def _on_cluster(spark: Spark, cluster: Standalone, *arguments: object) -> _Run:
    settings = {**spark.settings, "spark.executor.memory": "1g"}
    words = [f"--conf={name}={value}" for name, value in settings.items()]
    command = [spark.python, "-m", "rung", "cluster", *map(str, arguments)]
    daemons = [worker.pid for worker in cluster.workers]
    return _timed([*command, "--master", cluster.url, *words], spark.environment, daemons)


def _timed(command: Sequence[str], environment: dict[str, str], daemons: Sequence[int]) -> _Run:
    """Run something, and add up the processor time of its processes and of those of the daemons."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    used: dict[tuple[int, int], float] = {}
    before = dict(_times([process.pid, *daemons]))
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(_SAMPLED_EACH_S):
            used.update(_times([process.pid, *daemons]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    said, _ = process.communicate()
    seconds = time.perf_counter() - started
    is_over.set()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{said[-3000:]}")
    return _Run(seconds, sum(cpu - before.get(key, 0.0) for key, cpu in used.items()))


def _times(roots: Sequence[int]) -> list[tuple[tuple[int, int], float]]:
    """Of some processes and all below them the CPU seconds so far, by id and start."""
    found: dict[int, tuple[int, int, float]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        cpu = (int(fields[11]) + int(fields[12])) / _TICKS
        found[int(stat.parent.name)] = (int(fields[1]), int(fields[19]), cpu)
    wanted = {root for root in roots if root in found}
    while more := {pid for pid, (above, *_) in found.items() if above in wanted} - wanted:
        wanted |= more
    return [((pid, found[pid][1]), found[pid][2]) for pid in wanted]


def _same(file: Path, folder: Path) -> bool:
    """Whether a file and parts hold the same rows, numbers by their bits."""
    parts = pd.concat([pd.read_parquet(part) for part in sorted(folder.glob("part-*.parquet"))])
    return _in_order(pd.read_parquet(file)).equals(_in_order(parts))


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """By lead; of numbers the bits, of lists and categories texts."""
    frame = frame.drop(columns="scored_at", errors="ignore").sort_values("lead_id")
    for name in frame:
        if frame[name].dtype == np.float64:
            frame[name] = frame[name].to_numpy().view(np.int64)
        elif frame[name].dtype == object or isinstance(frame[name].dtype, pd.CategoricalDtype):
            frame[name] = frame[name].astype(str)
    return frame.reset_index(drop=True)


def _row(verb: str, one: list[_Run], many: list[_Run]) -> list[str]:
    return [
        f"`rung {verb}`",
        spread([each.seconds for each in one], 1),
        spread([each.seconds for each in many], 1),
        f"{_ratio(one, many, 'seconds'):.2f}",
        spread([each.cpu for each in one], 1),
        spread([each.cpu for each in many], 1),
        f"{_ratio(one, many, 'cpu'):.2f}",
    ]


def _ratio(one: list[_Run], many: list[_Run], what: str) -> float:
    """Of the medians."""
    here, there = (float(median(getattr(each, what) for each in runs)) for runs in (one, many))
    return there / here
