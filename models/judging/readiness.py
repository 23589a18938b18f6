"""What of a ladder a log has: the shapes in which it is kept, printed and served.

One typed dict is all of that. Unknown members are to be ignored.
"""

from __future__ import annotations

from typing import Final, Literal

from typing_extensions import TypedDict  # pydantic reads typing's own from Python 3.12 on

__all__ = [
    "LEVELS",
    "DeadReason",
    "GoalReadiness",
    "Level",
    "NextLevel",
    "OfferReadiness",
    "OutcomeCounts",
    "Readiness",
    "StepReadiness",
]

Level = Literal["bands", "rates", "model", "calibrated"]
"""What outcomes allow: none are known (`bands`); some are, and give a rate (`rates`); enough leads
of either kind to tell leads apart (`model`); and enough outcomes of either kind in the newest
quarter of the points to calibrate on these alone (`calibrated`)."""
LEVELS: Final[tuple[Level, ...]] = ("bands", "rates", "model", "calibrated")


class DeadReason(TypedDict):
    """Why nothing can be learned of a step, however long one waits, and a sentence about it."""

    why: Literal["never_named", "never_met", "skipped", "never_reached"]
    text: str


class NextLevel(TypedDict):
    """What the next level takes, and in how many weeks it will be there at the present pace.

    `weeks` is null where it will not be at this pace.
    """

    level: Level
    takes: str
    weeks: float | None


class OutcomeCounts(TypedDict):
    """Decision points and leads by what came of them.

    `decided`, `lost` and `pending` count points, and those that were lost are among the decided;
    `positives` and `negatives` count leads: a lead can be both, at two of its points.
    """

    decided: int
    lost: int
    pending: int
    positives: int
    negatives: int


class GoalReadiness(TypedDict):
    """What all steps together allow for a goal: what a model of it is fitted on."""

    outcomes: OutcomeCounts
    level: Level
    next: NextLevel | None


class StepReadiness(TypedDict):
    """A step by its own outcomes alone, in leads where nothing else is said.

    `reached`: had completed the step before it, or one above that; of the first step all.
    `completed`: met its rule. `skipped`: completed a step above it, and not it before that.
    `leads_a_week` came to stand before it in the last weeks of the log.
    """

    id: str
    title: str
    reached: int
    completed: int
    skipped: int
    leads_a_week: float
    outcomes: OutcomeCounts
    level: Level
    next: NextLevel | None
    dead: list[DeadReason]


class OfferReadiness(TypedDict):
    """What an offer can be learned from.

    `drawn`: decisions that chose it; `exposed`: of these, what reached its lead; `effective`: how
    many exposures, drawn alike, would tell as much; `extended`: by anybody. `known` is false for an
    offer that the log names and the ladder does not have.
    """

    id: str
    known: bool
    drawn: int
    exposed: int
    effective: float
    extended: int


class Readiness(TypedDict):
    """What of a ladder a log had at an instant; `summary` says it in a few sentences.

    `pace_weeks`: over so many weeks before `as_of` the pace was measured.
    """

    ladder: str
    as_of: str
    summary: str
    pace_weeks: float
    leads: int
    advancement: GoalReadiness
    purchase: GoalReadiness
    steps: list[StepReadiness]
    offers: list[OfferReadiness]
