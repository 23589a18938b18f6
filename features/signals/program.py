"""From a table of signals to the arrays that the compiled fold walks.

A program depends on the ladder alone. What depends on a log (its own codes for names and texts) is
the link, a few table look-ups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.clock import instant, microseconds
from features.errors import TimeError
from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.activity import ActivityRules, activity_of
from features.ladder.ladder import Beats, Condition, EventRule, Ladder, Operator
from features.signals import fold
from features.signals.beats import sums_of_log
from features.signals.completion_reports import CompletionReports
from features.signals.signal import Op, Signal
from features.signals.table import ladder_columns, signals_of

__all__ = [
    "Compiled",
    "LinkedLog",
    "NextCompletions",
    "compile_ladder",
    "compile_signals",
    "link",
]

_NUMBER_KINDS: dict[Operator, int] = {
    "at_least": fold.AT_LEAST,
    "at_most": fold.AT_MOST,
    "above": fold.ABOVE,
    "below": fold.BELOW,
    "is": fold.EQUAL,
    "is_not": fold.NOT_EQUAL,
}


@dataclass(frozen=True, eq=False)
class Compiled:
    """A program with the names and texts that its arrays speak of, by index."""

    signals: tuple[Signal, ...]
    columns: LogColumns
    names: dict[str, int]
    texts: dict[str, int]
    program: fold.Program
    beats: tuple[Beats, ...] = ()
    instants: tuple[str, ...] = ()
    """The text properties that are read as instants. Their columns stand after those of the log's
    numbers and those of the sums of beats."""
    numbered: dict[str, int] = field(default_factory=dict)
    """The numbers of names of logs, as they were found."""

    @cached_property
    def categories(self) -> tuple[tuple[str, int], ...]:
        """The signals whose value is a text, each with the row of its texts in a log."""
        return tuple(
            (signal.id, self.columns.texts.index(signal.measure))
            for signal in self.signals
            if signal.is_category and signal.measure and signal.op is Op.LAST
        )


_MOST_NUMBERED: Final = 10_000
"""Names whose numbers are remembered: anybody can send names without end."""
_ALL_IS_INTEREST = ActivityRules(interest=(EventRule("*"),))


@lru_cache(maxsize=64)
def compile_ladder(ladder: Ladder) -> Compiled:
    """The program of a ladder's signals."""
    return compile_signals(
        signals_of(ladder),
        goals=tuple((goal.complete_when, goal.horizon_days) for goal in ladder.goals),
        restart_on=ladder.restart_on,
        score_at=ladder.score_at,
        lost_when=ladder.lost_when,
        back_when=ladder.back_when,
        activity=activity_of(ladder),
        columns=LogColumns(*ladder_columns(ladder)),
        beats=ladder.beats,
    )


def compile_signals(  # noqa: PLR0913 a ladder has that many parts that events are read by
    signals: Sequence[Signal],
    *,
    goals: Sequence[tuple[tuple[EventRule, ...], float]],
    columns: LogColumns,
    restart_on: tuple[EventRule, ...] = (),
    score_at: tuple[EventRule, ...] = (),
    lost_when: tuple[EventRule, ...] = (),
    back_when: tuple[EventRule, ...] = (),
    activity: ActivityRules = _ALL_IS_INTEREST,
    beats: tuple[Beats, ...] = (),
) -> Compiled:
    """The program of any table of signals.

    Parameters
    ----------
    goals : the completion rules and the horizon in days of each goal, in order.
    columns : the properties that the logs hold, so that a measure is a row number.
    activity : which events are the lead's own interest; by default all of them.
    beats : events whose measure adds up; conditions read the sums.
    """
    instants = tuple(dict.fromkeys(one.measure for one in signals if one.op == Op.DAYS_UNTIL))
    builder = _Builder(columns, activity, beats, instants)
    for at, (rules, _) in enumerate(goals):
        builder.select(rules, goal=at)
    if restart_on:
        builder.select(restart_on, goal=len(goals))
    for after, rules in enumerate((score_at, lost_when, back_when), start=1):
        if rules:
            builder.select(rules, goal=len(goals) + after)
    for at, signal in enumerate(signals):
        if signal.op in _OF_OTHERS:
            continue
        builder.listen(signal.of, at, ends=False, goal=_goal_of(signal))
        if signal.until:
            builder.listen(signal.until, at, ends=True)
    return Compiled(
        signals=tuple(signals),
        columns=columns,
        names=builder.names,
        texts=builder.texts,
        program=builder.program(signals, [days for _, days in goals]),
        beats=beats,
        instants=instants,
    )


