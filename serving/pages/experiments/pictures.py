"""The way that an interval took as leads came in, as shapes to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.judging.trials.shapes import CoursePoint

__all__ = ["HIGH", "WIDE", "DrawnCourse", "course_drawn"]

WIDE, HIGH = 600.0, 160.0
"""Of the picture, in its own units."""
_ROOM: Final = 1.6
"""How much wider than the last interval the picture is: the first ones reach far beyond."""
_LEAST: Final = 0.05


@dataclass(frozen=True, slots=True)
class DrawnCourse:
    """An interval over leads.

    Parameters
    ----------
    name : of the arm that is compared.
    band, line : points of a polygon and of a line, as SVG has them.
    zero : the height of no difference.
    most : the difference at the upper edge, and with a minus at the lower one.
    points : that the picture shows, for its table.
    """

    name: str
    band: str
    line: str
    zero: float
    most: float
    points: Sequence[CoursePoint]

    @property
    def leads(self) -> int:
        """At the right edge."""
        return self.points[-1]["leads"]


def course_drawn(name: str, points: Sequence[CoursePoint]) -> DrawnCourse | None:
    """The way of an interval; None before there are two points of it."""
    if len(points) < 2:
        return None
    last = points[-1]
    most = max(_ROOM * max(abs(last["low"]), abs(last["high"])), _LEAST)
    first, span = points[0]["leads"], max(last["leads"] - points[0]["leads"], 1)

    def at(one: CoursePoint, value: float) -> str:
        x = WIDE * (one["leads"] - first) / span
        y = HIGH / 2.0 * (1.0 - max(-1.0, min(1.0, value / most)))
        return f"{x:.1f},{y:.1f}"

    upper = [at(one, one["high"]) for one in points]
    lower = [at(one, one["low"]) for one in reversed(points)]
    line = " ".join(at(one, one["value"]) for one in points)
    return DrawnCourse(name, " ".join([*upper, *lower]), line, HIGH / 2.0, most, points)
