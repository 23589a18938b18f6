"""An evaluation as files: numbers for programs, a page for people, and pictures.

report.json holds every figure, report.md the page, and the PNG files the pictures that it shows.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from features.clock import rfc3339
from models.judging.metrics import Bin
from models.scores.calibration import LEVEL
from training.scores.evaluate import (
    MODEL,
    SHARES,
    Comparison,
    Evaluation,
    GoalEvaluation,
    Part,
    Performance,
    StepOutcomes,
)

__all__ = ["write_report"]

_TITLES: Final = {"advancement": "The next step", "purchase": "Purchase"}
_WENT_ON: Final = {"advancement": "advanced", "purchase": "bought"}


def write_report(evaluation: Evaluation, folder: Path) -> Path:
    """Write report.json, report.md and its pictures; return the path of report.md.

    The folder is made if need be; files of an earlier report in it are replaced.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in _pictures(folder):
        old.unlink()
    values = json.dumps(evaluation.as_dict(), indent=1, sort_keys=True, allow_nan=False)
    (folder / "report.json").write_text(values + "\n", encoding="utf-8")
    for goal in (evaluation.advancement, evaluation.purchase):
        for kind, figure in _figures(goal, evaluation.capacity):
            figure.savefig(folder / f"{goal.goal}-{kind}.png", dpi=_DPI)
    page = folder / "report.md"
    page.write_text(_page(evaluation), encoding="utf-8")
    return page


def _pictures(folder: Path) -> list[Path]:
    return [
        path for goal in _TITLES for kind in _KINDS for path in folder.glob(f"{goal}-{kind}.png")
    ]


# ---------------------------------------------------------------------------------- the page


def _page(evaluation: Evaluation) -> str:
    parts = [_head(evaluation)]
    parts += [
        _goal_page(goal, evaluation) for goal in (evaluation.advancement, evaluation.purchase)
    ]
    return "\n\n".join([*parts, _HOW_TO_READ]) + "\n"


def _head(evaluation: Evaluation) -> str:
    advancement, purchase = evaluation.advancement, evaluation.purchase
    counts = advancement.counts
    lines = [
        f"# How good the scores are: {evaluation.title}",
        f"**Next step: {advancement.verdict}.** {_sentence(advancement.verdict_reason)}",
        f"**Purchase: {purchase.verdict or purchase.note}.** {_sentence(purchase.verdict_reason)}",
        f"Bundle `{evaluation.version or 'not saved'}`, trained on what was known by"
        f" {_day(evaluation.trained_until)}, judged on scores of {_day(evaluation.start)} to"
        f" {_day(evaluation.until)}: {counts.points:,} points (a lead at an instant) of"
        f" {counts.leads:,} leads. Only the {counts.mature:,} points whose horizon is over are"
        " judged. Of the others those that advanced early are left out as well: to count them and"
        " not the rest would see successes sooner than failures.",
    ]
    if evaluation.flatters:
        lines.insert(
            1, "> **The bundle was trained on part of this period: these figures flatter it.**"
        )
    return "\n\n".join(lines)


def _goal_page(goal: GoalEvaluation, evaluation: Evaluation) -> str:
    parts = [f"## {_TITLES[goal.goal]}"]
    if goal.performance is None:
        parts.append(f"{goal.note[:1].upper()}{goal.note[1:]}.")
    else:
        parts += _judged_page(goal, goal.performance, evaluation)
    return "\n\n".join([*parts, *_outcomes_page(goal)])


def _judged_page(
    goal: GoalEvaluation, performance: Performance, evaluation: Evaluation
) -> list[str]:
    return [
        *_plain_words(goal, performance, evaluation),
        "### Against other ways to score",
        _comparison_table(goal, performance),
        *[f"No {rival.name}: {rival.reason}." for rival in goal.baselines if rival.reason],
        _picture(goal, "log-loss", "Log loss of this bundle and of each baseline"),
        _picture(goal, "gain", "Share of successes found by share of points worked"),
        "### Do the probabilities mean what they say?",
        _calibration_words(performance),
        _picture(goal, "reliability", "Predicted against observed rates"),
        _reliability_table(performance.reliability),
        "### Each step",
        _parts_table(goal.by_step, "step"),
        _picture(goal, "reliability-steps", "Predicted against observed rates, each step"),
        "### Leads seen in training, and leads that came later",
        _parts_table(goal.by_lead, "leads"),
    ]


