"""Shapes of a model's pictures: promises beside outcomes, who finds whom, how chances moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from serving.pages.models.figures import Gains, Promise
from serving.process.judged.moved import MovedAt

__all__ = [
    "DrawnGain",
    "DrawnPromise",
    "DrawnPromises",
    "gains_drawn",
    "moves_drawn",
    "promises_drawn",
]

_SIDE: Final = 300.0
_TICKS: Final = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_LEAST_GAP: Final = 0.1
"""Between two rates that are named, as a share of an axis."""
_WIDE, _HIGH = 600.0, 90.0


@dataclass(frozen=True, slots=True)
class DrawnPromise:
    """A dot with the range of chance around it."""

    x: float
    y: float
    low: float
    high: float
    inside: bool


@dataclass(frozen=True, slots=True)
class DrawnPromises:
    """Dots on axes that are stretched towards 0, where most chances are; `ticks` have names."""

    dots: Sequence[DrawnPromise]
    ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class DrawnGain:
    """A line on a square, from nothing to all."""

    name: str
    points: str
    is_ours: bool


def promises_drawn(promises: Sequence[Promise]) -> DrawnPromises | None:
    """What was told to the right, what came upwards; None without any."""
    if not promises:
        return None
    top = min(1.0, 1.08 * max(max(one.told, one.high) for one in promises))

    def along(rate: float) -> float:
        return _SIDE * sqrt(max(rate, 0.0) / top)

    dots = [
        DrawnPromise(
            along(one.told),
            _SIDE - along(one.came),
            _SIDE - along(min(one.low, top)),
            _SIDE - along(min(one.high, top)),
            one.inside,
        )
        for one in promises
    ]
    ticks: list[tuple[float, str]] = []
    for rate in _TICKS:
        place = along(rate)
        if rate <= top and (not ticks or place - ticks[-1][0] >= _LEAST_GAP * _SIDE):
            ticks.append((place, f"{100 * rate:.0f} %"))
    return DrawnPromises(dots, ticks)


def gains_drawn(gains: Sequence[Gains]) -> list[DrawnGain]:
    """The rankings, the model's last so that it lies on top."""
    drawn = []
    for one in sorted(gains, key=lambda each: each.is_ours):
        pairs = zip(one.shares, one.found, strict=True)
        points = " ".join(f"{_SIDE * x:.1f},{_SIDE * (1.0 - y):.1f}" for x, y in pairs)
        drawn.append(DrawnGain(one.name, points, one.is_ours))
    return drawn


def moves_drawn(course: Sequence[MovedAt], trained: float) -> tuple[str, float] | None:
    """The chance over time as a line, and the height of what was trained; None of one point."""
    if len(course) < 2:
        return None
    least = min(trained, *(one.chance for one in course))
    most = max(trained, *(one.chance for one in course))
    room = max((most - least) * 0.15, 0.01)
    least, most = least - room, most + room
    first, span = course[0].known_at, max(course[-1].known_at - course[0].known_at, 1)

    def height(chance: float) -> float:
        return _HIGH * (1.0 - (chance - least) / (most - least))

    steps: list[str] = []
    for one in course:
        x, y = _WIDE * (one.known_at - first) / span, height(one.chance)
        if steps:
            steps.append(f"{x:.1f},{steps[-1].partition(',')[2]}")
        steps.append(f"{x:.1f},{y:.1f}")
    return " ".join(steps), height(trained)
