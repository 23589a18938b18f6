"""All that is measured of the service, in one run.

A process of its own serves a store with simulated leads and a trained model, on SQLite, with
floors and a process of `mlflow models serve` beside it that answers ready rows with a model of the
same size. The client runs on the same machine and takes a good part of one core.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.engine.scoring import subject
from benchmarks.service.freshness import freshness
from benchmarks.service.ingestion import ingestion
from benchmarks.service.processes import fill, floor, peer, served
from benchmarks.service.reads import reads

__all__ = ["run"]


@dataclass(frozen=True, slots=True)
class _Sizes:
    leads: int
    singles: int
    batches: int
    grown: int
    seconds: float
    freshness_seconds: float


_FULL: Final = _Sizes(3000, 8000, 40, 300_000, 4.0, 20.0)
_SMALL: Final = _Sizes(300, 1500, 6, 10_000, 1.0, 4.0)


def run(*, small: bool = False) -> str:
    """The tables of this benchmark."""
    sizes = _SMALL if small else _FULL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        it = subject(folder, sizes.leads)
        store = folder / "rung.db"
        fill(it, store)
        with served(store, it.folder / "bundle") as (url, pid):
            told = ingestion(url, pid, store, sizes.singles, sizes.batches, sizes.grown)
            fresh = freshness(url, store, sizes.freshness_seconds)
        with (
            served(store, it.folder / "bundle") as rung,
            floor("fastapi") as framework,
            floor("asgi") as bare,
            peer(it) as mlflow,
        ):
            answers = reads(rung, (framework, bare), mlflow, it, sizes.seconds)
    return f"{told}\n\n{fresh}\n\n{answers}"