def _plain_words(
    goal: GoalEvaluation, performance: Performance, evaluation: Evaluation
) -> list[str]:
    went_on, queue = _WENT_ON[goal.goal], performance.queue
    top = performance.reliability[-1]
    words = [
        f"The highest scores said {top.predicted:.0%} on average; of those points"
        f" {top.observed:.0%} {went_on}. Of all points {performance.rate:.1%} did."
    ]
    if queue.found is not None and queue.lift is not None:
        words.insert(
            0,
            f"Working {_capacity(evaluation.capacity)} in each of {queue.instants} weeks takes"
            f" {queue.picked:,} of {queue.n:,} places in the queue and finds {queue.hits:.0f} of"
            f" the {queue.successes:,} whose lead {went_on}: {queue.found:.0%} of the successes for"
            f" {queue.picked / queue.n:.0%} of the work, {queue.lift:.1f} times what a random order"
            " finds.",
        )
    if goal.evidence != "model":
        words.append(f"These probabilities come from the {goal.evidence} alone, not from a model.")
    return words


def _capacity(capacity: float) -> str:
    if capacity < 1:
        return f"the best {capacity:.0%} of the leads"
    return f"the best {round(capacity)} leads"


def _calibration_words(performance: Performance) -> str:
    inside = sum(line.inside for line in performance.reliability)
    words = (
        f"In {inside} of {len(performance.reliability)} groups chance explains the difference"
        " between what was predicted and what came. Calibration error"
        f" {performance.ece:.4f}; perfectly calibrated probabilities would show"
        f" {performance.ece_by_chance:.4f} by chance. Points of one lead repeat each other:"
        f" {performance.design_effect:.1f} of them are worth one, and the intervals count them so."
    )
    if performance.interval_coverage is not None:
        words += (
            f" The served {LEVEL:.0%} intervals hold the observed rate in"
            f" {performance.interval_coverage:.0%} of the groups."
        )
    return words


def _outcomes_page(goal: GoalEvaluation) -> list[str]:
    counts = goal.counts
    return [
        "### What came of the points",
        f"{counts.advanced:,} {_WENT_ON[goal.goal]}, {counts.lapsed:,} lapsed, {counts.pending:,}"
        " are pending: unknown, and not lost. The rate is that of the points whose horizon is over;"
        " the last column is the usual mistake, all points with pending counted as lost.",
        _table(
            ["at step", "points", "leads", _WENT_ON[goal.goal], "lapsed", "pending", "rate",
             "95% interval", "if pending were lost"],
            [_outcomes_row(step) for step in goal.steps],
        ),
        _picture(goal, "outcomes", "Advanced, lapsed and pending at each step"),
    ]  # fmt: skip


def _outcomes_row(step: StepOutcomes) -> list[str]:
    counts = step.counts
    interval = "–" if step.rate is None else f"{step.low:.1%} to {step.high:.1%}"
    numbers = (counts.points, counts.leads, counts.advanced, counts.lapsed, counts.pending)
    return [
        step.title,
        *(f"{number:,}" for number in numbers),
        _percent(step.rate),
        interval,
        _percent(step.naive_rate),
    ]


def _comparison_table(goal: GoalEvaluation, performance: Performance) -> str:
    rows = [[f"**{MODEL}**", *_figures_of(performance), "", ""]]
    rows += [_comparison_row(rival) for rival in goal.baselines if rival.performance is not None]
    return _table(
        ["", "AUC", "AP", "log loss", "Brier", "ECE", "by chance", "lift 10%", "lift 20%",
         "found 10%", "weekly queue finds", "bundle − it, log loss", "bundle − it, AUC"],
        rows,
    )  # fmt: skip


def _comparison_row(rival: Comparison) -> list[str]:
    if rival.performance is None or rival.difference is None:
        return [rival.name]
    gap = rival.difference
    return [
        rival.name,
        *_figures_of(rival.performance),
        _with_error(gap.log_loss, gap.log_loss_error, sign="+"),
        _with_error(gap.auc, gap.auc_error, sign="+"),
    ]


