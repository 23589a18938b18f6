"""The pictures of an evaluation: what was predicted and what came, beside the baselines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from features.ladder.words import in_percent
from models.judging.metrics import Bin
from models.judging.served import (
    AS_SERVED,
    BOOSTING,
    COUNTING_RULE,
    LOGISTIC,
    POINTS_RULE,
    STEP_RATES,
)
from training.scores.results import (
    MODEL,
    SHARES,
    Comparison,
    GoalEvaluation,
    Performance,
    StepOutcomes,
    Subgroup,
)
from training.scores.written.wording import MOST_SIGNALS, TITLES, WENT_ON, with_error

__all__ = ["DPI", "KINDS", "figures"]

DPI: Final = 144
KINDS: Final = ("log-loss", "gain", "reliability", "reliability-steps", "signals", "outcomes")
_INK, _QUIET, _LINES = "#22272e", "#6b7480", "#dfe3e8"
_OURS, _OFF = "#1f5f9f", "#d1603d"
_COLOURS: Final = {
    MODEL: _OURS,
    STEP_RATES: "#a3adb5",
    COUNTING_RULE: "#d1951f",
    POINTS_RULE: "#35a06a",
    LOGISTIC: "#d59ae6",
    BOOSTING: "#93301a",
    AS_SERVED: "#22222e",
}
"""By name, so that no two share one; told apart without red, green or blue as well."""
_ROUND: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_OUTCOMES: Final = {
    "advanced": "#2f7f5f", "lapsed": "#c7cdd5", "lost": "#d9a5a0", "pending": "#f0dca4",
}  # fmt: skip


def figures(goal: GoalEvaluation, capacity: float) -> Iterable[tuple[str, Figure]]:
    """Each picture of a goal by its kind, of those in `KINDS` that there are figures for."""
    yield "outcomes", _outcomes_figure(goal)
    if goal.signals:
        yield "signals", _signals_figure(goal)
    if goal.performance is not None:
        yield "log-loss", _log_loss_figure(goal, goal.performance)
        yield "gain", _gain_figure(goal, capacity)
        yield "reliability", _reliability_figure(goal, goal.performance)
        yield "reliability-steps", _steps_figure(goal)


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def _dress(axes: Axes, title: str, x: str = "", y: str = "") -> None:
    axes.set_title(title, loc="left", fontsize=11, color=_INK, fontweight="bold", pad=10)
    axes.set_xlabel(x, color=_INK, fontsize=9)
    axes.set_ylabel(y, color=_INK, fontsize=9)
    axes.tick_params(colors=_QUIET, labelsize=8, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_LINES)
    axes.grid(color=_LINES, linewidth=0.6)
    axes.set_axisbelow(True)


def _in_percent(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))


def _draw_bins(axes: Axes, bins: Sequence[Bin], least_gap: float) -> None:
    """Observed against predicted rates with Wilson's intervals; those beyond chance in red.

    `least_gap` is the space between two named rates, as a share of the axis.
    """
    axes.plot([0, 1], [0, 1], color=_QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    for inside, colour in ((True, _OURS), (False, _OFF)):
        some = [line for line in bins if line.inside is inside]
        axes.errorbar(
            [line.predicted for line in some],
            [line.observed for line in some],
            yerr=[
                [line.observed - line.low for line in some],
                [line.high - line.observed for line in some],
            ],
            fmt="o",
            color=colour,
            markersize=5,
            elinewidth=1.4,
            capsize=2.5,
        )
    top = min(1.0, 1.1 * max(max(line.high, line.predicted) for line in bins))
    for axis, scale, limits in (
        (axes.xaxis, axes.set_xscale, axes.set_xlim),
        (axes.yaxis, axes.set_yscale, axes.set_ylim),
    ):
        scale("function", functions=(_stretched, _unstretched))
        limits(-0.0005 * top, top * 1.02)
        axis.set_major_locator(FixedLocator(_rates_to_name(top, least_gap)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda rate, _: f"{100 * rate:g} %"))


def _stretched(rate: npt.ArrayLike) -> npt.ArrayLike:
    """Square roots: most leads have small probabilities, and would share a corner."""
    return np.sign(rate) * np.sqrt(np.abs(rate))


def _unstretched(root: npt.ArrayLike) -> npt.ArrayLike:
    return np.sign(root) * np.square(root)


def _rates_to_name(top: float, least_gap: float) -> list[float]:
    """Round rates up to `top`, far enough apart on the stretched axis."""
    named = [0.0]
    for rate in _ROUND:
        if rate <= top and rate**0.5 - named[-1] ** 0.5 >= least_gap * top**0.5:
            named.append(rate)
    return named


def _reliability_figure(goal: GoalEvaluation, performance: Performance) -> Figure:
    figure = _figure(5.4, 5.6)
    axes = figure.subplots()
    bins = performance.reliability
    _dress(
        axes,
        f"{TITLES[goal.goal]}: what was predicted, what came",
        "predicted probability (mean of a tenth of the points)",
        f"share that {WENT_ON[goal.goal]}, with 95 % interval",
    )
    _draw_bins(axes, bins, least_gap=0.1)
    axes.set_aspect("equal")
    note = "dashed: perfect calibration; axes stretched towards 0"
    if not all(line.inside for line in bins):
        note += "\nred: chance does not explain the difference"
    axes.text(0.03, 0.97, note, transform=axes.transAxes, va="top", fontsize=8, color=_QUIET)
    return figure


def _steps_figure(goal: GoalEvaluation) -> Figure:
    """A small picture a step, on axes of its own, since rates differ tenfold between steps."""
    parts, columns = goal.by_step, 3
    rows = -(-len(parts) // columns)
    figure = _figure(8.4, 3.0 * rows + 0.3)
    grid = figure.subplots(rows, columns, squeeze=False)
    for at, axes in enumerate(grid.flat):
        if at >= len(parts):
            axes.set_axis_off()
            continue
        _draw_part(axes, parts[at])
    figure.supxlabel("predicted probability", fontsize=9, color=_INK)
    figure.supylabel(f"share that {WENT_ON[goal.goal]}", fontsize=9, color=_INK)
    return figure


def _draw_part(axes: Axes, part: Subgroup) -> None:
    _dress(axes, part.title)
    axes.set_title(part.title, loc="left", fontsize=9.5, color=_INK, fontweight="bold", pad=20)
    said = f"{part.n:,} points, {part.leads:,} leads"
    axes.text(0, 1.03, said, transform=axes.transAxes, va="bottom", fontsize=8, color=_QUIET)
    if part.performance is not None:
        _draw_bins(axes, part.performance.reliability, least_gap=0.16)
        return
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    note = textwrap.fill(part.note, 24)
    axes.text(0.5, 0.5, note, ha="center", va="center", fontsize=8, color=_QUIET)


def _gain_figure(goal: GoalEvaluation, capacity: float) -> Figure:
    figure = _figure(6.6, 4.8)
    axes = figure.subplots()
    _dress(
        axes,
        f"{TITLES[goal.goal]}: who finds the successes first?",
        "share of the points worked, best first",
        f"share of those that {WENT_ON[goal.goal]} found",
    )
    axes.plot(
        [0, 1], [0, 1], color=_QUIET, linewidth=1, linestyle=(0, (4, 3)), label="random order"
    )
    for name, curve in reversed(goal.gain):
        ours = name == MODEL
        axes.plot(
            SHARES, curve, color=_COLOURS[name], linewidth=2.6 if ours else 1.4, label=name,
            zorder=4 if ours else 3,
        )  # fmt: skip
    if capacity < 1:
        axes.axvline(capacity, color=_INK, linewidth=0.8, linestyle=(0, (1, 2)))
        axes.text(
            capacity + 0.012, 0.02, f"capacity {in_percent(capacity)}", fontsize=8, color=_QUIET
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    _in_percent(axes)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1], labels[::-1], loc="lower right", frameon=False, fontsize=8.5, labelcolor=_INK
    )
    return figure


def _log_loss_figure(goal: GoalEvaluation, performance: Performance) -> Figure:
    rivals = [rival for rival in goal.baselines if rival.performance is not None]
    judged = [performance, *(rival.performance for rival in rivals if rival.performance)]
    names = [MODEL, *(rival.name for rival in rivals)]
    gaps = ["", *(_gap(rival) for rival in rivals)]
    figure = _figure(7.4, 0.5 * len(names) + 1.3)
    axes = figure.subplots()
    _dress(axes, f"{TITLES[goal.goal]}: log loss (lower is better)", "log loss ± 2 standard errors")
    axes.grid(visible=False, axis="y")
    for at, one in enumerate(judged):
        error = 2.0 * (one.log_loss_error or 0.0)
        axes.errorbar(
            one.log_loss, at, xerr=error, fmt="o", color=_COLOURS[names[at]], markersize=7,
            elinewidth=1.8, capsize=3,
        )  # fmt: skip
        axes.text(
            1.02, at, gaps[at], transform=axes.get_yaxis_transform(), va="center", fontsize=8,
            color=_QUIET,
        )  # fmt: skip
    axes.text(
        1.02, 1.03, "bundle minus it, ± 1", transform=axes.transAxes, fontsize=8, color=_INK,
        va="bottom",
    )  # fmt: skip
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", labelsize=9, labelcolor=_INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    return figure


def _gap(rival: Comparison) -> str:
    if rival.difference is None:
        return ""
    return with_error(rival.difference.log_loss, rival.difference.log_loss_error, sign="+")


def _signals_figure(goal: GoalEvaluation) -> Figure:
    heaviest = goal.signals[:MOST_SIGNALS]
    figure = _figure(7.4, 0.3 * len(heaviest) + 1.2)
    axes = figure.subplots()
    _dress(
        axes,
        f"{TITLES[goal.goal]}: what the probabilities rest on",
        "mean size of what it adds, percentage points",
    )
    axes.grid(visible=False, axis="y")
    for has_moved, colour, said in ((False, _OURS, "as before"), (True, _OFF, "values have moved")):
        some = [at for at, one in enumerate(heaviest) if one.has_moved is has_moved]
        if some:
            weights = [100.0 * heaviest[at].weight for at in some]
            axes.barh(some, weights, color=colour, height=0.62, label=said)
    axes.set_yticks(range(len(heaviest)), [one.id for one in heaviest])
    axes.tick_params(axis="y", labelsize=8, labelcolor=_INK)
    axes.set_ylim(len(heaviest) - 0.4, -0.6)
    if any(one.has_moved for one in heaviest):
        axes.legend(loc="lower right", frameon=False, fontsize=8.5, labelcolor=_INK)
    return figure


def _outcomes_figure(goal: GoalEvaluation) -> Figure:
    figure = _figure(7.4, 0.52 * len(goal.steps) + 1.5)
    axes = figure.subplots()
    _dress(axes, f"{TITLES[goal.goal]}: what came of the points", "share of the points at the step")
    axes.grid(visible=False, axis="y")
    left = [0.0] * len(goal.steps)
    for name, colour in _OUTCOMES.items():
        counts = [getattr(step.counts, name) for step in goal.steps]
        totals = [max(step.counts.points, 1) for step in goal.steps]
        shares = [count / total for count, total in zip(counts, totals, strict=True)]
        said = WENT_ON[goal.goal] if name == "advanced" else name
        bars = axes.barh(
            range(len(shares)), shares, left=left, color=colour, height=0.62, label=said
        )
        labels = [
            f"{n:,}" if share >= 0.06 else "" for n, share in zip(counts, shares, strict=True)
        ]
        axes.bar_label(
            bars, labels, label_type="center", fontsize=8,
            color="white" if name == "advanced" else _INK,
        )  # fmt: skip
        left = [start + share for start, share in zip(left, shares, strict=True)]
    axes.set_yticks(range(len(goal.steps)), [_bar_name(step) for step in goal.steps])
    axes.tick_params(axis="y", labelsize=9, labelcolor=_INK)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(goal.steps) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=8.5, labelcolor=_INK)
    return figure


def _bar_name(step: StepOutcomes) -> str:
    return f"{step.title}\n{step.counts.points:,} points"