def _goal_of(signal: Signal) -> int:
    """Which of the events that a signal's rules name it aggregates."""
    if not signal.of:
        return fold.NO_GOAL
    if signal.group == "step":
        return fold.INTEREST
    return fold.NOT_AGAINST if signal.skips_against else fold.NO_GOAL


@dataclass(slots=True)
class _Selector:
    rules: tuple[EventRule, ...]
    goal: int
    entries: list[tuple[int, bool]]


class _Builder:
    """Collects selectors, then lays them out as arrays."""

    def __init__(
        self,
        columns: LogColumns,
        activity: ActivityRules,
        beats: tuple[Beats, ...],
        instants: tuple[str, ...],
    ) -> None:
        self.columns, self.instants = columns, instants
        self.sums = {(one.event, one.measure): at for at, one in enumerate(beats)}
        events = dict.fromkeys(one.event for one in beats)  # also where only a pattern means them
        self.names: dict[str, int] = {event: at for at, event in enumerate(events)}
        self.texts: dict[str, int] = {}
        self.selectors: list[_Selector] = []
        self.select(activity.against, fold.AGAINST)  # the fold has to meet these two first
        self.select(activity.ours, fold.OURS)
        interest = self.select(activity.interest, fold.ACTIVITY)
        self.by_rules: dict[tuple[tuple[EventRule, ...], int], _Selector] = {
            ((), fold.NO_GOAL): interest
        }

    def select(self, rules: tuple[EventRule, ...], goal: int) -> _Selector:
        for rule in rules:
            for name in rule.told_apart:
                self.names.setdefault(name, len(self.names))
        selector = _Selector(rules, goal, [])
        self.selectors.append(selector)
        return selector

    def listen(
        self, rules: tuple[EventRule, ...], signal: int, *, ends: bool, goal: int = fold.NO_GOAL
    ) -> None:
        if (rules, goal) not in self.by_rules:
            self.by_rules[rules, goal] = self.select(rules, goal)
        self.by_rules[rules, goal].entries.append((signal, ends))

    def alternatives(self, selector: _Selector, name: str) -> list[EventRule] | None:
        """The rules by which events of a name match a selector: [] always, None never."""
        rules = [rule for rule in selector.rules if rule.names(name)]
        if not rules:
            return None
        return [] if any(not rule.where for rule in rules) else rules

    def program(self, signals: Sequence[Signal], horizons: Sequence[float]) -> fold.Program:
        pair_start, pair_selector, alternative_start, condition_start = [0], [], [0], [0]
        conditions: list[tuple[str, Condition]] = []
        for name in (*self.names, ""):  # "" stands for every name that no rule mentions
            for at, selector in enumerate(self.selectors):
                rules = self.alternatives(selector, name)
                if rules is None or (selector.goal == fold.NO_GOAL and not selector.entries):
                    continue
                pair_selector.append(at)
                for rule in rules:
                    conditions += [(name, condition) for condition in rule.where]
                    condition_start.append(len(conditions))
                alternative_start.append(len(condition_start) - 1)
            pair_start.append(len(pair_selector))
        of_selectors = [
            sorted(  # the order of those without a window is kept, and of those with one
                (self.entry_of(signals[at], at, ends) for at, ends in selector.entries),
                key=lambda row: row[2] != _ALWAYS,
            )
            for selector in self.selectors
        ]
        entry_start = np.cumsum([0] + [len(rows) for rows in of_selectors])
        without = [sum(row[2] == _ALWAYS for row in rows) for rows in of_selectors]
        windows = _ints([_microseconds(signal.window_days) for signal in signals])
        ops = _ints([int(signal.op) for signal in signals])
        windowed = np.flatnonzero(windows != _ALWAYS)
        condition_rows, text = [], []  # type: ignore[var-annotated]
        for event, condition in conditions:
            words = [self.texts.setdefault(word, len(self.texts)) for word in _words(condition)]
            first, last = len(text), len(text) + len(words)
            condition_rows.append((_kind(condition), self.column_of(event, condition), first, last))
            text += words
        return fold.Program(
            pair_start=_ints(pair_start),
            pair_selector=_ints(pair_selector),
            alternative_start=_ints(alternative_start),
            condition_start=_ints(condition_start),
            conditions=_ints(condition_rows).reshape(-1, 4),
            condition_value=np.array(
                [0.0 if c.is_text else c.value for _, c in conditions], dtype=np.float64
            ),
            condition_text=_ints(text),
            selector_goal=_ints([selector.goal for selector in self.selectors]),
            entry_start=entry_start,
            windowed_start=entry_start[:-1] + _ints(without),
            entries=_ints([row for rows in of_selectors for row in rows]).reshape(-1, 6),
            signals=_ints(
                [
                    (int(signal.op), self.measure_of(signal), int(_is_trait(signal)))
                    for signal in signals
                ]
            ).reshape(-1, 3),
            half_life=np.array(
                [(signal.half_life_days or 1.0) * DAY_US for signal in signals], dtype=np.float64
            ),
            by_op=np.argsort(ops, kind="stable").astype(np.uint64),
            op_start=np.searchsorted(np.sort(ops), np.arange(len(Op) + 1)),
            windowed=windowed,
            longest_window=int(windows[windowed].max(initial=0)),
            horizon=np.array([days * DAY_US for days in horizons], dtype=np.float64),
        )

    def entry_of(self, signal: Signal, at: int, ends: bool) -> tuple[int, ...]:
        window = _microseconds(signal.window_days)
        column = self.measure_of(signal)
        return int(signal.op), at, window, column, int(signal.is_category), int(ends)

    def column_of(self, event: str, condition: Condition) -> int:
        if (event, condition.property) in self.sums:
            return len(self.columns.numbers) + self.sums[event, condition.property]
        columns = self.columns.texts if condition.is_text else self.columns.numbers
        return columns.index(condition.property)

    def measure_of(self, signal: Signal) -> int:
        if not signal.measure:
            return -1
        if signal.op == Op.DAYS_UNTIL:
            first = len(self.columns.numbers) + len(self.sums)
            return first + self.instants.index(signal.measure)
        columns = self.columns.texts if signal.is_category else self.columns.numbers
        return columns.index(signal.measure)