def _figures_of(performance: Performance) -> list[str]:
    return [
        _with_error(performance.auc, performance.auc_error),
        _number(performance.average_precision, ".3f"),
        _with_error(performance.log_loss, performance.log_loss_error),
        f"{performance.brier:.4f}",
        f"{performance.ece:.4f}",
        f"{performance.ece_by_chance:.4f}",
        _number(performance.lift_10, ".2f"),
        _number(performance.lift_20, ".2f"),
        _percent(performance.found_10),
        _percent(performance.queue.found),
    ]


def _reliability_table(bins: Sequence[Bin]) -> str:
    rows = [
        [
            f"{line.n:,}",
            f"{line.predicted:.1%}",
            f"{line.observed:.1%}",
            f"{line.low:.1%} to {line.high:.1%}",
            "yes" if line.inside else "**no**",
        ]
        for line in bins
    ]
    return _table(["points", "predicted", "observed", "95% interval", "inside"], rows)


def _parts_table(parts: Iterable[Part], what: str) -> str:
    heads = [what, "points", "leads", "rate", "mean score", "AUC", "log loss",
             "bundle − step rates", "ECE", "by chance", "groups inside"]  # fmt: skip
    return _table(heads, [_part_row(part, len(heads)) for part in parts])


def _part_row(part: Part, width: int) -> list[str]:
    head = [part.title, f"{part.n:,}", f"{part.leads:,}"]
    judged, gap = part.performance, part.difference
    if judged is None or gap is None:
        return [*head, part.note, *[""] * (width - len(head) - 1)]
    return [
        *head,
        f"{judged.rate:.1%}",
        f"{judged.mean_probability:.1%}",
        _with_error(judged.auc, judged.auc_error),
        _with_error(judged.log_loss, judged.log_loss_error),
        _with_error(gap.log_loss, gap.log_loss_error, sign="+"),
        f"{judged.ece:.4f}",
        f"{judged.ece_by_chance:.4f}",
        f"{judged.bins_inside:.0%}",
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    align = [":--", *["--:"] * (len(heads) - 1)]
    lines = [heads, align, *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines
    )


def _picture(goal: GoalEvaluation, kind: str, says: str) -> str:
    return f"![{says}]({goal.goal}-{kind}.png)"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _percent(value: float | None) -> str:
    return _number(value, ".1%")


def _with_error(value: float | None, error: float | None, sign: str = "") -> str:
    told = _number(value, f"{sign}.4f").replace("-", "\N{MINUS SIGN}")
    return told if error is None or value is None else f"{told} ± {error:.4f}"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _day(microseconds: int) -> str:
    return rfc3339(microseconds)[:10]


_HOW_TO_READ: Final = """## How to read this

* **Point**: a lead at an instant at which it would have been scored. It *advanced* when it
  completed the next step (or one above) within the step's horizon, *lapsed* when the horizon
  passed, and is *pending* before that. A lead is scored many times, so rates here are per score,
  not per lead.
* **Log loss** is the mean surprise at what came: lower is better, and it punishes false
  certainty. **Brier** is the mean squared error. **AUC** is the chance that a point that went on
  is ranked above one that did not; 0.5 is a coin. **AP** is the average precision.
* **Lift 10%**: how many times the average rate the best tenth has. **Found 10%**: the share of
  all successes that stands in it. The **weekly queue** ranks each lead once a week, by its first
  score.
* **ECE** is the calibration error over ten equally filled groups. It is never 0 by chance: only
  what exceeds the next column counts.
* **±** is one standard error, from resampling leads. Differences are paired: the same points,
  the same resamplings.
* **Step rates** give every lead of a rung the rung's own rate. A model that does not beat them
  has learned nothing. **Points rule**: k points for an action of rung k and 5 k for completing
  it, each fading evenly over 90 days. Points are a rank and no probability; they were given
  their best chance at one, a logistic curve fitted on the training points. **Logistic
  regression** (one-hot, medians with indicators, scaled) and **histogram gradient boosting** are
  scikit-learn's, on the signals of this ladder. All were fitted on the points before the period."""


# ------------------------------------------------------------------------------ the pictures

_DPI: Final = 144
_KINDS: Final = ("log-loss", "gain", "reliability", "reliability-steps", "outcomes")
_INK, _QUIET, _LINES = "#22272e", "#6b7480", "#dfe3e8"
_OURS, _OFF = "#1f5f9f", "#d1603d"
_RIVALS: Final = ("#8b95a1", "#c9932b", "#4f8f6d", "#8a6bb1")
_ROUND: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_OUTCOMES: Final = {"advanced": "#2f7f5f", "lapsed": "#c7cdd5", "pending": "#f0dca4"}


def _figures(goal: GoalEvaluation, capacity: float) -> Iterable[tuple[str, Figure]]:
    """Each picture of a goal by its kind, of those in `_KINDS` that there are figures for."""
    yield "outcomes", _outcomes_figure(goal)
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
        axis.set_major_formatter(FuncFormatter(lambda rate, _: f"{100 * rate:g}%"))


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
        f"{_TITLES[goal.goal]}: what was predicted, what came",
        "predicted probability (mean of a tenth of the points)",
        f"share that {_WENT_ON[goal.goal]}, with 95% interval",
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
    figure.supylabel(f"share that {_WENT_ON[goal.goal]}", fontsize=9, color=_INK)
    return figure


def _draw_part(axes: Axes, part: Part) -> None:
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
        f"{_TITLES[goal.goal]}: who finds the successes first?",
        "share of the points worked, best first",
        f"share of those that {_WENT_ON[goal.goal]} found",
    )
    axes.plot(
        [0, 1], [0, 1], color=_QUIET, linewidth=1, linestyle=(0, (4, 3)), label="random order"
    )
    for at, (name, curve) in reversed(list(enumerate(goal.gain))):
        ours = name == MODEL
        axes.plot(
            SHARES, curve, color=_colour(at), linewidth=2.6 if ours else 1.4, label=name,
            zorder=4 if ours else 3,
        )  # fmt: skip
    if capacity < 1:
        axes.axvline(capacity, color=_INK, linewidth=0.8, linestyle=(0, (1, 2)))
        axes.text(capacity + 0.012, 0.02, f"capacity {capacity:.0%}", fontsize=8, color=_QUIET)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    _in_percent(axes)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1], labels[::-1], loc="lower right", frameon=False, fontsize=8.5, labelcolor=_INK
    )
    return figure


