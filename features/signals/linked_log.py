"""A log as the compiled fold reads it: its own codes for names and texts, translated for a program.

Which events complete a step, when they became known, and what came next of leads is asked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.clock import instant, microseconds
from features.errors import TimeError
from features.events.log import EventLog
from features.ladder.ladder import EventRule
from features.signals import fold
from features.signals.beats import sums_of_log
from features.signals.completion_reports import CompletionReports
from features.signals.program import Compiled

__all__ = ["LinkedLog", "NextCompletions", "link"]

_MOST_NUMBERED: Final = 10_000
"""Names whose numbers are remembered: anybody can send names without end."""


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