def _is_trait(signal: Signal) -> bool:
    return signal.is_fit and signal.op == Op.LAST


def _words(condition: Condition) -> tuple[str, ...]:
    if isinstance(condition.value, str):
        return (condition.value,)
    return condition.value if isinstance(condition.value, tuple) else ()


def _kind(condition: Condition) -> int:
    if condition.is_text:
        return fold.TEXT_NOT_IN if condition.operator == "is_not" else fold.TEXT_IN
    return _NUMBER_KINDS[condition.operator]


_OF_OTHERS: Final = frozenset(
    {Op.POSITION, Op.STEPS_COMPLETED, Op.DAYS_AT_POSITION, Op.PACE, Op.PROFILE_COMPLETENESS}
)
"""What follows from the steps and the traits: no event has to be looked at for it."""
_ALWAYS: Final = int(np.iinfo(np.int64).max)
"""The window of a signal that has none."""


def _microseconds(days: float | None) -> int:
    return _ALWAYS if days is None else round(days * DAY_US)


def _ints(values: Iterable[int] | Iterable[tuple[int, ...]]) -> Ints:
    return np.asarray(list(values), dtype=np.int64)


class NextCompletions(NamedTuple):
    """What came next of some leads: each of shape (n,), microseconds; `fold.NONE` if nothing.

    `advanced` and `purchased` are when it happened, the others when it became known; a lead is
    lost since the loss that nothing has won back.
    """

    advanced: Ints
    advance_known: Ints
    purchased: Ints
    purchase_known: Ints
    loss_known: Ints