def _colour(at: int) -> str:
    """The colour of a name by its place: the bundle, then the baselines."""
    return _OURS if at == 0 else _RIVALS[(at - 1) % len(_RIVALS)]


def _log_loss_figure(goal: GoalEvaluation, performance: Performance) -> Figure:
    rivals = [rival for rival in goal.baselines if rival.performance is not None]
    judged = [performance, *(rival.performance for rival in rivals if rival.performance)]
    names = [MODEL, *(rival.name for rival in rivals)]
    gaps = ["", *(_gap(rival) for rival in rivals)]
    figure = _figure(7.4, 0.5 * len(names) + 1.3)
    axes = figure.subplots()
    _dress(
        axes, f"{_TITLES[goal.goal]}: log loss (lower is better)", "log loss ± 2 standard errors"
    )
    axes.grid(visible=False, axis="y")
    for at, one in enumerate(judged):
        error = 2.0 * (one.log_loss_error or 0.0)
        axes.errorbar(
            one.log_loss, at, xerr=error, fmt="o", color=_colour(at), markersize=7,
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
    return _with_error(rival.difference.log_loss, rival.difference.log_loss_error, sign="+")


def _outcomes_figure(goal: GoalEvaluation) -> Figure:
    figure = _figure(7.4, 0.52 * len(goal.steps) + 1.5)
    axes = figure.subplots()
    _dress(
        axes, f"{_TITLES[goal.goal]}: what came of the points", "share of the points at the step"
    )
    axes.grid(visible=False, axis="y")
    left = [0.0] * len(goal.steps)
    for name, colour in _OUTCOMES.items():
        counts = [getattr(step.counts, name) for step in goal.steps]
        totals = [max(step.counts.points, 1) for step in goal.steps]
        shares = [count / total for count, total in zip(counts, totals, strict=True)]
        said = _WENT_ON[goal.goal] if name == "advanced" else name
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
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8.5, labelcolor=_INK)
    return figure


def _bar_name(step: StepOutcomes) -> str:
    return f"{step.title}\n{step.counts.points:,} points"
