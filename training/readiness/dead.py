"""Steps that nothing can be learned of, however long one waits, and why.

Either no event of the log completes them, or everybody passes them by, or nobody comes so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.errors import did_you_mean
from features.events.log import EventLog
from features.ladder.ladder import Condition, EventRule, Ladder
from features.ladder.words import things
from features.signals.beats import sums_of_log
from features.signals.linked_log import link
from features.signals.program import compile_ladder, compile_signals
from models.judging.readiness import DeadReason
from training.readiness.ways import NEVER, Ways

__all__ = ["dead_reasons"]

_LEAST_PAST: Final = 5
"""Leads that must have gone further before a step is said to be passed by."""
_MOST_VALUES: Final = 5
_LEAST_LEADS: Final = 2
"""A text that fewer leads have is not shown: it may be about one person."""
_WORDS: Final = {
    "is": "is",
    "is_not": "is not",
    "one_of": "is one of",
    "at_least": "is at least",
    "at_most": "is at most",
    "above": "is above",
    "below": "is below",
}


def dead_reasons(log: EventLog, ladder: Ladder, ways: Ways, at: int) -> list[DeadReason]:
    """Why nothing can be learned of a step; empty where something can.

    Parameters
    ----------
    at : the step's place among the ladder's goals.
    """
    found: list[DeadReason] = []
    reached, went = int((ways.came[at] < NEVER).sum()), int((ways.went[at] < NEVER).sum())
    if not (ways.completed[at] < NEVER).any():
        rules = ladder.goals[at].complete_when
        named = any(rule.event in log.names for rule in rules)
        text = "; ".join(_why_unmet(log, ladder, rule) for rule in rules)
        found.append({"why": "never_met" if named else "never_named", "text": text})
    elif went >= _LEAST_PAST and ways.skipped(at).sum() == went:
        text = f"all {went:,} leads that went further had not completed it before"
        found.append({"why": "skipped", "text": text})
    if reached == 0:
        before = ladder.goals[at - 1].title
        found.append({"why": "never_reached", "text": f"no lead has completed {before!r} yet"})
    return found


def _why_unmet(log: EventLog, ladder: Ladder, rule: EventRule) -> str:
    """Why no event of a log meets a rule."""
    if rule.event not in log.names:
        strange = sorted(set(log.names) - set(compile_ladder(ladder).names))
        return f"no event is called {rule.event!r}{did_you_mean(rule.event, strange)}"
    rows = np.flatnonzero(log.name == log.names.index(rule.event))
    alone = [
        _why_not(log, ladder, rule.event, condition, rows)
        for condition in rule.where
        if not _meets(log, ladder, EventRule(rule.event, (condition,))).any()
    ]
    events = f"of {things(len(rows), 'event')} {rule.event!r}"
    if not rule.where:
        return f"{events} each begins the ladder anew, and so completes nothing"
    if alone:
        return f"{events} none meets a condition: {', and '.join(alone)}"
    if not _meets(log, ladder, rule).any():
        return f"{events} none meets all conditions at once, though each is met by some"
    return f"{events} those that meet the conditions begin the ladder anew"


def _meets(log: EventLog, ladder: Ladder, rule: EventRule) -> Bools:
    goals = (((rule,), 1.0),)
    return link(
        log, compile_signals((), goals=goals, columns=log.columns, beats=ladder.beats)
    ).meets(0)


def _why_not(log: EventLog, ladder: Ladder, event: str, condition: Condition, rows: Ints) -> str:
    wanted = f"{condition.property!r} {_WORDS[condition.operator]} {_told(condition.value)}"
    values = "; ".join(_values(log, ladder, event, condition, rows))
    return f"{wanted} ({values})"


def _told(value: float | str | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(repr, value))
    return repr(value) if isinstance(value, str) else f"{value:g}"


def _values(
    log: EventLog, ladder: Ladder, event: str, condition: Condition, rows: Ints
) -> Iterator[str]:
    """What values a property has in some events, of either type."""
    numbers = _numbers(log, ladder, event, condition.property)
    texts = log.columns.texts
    held = np.zeros(len(rows), dtype=np.bool_)
    if numbers is not None and (is_number := ~np.isnan(numbers[rows])).any():
        low, high = np.nanmin(numbers[rows]), np.nanmax(numbers[rows])
        held |= is_number
        kind = "numbers" if condition.is_text else "values"
        told = f"{low:g} alone" if low == high else f"from {low:g} to {high:g}"
        yield f"{kind} there are {told}, in {things(int(is_number.sum()), 'event')}"
    if condition.property in texts:
        column = texts.index(condition.property)
        codes = log.texts[column, rows]
        held |= codes >= 0
        common = _common(log, column, rows[codes >= 0])
        if common:
            kind = "values" if condition.is_text else "texts"
            yield f"{kind} there are {', '.join(map(repr, common))}"
        elif (codes >= 0).any():
            yield "it has texts that no two leads share"
    if not held.any():
        yield "no such event has it" + (" as a text" if condition.is_text else " as a number")


def _numbers(log: EventLog, ladder: Ladder, event: str, name: str) -> Floats | None:
    """Shape (n_events,): a property as a number, or the sums where it adds up in beats."""
    for beats in ladder.beats:
        if (beats.event, beats.measure) == (event, name):
            return sums_of_log(log, beats)
    columns = log.columns.numbers
    return log.numbers[columns.index(name)] if name in columns else None


def _common(log: EventLog, column: int, rows: Ints) -> Iterable[str]:
    """The texts that most leads have, of those that several have."""
    pairs = np.unique(np.stack([log.texts[column, rows], log.lead_of_rows()[rows]]), axis=1)
    code, leads = np.unique(pairs[0], return_counts=True)
    order = np.lexsort((code, -leads))
    several = [at for at in order if leads[at] >= _LEAST_LEADS]
    return [log.text_values[column][code[at]] for at in several[:_MOST_VALUES]]
