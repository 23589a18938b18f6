"""The tables of the page of models as rows, for spreadsheets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from features.clock import rfc3339
from models.judging.served import AheadLook
from serving.pages.common.downloads import CsvTable
from serving.pages.models.advice import ReadyStep
from serving.pages.models.figures import ExpectedCame, GoalFigures
from serving.process.judged.moved import Movement
from serving.process.judged.versions import Tenure

__all__ = ["OF_GOAL", "moves_table", "ready_table", "signals_table", "versions_table"]

_EXPECTED: Final = ("chances", "leads", "expected", "came", "low", "high", "by_chance")


def _promises(figures: GoalFigures) -> CsvTable:
    columns = ("chances", "told", "came", "low", "high", "by_chance")
    rows = ((p.n, p.told, p.came, p.low, p.high, p.inside) for p in figures.promises)
    return columns, rows


def _gain(figures: GoalFigures) -> CsvTable:
    columns = ("share_of_leads", *(one.name for one in figures.gains))
    shares = figures.gains[0].shares if figures.gains else ()
    rows = ((share, *(one.found[at] for one in figures.gains)) for at, share in enumerate(shares))
    return columns, rows


def _steps(figures: GoalFigures) -> CsvTable:
    rows = ((one.title, *_expected(one.whole), one.ordered, one.standing) for one in figures.steps)
    return ("step", *_EXPECTED, "right_order", "beside_step_rates"), rows


def _spans(figures: GoalFigures) -> CsvTable:
    rows = ((one.since.iso if one.since else None, *_expected(one)) for one in figures.spans)
    return ("from", *_EXPECTED), rows


def _rivals(figures: GoalFigures) -> CsvTable:
    columns = ("way", "right_order", "off", "surprise", "model_beside_it", "why_not")
    rows = (
        (one.name, one.ordered, one.off, one.surprise, one.standing, one.why_not)
        for one in figures.rivals
    )
    return columns, rows


OF_GOAL: Final[Mapping[str, Callable[[GoalFigures], CsvTable]]] = {
    "reliability": _promises,
    "gain": _gain,
    "steps": _steps,
    "spans": _spans,
    "baselines": _rivals,
}
"""The tables of one goal, by name."""


def _expected(one: ExpectedCame | None) -> Sequence[object]:
    if one is None:
        return (None,) * len(_EXPECTED)
    return one.n, one.leads, one.expected, one.came, one.low, one.high, one.inside


def moves_table(moved: Sequence[Movement]) -> CsvTable:
    """How a typical lead's chance moved, by goal and time."""
    rows = (
        (one.goal, rfc3339(at.known_at), at.chance, at.outcomes, one.trained)
        for one in moved
        for at in one.course
    )
    return ("goal", "known_at", "chance", "outcomes", "as_trained"), rows


def signals_table(ahead: AheadLook | None) -> CsvTable:
    """The signals that have moved, by step."""
    columns = ("step", "signal", "weight", "moved", "by_chance", "known", "known_before")
    rows = (
        (
            *(step["step"], one["id"], one["share"], one["moved"], one["moved_by_chance"]),
            *(one["known"], one["known_before"], one["says"], one["says_before"]),
        )
        for step in (ahead["moved"] if ahead else ())
        for one in step["signals"]
    )
    return (*columns, "says", "says_before"), rows


def versions_table(served: Sequence[Tenure]) -> CsvTable:
    """What served since when."""
    columns = ("model", "policy", "from", "to", "by", "why", "trained_until", "taken_back")
    rows = (
        (
            *(one.version, one.policy, rfc3339(one.from_at)),
            None if one.to_at is None else rfc3339(one.to_at),
            *(one.by, one.why, rfc3339(one.until) if one.until else None, one.taken_back),
        )
        for one in served
    )
    return columns, rows


def ready_table(steps: Sequence[ReadyStep]) -> CsvTable:
    """What of each step can be learned."""
    columns = ("step", "leads_a_week", "went_on", "did_not", "pending", "level", "next", "dead")
    rows = (
        (
            *(one.title, one.leads_a_week, one.went_on, one.did_not, one.pending),
            *(one.level, one.following, "; ".join(one.dead)),
        )
        for one in steps
    )
    return columns, rows
