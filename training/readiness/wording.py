"""What of a ladder a log has, in sentences that a manager reads first."""

from __future__ import annotations

from datetime import timedelta

from features.clock import when
from models.judging.readiness import GoalReadiness, StepReadiness

__all__ = ["summary_of"]


def summary_of(steps: list[StepReadiness], together: GoalReadiness, until: int) -> str:
    """Where leads are told apart, where they will be next, and which steps will not do.

    Parameters
    ----------
    until : microseconds since the epoch, from when on weeks are counted.
    """
    return " ".join([_told_apart(steps, together, until), *_dead(steps)])


def _told_apart(steps: list[StepReadiness], together: GoalReadiness, until: int) -> str:
    able = [step for step in steps if step["level"] in ("model", "calibrated")]
    if len(able) == len(steps):
        return f"Scores tell leads apart at all {len(steps)} steps."
    if able:
        said = f"Scores tell leads apart at {len(able)} of {len(steps)} steps by their own outcomes"
    elif together["level"] in ("model", "calibrated"):
        said = (
            "Scores tell leads apart by what the steps have in common: none has enough outcomes of"
            " its own yet"
        )
    elif together["level"] == "rates":
        said = "Scores are the rates of the steps: too few outcomes are known to tell leads apart"
    else:
        said = "Scores are the ladder's bands: no outcome is known yet"
    return f"{said}; {_next(steps, able, until)}."


def _next(steps: list[StepReadiness], able: list[StepReadiness], until: int) -> str:
    """Which step will be the next to tell leads apart, and when."""
    waits = [
        (step["next"]["weeks"], step["title"])
        for step in steps
        if step not in able and step["level"] == "rates" and step["next"]
        if step["next"]["weeks"] is not None
    ]
    first = [step["next"] for step in steps if step["level"] == "bands"]
    if not waits and any(one and one["weeks"] is not None for one in first):
        return f"when {'another' if able else 'a step'} will, first outcomes will tell"
    if not waits:
        return "no other will at the present pace" if able else "none will at the present pace"
    weeks, title = min(waits, key=lambda wait: wait[0] or 0.0)
    month = when(until) + timedelta(weeks=weeks or 0.0)
    return f"{title!r} will by about {month:%B %Y}"


def _dead(steps: list[StepReadiness]) -> list[str]:
    dead = [step for step in steps if step["dead"]]
    if not dead:
        return []
    count = "1 step" if len(dead) == 1 else f"{len(dead)} steps"
    named = "; ".join(f"{step['title']!r}: {step['dead'][0]['text']}" for step in dead)
    return [f"Nothing can be learned of {count} as it stands: {named}."]
