"""Where the public data sets are: they are not shipped with Rung.

`BENCHMARK_DATA` names the folder; otherwise `../shared/data`. Benchmarks whose data is absent
say so and are left out.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

__all__ = ["DataAbsent", "read_csv", "where"]


class DataAbsent(Exception):
    """A public data set that is not on this machine."""


def where(name: str) -> Path:
    """The path of one file of the public data."""
    root = Path(os.environ.get("BENCHMARK_DATA", Path(__file__).parents[2] / "shared" / "data"))
    path = root / name
    if not path.exists():
        raise DataAbsent(f"{name} is not here; BENCHMARK_DATA names the folder that has it")
    return path


def read_csv(name: str) -> pd.DataFrame:
    """One of the tables, as text and numbers."""
    return pd.read_csv(where(name))
