"""The slow obvious version of `training.labels`: one loop over the events that came after.

An event has two clocks. Whether it was news to whoever asked, and whether it may be used by now, is
decided by when it became known; whether it came within the horizon by when it happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from features.ladder.ladder import EventRule, Ladder, Step
from tests.oracles.snapshot_oracle import DAY_US, Event, climb, in_order, meets_any

__all__ = ["OracleOutcome", "oracle_delay", "oracle_outcomes", "oracle_position"]


@dataclass(frozen=True, slots=True)
class OracleOutcome:
    """What is known of one goal, and whether it may be learned from."""

    state: Literal["advanced", "lapsed", "lost", "pending"]
    mature: bool
    known_at: int | None = None


def oracle_position(events: Sequence[Event], ladder: Ladder, lead_id: str, as_of: int) -> int:
    """How many rungs a lead had behind it, by what was known at `as_of`."""
    known = [event for event in events if event.known_us <= as_of]
    return climb(in_order(known, ladder, lead_id), ladder).rung


def oracle_delay(events: Sequence[Event], ladder: Ladder, until: int) -> int:
    """The time that 99 of 100 completions known by `until` took to be reported, at most.

    Between two of them where 99 % falls between two. Nothing completed is nothing to wait for.
    """
    delays = []
    for event in events:
        if event.known_us > until:
            continue
        if any(meets_any(goal.complete_when, event) for goal in ladder.goals):
            delays.append(event.known_us - min(event.occurred_us, event.known_us))
    if not delays:
        return 0
    delays.sort()
    before, rest = divmod(99 * (len(delays) - 1), 100)
    after = min(before + 1, len(delays) - 1)
    return (delays[before] * (100 - rest) + delays[after] * rest) // 100


def oracle_outcomes(
    events: Sequence[Event], ladder: Ladder, lead_id: str, as_of: int, until: int, delay: int
) -> tuple[OracleOutcome, OracleOutcome]:
    """What came of one lead since `as_of`: the advancement, and the purchase."""
    rung = oracle_position(events, ladder, lead_id, as_of)
    news = [event for event in events if as_of < event.known_us <= until]
    story = in_order(news, ladder, lead_id)
    above = [rule for goal in ladder.goals[rung:] for rule in goal.complete_when]
    return (
        _outcome(story, ladder, above, ladder.goals[rung], as_of, until, delay),
        _outcome(
            story, ladder, ladder.purchase.complete_when, ladder.purchase, as_of, until, delay
        ),
    )


def _outcome(
    story: Sequence[Event],
    ladder: Ladder,
    rules: Sequence[EventRule],
    goal: Step,
    as_of: int,
    until: int,
    delay: int,
) -> OracleOutcome:
    last = as_of + round(goal.horizon_days * DAY_US)
    is_over = last <= until - delay
    for event in story:
        if meets_any(rules, event):
            if event.occurred_us <= last:
                return OracleOutcome("advanced", is_over, event.known_us)
            break  # the first one counts, and it came too late
        if meets_any(ladder.restart_on, event):
            break  # the lead begins anew
    lost = _lost_since(story, ladder)
    if lost is not None and lost <= last + delay:
        return OracleOutcome("lost", is_over, lost)
    if is_over:
        return OracleOutcome("lapsed", True, last + delay)
    return OracleOutcome("pending", False)


def _lost_since(story: Sequence[Event], ladder: Ladder) -> int | None:
    """When it became known that the lead is lost, unless something won it back."""
    lost = None
    for event in story:
        if meets_any(ladder.lost_when, event):
            lost = event.known_us
        if meets_any(ladder.back_when, event):
            lost = None
        if meets_any(ladder.restart_on, event):
            break
    return lost
