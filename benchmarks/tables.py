"""What the benchmarks print: Markdown tables, and the machine they were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["machine", "markdown", "met", "middle", "number", "spread", "wanted"]

_PACKAGES = [
    "rung",
    "numpy",
    "numba",
    "pandas",
    "polars",
    "duckdb",
    "lightgbm",
    "scikit-learn",
    "mlflow",
    "pyarrow",
]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column is text, the others stand to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | None, digits: int = 4) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median with the smallest and the largest, as all timings are told."""
    ordered = sorted(values)
    middle = ordered[len(ordered) // 2]
    if len(ordered) == 1:
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} ({ordered[0]:.{digits}f}–{ordered[-1]:.{digits}f})"


def middle(values: Sequence[float]) -> float:
    """The median; of an even number, the upper of the two in the middle."""
    return sorted(values)[len(values) // 2]


def met(holds: bool) -> str:
    """What a figure that was aimed at is told with."""
    return "met" if holds else "NOT met"


def wanted(what: str, value: float, least: float) -> str:
    """A figure beside the least that was aimed at: "7,000 a second: 7,312 (met)"."""
    digits = 0 if value >= 10 else 2
    return f"{least:,} {what}: {value:,.{digits}f} ({met(value >= least)})"


def machine() -> str:
    """Processor, memory, Python, packages and the date, in one sentence each."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with {cores} cores ({_processor()}),"
        f" {memory:.0f} GiB, {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}; {packages}."
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    names = (line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line)
    return next(names, "unknown processor")
