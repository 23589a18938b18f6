"""The events that arrived, against those that the ladder knows of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields, is_dataclass

import sqlalchemy as sa

from features.clock import said_at
from features.ladder.action import HANDS, NOTED
from features.ladder.activity import activity_of
from features.ladder.event_rule import EventRule
from features.ladder.ladder import Ladder, Step
from features.ladder.words import things
from features.store.database import Database
from features.store.schema import events
from serving.connectors.configuration import VENDORS
from serving.doctor.finding import Finding, fine, note, wrong

__all__ = ["seen"]

_FUTURE_US = 60_000_000
_MOST_NAMES = 5
_LINKS = "alias"
"""What a message is called that tells whose an address is, and no more."""


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
        counts = {name: count for name, count, _ in rows}
        yield from _names(counts, ladder)
        yield from _of_connectors(database, counts, ladder)


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


def _of_connectors(
    database: Database, counts: Collection[str], ladder: Ladder
) -> Iterator[Finding]:
    """Which events that connectors brought say nothing to the ladder."""
    rules = [*_rules(ladder), *_rules(activity_of(ladder))]
    known = _named(ladder) | {rule.event for rule in rules}
    unknown = [
        name
        for name in sorted(counts)
        if name not in known and not any(rule.names(name) for rule in rules)
    ]
    for source in (*VENDORS, *(one.name for one in ladder.sources)) if unknown else ():
        wanted = sa.select(events.c.name, sa.func.count()).group_by(events.c.name)
        of_source = events.c.message_id.startswith(f"{source}:", autoescape=True)
        with database.reading() as connection:
            found = connection.execute(wanted.where(events.c.name.in_(unknown), of_source)).all()
        if found:
            yield _nothing_to(ladder, source, {row[0]: row[1] for row in found})


def _nothing_to(ladder: Ladder, source: str, counts: dict[str, int]) -> Finding:
    """The finding of a connector whose events of some names are nowhere in the ladder."""
    names = sorted(counts, key=lambda name: (-counts[name], name))
    more = len(names) - _MOST_NAMES
    shown = [f"{name!r} ({things(counts[name], 'event')})" for name in names[:_MOST_NAMES]]
    shown += [f"{more:,} other names"] if more > 0 else []
    told = f"[{source}.events] in RUNG_CONNECTORS" if source in VENDORS else f"the source {source}"
    return note(
        "events",
        f"{source} brought {' and '.join(shown)}, which the ladder {ladder.name} names nowhere",
        "no step, signal or rule reads it, so no score follows from it",
        f"let the ladder read {names[0]!r}, as in complete_when of the step that it completes; or"
        f" let {told} call it what the ladder does, or leave it out",
    )


def _rules(part: object) -> Iterator[EventRule]:
    """All rules that stand anywhere in a ladder, or in a part of one."""
    if isinstance(part, EventRule):
        yield part
    elif isinstance(part, tuple):
        for one in part:
            yield from _rules(one)
    elif is_dataclass(part):
        for member in fields(part):
            yield from _rules(getattr(part, member.name))


def _named(ladder: Ladder) -> set[str]:
    """The events that a ladder names without a rule, and those that Rung names itself."""
    roles = {getattr(ladder.events, role.name) for role in fields(ladder.events)}
    engaging = {name for goal in ladder.goals for name in goal.engaged_by}
    told = {*(one.event for one in ladder.beats), *(one.event for one in ladder.actions)}
    return {*roles, *engaging, *told, *HANDS, NOTED, _LINKS}


def _of_step(step: Step) -> set[str]:
    return {rule.event for rule in step.complete_when}


def _listed(names: Iterable[str]) -> str:
    return " or ".join(sorted(names))
