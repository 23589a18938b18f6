"""What ways of working came to, paired over worlds, as numbers and as a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.outcomes.play import AFTER_REPLIES, IDLE, OURS, RIVALS, Outcome
from features.arrays import Floats

__all__ = ["MEASURES", "Paired", "added", "draw", "of_way", "paired"]

Measure = Callable[[Outcome], float]

MEASURES: Final[dict[str, Measure]] = {
    "purchases": lambda one: float(one.purchases),
    "value": lambda one: one.value / 1000.0,
    "hours": lambda one: one.hours,
    "value an hour": lambda one: one.value / one.hours if one.hours else float("nan"),
    "hours a purchase": lambda one: one.hours / max(1, one.purchases),
    "asks a purchase": lambda one: one.asks / max(1, one.purchases),
    "asks a lead": lambda one: one.asks / one.leads,
    "refusals a lead": lambda one: one.refusals / one.leads,
}
"""By name; values in thousands of the ladder's currency, but those an hour in units of it."""

_DPI: Final = 144
_INK, _QUIET, _LINES, _OURS = "#22272e", "#6b7480", "#dfe3e8", "#1f5f9f"


@dataclass(frozen=True, slots=True)
class Paired:
    """A mean over worlds with its standard error; NaN for the error of a single one."""

    mean: float
    error: float

    @classmethod
    def of(cls, values: Floats) -> Paired:
        """Of one value a world."""
        count = len(values)
        error = float(np.std(values, ddof=1) / np.sqrt(count)) if count > 1 else float("nan")
        return cls(float(np.mean(values)), error)


def of_way(found: Sequence[Outcome], way: str, measure: Measure) -> Floats:
    """Shape (n_worlds,): a measure of one way, in the order of the worlds."""
    return np.array([measure(one) for one in found if one.way == way])


def paired(found: Sequence[Outcome], way: str, measure: Measure) -> Paired:
    """Today's Rung minus a way, world by world."""
    return Paired.of(of_way(found, OURS, measure) - of_way(found, way, measure))


def added(found: Sequence[Outcome], way: str) -> Floats:
    """Shape (n_worlds,): what a way adds to what comes by itself, for a rep-hour it takes."""
    value = MEASURES["value"]
    more = of_way(found, way, value) - of_way(found, IDLE, value)
    return 1000.0 * more / of_way(found, way, MEASURES["hours"])


def draw(found: Sequence[Outcome], path: Path) -> None:
    """Value for a rep-hour of each way, and what Rung adds to each for an hour and in all."""
    ways = [*RIVALS, AFTER_REPLIES, OURS]
    figure = Figure(figsize=(13.0, 3.8), layout="constrained", facecolor="white")
    left, middle, right = figure.subplots(1, 3, sharey=True)
    for at, way in enumerate(ways):
        an_hour, in_all = (of_way(found, way, MEASURES[one]) for one in ("value an hour", "value"))
        _row(left, at, an_hour, _OURS if way == OURS else _QUIET)
        if way != OURS:
            _row(middle, at, of_way(found, OURS, MEASURES["value an hour"]) - an_hour, _INK)
            _row(right, at, of_way(found, OURS, MEASURES["value"]) - in_all, _INK)
    left.set_yticks(range(len(ways)), ways)
    left.invert_yaxis()
    for axes in (middle, right):
        axes.axvline(0.0, color=_INK, linewidth=0.8)
    worlds = len({one.world for one in found})
    _dress(left, f"Value for a rep-hour, {worlds} worlds", "EUR; a dot a world, mean ± 2 errors")
    _dress(middle, "What Rung today adds to it", "EUR for a rep-hour, world by world")
    _dress(right, "What Rung today adds in all", "1000 EUR in half a year, world by world")
    figure.savefig(path, dpi=_DPI)


def _row(axes: Axes, at: int, values: Floats, colour: str) -> None:
    mean, places = Paired.of(values), np.full(len(values), at + 0.18)
    axes.scatter(values, places, s=9, color=colour, alpha=0.45, linewidth=0)
    axes.errorbar(
        mean.mean, at - 0.12, xerr=2.0 * np.nan_to_num(mean.error), fmt="o", color=colour,
        markersize=5, capsize=3,
    )  # fmt: skip


def _dress(axes: Axes, title: str, x: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=_INK, fontweight="bold")
    axes.set_xlabel(x, color=_INK, fontsize=9)
    axes.tick_params(colors=_QUIET, labelsize=8, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_LINES)
    axes.grid(color=_LINES, linewidth=0.6)
    axes.set_axisbelow(True)
