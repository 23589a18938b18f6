"""The slow obvious version of `snapshot` and of the fold's `next_completions`.

Filter what was known, sort it, then one plain loop a signal. Written from what the signals are said
to mean. It knows nothing of columns, codes or programs, so it can be wrong in other ways only.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from features.ladder.activity import activity_of
from features.ladder.event_rule import PatternBut
from features.ladder.ladder import Condition, EventRule, Ladder
from features.signals.signal import Op, Signal
from features.signals.table import ladder_columns, signals_of

__all__ = ["AGGREGATES", "Event", "OracleRow", "oracle_next_completions", "oracle_snapshot"]

DAY_US = 24 * 60 * 60 * 1_000_000
HOUR_US = 60 * 60 * 1_000_000

Value = float | str | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. A property that is not in `properties` is absent."""

    lead_id: str
    name: str
    occurred_us: int
    known_us: int
    properties: dict[str, float | str] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)
    """What adds up over beats, which conditions read in place of the property."""


@dataclass(frozen=True, slots=True)
class OracleRow:
    """One lead at one instant: each signal's value (None where absent), and how far it has come."""

    signals: dict[str, Value]
    position: int
    last_active: int | None
    lost_at: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What one signal is computed from."""

    signal: Signal
    ladder: Ladder
    history: list[Event]
    as_of_us: int

    def matching(self) -> list[Event]:
        """The events that the signal aggregates: of its rules, and young enough."""
        of, days = self.signal.of, self.signal.window_days
        return [
            event
            for event in self.history
            if (meets_any(of, event) if of else is_own_doing(event, self.ladder))
            and not (self.signal.group == "step" and is_barred(event, self.ladder))
            and not (self.passes_over and speaks_against(event, self.ladder))
            and (days is None or self.as_of_us - event.occurred_us < days * DAY_US)
        ]

    @property
    def passes_over(self) -> bool:
        """Whether a row of the file asks for nothing that always speaks against the lead."""
        against = activity_of(self.ladder).against
        return self.signal.group == "custom" and not any(
            means(one, rule.event) and set(one.where) <= set(rule.where)
            for one in against
            for rule in self.signal.of
        )

    def values(self) -> list[float | str]:
        """The measure of the matching events that have it."""
        measure = self.signal.measure
        return [e.properties[measure] for e in self.matching() if measure in e.properties]

    def numbers(self) -> list[float]:
        return [float(value) for value in self.values()]

    def weight(self, half_life_days: float) -> float:
        """The matching events, each counting half for every half-life of its age."""
        ages = [(self.as_of_us - event.occurred_us) / DAY_US for event in self.matching()]
        return math.fsum(0.5 ** (age / half_life_days) for age in ages)

    def exchanges(self) -> list[tuple[list[int], int | None]]:
        """When something was begun (`of`), and when that was ended (`until`), None if not yet."""
        found: list[tuple[list[int], int | None]] = []
        begun: list[int] = []
        for event in self.history:
            if meets_any(self.signal.of, event):
                begun.append(event.occurred_us)
            if meets_any(self.signal.until, event):
                found.append((begun, event.occurred_us))
                begun = []
        return [*found, (begun, None)]


# ------------------------------------------------------------------------------------------- Events

COMPARISONS: dict[str, Callable[..., bool]] = {
    "is": operator.eq,
    "is_not": operator.ne,
    "one_of": lambda value, wanted: value in wanted,
    "at_least": operator.ge,
    "at_most": operator.le,
    "above": operator.gt,
    "below": operator.lt,
}


def holds(condition: Condition, event: Event) -> bool:
    """Whether an event meets a condition; an absent property meets nothing but `is_not`."""
    value = event.sums.get(condition.property, event.properties.get(condition.property))
    if value is None:
        return condition.operator == "is_not"
    return COMPARISONS[condition.operator](value, condition.value)


def names(wanted: str, name: str) -> bool:
    """Whether a name is the wanted one, or ends like one that begins with a *."""
    return name.endswith(wanted[1:]) if wanted.startswith("*") else name == wanted


def means(rule: EventRule, name: str) -> bool:
    """Whether a rule is about a name: not where its pattern leaves that name out."""
    return names(rule.event, name) and not (isinstance(rule, PatternBut) and name in rule.but)


def meets_any(rules: Sequence[EventRule], event: Event) -> bool:
    """Whether an event has the name of any of the rules and meets all its conditions."""
    return any(
        means(rule, event.name) and all(holds(condition, event) for condition in rule.where)
        for rule in rules
    )


def speaks_against(event: Event, ladder: Ladder) -> bool:
    """Whether it is a refusal, a bounce, a failure or the like."""
    return meets_any(activity_of(ladder).against, event)


def is_barred(event: Event, ladder: Ladder) -> bool:
    """Whether it speaks against the lead, or is what we did."""
    activity = activity_of(ladder)
    return meets_any(activity.against, event) or meets_any(activity.ours, event)


def is_own_doing(event: Event, ladder: Ladder) -> bool:
    """Whether the lead did it, and out of interest."""
    activity = activity_of(ladder)
    return not is_barred(event, ladder) and meets_any(activity.interest, event)


def in_order(events: Sequence[Event], ladder: Ladder, lead_id: str) -> list[Event]:
    """The events of one lead as they happened; none later than we learned of it.

    With equal clocks, what the events say decides: the name, then the numbers and the texts that
    the ladder reads, by property; an absent number comes last and an absent text first.
    """
    numbers, texts = ladder_columns(ladder)

    def key(event: Event) -> tuple[object, ...]:
        said = event.properties
        return (
            event.occurred_us,
            event.known_us,
            event.name,
            [(name not in said, said.get(name, 0.0)) for name in numbers],
            [(name in said, said.get(name, "")) for name in texts],
        )

    mine = [event for event in events if event.lead_id == lead_id]
    found = sorted((replace(e, occurred_us=min(e.occurred_us, e.known_us)) for e in mine), key=key)
    return [replace(e, sums=summed(found[: at + 1], ladder)) for at, e in enumerate(found)]


def summed(until: Sequence[Event], ladder: Ladder) -> dict[str, float]:
    """What the last of some events adds up to, with the beats of its piece before it."""
    last = until[-1]
    sums: dict[str, float] = {}
    for one in ladder.beats:
        if last.name != one.event or one.measure not in last.properties:
            continue
        chain = [last]
        for event in reversed(until[:-1]):
            is_one = event.name == one.event and one.measure in event.properties
            piece = last.properties.get(one.per)
            is_same = is_one and piece is not None and event.properties.get(one.per) == piece
            apart = chain[-1].occurred_us - event.occurred_us
            if is_same and event.known_us <= last.known_us:
                if apart > one.within_minutes * 60_000_000:
                    break
                chain.append(event)
        sums[one.measure] = sum(min(float(e.properties[one.measure]), one.most) for e in chain)
    return sums


# ----------------------------------------------------------------------------------------- Position


@dataclass(frozen=True, slots=True)
class Climb:
    """How far a lead has come since it last began: when it completed each goal, if it did."""

    began: int | None
    done: list[int | None]

    @property
    def rung(self) -> int:
        """The highest rung completed; 0 is none."""
        return max((at + 1 for at, when in enumerate(self.done) if when is not None), default=0)


def climb(history: Sequence[Event], ladder: Ladder) -> Climb:
    """What counts as position: the first completions after the last event that restarts.

    What an event that does both completes is part of what it ends.
    """
    restarts = [at for at, e in enumerate(history) if meets_any(ladder.restart_on, e)]
    own = [e.occurred_us for e in history if is_own_doing(e, ladder)]
    began = history[restarts[-1]].occurred_us if restarts else min(own, default=None)
    since = history[restarts[-1] + 1 :] if restarts else history
    return Climb(
        began,
        [
            next((e.occurred_us for e in since if meets_any(goal.complete_when, e)), None)
            for goal in ladder.goals
        ],
    )


def _days_at_position(case: Case) -> Value:
    way = climb(case.history, case.ladder)
    since = way.done[way.rung - 1] if way.rung else way.began
    return None if since is None else (case.as_of_us - since) / DAY_US


def _pace(case: Case) -> Value:
    """The time from the completion before (or from the start) to the last, by its horizon."""
    way = climb(case.history, case.ladder)
    if not way.rung:
        return None
    *below, last = way.done[: way.rung]
    before = [when for when in (way.began, *below) if when is not None]
    if not before or last is None:
        return None
    return max(0.0, (last - max(before)) / (case.ladder.goals[way.rung - 1].horizon_days * DAY_US))


def _profile_completeness(case: Case) -> Value:
    told = [e for e in case.history if e.name == case.ladder.events.traits]
    known = [any(trait.id in e.properties for e in told) for trait in case.ladder.traits]
    return sum(known) / len(known)


# --------------------------------------------------------------------------------------- Aggregates


def _mean(numbers: Sequence[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None


def _days_since(case: Case, pick: Callable[[list[int]], int]) -> Value:
    times = [event.occurred_us for event in case.matching()]
    return (case.as_of_us - pick(times)) / DAY_US if times else None


def _distinct(case: Case) -> Value:
    return len(set(case.values() if case.signal.measure else [e.name for e in case.matching()]))


def _trend(case: Case) -> Value:
    """The rate of the short half-life by that of the long one, which is four times as long."""
    short = case.signal.half_life_days or 0.0
    long_weight = case.weight(4 * short)
    return (case.weight(short) / short) / (long_weight / (4 * short)) if long_weight else None


def _hours_waiting(case: Case) -> Value:
    """How long the oldest of the questions that are open has been open."""
    begun, _ = case.exchanges()[-1]
    return (case.as_of_us - begun[0]) / HOUR_US if begun else None


def _reply_hours(case: Case) -> Value:
    answered = [(begun[0], ended) for begun, ended in case.exchanges() if begun]
    return _mean([(ended - begun) / HOUR_US for begun, ended in answered if ended is not None])


def _days_until(case: Case) -> Value:
    """How far the instant that was told last is away; None once it is over."""
    told = [instant_of(value) for value in case.values() if isinstance(value, str)]
    left = [(at - case.as_of_us) / DAY_US for at in told if at is not None][-1:]
    return left[0] if left and left[0] >= 0 else None


def instant_of(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) == len("2026-03-01"):
        moment = moment.replace(tzinfo=UTC)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return None if moment.tzinfo is None else (moment - epoch) // timedelta(microseconds=1)


AGGREGATES: dict[Op, Callable[[Case], Value]] = {
    Op.COUNT: lambda case: len(case.matching()),
    Op.SUM: lambda case: sum(case.numbers()),
    Op.MEAN: lambda case: _mean(case.numbers()),
    Op.MAX: lambda case: max(case.numbers(), default=None),
    Op.MIN: lambda case: min(case.numbers(), default=None),
    Op.LAST: lambda case: (case.values() or [None])[-1],  # type: ignore[list-item]
    Op.DAYS_SINCE_FIRST: lambda case: _days_since(case, min),
    Op.DAYS_SINCE_LAST: lambda case: _days_since(case, max),
    Op.ACTIVE_DAYS: lambda case: len({e.occurred_us // DAY_US for e in case.matching()}),
    Op.DECAYED_COUNT: lambda case: case.weight(case.signal.half_life_days or 0.0),
    Op.DISTINCT: _distinct,
    Op.TREND: _trend,
    Op.STREAK: lambda case: len(case.exchanges()[-1][0]),
    Op.HOURS_WAITING: _hours_waiting,
    Op.REPLY_HOURS: _reply_hours,
    Op.POSITION: lambda case: climb(case.history, case.ladder).rung,
    Op.STEPS_COMPLETED: lambda case: sum(
        when is not None for when in climb(case.history, case.ladder).done
    ),
    Op.DAYS_AT_POSITION: _days_at_position,
    Op.PACE: _pace,
    Op.PROFILE_COMPLETENESS: _profile_completeness,
    Op.DAYS_UNTIL: _days_until,
}


def oracle_snapshot(
    events: Sequence[Event], ladder: Ladder, lead_id: str, as_of_us: int
) -> OracleRow:
    """Every signal of one lead from what was known at `as_of_us`."""
    known = [event for event in events if event.known_us <= as_of_us]
    history = in_order(known, ladder, lead_id)
    own = [event.occurred_us for event in history if is_own_doing(event, ladder)]
    return OracleRow(
        signals={
            signal.id: AGGREGATES[signal.op](Case(signal, ladder, history, as_of_us))
            for signal in signals_of(ladder)
        },
        position=climb(history, ladder).rung,
        last_active=max(own, default=None),
        lost_at=lost_at(history, ladder),
    )


def lost_at(history: Sequence[Event], ladder: Ladder) -> int | None:
    """When a lead was lost last, unless something after that, or the same event, won it back."""
    losses = [at for at, event in enumerate(history) if meets_any(ladder.lost_when, event)]
    returns = [at for at, event in enumerate(history) if meets_any(ladder.back_when, event)]
    if not losses or max(returns, default=-1) >= losses[-1]:
        return None
    return history[losses[-1]].occurred_us


def oracle_next_completions(
    events: Sequence[Event],
    ladder: Ladder,
    lead_id: str,
    as_of_us: int,
    position: int,
    until_us: int,
) -> tuple[int | None, int | None]:
    """When a lead next completes a rung above `position`, and when the purchase.

    Of what is not known at `as_of_us` but by `until_us`. An event that restarts the ladder after
    `as_of_us` ends the search; what that event itself completes counts where it buys.
    """
    news = in_order(
        [event for event in events if as_of_us < event.known_us <= until_us], ladder, lead_id
    )
    restarts = [at for at, event in enumerate(news) if meets_any(ladder.restart_on, event)]
    bought = ladder.purchase.complete_when
    considered = news
    if restarts:
        considered = news[: restarts[0] + meets_any(bought, news[restarts[0]])]
    above = [rule for goal in ladder.goals[position:] for rule in goal.complete_when]
    advanced = [e.occurred_us for e in considered if meets_any(above, e)]
    purchased = [e.occurred_us for e in considered if meets_any(ladder.purchase.complete_when, e)]
    return min(advanced, default=None), min(purchased, default=None)
