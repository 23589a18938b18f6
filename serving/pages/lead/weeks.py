"""How the chance of a purchase went over twelve weeks, computed again, and what moved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.clock import rfc3339
from features.events.log import DAY_US
from features.events.of_lead import Row
from features.ladder.activity import activity_of
from features.ladder.ladder import Ladder
from features.signals.rules import met_any
from serving.scoring.model import Model

__all__ = ["Week", "Weeks", "weeks_of"]

_WEEKS: Final = 12
_WIDTH, _HEIGHT, _MARGIN = 560.0, 96.0, 6.0


@dataclass(frozen=True, slots=True)
class Week:
    """A week, by its end.

    Parameters
    ----------
    until : RFC 3339, UTC.
    chance : of a purchase within its horizon, as today's model sees it; None where there was none.
    x, y : where it stands in the picture.
    steps : titles of the steps that were completed in it.
    theirs, ours : how much the lead did in it, and how much we did.
    """

    until: str
    chance: float | None
    x: float
    y: float
    steps: tuple[str, ...]
    theirs: int
    ours: int


@dataclass(frozen=True, slots=True)
class Weeks:
    """Twelve weeks, the oldest first; `top` is the chance at the upper edge of the picture."""

    weeks: tuple[Week, ...]
    top: float
    width: float = _WIDTH
    height: float = _HEIGHT

    @property
    def line(self) -> str:
        """The points of the line."""
        return " ".join(f"{one.x:.1f},{one.y:.1f}" for one in self.weeks if one.chance is not None)


def weeks_of(
    model: Model, lead_id: str, rows: Sequence[Row], completed: Mapping[str, int], now: int
) -> Weeks | None:
    """The last twelve weeks of a lead; None where it has been known for less than one.

    Parameters
    ----------
    rows : the events of the lead, in time order.
    completed : when each rung was completed, by its id.
    now : the end of the last week, microseconds since the epoch.
    """
    first = min((row[2] for row in rows), default=now)
    ends = [now - 7 * DAY_US * back for back in range(_WEEKS, -1, -1)]
    known = [end for end in ends if end >= first]
    if len(known) < 2:
        return None
    ladder = model.bundle.ladder
    chances = {end: _chance(model, lead_id, rows, end) for end in known}
    top = min(1.0, max([0.05, *(one for one in chances.values() if one is not None)]) * 1.1)
    titles = {goal.id: goal.title for goal in ladder.goals}
    step = (_WIDTH - 2 * _MARGIN) / max(len(known) - 1, 1)
    found = []
    for at, end in enumerate(known):
        begin, chance = end - 7 * DAY_US, chances[end]
        theirs, ours = _done(rows, ladder, begin, end)
        share = (chance or 0.0) / top
        steps = tuple(titles[rung] for rung, done in completed.items() if begin < done <= end)
        found.append(
            Week(
                until=rfc3339(end),
                chance=chance,
                x=_MARGIN + at * step,
                y=_HEIGHT - _MARGIN - share * (_HEIGHT - 2 * _MARGIN),
                steps=steps,
                theirs=theirs,
                ours=ours,
            )
        )
    return Weeks(tuple(found), top)


def _chance(model: Model, lead_id: str, rows: Sequence[Row], as_of: int) -> float | None:
    scores = model.estimate_rows(lead_id, rows, as_of).scores
    if scores.step[0] is None:
        return None
    chance = float(scores.purchase.probability[0])
    return None if np.isnan(chance) else chance


def _done(rows: Sequence[Row], ladder: Ladder, begin: int, end: int) -> tuple[int, int]:
    rules = activity_of(ladder)
    theirs = ours = 0
    for name, occurred, _, properties in rows:
        if begin < occurred <= end:
            ours += met_any(rules.ours, name, properties)
            theirs += met_any(rules.interest, name, properties)
    return theirs, ours
