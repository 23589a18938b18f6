"""What an experiment has shown, in a folder: a page, JSON, and the way that its intervals took."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from features.clock import said_at
from features.files import new_file
from features.ladder.words import things
from models.judging.trials.shapes import ArmComparison, ExperimentReport, GoalOfExperiment

__all__ = ["draw_course", "folder_named", "write_experiment"]

_COLOURS: Final = ("#2f7f5f", "#b5652c", "#3b5b92", "#7a4b8a")
_DASHES: Final = ("-", "--", ":")
"""With the colours more looks than an experiment has arms."""
_FOLDER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_INK, _QUIET = "#1f2933", "#9aa5b1"


def folder_named(experiment_id: str) -> str:
    """The name of an experiment's folder: its id, if that can be one.

    A file can call its experiments anything, also `../elsewhere`: such a one goes by a hash.
    """
    if _FOLDER.fullmatch(experiment_id):
        return experiment_id
    text = experiment_id.encode("utf-8", "surrogatepass")
    return f"experiment-{blake2b(text, digest_size=8).hexdigest()}"


def write_experiment(found: ExperimentReport, folder: Path) -> Path:
    """Write experiment.md with its picture, and experiment.json; the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "experiment.md"
    texts = {
        "experiment.json": json.dumps(found, indent=2) + "\n",
        "experiment.md": "\n".join(_lines(found)) + "\n",
    }
    for name, text in texts.items():
        with new_file(folder / name) as part:
            part.write_text(text, encoding="utf-8")
    draw_course(found, folder / "course.png")
    return page


def _lines(found: ExperimentReport) -> Iterator[str]:
    yield f"# {found['title']}\n"
    yield f"**{found['says']}**\n"
    yield (
        f"By what was known at {said_at(found['as_of'])}, of {things(found['leads'], 'lead')}. Each"
        " counts in the arm that it was put into, whatever was done since, once its time is over."
        " The intervals hold at 95 % however often one looks.\n"
    )
    yield f"The lot: {found['sample_ratio']['says']}\n"
    for goal in found["goals"]:
        yield from _lines_of(goal)
    yield "![How sure it became](course.png)\n"
    for note in found["notes"]:
        yield f"* {note}"


def _lines_of(goal: GoalOfExperiment) -> Iterator[str]:
    yield f"## {goal['title']}, within {things(goal['horizon_days'], 'day')}\n"
    yield "| arm | leads | still have time | reached it | rate |"
    yield "| --- | --: | --: | --: | --: |"
    for arm in goal["arms"]:
        rate = "" if arm["rate"] is None else f"{100 * arm['rate']:.1f} %"
        counts = f"{arm['leads']:,} | {arm['pending']:,} | {arm['reached']:,}"
        yield f"| {arm['arm']} | {counts} | {rate} |"
    yield ""
    for one in goal["comparisons"]:
        yield f"* {one['says']}"
    yield ""


def draw_course(found: ExperimentReport, path: Path) -> None:
    """The interval of each difference in purchases as leads came in, into a file by its suffix."""
    goal = found["goals"][0]
    figure = Figure(figsize=(8.0, 3.8), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    for at, one in enumerate(goal["comparisons"]):
        dash = _DASHES[at // len(_COLOURS) % len(_DASHES)]
        _draw_one(axes, one, _COLOURS[at % len(_COLOURS)], dash)
    axes.axhline(0.0, color=_INK, linewidth=0.8)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_title(
        f"{found['title']}: difference in {goal['title']}",
        loc="left",
        color=_INK,
        fontsize=11,
        parse_math=False,  # a title may speak of dollars
    )
    axes.set_xlabel("leads whose time is over", fontsize=8, color=_QUIET)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130, metadata={"Date": None} if path.suffix == ".svg" else None)


def _draw_one(axes: Axes, one: ArmComparison, colour: str, dash: str) -> None:
    course = one["course"]
    if not course:
        return
    leads = [point["leads"] for point in course]
    axes.fill_between(
        leads,
        [point["low"] for point in course],
        [point["high"] for point in course],
        color=colour,
        alpha=0.2,
        linewidth=0,
    )
    values = [point["value"] for point in course]
    axes.plot(leads, values, linestyle=dash, color=colour, label=one["arm"])
    low, high = course[-1]["low"], course[-1]["high"]
    room = max(high - low, 0.02)
    axes.set_ylim(low - 2 * room, high + 2 * room)
