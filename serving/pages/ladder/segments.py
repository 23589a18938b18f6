"""Who they are: each step by what was known of leads when they came to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from models.judging.funnel.shapes import Funnel, SegmentCell, StepFunnel
from serving.pages.common import words
from serving.pages.ladder.choices import LadderChoice, value_of
from serving.pages.ladder.steps import percent, span

__all__ = ["SegmentLine", "SegmentTable", "SegmentValue", "segment_tables"]

_MOST_LINES: Final = 10
_MOST_CELLS: Final = 180
"""What a page holds of them; all of it stands in the CSV."""


@dataclass(frozen=True, slots=True)
class SegmentValue:
    """What one value did at one step.

    Parameters
    ----------
    rate, likely, of : "23 %", "17 to 31 %", "214"; "" where nobody came, or it is too early.
    address : where these leads are named, "" where nobody is.
    is_below : whether it is surely below the usual share by itself.
    """

    rate: str
    likely: str
    of: str
    address: str
    is_below: bool


@dataclass(frozen=True, slots=True)
class SegmentLine:
    """One value of a trait; `address` shows the page of these leads alone."""

    value: str
    address: str
    cells: tuple[SegmentValue, ...]


@dataclass(frozen=True, slots=True)
class SegmentTable:
    """A trait by which leads are told apart; `more` values have fewer leads than those shown."""

    title: str
    lines: tuple[SegmentLine, ...]
    more: int


def segment_tables(found: Funnel, choice: LadderChoice) -> list[SegmentTable]:
    """A table a trait, as many as a page can hold; of a trait that is chosen there is none."""
    traits = list(found["steps"][0]["segments"])
    tables = (_table(found, trait, choice) for trait in traits if trait not in choice.only)
    shown: list[SegmentTable] = []
    cells = 0
    for table in tables:
        cells += len(table.lines) * len(found["steps"])
        if len(table.lines) > 1 and (not shown or cells <= _MOST_CELLS):
            shown.append(table)
    return shown


def _table(found: Funnel, trait: str, choice: LadderChoice) -> SegmentTable:
    values = dict.fromkeys(
        cell["value"] for step in found["steps"] for cell in step["segments"][trait]
    )
    ordered = [one for one in values if one is not None] + [None] * (None in values)
    return SegmentTable(
        words.titled(trait),
        tuple(
            SegmentLine(
                value_of(value),
                choice.of(trait, value).address(),
                tuple(_cells(found, trait, value, choice)),
            )
            for value in ordered[:_MOST_LINES]
        ),
        max(0, len(ordered) - _MOST_LINES),
    )


def _cells(
    found: Funnel, trait: str, value: str | None, choice: LadderChoice
) -> Iterator[SegmentValue]:
    of_these = choice.of(trait, value)
    for step in found["steps"]:
        cell = next((one for one in step["segments"][trait] if one["value"] == value), None)
        if cell is None:
            yield SegmentValue("", "", "", "", is_below=False)
        else:
            yield _value(step, cell, of_these)


def _value(step: StepFunnel, cell: SegmentCell, choice: LadderChoice) -> SegmentValue:
    rate, counts, band = cell["rate"], cell["counts"], step["band"]
    is_known = rate["value"] is not None
    return SegmentValue(
        rate=percent(rate["value"] or 0.0) if is_known else "too early",
        likely=span(rate["low"], rate["high"]) if is_known else "",
        of=words.count(counts["came"]),
        address=choice.leads(step["id"]) if counts["came"] > counts["left"] else "",
        is_below=is_known and band is not None and rate["high"] < band["low"],
    )
