"""The slow obvious version of `training.decision_points`: by lead, by week, by event.

It draws from the same generator, one number at a time: first an instant of each week of each lead,
then whether each event is followed by a score, then how soon, then which leads stay. A lead with
far more events than a busy one is asked about after as many of them as a busy one has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from features.ladder.ladder import EventRule, Ladder
from features.signals.program import compile_ladder
from tests.oracles.snapshot_oracle import (
    DAY_US,
    Event,
    climb,
    in_order,
    is_own_doing,
    lost_at,
    meets_any,
)

__all__ = ["oracle_points"]

Asked = tuple[str, int]
"""A lead, and the instant at which it would have been scored."""


def oracle_points(
    events: Sequence[Event],
    ladder: Ladder,
    start: int | None,
    end: int,
    seed: int,
    most: int,
) -> list[Asked]:
    """Who is asked about, when, by lead and time."""
    chance = np.random.default_rng(seed)
    leads = sorted({event.lead_id for event in events})
    known = [event for event in events if event.known_us <= end]
    asked = (
        _at_events(known, ladder, chance) if ladder.score_at else _drawn(known, ladder, end, chance)
    )
    asked = [(lead, at) for lead, at in asked if at <= end and (start is None or at > start)]
    if len(asked) > most:
        share = most / len(asked)
        stay = {lead for lead in leads if chance.random() < share}
        asked = [(lead, at) for lead, at in asked if lead in stay]
    return sorted((lead, at) for lead, at in asked if _is_open(events, ladder, lead, at))


def _is_open(events: Sequence[Event], ladder: Ladder, lead: str, at: int) -> bool:
    """Whether a lead has not bought, is not lost and, on a clock, has not fallen silent.

    One that has done nothing yet has not fallen silent.
    """
    history = in_order([event for event in events if event.known_us <= at], ladder, lead)
    if climb(history, ladder).rung == len(ladder.goals):
        return False
    if lost_at(history, ladder) is not None:
        return False
    own = [event.occurred_us for event in history if is_own_doing(event, ladder)]
    if ladder.score_at or not own:
        return True
    return at - max(own) <= ladder.dormant_after_days * DAY_US


def _at_events(events: Sequence[Event], ladder: Ladder, chance: np.random.Generator) -> list[Asked]:
    """When it became known that something happened at which leads are scored; once an instant."""
    asked = sorted({(e.lead_id, e.known_us) for e in events if meets_any(ladder.score_at, e)})
    share = _shares([lead for lead, _ in asked])
    if all(each == 1.0 for each in share.values()):
        return asked
    return [each for each in asked if chance.random() < share[each[0]]]


def _shares(leads: Sequence[str]) -> dict[str, float]:
    """Of each lead that is named once an event, the share of its events that counts."""
    count = {lead: leads.count(lead) for lead in set(leads)}
    if not count:
        return {}
    busy = sorted(count.values())[int(0.9 * (len(count) - 1))]
    return {
        lead: busy / many if many > 100 and many > 6 * busy else 1.0 for lead, many in count.items()
    }


def _is_read(event: Event, ladder: Ladder) -> bool:
    """Whether anything that the ladder says names the event."""
    return any(EventRule(name).names(event.name) for name in compile_ladder(ladder).names)


def _drawn(
    events: Sequence[Event], ladder: Ladder, end: int, chance: np.random.Generator
) -> list[Asked]:
    """An instant in each week of each lead's life, and one soon after some of the events."""
    week_us = 7 * DAY_US
    asked = []
    leads = sorted({event.lead_id for event in events})
    for lead in leads:
        known = [event.known_us for event in events if event.lead_id == lead]
        dies = min(max(known) + round(ladder.dormant_after_days * DAY_US), end)
        week = min(known)
        while week < dies:
            asked.append((lead, week + int(chance.integers(0, week_us))))
            week += week_us
    # As many after events as on the clock, so far as there are events that the ladder reads.
    read = [event for event in events if _is_read(event, ladder)]
    counts = _shares([event.lead_id for event in read])
    counted = round(sum(counts[event.lead_id] for event in read))
    share = min(1.0, len(asked) / counted) if read else 0.0
    rows = [event for lead in leads for event in in_order(events, ladder, lead)]
    after = [chance.random() < share * counts.get(event.lead_id, 0.0) for event in rows]
    chosen = [row for row, is_one in zip(rows, after, strict=True) if is_one]
    chosen = [event for event in chosen if _is_read(event, ladder)]
    for event in chosen:
        # Between 10^-4 days and one, on a scale of logarithms.
        days = math.exp(chance.uniform(math.log(1e-4), math.log(1.0)))
        asked.append((event.lead_id, event.known_us + int(days * DAY_US)))
    return asked
