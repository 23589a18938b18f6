"""Pictures of the funnel for a meeting: steps beside their bands, and the weeks of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from features.clock import instant
from models.judging.funnel.cause_shapes import Diagnosis, StepDiagnosis
from models.judging.funnel.shapes import Funnel, StepFunnel

__all__ = ["draw_cohorts", "draw_fields", "draw_steps"]

_BESIDE: Final = 0.08
"""Of a field: how far steps stand apart, so that their intervals can be told apart."""

_INK, _QUIET, _BAND = "#1f2933", "#9aa5b1", "#d9e2ec"
_COLOURS: Final = {
    "below": "#b5452c",
    "within": "#2f7f5f",
    "above": "#2f7f5f",
    "undetermined": "#52606d",
    "no band": "#52606d",
}


def draw_steps(found: Funnel, path: Path) -> None:
    """Each step's rate with its interval on the healthy band, into a file by its suffix."""
    steps = found["steps"]
    figure = Figure(figsize=(9.0, 1.4 + 0.62 * len(steps)), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    for row, step in enumerate(steps):
        _draw_step(axes, row, step)
    labels = [_label(step) for step in steps]
    axes.set_yticks(range(len(steps)), labels, color=_INK, parse_math=False)
    axes.set_ylim(len(steps) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_title(
        f"{found['ladder']}: of those who come to a step, how many go on in its time",
        loc="left",
        color=_INK,
        fontsize=11,
    )
    axes.set_xlabel(
        "line: 95 % interval; shaded: the healthy band of the ladder; hollow: the time before",
        fontsize=8,
        color=_QUIET,
    )
    _save(figure, axes, path)


def _label(step: StepFunnel) -> str:
    counts = step["counts"]
    return f"{step['title']}\n{counts['came']:,} came, {counts['pending']:,} still have time"


def _draw_step(axes: Axes, row: int, step: StepFunnel) -> None:
    rate, band, colour = step["rate"], step["band"], _COLOURS[step["verdict"]]
    if band is not None:
        axes.barh(row, band["high"] - band["low"], 0.62, band["low"], color=_BAND, zorder=1)
    axes.plot([rate["low"], rate["high"]], [row, row], color=colour, linewidth=2.5, zorder=2)
    if rate["value"] is not None:
        axes.plot(rate["value"], row, "o", color=colour, markersize=8, zorder=3)
        said = f"{100 * rate['value']:.0f} %"
        axes.annotate(
            said, (rate["value"], row), (0, 8), textcoords="offset points", ha="center", fontsize=8
        )
    before = step["trend"]["before"]["value"] if step["trend"] else None
    if before is not None:
        axes.plot(before, row, "o", color=colour, fillstyle="none", markersize=8, zorder=2)


def draw_cohorts(found: Funnel, path: Path) -> None:
    """The rate of each step by week or month of entry, one panel a step, into a file."""
    steps = found["steps"]
    figure = Figure(figsize=(9.0, 1.7 * len(steps)), layout="constrained", facecolor="white")
    panels = np.atleast_1d(figure.subplots(len(steps), 1, sharex=True))
    for axes, step in zip(panels, steps, strict=True):
        _draw_cohorts_of(axes, step)
    panels[0].set_xlabel("")
    panels[-1].set_xlabel(
        f"{found['every']} in which they came; hollow: some of them still have time",
        fontsize=8,
        color=_QUIET,
    )
    _save(figure, panels[-1], path)


def _draw_cohorts_of(axes: Axes, step: StepFunnel) -> None:
    band = step["band"]
    if band is not None:
        axes.axhspan(band["low"], band["high"], color=_BAND, zorder=1)
    for cell in step["cohorts"]:
        rate = cell["rate"]
        if rate["value"] is None:
            continue
        since: Any = instant(cell["since"])
        colour = _COLOURS["no band"]
        axes.plot([since, since], [rate["low"], rate["high"]], color=_QUIET, linewidth=1)
        fill = "none" if cell["counts"]["pending"] else "full"
        axes.plot(since, rate["value"], "o", color=colour, fillstyle=fill, markersize=4)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_title(step["title"], loc="left", fontsize=9, color=_INK, parse_math=False)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def draw_fields(found: Diagnosis, path: Path) -> None:
    """How many go on by how many fields they were asked for, a curve a step; none without any."""
    steps = [step for step in found["steps"] if step["by_fields"]]
    if not steps:
        path.unlink(missing_ok=True)  # one of a run before would tell of another log
        return
    figure = Figure(figsize=(9.0, 3.6), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    for at, step in enumerate(steps):
        _draw_fields_of(axes, step, (at - (len(steps) - 1) / 2) * _BESIDE)
    most = max(cell["fields"] for step in steps for cell in step["by_fields"])
    axes.set_xlim(-0.5, most + 0.5)
    axes.set_xticks(range(most + 1))
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    title = f"{found['ladder']}: how many go on, by the form fields that they were asked for"
    axes.set_title(title, loc="left", color=_INK, fontsize=11)
    axes.set_xlabel("fields; line: 95 % interval", fontsize=8, color=_QUIET)
    for text in axes.legend(fontsize=8, frameon=False).get_texts():
        text.set_parse_math(False)
    _save(figure, axes, path)


def _draw_fields_of(axes: Axes, step: StepDiagnosis, beside: float) -> None:
    cells = step["by_fields"]
    fields = [cell["fields"] + beside for cell in cells]
    shares = [cell["went_on"] for cell in cells]
    (line,) = axes.plot(
        fields, [one["value"] or 0.0 for one in shares], "o-", markersize=6, label=step["title"]
    )
    lows, highs = [one["low"] for one in shares], [one["high"] for one in shares]
    axes.vlines(fields, lows, highs, colors=line.get_color(), linewidth=1.5)


def _save(figure: Figure, axes: Axes, path: Path) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    figure.savefig(path, dpi=130, metadata={"Date": None} if path.suffix == ".svg" else None)
