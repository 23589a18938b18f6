"""A backtest as a page with a plot, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from features.clock import rfc3339, said_at, when
from features.files import new_folder
from models.judging.rounding import percent
from training.scores.backtest.figures import FoldFigures
from training.scores.backtest.folds import Backtest
from training.scores.backtest.verdict import chosen, gaps
from training.scores.written.wording import TITLES, number, with_error

__all__ = ["as_dict", "table", "verdict_lines", "write_backtest"]

_GOALS: Final = ("advancement", "purchase")
_HEADS: Final = (
    "judged from", "trained as", "points", "not over", "rate", "AUC", "of rates", "log loss",
    "of rates", "ECE", "by chance",
)  # fmt: skip
_COLOURS: Final = ("#1f5f9f", "#c9932b", "#4f8f6d", "#8a6bb1", "#d1603d")
_MARKS: Final = ("o", "s", "^", "D", "v")
_QUIET: Final = "#8b95a1"


def as_dict(found: Backtest) -> dict[str, Any]:
    """JSON-ready; instants as RFC 3339."""
    return {
        "ladder": found.ladder,
        "until": rfc3339(found.until),
        "choices": [asdict(choice) | {"name": choice.name} for choice in found.choices],
        "chosen": chosen(found),
        "against_the_first": [asdict(one) | {"is_better": one.is_better} for one in gaps(found)],
        "folds": [
            {
                "start": rfc3339(fold.start),
                "end": rfc3339(fold.end),
                "figures": [asdict(one) for one in fold.figures],
            }
            for fold in found.folds
        ],
    }


def table(found: Backtest, goal: str) -> str:
    """The folds of a goal in Markdown."""
    lines = [_HEADS, (":--", ":--", *["--:"] * (len(_HEADS) - 2))]
    for fold in found.folds:
        day = rfc3339(fold.start)[:10]
        lines += [(day, *_cells(one)) for one in fold.figures if one.goal == goal]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cells(one: FoldFigures) -> tuple[str, ...]:
    head = one.choice, f"{one.n:,}", f"{one.pending:,}"
    if one.note:
        return *head, one.note, *[""] * (len(_HEADS) - 5)
    figures = (one.auc, one.rates_auc, one.log_loss, one.rates_log_loss, one.ece, one.ece_by_chance)
    return *head, percent(one.rate), *(number(figure, ".4f") for figure in figures)


def verdict_lines(found: Backtest) -> list[str]:
    """What the choices come to beside the first one, a sentence each."""
    first = found.choices[0].name
    said = [
        f"{TITLES[one.goal]}: {one.choice} less {first}, log loss"
        f" {with_error(one.log_loss, one.error, '+')}"
        + (": better" if one.is_better else ": not better by more than its error")
        for one in gaps(found)
    ]
    return [*said, f"train with {chosen(found)}"]


def write_backtest(found: Backtest, folder: Path) -> Path:
    """Write backtest.json, backtest.md and backtest.png; return the path of backtest.md."""
    values = json.dumps(as_dict(found), indent=1, sort_keys=True, allow_nan=False)
    with new_folder(folder, lambda _: False) as part:
        (part / "backtest.json").write_text(values + "\n", encoding="utf-8")
        _figure(found).savefig(part / "backtest.png", dpi=144)
        (part / "backtest.md").write_text(_page(found), encoding="utf-8")
    return Path(folder) / "backtest.md"


def _page(found: Backtest) -> str:
    parts = [
        f"# Backtest: {found.ladder}",
        "Each fold is trained on what was known when it begins, and judged on the points until the"
        f" next begins, by what was known at {said_at(found.until)}. Pending points are not judged."
        " Beside each figure stands that of the rates of the steps, as they were known then.",
        "\n".join(f"* {line}" for line in verdict_lines(found)),
        "![AUC, log loss and calibration error of each fold over time](backtest.png)",
    ]
    for goal in _GOALS:
        parts += [f"## {TITLES[goal]}", table(found, goal)]
    return "\n\n".join(parts) + "\n"


def _figure(found: Backtest) -> Figure:
    """A row a goal: AUC, log loss and calibration error of each fold, at the middle of it."""
    figure = Figure(figsize=(11, 5.6), layout="constrained", facecolor="white")
    grid = figure.subplots(2, 3, squeeze=False)
    middle = [when((fold.start + fold.end) // 2) for fold in found.folds]
    shown = (("auc", "rates_auc", "AUC"), ("log_loss", "rates_log_loss", "log loss"),
             ("ece", "ece_by_chance", "calibration error"))  # fmt: skip
    for goal, row in zip(_GOALS, grid, strict=True):
        for (ours, beside, title), axes in zip(shown, row, strict=True):
            for at, choice in enumerate(found.choices):
                results = [fold.of(choice.name, goal) for fold in found.folds]
                colour = _COLOURS[at % len(_COLOURS)]
                mark = _MARKS[at // len(_COLOURS) % len(_MARKS)]
                axes.plot(
                    middle, _values(results, ours), f"{mark}-", color=colour, label=choice.name
                )
                if at == 0:
                    label = "by chance" if ours == "ece" else "rates of the steps"
                    axes.plot(middle, _values(results, beside), "--", color=_QUIET, label=label)
            axes.set_title(f"{TITLES[goal]}: {title}", loc="left", fontsize=10)
            axes.tick_params(axis="x", rotation=30, labelsize=8)
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(frameon=False, fontsize=7)
    return figure


def _values(results: list[FoldFigures], name: str) -> list[float]:
    found = (getattr(one, name) for one in results)
    return [float("nan") if value is None else value for value in found]
