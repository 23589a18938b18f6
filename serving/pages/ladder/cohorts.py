"""Since when: each step by the weeks or months in which leads came to it, drawn and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from models.judging.funnel.shapes import CohortCell, Funnel, StepFunnel
from serving.pages.common import words
from serving.pages.ladder.choices import LadderChoice, cohort_name, day_of
from serving.pages.ladder.steps import percent

__all__ = ["CohortLine", "CohortPicture", "cohort_lines", "cohort_pictures"]

_WIDE: Final = 300.0
_HIGH: Final = 100.0
_EDGE: Final = 6.0
"""So much is left free on either side of a picture."""
_MOST_LINES: Final = 13
_MOST_CELLS: Final = 104
"""Of the table; the rest stands in the CSV."""


@dataclass(frozen=True, slots=True)
class CohortPicture:
    """How many of each week or month went on at a step: paths on 300 by 100, 0 % at the bottom.

    Parameters
    ----------
    spans : the intervals.
    done, open : the rates of those whose time is over, and of those of whom some still have time.
    band_top, band_high : of the shaded usual share; None without one.
    first, last : the days under the left and the right end.
    newest : the newest rate, in words.
    """

    title: str
    spans: str
    done: str
    open: str
    band_top: float | None
    band_high: float | None
    first: str
    last: str
    newest: str


@dataclass(frozen=True, slots=True)
class CohortLine:
    """A week or a month in the table: per step the rate, of how many, and where they are named."""

    day: str
    cells: tuple[tuple[str, str, str], ...]


def cohort_pictures(found: Funnel, choice: LadderChoice) -> list[CohortPicture]:
    """A picture a step, all over the same stretch of time."""
    days = sorted({cell["since"][:10] for step in found["steps"] for cell in step["cohorts"]})
    if len(days) < 2:
        return []
    return [_picture(step, days[0], days[-1], choice) for step in found["steps"]]


def _picture(step: StepFunnel, first: str, last: str, choice: LadderChoice) -> CohortPicture:
    known = [cell for cell in step["cohorts"] if cell["rate"]["value"] is not None]
    band = step["band"]
    return CohortPicture(
        title=step["title"],
        spans="".join(_span(cell, first, last) for cell in known),
        done="".join(_dot(cell, first, last) for cell in known if not cell["counts"]["pending"]),
        open="".join(_dot(cell, first, last) for cell in known if cell["counts"]["pending"]),
        band_top=None if band is None else _y(band["high"]),
        band_high=None if band is None else _HIGH * (band["high"] - band["low"]),
        first=_day(first, choice),
        last=_day(last, choice),
        newest=_newest(known, choice),
    )


def _day(since: str, choice: LadderChoice) -> str:
    return cohort_name(since, "month") if choice.by == "month" else day_of(since)


def _x(since: str, first: str, last: str) -> float:
    begin, end, at = (date.fromisoformat(text[:10]).toordinal() for text in (first, last, since))
    return _EDGE + (_WIDE - 2 * _EDGE) * (at - begin) / (end - begin)


def _y(share: float) -> float:
    return _HIGH * (1.0 - share)


def _span(cell: CohortCell, first: str, last: str) -> str:
    low, high = _y(cell["rate"]["low"]), _y(cell["rate"]["high"])
    return f"M{_x(cell['since'], first, last):.1f} {low:.1f}V{high:.1f}"


def _dot(cell: CohortCell, first: str, last: str) -> str:
    return f"M{_x(cell['since'], first, last):.1f} {_y(cell['rate']['value'] or 0.0):.1f}h0"


def _newest(known: Sequence[CohortCell], choice: LadderChoice) -> str:
    if not known:
        return "Too early to say"
    cell = known[-1]
    came = cell["counts"]["came"]
    name = words.sentence(cohort_name(cell["since"], choice.by))
    return f"{name}: {percent(cell['rate']['value'] or 0.0)} of {words.count(came)}"


def cohort_lines(found: Funnel, choice: LadderChoice) -> list[CohortLine]:
    """The newest weeks or months, the newest first."""
    days = {cell["since"] for step in found["steps"] for cell in step["cohorts"]}
    most = min(_MOST_LINES, max(1, _MOST_CELLS // len(found["steps"])))
    return [
        CohortLine(_day(since, choice), tuple(_cells(found, since, choice)))
        for since in sorted(days, reverse=True)[:most]
    ]


def _cells(found: Funnel, since: str, choice: LadderChoice) -> Iterator[tuple[str, str, str]]:
    of_then = choice.in_cohort(since)
    for step in found["steps"]:
        cell = next((one for one in step["cohorts"] if one["since"] == since), None)
        if cell is None:
            yield "", "", ""
            continue
        value, counts = cell["rate"]["value"], cell["counts"]
        rate = "too early" if value is None else percent(value)
        has_names = counts["came"] > counts["left"]
        address = of_then.leads(step["id"]) if has_names else ""
        yield rate, words.count(counts["came"]), address
