"""The funnel in a folder: a page to read, tables for a spreadsheet, JSON, and pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from features.clock import said_at
from features.files import new_file
from models.judging.funnel.cause_shapes import FunnelCauses
from models.judging.funnel.shapes import (
    BandedWay,
    BandVerdict,
    Funnel,
    Rate,
    StepBand,
    StepFunnel,
    Whole,
)
from models.judging.funnel.tables import cohorts_table, segments_table, steps_table
from models.judging.funnel.wording import band_words, counted_said, lever_said, of_100
from models.judging.spreadsheet import csv_of
from training.funnel.causes_page import causes_lines
from training.funnel.drawing import draw_cohorts, draw_fields, draw_steps

__all__ = ["page_of", "write_funnel"]


def write_funnel(found: Funnel, causes: FunnelCauses, folder: Path) -> Path:
    """Write funnel.md with its pictures, both as JSON, and three tables; the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "funnel.md"
    texts = {
        "funnel.json": json.dumps(found, indent=2) + "\n",
        "causes.json": json.dumps(causes, indent=2) + "\n",
        "steps.csv": csv_of(steps_table(found)),
        "cohorts.csv": csv_of(cohorts_table(found)),
        "segments.csv": csv_of(segments_table(found)),
        "funnel.md": page_of(found, causes),
    }
    for name, text in texts.items():
        with new_file(folder / name) as part:
            part.write_text(text, encoding="utf-8")
    draw_steps(found, folder / "steps.png")
    draw_cohorts(found, folder / "cohorts.png")
    draw_fields(causes["diagnosis"], folder / "fields.png")
    return page


def page_of(found: Funnel, causes: FunnelCauses) -> str:
    """The page, in Markdown."""
    return "\n".join([*_lines(found), "", *causes_lines(causes)]) + "\n"


def _lines(found: Funnel) -> Iterator[str]:
    yield f"# Where leads stop: {found['ladder']}\n"
    instants = said_at(found["as_of"]), said_at(found["counted_until"])
    yield f"{counted_said(found['leads'], *instants, _whose(found))}\n"
    whole, banded = found["whole"], found["whole"]["banded"]
    if whole["followed"]["value"] is not None:
        yield (
            f"**From the first step to the purchase: {_rate(whole['followed'])}.**"
            f"{_beside(whole)} The steps multiply to {_rate(whole['product'])}; who took longer"
            " than a step's time counts in the first figure alone.\n"
        )
    if banded is not None and banded["followed"]["value"] is not None:
        yield (
            f"**From {banded['title']} to the purchase: {_rate(banded['followed'])}.**"
            f"{_beside(banded)} The step before has no band, so that there is none for the whole"
            " way.\n"
        )
    yield "![The steps](steps.png)\n"
    yield "| step | came | went on | lapsed | lost | left | still have time | rate | healthy |"
    yield "| --- | --: | --: | --: | --: | --: | --: | --- | --- |"
    for step in found["steps"]:
        yield _row(step)
    yield ""
    for step in found["steps"]:
        yield f"**{step['title']}.** {step['says']}{_days(step)}\n"
    if found["lever"]:
        sure = "" if found["lever"]["is_sure"] else ", if it is below at all"
        last = found["steps"][-1]["id"]
        yield f"**The biggest lever{sure}.** {lever_said(found['lever'], last)}\n"
    yield "![By when they came](cohorts.png)\n"
    for note in found["notes"]:
        yield f"* {note}"


def _beside(way: Whole | BandedWay) -> str:
    """What is healthy for a way, and how that compares; "" without a band."""
    return (
        ""
        if way["band"] is None
        else f" Healthy is {_healthy(way['band'])}: {_compared(way['verdict'])}."
    )


def _compared(verdict: BandVerdict) -> str:
    """How a rate compares with its band, in words."""
    return "not known yet" if verdict == "undetermined" else verdict


def _healthy(band: StepBand) -> str:
    return f"{band_words(band['low'], band['high'])} %"


def _whose(found: Funnel) -> str:
    said = [
        f"{trait} {'not known' if value is None else f'is {value}'}"
        for trait, value in found["only"].items()
    ]
    if found["entered_from"]:
        said.append(f"came to a step since {found['entered_from'][:10]}")
    if found["entered_to"]:
        said.append(f"came before {found['entered_to'][:10]}")
    return f" ({', '.join(said)})" if said else ""


def _row(step: StepFunnel) -> str:
    counts, band = step["counts"], step["band"]
    healthy = "" if band is None else _healthy(band)
    verdict = "" if step["verdict"] == "no band" else f": {_compared(step['verdict'])}"
    return (
        f"| {step['title']} | {counts['came']:,} | {counts['advanced']:,} | {counts['lapsed']:,} |"
        f" {counts['lost']:,} | {counts['left']:,} | {counts['pending']:,} |"
        f" {_rate(step['rate'])} | {healthy}{verdict} |"
    )


def _rate(rate: Rate) -> str:
    if rate["value"] is None:
        return "not known yet"
    return f"{of_100(rate['value'])} ({100 * rate['low']:.1f} to {100 * rate['high']:.1f})"


def _days(step: StepFunnel) -> str:
    days = step["days"]
    if days["median"] is None or days["most_of_them"] is None:
        return ""
    return (
        f" Half of those who go on do so within {days['median']:.1f} days, nine in ten within"
        f" {days['most_of_them']:.1f}."
    )
