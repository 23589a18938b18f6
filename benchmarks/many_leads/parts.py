"""Logs larger than memory: import into parts, signals and scores, by `rung cluster` on one machine.

Memory is that of the largest process; there is one a processor. It is to stay as it is however
large the log, and time is to grow as the log does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.engine.scoring import subject
from benchmarks.tables import markdown
from features.clock import rfc3339
from features.events.log import DAY_US
from features.ladder.file import read_ladder
from training.simulation.world import SimulationConfig, simulate

__all__ = ["run"]

_FULL: Final = (1_000_000, 10_000_000, 100_000_000)
_SMALL: Final = (50_000, 200_000)
_PER_LEAD: Final = 50
_FILE: Final = 1_000_000
"""Events of a file of the log, those of a lead spread over all of them."""
_PART: Final = 500_000
"""Events of a part."""
_LIVES: Final = 1500
_END: Final = pd.Timestamp("2026-11-01", tz="UTC")
_LADDER: Final = "b2b"


@dataclass(frozen=True, slots=True)
class _Ran:
    seconds: float
    memory_mib: float


def run(*, small: bool = False) -> str:
    """The table of this benchmark."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        _made("bundle", root)
        sizes = _SMALL if small else _FULL
        rows = [[f"{events:,}", *row] for events in sizes for row in _of(root, events)]
    header = ["events", "`rung cluster`", "s", "events/s", "of a process at most, MiB"]
    title = (
        f"**{_PER_LEAD} events a lead, about {_PART:,} events a part, all signals of `{_LADDER}`**"
    )
    return f"{title}\n\n{markdown(header, rows)}"


def _of(root: Path, events: int) -> list[list[str]]:
    """What each verb takes on a log of that size; all of it is gone from the disk afterwards."""
    as_of = ("--as-of", rfc3339(int(_END.value // 1000)))
    ladder = ("--ladder", _LADDER)
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder = Path(name)
        _made("log", folder / "log", events)
        parts = max(4, events // _PART)
        verbs = {
            "import": (folder / "log", *ladder, "--partitions", parts),
            "snapshot": (folder / "parts", *ladder, *as_of),
            "score": (folder / "parts", "--bundle", root / "bundle", *as_of),
        }
        out = {"import": "parts", "snapshot": "signals", "score": "scores"}
        ran = {
            verb: _timed(["cluster", verb, *map(str, words), "--out", str(folder / out[verb])])
            for verb, words in verbs.items()
        }
    return [
        [f"`{verb}`", f"{it.seconds:.1f}", f"{events / it.seconds:,.0f}", f"{it.memory_mib:,.0f}"]
        for verb, it in ran.items()
    ]


def _made(what: str, folder: Path, events: int = 0) -> None:
    """Made by another process: that of a child is at least the memory of its parent."""
    command = [sys.executable, "-m", "benchmarks.many_leads.parts", what, str(folder), str(events)]
    subprocess.run(command, check=True)


def _write(folder: Path, events: int) -> None:
    """Files of events, in the order in which they came; what each is, is as simulated."""
    folder.mkdir()
    simulated = simulate(read_ladder(_LADDER), SimulationConfig(leads=_LIVES)).events
    simulated = simulated.drop(columns=["lead_id", "message_id", "occurred_at", "known_at"])
    leads, end = events // _PER_LEAD, int(_END.value // 1000)
    for start in range(0, events, _FILE):
        at = np.arange(start, min(start + _FILE, events))
        rows = simulated.iloc[(at % leads * 7919 + at // leads * 104_729) % len(simulated)]
        when = end - (_PER_LEAD - at // leads) * 2 * DAY_US + at % leads
        rows = rows.assign(
            lead_id=[f"lead-{one:08}" for one in (at % leads).tolist()],
            message_id=[f"m-{one:010}" for one in at.tolist()],
            occurred_at=pd.to_datetime(when, unit="us", utc=True),
        )
        rows.to_parquet(folder / f"events-{start // _FILE:04}.parquet", index=False)


def _timed(words: Sequence[str]) -> _Ran:
    """Run a verb; the memory is that of the largest of its processes."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "rung", *words, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"rung {' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
    return _Ran(time.perf_counter() - started, used.ru_maxrss / 1024)


if __name__ == "__main__":
    if sys.argv[1] == "bundle":
        subject(Path(sys.argv[2]), leads=_LIVES)
    else:
        _write(Path(sys.argv[2]), int(sys.argv[3]))
