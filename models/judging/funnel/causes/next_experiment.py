"""The experiment that would settle what to change at a step: arms, leads, weeks."""

from __future__ import annotations

from math import ceil, sqrt
from typing import Final

from scipy.special import ndtri

from features.arrays import Ints
from features.events.log import DAY_US
from features.ladder.ladder import Band, Step
from features.ladder.words import worth_of
from models.judging.funnel.cause_shapes import DropCause, ExperimentDraft, JumpEvidence

__all__ = ["draft_experiment", "leads_a_week", "leads_of_both_arms"]

_PACE_WEEKS: Final = 8.0
"""The present pace is that of the newest so many weeks."""
_WEEK_US: Final = 7 * DAY_US


def leads_of_both_arms(rate: float, other: float, power: float) -> int:
    """So many leads, half in each arm, tell two rates apart with this power, two-sided at 5 %.

    By the normal approximation of two shares (Fleiss, Levin and Paik 2003, without continuity).

    Parameters
    ----------
    rate, other : in [0, 1], and different.
    power : in (0, 1).
    """
    middle = (rate + other) / 2.0
    by_chance = float(ndtri(0.975)) * sqrt(2.0 * middle * (1.0 - middle))
    by_power = float(ndtri(power)) * sqrt(rate * (1.0 - rate) + other * (1.0 - other))
    return 2 * ceil(((by_chance + by_power) / (other - rate)) ** 2)


def leads_a_week(entered: Ints, counted_until: int) -> float:
    """How many leads came to a step a week lately; of a younger log, over all of it."""
    if not len(entered):
        return 0.0
    span = min(_PACE_WEEKS * _WEEK_US, max(float(counted_until - entered.min()), float(_WEEK_US)))
    return float((entered >= counted_until - span).sum() / (span / _WEEK_US))


def draft_experiment(
    cause: DropCause,
    step: Step,
    before: Step | None,
    rate: float,
    band: Band,
    pace: float,
    jump: JumpEvidence,
) -> ExperimentDraft:
    """The next experiment on a step that is below its band.

    The smallest difference worth having is half of the way to the band.

    Parameters
    ----------
    pace : leads a week that come to the step.
    """
    worth = rate + (band.low - rate) / 2.0
    change, arm = _change(cause, step, before, jump)
    sizes = {power: leads_of_both_arms(rate, worth, power) for power in (0.8, 0.9)}
    weeks = {
        power: None if pace <= 0 else round(size / pace + step.horizon_days / 7.0, 1)
        for power, size in sizes.items()
    }
    return {
        "step": step.id,
        "change": change,
        "arms": ["as it is", arm],
        "rate_now": rate,
        "rate_worth": worth,
        "leads_80": sizes[0.8],
        "leads_90": sizes[0.9],
        "weeks_80": weeks[0.8],
        "weeks_90": weeks[0.9],
    }


def _change(
    cause: DropCause, step: Step, before: Step | None, jump: JumpEvidence
) -> tuple[str, str]:
    """What to change, and the name of the arm in which it is."""
    if cause == "value":
        name = step.title if before is None else before.title
        return (
            f"give more at {name!r} before asking for {step.title!r}: help to use it to the end,"
            " and ask only then",
            "more value first",
        )
    cells = [cell for cell in jump["by_fields"] if cell["fields"] > 0]
    most = max((cell["fields"] for cell in cells), default=0)
    if most >= 3:
        return f"ask for fewer fields at {step.title!r}: two instead of {most}", "fewer fields"
    before_effort = jump["effort_before"]
    if before_effort is None:
        return (
            f"offer something lighter at {step.title!r}, or a shorter first part",
            "lighter offer",
        )
    at_most = jump["most"] * max(before_effort, 1.0)
    return (
        f"offer something lighter at {step.title!r}, or a shorter first part: at most"
        f" {worth_of(round(at_most))}",
        "lighter offer",
    )