@dataclass(frozen=True, eq=False, slots=True)
class LinkedLog:
    """A log as the fold reads it for one program: `link` makes it, and the log keeps it.

    A goal's number is its place in the ladder; the two numbers after the last goal are the events
    that begin the ladder anew and the events at which leads are scored.
    """

    compiled: Compiled
    events: fold.Events

    @property
    def program(self) -> fold.Program:
        """The arrays that say what is computed."""
        return self.compiled.program

    def meets(self, goal: int) -> Bools:
        """Shape (n_events,): whether each event meets the rules of a goal number."""
        return fold.rows_of_goal(self.events, self.program, goal)

    def completes(self) -> Bools:
        """Shape (n_events,): whether each event completes a step, or is the purchase."""
        found = np.zeros(len(self.events.name), dtype=np.bool_)
        for goal in range(len(self.program.horizon)):
            found |= self.meets(goal)
        return found

    def arrival_delays(self, until: int) -> Ints:
        """Shape (n_goals,): how long to wait for news of each goal; see `CompletionReports`."""
        if self.events.known is self.events.occurred:
            return np.zeros(len(self.program.horizon), dtype=np.int64)
        return self.reports(until).delays(len(self.program.horizon))

    def reports(self, until: int) -> CompletionReports:
        """The completions of all goals that are known by `until`."""
        is_known = self.events.known <= until
        rows = [
            np.flatnonzero(is_known & self.meets(goal)) for goal in range(len(self.program.horizon))
        ]
        goal = np.repeat(np.arange(len(rows)), [len(some) for some in rows])
        row = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)
        return CompletionReports(goal, self.events.occurred[row], self.events.known[row])

    def reads(self) -> Bools:
        """Shape (n_events,): whether any rule or signal of the program names each event."""
        named = self.events.name_of < len(self.compiled.names)
        return np.asarray(named[self.events.name], dtype=np.bool_)

    def meets_score_at(self) -> Bools:
        """Shape (n_events,): whether leads are scored at each event."""
        return self.meets(len(self.program.horizon) + 1)

    def next_completions(
        self, lead: Ints, as_of: Ints, position: Ints, until: int
    ) -> NextCompletions:
        """When leads next advance from a position, and when they purchase or are lost.

        Parameters
        ----------
        lead, as_of, position : shape (n,), indices of leads, instants, rungs completed by then.
        until : only what was known by then counts.
        """
        found = np.empty((len(NextCompletions._fields), len(lead)), dtype=np.int64)
        fold.next_completions(self.events, self.program, lead, as_of, position, until, found)
        return NextCompletions(*found)


def link(log: EventLog, compiled: Compiled) -> LinkedLog:
    """The log's columns with its names and texts translated for the program. Kept on the log."""
    kept: LinkedLog | None = log.links.get(id(compiled))
    if kept is None:
        # The program is held by what is kept, so that its id stays its own.
        kept = log.links[id(compiled)] = LinkedLog(compiled, _translated(log, compiled))
    return kept


def _number_of(name: str, compiled: Compiled) -> int:
    """The program's number of a name: its own, or else that of the longest pattern it fits."""
    found = compiled.numbered.get(name)
    if found is None:
        if len(compiled.numbered) >= _MOST_NUMBERED:
            compiled.numbered.clear()
        fitting = [held for held in compiled.names if EventRule(held).names(name)]
        longest = name if name in compiled.names else max(fitting, key=len, default=None)
        found = len(compiled.names) if longest is None else compiled.names[longest]
        compiled.numbered[name] = found
    return found


def _translated(log: EventLog, compiled: Compiled) -> fold.Events:
    name_of = [_number_of(name, compiled) for name in log.names]
    text_start, text_of = [0], []
    for values in log.text_values:
        text_of += [compiled.texts.get(value, -1) for value in values]
        text_start.append(len(text_of))
    return fold.Events(
        starts=log.starts,
        name=log.name,
        occurred=log.occurred,
        known=log.known,
        numbers=_numbers(log, compiled),
        texts=log.texts,
        name_of=np.array(name_of, dtype=np.int64),
        text_start=np.array(text_start, dtype=np.int64),
        text_of=np.array(text_of, dtype=np.int64),
    )


def _numbers(log: EventLog, compiled: Compiled) -> Floats:
    """The log's numbers, then the sums of beats and the texts that are read as instants."""
    if not (compiled.beats or compiled.instants):
        return log.numbers
    sums = [sums_of_log(log, one) for one in compiled.beats]
    instants = [_instants(log, name) for name in compiled.instants]
    return np.ascontiguousarray(np.vstack([log.numbers, *sums, *instants]))


def _instants(log: EventLog, name: str) -> Floats:
    """Shape (n_events,): a text property as microseconds since the epoch, NaN where it is none."""
    column = log.columns.texts.index(name)
    values = [_instant(text) for text in log.text_values[column]]
    found: Floats = np.array([*values, np.nan])[log.texts[column]]  # -1, absent, is the last
    return found


def _instant(text: str) -> float:
    try:
        return float(microseconds(instant(text)))
    except TimeError:  # of what says nothing readable nothing is known
        return float("nan")
