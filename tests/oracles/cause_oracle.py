"""Slow, obvious versions of the facts behind content, offers, depth and replies."""

from __future__ import annotations

from typing import Any

from features.events.log import EventLog
from features.funnel.stays import Stays
from features.ladder.activity import activity_of
from features.signals.fold import NONE
from features.signals.rules import met_any

Row = tuple[str, int, int, dict[str, Any]]
"""Name, when it happened, when it was known, what it says."""


def rows_of(log: EventLog) -> list[list[Row]]:
    """The rows of each lead, in the order of the log."""
    found: list[list[Row]] = []
    for lead in range(len(log.leads)):
        rows: list[Row] = []
        for row in range(int(log.starts[lead]), int(log.starts[lead + 1])):
            held: dict[str, Any] = {}
            for at, name in enumerate(log.columns.numbers):
                value = float(log.numbers[at, row])
                if value == value:
                    held[name] = value
            for at, name in enumerate(log.columns.texts):
                if log.texts[at, row] >= 0:
                    held[name] = log.text_values[at][log.texts[at, row]]
            when, known = int(log.occurred[row]), int(log.known[row])
            rows.append((log.names[log.name[row]], when, known, held))
        found.append(rows)
    return found


def is_interest(stays: Stays, row: Row) -> bool:
    activity = activity_of(stays.ladder)
    name, _, _, held = row
    barred = met_any_pattern((*activity.against, *activity.ours), name, held)
    return met_any_pattern(activity.interest, name, held) and not barred


def met_any_pattern(rules: Any, name: str, held: dict[str, Any]) -> bool:
    return met_any(rules, name, held)


def questions(log: EventLog, stays: Stays) -> list[tuple[int, int, int | None]]:
    """(lead, asked, replied) of each question; who asks again while it waits asks nothing new."""
    ladder = stays.ladder
    longest = round(ladder.dormant_after_days * 86_400_000_000)
    found: list[tuple[int, int, int | None]] = []
    for lead, rows in enumerate(rows_of(log)):
        waiting: int | None = None
        for name, when, known, _ in rows:
            if known > stays.until:
                continue
            if name == ladder.events.lead_asked and waiting is None:
                waiting = when
            elif waiting is not None and name in (
                ladder.events.business_replied,
                ladder.events.offer_extended,
            ):
                found.append((lead, waiting, when if when < waiting + longest else None))
                waiting = None
        if waiting is not None:
            found.append((lead, waiting, None))
    return found


def uses(log: EventLog, stays: Stays) -> dict[tuple[int, str], list[tuple[int, str | None]]]:
    """By stay and piece property: when a lead engaged in the stay, and with which piece."""
    ladder = stays.ladder
    names = {name for goal in ladder.goals for name in goal.engaged_by}
    rows = rows_of(log)
    found: dict[tuple[int, str], list[tuple[int, str | None]]] = {}
    for stay in range(len(stays)):
        since = int(stays.entered[stay])
        until = since + int(stays.horizon[stay])
        for other in (stays.advanced[stay], stays.lost[stay], stays.left[stay]):
            if other != NONE:
                until = min(until, int(other))
        own: list[tuple[int, str | None]] = []
        for row in rows[int(stays.lead[stay])]:
            name, when, known, held = row
            if known <= stays.until and since <= when < until and name in names:
                own += [(when, held.get("content"))] if is_interest(stays, row) else []
        found[stay, "content"] = own
    return found
