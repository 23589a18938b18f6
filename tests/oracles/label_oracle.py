"""The slow obvious version of `training.labels`: one loop over the events that came after.

An event has two clocks. Whether it was news to whoever asked, and whether it may be used by now, is
decided by when it became known; whether it came within the horizon by when it happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from features.ladder.ladder import EventRule, Ladder, Step
from tests.oracles.snapshot_oracle import DAY_US, Event, climb, in_order, meets_any

__all__ = ["OracleOutcome", "oracle_delays", "oracle_outcomes", "oracle_position"]


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


def oracle_delays(events: Sequence[Event], ladder: Ladder, until: int) -> list[int]:
    """Of each goal the time that 99 of 100 of its completions took to be reported, at most.

    Of what had happened before any news of the goal came nothing is told by that; where there is
    nothing else, the completions of all goals tell. What was brought in one go is left out.
    """
    leads = dict.fromkeys(event.lead_id for event in events)
    seen = [event for lead in leads for event in in_order(events, ladder, lead)]
    seen = [event for event in seen if event.known_us <= until]
    by_goal = [[one for one in seen if meets_any(goal.complete_when, one)] for goal in ladder.goals]
    found = []
    for own in by_goal:
        begun = min((one.known_us for one in own), default=0)
        as_it_came = [one for one in own if min(one.occurred_us, one.known_us) >= begun]
        everything = [one for each in by_goal for one in each]
        found.append(_usual_wait(as_it_came) if as_it_came else _most_wait(everything))
    return found


_WEEK_US = 7 * DAY_US


def _usual_wait(events: Sequence[Event]) -> int:
    """Without the overtaken reports of the week with most of them, where that halves the wait.

    Overtaken: it happened before other news, which came more than a week before its own.
    """
    usual = _most_wait(events)
    overtaken = [
        one
        for one in events
        if any(one.occurred_us < other.known_us < one.known_us - _WEEK_US for other in events)
    ]
    weeks = [
        [one for one in overtaken if first.known_us <= one.known_us <= first.known_us + _WEEK_US]
        for first in sorted(overtaken, key=lambda one: one.known_us)
    ]
    if usual <= _WEEK_US or not weeks:
        return usual
    left_out = {id(one) for one in max(weeks, key=len)}
    rest = _most_wait([one for one in events if id(one) not in left_out])
    return rest if 2 * rest < usual else usual


def _most_wait(events: Sequence[Event]) -> int:
    """99 of 100 of few events are all but the latest; between two where it falls between two."""
    if not events:
        return 0
    waits = sorted(event.known_us - min(event.occurred_us, event.known_us) for event in events)
    share = min(Fraction(99, 100), max(Fraction(0), 1 - Fraction(1, len(waits))))
    place = share * (len(waits) - 1)
    before, rest = int(place), place - int(place)
    after = min(before + 1, len(waits) - 1)
    return int(waits[before] * (1 - rest) + waits[after] * rest)


def oracle_outcomes(
    events: Sequence[Event],
    ladder: Ladder,
    lead_id: str,
    as_of: int,
    until: int,
    delays: Sequence[int],
) -> tuple[OracleOutcome, OracleOutcome]:
    """What came of one lead since `as_of`: the advancement, and the purchase."""
    rung = oracle_position(events, ladder, lead_id, as_of)
    news = [event for event in events if as_of < event.known_us <= until]
    story = in_order(news, ladder, lead_id)
    above = [rule for goal in ladder.goals[rung:] for rule in goal.complete_when]
    return (
        _outcome(story, ladder, above, ladder.goals[rung], as_of, until, delays[rung]),
        _outcome(
            story, ladder, ladder.purchase.complete_when, ladder.purchase, as_of, until, delays[-1]
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
        anew = meets_any(ladder.restart_on, event)
        if anew and not meets_any(ladder.purchase.complete_when, event):
            break  # the lead begins anew, whatever step this completes
        if meets_any(rules, event):
            if event.occurred_us <= last:
                return OracleOutcome("advanced", is_over, event.known_us)
            break  # the first one counts, and it came too late
        if anew:
            break
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
