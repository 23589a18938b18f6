"""The events that arrived, against those that the ladder knows of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlalchemy as sa

from features.clock import said_at
from features.ladder.ladder import Ladder, Step
from features.ladder.words import things
from features.store.database import Database
from features.store.schema import events
from serving.doctor.finding import Finding, fine, note, wrong

__all__ = ["seen"]

_FUTURE_US = 60_000_000


def seen(database: Database, ladder: Ladder | None, as_of: int) -> Iterator[Finding]:
    """Whether what arrives says anything of the ladder; all events are read for it once."""
    wanted = sa.select(events.c.name, sa.func.count(), sa.func.max(events.c.known_at))
    with database.reading() as connection:
        rows = connection.execute(wanted.group_by(events.c.name)).all()
    if not rows:
        why = "there is nothing to score"
        yield note("events", "none has arrived yet", why, "send some, or rung import")
        return
    yield from _times(max(known for _, _, known in rows), as_of)
    if ladder is not None:
        yield from _names({name: count for name, count, _ in rows}, ladder)


def _times(newest: int, as_of: int) -> Iterator[Finding]:
    if newest > as_of + _FUTURE_US:
        yield wrong(
            "clock",
            f"the newest event became known at {said_at(newest)}, which is still to come",
            "it does not count before, and its lead is not scored anew",
            "set the clock of the machine that stored it; mind known_at of imported files",
        )


def _names(counts: dict[str, int], ladder: Ladder) -> Iterator[Finding]:
    """Whether the events of the ladder's steps are ever sent."""
    unseen = [goal for goal in ladder.goals if not _of_step(goal) & counts.keys()]
    if len(unseen) == len(ladder.goals):
        usual = ", ".join(sorted(counts, key=lambda name: (-counts[name], name))[:5])
        yield wrong(
            "events",
            f"none of the ladder {ladder.name} was ever seen; there are {usual}",
            "no lead completes a step, so all scores are alike",
            f"send {_listed(_of_step(ladder.goals[0]))}, or name in the ladder what you send",
        )
        return
    yield fine("events", f"{things(sum(counts.values()), 'event')}, steps of the ladder among them")
    for goal in unseen:
        yield note(
            "events",
            f"none that completes the step {goal.id!r} was ever seen",
            "no lead gets beyond it by itself",
            f"send {_listed(_of_step(goal))} when it happens",
        )


def _of_step(step: Step) -> set[str]:
    return {rule.event for rule in step.complete_when}


def _listed(names: Iterable[str]) -> str:
    return " or ".join(sorted(names))
