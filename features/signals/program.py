"""From a table of signals to the arrays that the compiled fold walks.

A program depends on the ladder alone. What depends on a log (its own codes for names and texts) is
the link, a few table look-ups: `features.signals.linked_log`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from features.arrays import Ints
from features.events.log import DAY_US, LogColumns
from features.ladder.activity import ActivityRules, activity_of
from features.ladder.ladder import Beats, Condition, EventRule, Ladder, Operator
from features.signals import fold
from features.signals.signal import Op, Signal
from features.signals.table import ladder_columns, signals_of

__all__ = [
    "Compiled",
    "compile_ladder",
    "compile_signals",
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
